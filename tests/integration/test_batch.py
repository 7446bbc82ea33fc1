"""POST /analyze/batch: up to 1,000 at once, each accepted or refused by itself."""

import datetime
import json

from harness import Case, eventually, on_each_repository
from working import WorkCase


@on_each_repository(WorkCase)
class Batch:
    def batch(self, *items, headers=None):
        return self.client.post('/analyze/batch', {'processes': list(items)}, headers)

    def total(self):
        return self.client.get('/stats').json['total']

    def test_all_are_accepted_in_order(self):
        items = [{'type': 'a', 'input': {'n': number}, 'priority': number % 3, 'group': 'g'}
                 for number in range(1000)]
        answer = self.batch(*items)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual((answer.json['accepted'], answer.json['rejected']), (1000, 0))
        processes = answer.json['processes']
        ids = [one['process_id'] for one in processes]
        self.assertEqual({one['error'] for one in processes}, {None})
        self.assertEqual(len(set(ids)), 1000)
        self.assertEqual(self.total(), 1000)
        for number in (0, 1, 500, 999):
            resource = self.get(f'/status/{ids[number]}?fields=%2Binput')
            self.assertEqual(resource['input'], {'n': number})
            self.assertEqual((resource['priority'], resource['status']), (number % 3, 'pending'))
        self.assertEqual(self.get('/groups/g')['total'], 1000)
        self.assertEqual({one['priority'] for one in self.claim(max=64)}, {2}, 'the highest first')

    def test_the_same_fields_as_for_one(self):
        item = {'type': 'a', 'input': [1.0, 'x'], 'metadata': {'k': {}}, 'group': 'g',
                'priority': -3, 'max_attempts': 4, 'timeout_seconds': 60,
                'queue_timeout_seconds': 70, 'deadline': '2999-01-01T00:00:00Z',
                'retry': {'backoff': 'fixed', 'delay_seconds': 1}, 'retention_seconds': 80,
                'run_at': '2998-01-01T00:00:00Z'}
        alone = self.submit(self.client, item)
        within = self.status(self.client, self.batch(item).json['processes'][0]['process_id'])
        differ = {'process_id', 'created_at', 'updated_at', 'links', 'retry_after_ms'}
        self.assertEqual({name: value for name, value in within.items() if name not in differ},
                         {name: value for name, value in alone.items() if name not in differ})

    def test_good_and_bad_ones_together(self):
        answer = self.batch(
            {'type': 'a', 'input': 1},
            {'type': 'a b', 'input': 1, 'priority': 101},
            5,
            {'type': 'a'},
            {'type': 'a', 'input': None, 'retry': {'backoff': 'fixed', 'delay_seconds': -1}},
            {'input': 1},
            {'type': 'a', 'input': 2, 'x/y': 1},
            [],
            {'type': 'b', 'input': None})
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual((answer.json['accepted'], answer.json['rejected']), (2, 7))
        outcomes = answer.json['processes']
        self.assertEqual([one['error'] is None for one in outcomes],
                         [True] + [False] * 7 + [True])
        pointers = [[fault['pointer'] for fault in one['error']['errors']]
                    for one in outcomes if one['error']]
        self.assertEqual(pointers, [['/type', '/priority'], [''], ['/input'],
                                    ['/retry/delay_seconds'], ['/type'], ['/x~1y'], ['']])
        for one in outcomes[1:-1]:
            self.assertIsNone(one['process_id'])
            error = one['error']
            self.assertEqual((error['status'], error['type']), (422, '/problems/invalid'))
            self.assertTrue(error['title'] and error['detail'])
            self.assertEqual(error['pointer'], error['errors'][0]['pointer'])
        self.assertEqual(self.total(), 2)
        self.assertEqual([self.status(self.client, outcomes[i]['process_id'])['type']
                          for i in (0, -1)], ['a', 'b'])

    def test_none_is_accepted(self):
        answer = self.batch({'type': 'a'}, None)
        self.assertEqual(answer.status, 422, answer)
        self.assertEqual((answer.json['accepted'], answer.json['rejected']), (0, 2))
        self.assertEqual(answer.header('Content-Type'), 'application/json')
        self.assertEqual(self.total(), 0)

    def test_bodies_that_are_no_batch(self):
        item = {'type': 'a', 'input': 1}
        for body, pointer in (
                ({'processes': []}, '/processes'), ({'processes': [item] * 1001}, '/processes'),
                ({'processes': item}, '/processes'), ({'processes': None}, '/processes'),
                ({'processes': 'x'}, '/processes'), ({}, '/processes'), ([item], ''), (1, ''),
                ({'processes': [item], 'group': 'g'}, '/group'), (item, '/type')):
            with self.subTest(json.dumps(body)[:60]):
                self.assert_problem(self.client.post('/analyze/batch', body), 422,
                                    type='/problems/invalid', pointer=pointer)
        for body in ('', '{', '{"processes": [{"type": "a", "input": 1}', '{"processes": [01]}',
                     '{"processes": [{"type": "a", "type": "a", "input": 1}]}'):
            with self.subTest(body):
                self.assert_problem(self.client.post('/analyze/batch', body=body), 400,
                                    type='/problems/bad-json')
        self.assert_problem(self.client.post('/analyze/batch?x=1', {'processes': [item]}), 400)
        self.assert_problem(self.client.post('/analyze/batch', {'processes': [item]},
                                             {'Content-Type': 'text/plain'}), 415)
        self.assert_problem(self.batch(item, headers={'Idempotency-Key': 'k' * 256}), 400)
        self.assert_problem(self.client.get('/analyze/batch'), 405)
        self.assertEqual(self.total(), 0)

    def test_a_repeated_batch_is_the_same_one(self):
        items = [{'type': 'a', 'input': 1}, {'type': 'a'}, {'type': 'b', 'input': 2}]
        first = self.batch(*items, headers={'Idempotency-Key': 'k'})
        self.assertEqual(first.status, 202, first)
        self.assertIsNone(first.header('Idempotent-Replayed'))
        again = self.batch(*items, headers={'Idempotency-Key': 'k'})
        self.assertEqual((again.status, again.header('Idempotent-Replayed')), (202, 'true'))
        self.assertEqual(again.json, first.json)
        self.assertEqual(self.total(), 2)
        self.assert_problem(self.batch(items[0], headers={'Idempotency-Key': 'k'}), 422,
                            type='/problems/idempotency-key-reused')
        other = self.batch(*items, headers={'Idempotency-Key': 'other'})
        self.assertEqual(self.total(), 4)
        self.assertFalse({one['process_id'] for one in other.json['processes']} - {None} &
                         {one['process_id'] for one in first.json['processes']})

    def ends_late(self, process_id):
        """Whether its deadline has ended it."""
        process = self.status(self.client, process_id)
        return process['done'] and (process['status'], process['error']['code']) == \
            ('failed', 'deadline_exceeded')

    def test_what_comes_after_its_deadline_fails_by_itself(self):
        for deadline in ('2025-11-08T10:00:00Z', '1970-01-01T00:00:00Z'):
            process_id = self.make(deadline=deadline)
            eventually(lambda: self.ends_late(process_id), what='the deadline has ended it')

    def test_a_request_may_be_repeated_after_its_deadline(self):
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1)
        items = [{'type': 'a', 'input': 1, 'deadline': soon.isoformat()},
                 {'type': 'b', 'input': 2}]
        batch = self.batch(*items, headers={'Idempotency-Key': 'batch'})
        self.assertEqual(batch.json['accepted'], 2)
        single = self.client.post('/analyze', items[0], {'Idempotency-Key': 'single'})
        self.assertEqual(single.status, 202, single)
        late = (single.json['process_id'], batch.json['processes'][0]['process_id'])
        eventually(lambda: all(self.ends_late(one) for one in late), what='both are over')
        again = self.batch(*items, headers={'Idempotency-Key': 'batch'})
        self.assertEqual((again.status, again.json), (202, batch.json))
        again = self.client.post('/analyze', items[0], {'Idempotency-Key': 'single'})
        self.assertEqual((again.status, again.json['process_id']), (200, late[0]))
        self.assertEqual(again.json['error']['code'], 'deadline_exceeded')
        self.assertEqual(self.total(), 3)


@on_each_repository(WorkCase)
class BatchLimits:
    settings = {'MAX_BODY_BYTES': 4096}

    def test_the_body_limit_holds_for_the_whole(self):
        item = {'type': 'a', 'input': 'x' * 400}
        answer = self.client.post('/analyze/batch', {'processes': [item] * 9})
        self.assertEqual(answer.status, 202, answer)
        self.assert_problem(self.client.post('/analyze/batch', {'processes': [item] * 10}), 413)
        self.assertEqual(self.client.get('/stats').json['total'], 9)


@on_each_repository(Case)
class BatchTypes:
    def start(self, **settings):
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        return self.start_server(settings, ['--analyzer', 'known=/bin/cat']).client

    def test_only_known_types(self):
        client = self.start(ACCEPT_TYPES='known')
        answer = client.post('/analyze/batch', {'processes': [
            {'type': 'unknown', 'input': 1}, {'type': 'known', 'input': 1}]})
        self.assertEqual((answer.status, answer.json['accepted']), (202, 1), answer)
        refused, accepted = answer.json['processes']
        self.assertEqual(refused['error']['type'], '/problems/unknown-type')
        self.assertEqual(refused['error']['pointer'], '/type')
        self.assertIsNone(accepted['error'])
        answer = client.post('/analyze/batch', {'processes': [{'type': 'unknown', 'input': 1}]})
        self.assertEqual(answer.status, 422, answer)

    def test_the_default_type(self):
        client = self.start(DEFAULT_TYPE='known')
        answer = client.post('/analyze/batch', {'processes': [{'priority': 1}, {'input': 1}]})
        self.assertEqual((answer.status, answer.json['accepted']), (202, 1), answer)
        self.assertEqual(client.get('/stats').json['total'], 1)
        process_id = answer.json['processes'][1]['process_id']
        self.assertEqual(self.wait_for_status(client, process_id)['type'], 'known')
