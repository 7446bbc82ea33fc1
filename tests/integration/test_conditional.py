"""Prefer: wait, ETag and If-None-Match, If-Match, and what cancel, retry and delete answer."""

import time

from harness import Analyzers, Case, PATIENCE, UNKNOWN_ID, eventually, on_each_repository


@on_each_repository(Case)
class Conditional:
    def setUp(self):
        settings = {'RETRY_BASE_MS': 1}
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        self.analyzers = Analyzers(self.directory()).add_gated().add(
            'echo', '#!/bin/sh\nexec cat\n')
        self.client = self.start_server(settings, self.analyzers.arguments()).client

    def test_prefer_wait_answers_200_when_it_ended(self):
        answer = self.client.post('/analyze', {'type': 'echo', 'input': [1, 2]},
                                  {'Prefer': 'wait=20'})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json['status'], 'completed')
        self.assertEqual(answer.json['result'], [1, 2])
        self.assertIn('wait', answer.header('Preference-Applied') or '')

    def test_prefer_wait_answers_202_when_it_did_not(self):
        start = time.monotonic()
        answer = self.client.post('/analyze', {'type': 'gated', 'input': 1},
                                  {'Prefer': 'respond-async, wait=1'})
        took = time.monotonic() - start
        self.assertEqual(answer.status, 202, answer)
        self.assertGreater(took, 0.9)
        self.assertLess(took, 1 + 3 * PATIENCE)
        self.assertIn(answer.json['status'], ('pending', 'running'))
        self.analyzers.order(answer.json['process_id'], 'ok')

    def test_other_preferences_are_ignored(self):
        for prefer in ('wait=abc', 'wait=-1', 'wait', 'return=minimal', ''):
            with self.subTest(prefer):
                answer = self.client.post('/analyze', {'type': 'none', 'input': 1},
                                          {'Prefer': prefer})
                self.assertEqual(answer.status, 202, answer)

    def test_entity_tag(self):
        process_id = self.submit(self.client, {'type': 'none', 'input': 1,
                                               'run_at': '2999-01-01T00:00:00Z'})['process_id']
        path = f'/status/{process_id}'
        first = self.client.get(path)
        tag = first.header('ETag')
        self.assertRegex(tag, r'^(W/)?"[^"]+"$')
        for condition in (tag, f'"x", {tag}', '*', tag.removeprefix('W/')):
            with self.subTest(condition):
                answer = self.client.get(path, {'If-None-Match': condition})
                self.assertEqual(answer.status, 304, answer)
                self.assertEqual(answer.body, b'')
                self.assertEqual(answer.header('ETag'), tag)
        for condition in ('"x"', 'x', ''):
            self.assertEqual(self.client.get(path, {'If-None-Match': condition}).status, 200)
        self.client.post(f'/processes/{process_id}/cancel')
        answer = self.client.get(path, {'If-None-Match': tag})
        self.assertEqual(answer.status, 200, answer)
        self.assertNotEqual(answer.header('ETag'), tag)

    def test_what_waits_is_never_unmodified(self):
        process_id = self.submit(self.client, {'type': 'none', 'input': 1})['process_id']
        first = self.client.get(f'/status/{process_id}')
        self.assertEqual(self.client.post('/types/none/pause').status, 200)
        tag = {'If-None-Match': first.header('ETag')}
        answer = self.client.get(f'/status/{process_id}', tag)
        self.assertEqual((answer.status, answer.json['reason']), (200, 'paused'))
        self.assertEqual(answer.header('ETag'), first.header('ETag'))
        self.client.post(f'/processes/{process_id}/cancel')
        tag = {'If-None-Match': self.client.get(f'/status/{process_id}').header('ETag')}
        self.assertEqual(self.client.get(f'/status/{process_id}', tag).status, 304)

    def test_if_match(self):
        process_id = self.submit(self.client, {'type': 'none', 'input': 1})['process_id']
        tag = self.client.get(f'/status/{process_id}').header('ETag').removeprefix('W/')
        cancel = f'/processes/{process_id}/cancel'
        self.assert_problem(self.client.post(cancel, headers={'If-Match': '"999"'}), 412)
        self.assertEqual(self.status(self.client, process_id)['status'], 'pending')
        self.assertEqual(self.client.post(cancel, headers={'If-Match': tag}).status, 200)
        self.assert_problem(self.client.delete(f'/processes/{process_id}', {'If-Match': tag}), 412)
        self.assertEqual(self.status(self.client, process_id)['status'], 'canceled')
        answer = self.client.delete(f'/processes/{process_id}', {'If-Match': '*'})
        self.assertIn(answer.status, (200, 204), answer)

    def test_cancel_retry_delete(self):
        process_id = self.submit(self.client, {'type': 'none', 'input': 1})['process_id']
        path = f'/processes/{process_id}'
        self.assert_problem(self.client.post(f'{path}/retry'), 409)
        self.assert_problem(self.client.delete(path), 409)
        canceled = self.client.post(f'{path}/cancel')
        self.assertEqual((canceled.status, canceled.json['status']), (200, 'canceled'))
        self.assertIs(canceled.json['done'], True)
        self.assertIsNotNone(canceled.json['completed_at'])
        problem = self.assert_problem(self.client.post(f'{path}/cancel'), 409)
        self.assertIn('canceled', str(problem), 'it says the present state')
        retried = self.client.post(f'{path}/retry')
        self.assertEqual((retried.status, retried.json['status']), (200, 'pending'))
        self.assertIsNone(retried.json['completed_at'])
        self.assertEqual(retried.json['version'], canceled.json['version'] + 1)
        self.client.post(f'{path}/cancel')
        self.assertIn(self.client.delete(path).status, (200, 204))
        for answer in (self.client.get(f'/status/{process_id}'), self.client.delete(path),
                       self.client.post(f'{path}/cancel'), self.client.post(f'{path}/retry')):
            self.assert_problem(answer, 410)

    def test_unknown_ids(self):
        for method, path in (('GET', f'/status/{UNKNOWN_ID}'), ('GET', f'/result/{UNKNOWN_ID}'),
                             ('DELETE', f'/processes/{UNKNOWN_ID}'),
                             ('POST', f'/processes/{UNKNOWN_ID}/cancel'),
                             ('POST', f'/processes/{UNKNOWN_ID}/retry')):
            with self.subTest(path):
                self.assert_problem(self.client.request(method, path), 404)

    def test_result_in_each_state(self):
        process_id = self.submit(self.client, {'type': 'gated', 'input': 1,
                                               'max_attempts': 1})['process_id']
        path = f'/result/{process_id}'
        answer = self.client.get(path)
        self.assertEqual(answer.status, 202, answer)
        self.assertRegex(answer.header('Retry-After'), r'^\d+$')
        self.analyzers.order(process_id, 'fail')
        self.wait_for_status(self.client, process_id, 'failed')
        self.assert_problem(self.client.get(path), 409)
        retried = self.client.post(f'/processes/{process_id}/retry')
        self.assertEqual(retried.status, 200)
        eventually(lambda: self.status(self.client, process_id)['status'] == 'running')
        self.analyzers.order(process_id, 'ok')
        self.wait_for_status(self.client, process_id, 'completed')
        self.assertEqual(self.client.get(path).json, {'attempt': 2})

    def test_versions_rise_by_one(self):
        process_id = self.submit(self.client, {'type': 'none', 'input': 1})['process_id']
        versions = [self.status(self.client, process_id)['version']]
        for action in ('cancel', 'retry', 'cancel', 'retry'):
            versions.append(self.client.post(f'/processes/{process_id}/{action}').json['version'])
        self.assertEqual(versions, [1, 2, 3, 4, 5])
