"""Why a process waits, GET /types, pause and resume, GET /workers."""

import json
import os
import threading

from harness import Analyzers, eventually
from working import WorkCase, on_each_repository

FAR = '2999-01-01T00:00:00Z'


@on_each_repository(WorkCase)
class Waiting:
    def why(self, process_id):
        resource = self.status(self.client, process_id)
        return resource['reason'], resource['queue_position']

    def test_nobody_looks_for_it(self):
        process_id = self.make()
        self.assertEqual(self.why(process_id), ('no_worker', None))
        self.assertEqual(self.claim('b'), [], 'another type changes nothing')
        self.assertEqual(self.why(process_id), ('no_worker', None))

    def test_the_answer_of_analyze_says_so_too(self):
        resource = self.submit(self.client, {'type': 'a', 'input': 1})
        self.assertEqual((resource['reason'], resource['queue_position']), ('no_worker', None))
        self.assertEqual(self.claim('b'), [])

        def is_known():
            made = self.submit(self.client, {'type': 'b', 'input': 1})
            return (made['reason'], made['queue_position']) == ('behind', None)
        eventually(is_known, what='it is known that somebody looks for b')

    def test_behind_others_until_it_is_claimed(self):
        self.assertEqual(self.claim(), [])
        order = [self.make(priority=priority) for priority in (-1, 0, 3, 5)]
        order.reverse()
        other = self.make('b')
        self.assertEqual([self.why(one) for one in order],
                         [('behind', place) for place in (1, 2, 3, 4)])
        while order:
            claimed = self.claim_one()
            self.assertEqual(claimed['process_id'], order.pop(0))
            self.assertEqual(self.why(claimed['process_id']), (None, None))
            self.assertEqual([self.why(one) for one in order],
                             [('behind', place + 1) for place in range(len(order))])
        self.assertEqual(self.why(other), ('no_worker', None))

    def test_a_running_one_shows_that_somebody_works(self):
        urgent, other = self.make(priority=1), self.make()
        self.assertEqual(self.why(urgent), ('no_worker', None))
        self.assertEqual(self.claim_one()['process_id'], urgent)
        self.assertEqual(self.why(other), ('behind', 1))

    def test_pages_say_it_of_each(self):
        self.claim('a')
        ids = self.make_many(120, type='a', group='g') + self.make_many(3, type='b', group='g')
        delayed = self.make('a', run_at=FAR, group='g')
        claimed = self.claim_one()['process_id']
        for path in ('/processes?limit=200', '/groups/g?limit=200'):
            with self.subTest(path):
                found = {one['process_id']: (one['reason'], one['queue_position'])
                         for one in self.get(path)['processes']}
                self.assertEqual(len(found), 124)
                self.assertEqual(found.pop(claimed), (None, None))
                self.assertEqual(found.pop(delayed), ('delayed', None))
                self.assertEqual([found.pop(one) for one in ids[120:]], [('no_worker', None)] * 3)
                self.assertEqual(sorted(found.values()),
                                 [('behind', place) for place in range(1, 120)])

    def test_other_answers_say_it(self):
        process_id = self.make()
        answer = self.client.get(f'/result/{process_id}')
        self.assertEqual((answer.status, answer.json['reason']), (202, 'no_worker'))
        self.assertEqual(answer.header('Location'), f'/status/{process_id}')
        self.assertEqual(answer.header('ETag'), '"1"')
        answer = self.client.post(f'/processes/{process_id}/retry')
        self.assert_problem(answer, 409)
        self.assertEqual(answer.json['process']['reason'], 'no_worker')
        self.cancel(process_id)
        answer = self.client.post(f'/processes/{process_id}/retry')
        self.assertEqual((answer.status, answer.json['reason']), (200, 'no_worker'))
        self.assertEqual(answer.header('ETag'), '"3"')
        self.assertEqual(int(answer.header('Content-Length')), len(answer.body))

    def test_delayed_and_backing_off(self):
        self.assertEqual(self.why(self.make(run_at=FAR)), ('delayed', None))
        process_id = self.make(max_attempts=2)
        self.say(self.claim_one(), 'fail', retry_after_seconds=3600)
        self.assertEqual(self.why(process_id), ('retry_backoff', None))


@on_each_repository(WorkCase)
class Pause:
    def pause(self, kind='a'):
        answer = self.client.post(f'/types/{kind}/pause')
        self.assertEqual((answer.status, answer.json), (200, {'type': kind, 'paused': True}))

    def resume(self, kind='a'):
        answer = self.client.post(f'/types/{kind}/resume', {})
        self.assertEqual((answer.status, answer.json), (200, {'type': kind, 'paused': False}))

    def test_claims_pass_by(self):
        paused, other = self.make('a'), self.make('b')
        self.pause()
        self.pause()
        self.assertEqual(self.status(self.client, paused)['reason'], 'paused')
        self.assertIsNone(self.status(self.client, paused)['queue_position'])
        claimed = self.claim(['a', 'b'], max=5)
        self.assertEqual([one['process_id'] for one in claimed], [other])
        late = self.make('a')
        self.assertEqual(self.claim('a'), [])
        self.resume()
        self.resume()
        self.assertEqual({one['process_id'] for one in self.claim('a', max=5)}, {paused, late})

    def test_what_runs_goes_on(self):
        self.make()
        running = self.claim_one()
        self.pause()
        self.assertFalse(self.say(running, 'heartbeat')['cancel_requested'])
        self.assertEqual(self.say(running, 'complete', result=1)['status'], 'completed')

    def test_resume_wakes_who_waits(self):
        process_id = self.make()
        self.pause()
        got = []

        def wait():
            client = self.server.new_client()
            got.append(client.post('/claim', {'types': ['a'], 'worker': 'w', 'wait_seconds': 60}))
            client.close()
        thread = threading.Thread(target=wait)
        thread.start()
        eventually(lambda: self.get('/workers')['workers'], what='the claim has looked')
        self.resume()
        thread.join()
        self.assertEqual(got[0].status, 200, got[0])
        self.assertEqual(got[0].json['processes'][0]['process_id'], process_id)

    def test_names_that_are_no_types(self):
        for name in ('a%20b', 'a:b', '%C3%A4', 'x' * 65, '%2F'):
            for what in ('pause', 'resume'):
                with self.subTest(name=name[:10], what=what):
                    self.assert_problem(self.client.post(f'/types/{name}/{what}'), 400,
                                        type='/problems/bad-name')
        self.assert_problem(self.client.post('/types/a/pause?x=1'), 400)
        self.assert_problem(self.client.post('/types/a/pause', {'a': 1}), 422)
        for method, path in (('GET', '/types/'), ('POST', '/types//pause'),
                             ('POST', '/types//resume'), ('POST', '/types/a/stop')):
            with self.subTest(f'{method} {path}'):
                self.assert_problem(self.client.request(method, path), 404,
                                    type='/problems/unknown-path')
        self.assert_problem(self.client.get('/types/a/pause'), 405)
        self.assertEqual(self.get('/types'), {'types': [], 'truncated': False})


@on_each_repository(WorkCase)
class Types:
    def all_settings(self):
        directory = self.directory()
        self.analyzers = Analyzers(directory).add_gated('slow')
        path = os.path.join(directory, 'analyzers.json')
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({'analyzers': {'slow': {'command': [os.path.join(directory, 'slow')],
                                              'concurrency': 3}}}, file)
        return {'ANALYZERS_FILE': path, **super().all_settings()}

    def types(self):
        answer = self.get('/types')
        self.assertFalse(answer['truncated'])
        names = [one['type'] for one in answer['types']]
        self.assertEqual(names, sorted(names))
        return {one.pop('type'): one for one in answer['types']}

    def test_how_each_type_stands(self):
        for _ in range(3):
            self.make('a')
        self.make('a', run_at=FAR)
        self.make('b')
        self.claim_one('a', worker='one')
        self.assertEqual(self.claim('c', worker='two'), [])
        self.assertEqual(self.client.post('/types/d/pause').status, 200)
        types = self.types()
        self.assertIsNotNone(types['a'].pop('last_claimed_at'))
        self.assertLess(types['a'].pop('oldest_waiting_seconds'), 60)
        self.assertEqual(types['a'], {'waiting': 2, 'running': 1, 'paused': False, 'workers': 1,
                                      'analyzers': 0})
        self.assertEqual((types['b']['waiting'], types['b']['workers'],
                          types['b']['last_claimed_at']), (1, 0, None))
        self.assertIsNotNone(types['c'].pop('last_claimed_at'))
        self.assertEqual(types['c'], {'waiting': 0, 'oldest_waiting_seconds': None, 'running': 0,
                                      'paused': False, 'workers': 1, 'analyzers': 0})
        self.assertTrue(types['d']['paused'])

    def test_analyzers_of_this_instance(self):
        process_id = self.make('slow')
        self.wait_for_status(self.client, process_id, 'running')
        slow = self.types()['slow']
        self.assertEqual((slow['analyzers'], slow['running'], slow['waiting']), (3, 1, 0))
        self.analyzers.order(process_id, 'ok')
        self.wait_for_status(self.client, process_id)
        self.assertEqual(self.types()['slow']['running'], 0)

    def test_bad_requests(self):
        for path in ('/types?x=1', '/workers?limit=1'):
            self.assert_problem(self.client.get(path), 400, type='/problems/bad-query')
        for path in ('/types', '/workers'):
            self.assert_problem(self.client.post(path, {}), 405)


@on_each_repository(WorkCase)
class Workers:
    def workers(self):
        answer = self.get('/workers')
        self.assertFalse(answer['truncated'])
        return answer['workers']

    def test_who_holds_what(self):
        self.assertEqual(self.workers(), [])
        self.make_many(20)
        held = self.claim(worker='many "hands"', max=18)
        first_two = self.claim(worker='two', max=2)
        self.assertEqual(self.claim('b', worker='idle'), [])
        workers = {one['worker']: one for one in self.workers()}
        self.assertEqual(set(workers), {'many "hands"', 'two', 'idle'})
        many, two, idle = workers['many "hands"'], workers['two'], workers['idle']
        self.assertEqual((many['held'], len(many['processes'])), (18, 16))
        self.assertEqual({one['process_id'] for one in two['processes']},
                         {one['process_id'] for one in first_two})
        self.assertLess({one['process_id'] for one in many['processes']},
                        {one['process_id'] for one in held})
        self.assertEqual({one['claimed_at'] for one in two['processes']},
                         {one['started_at'] for one in first_two})
        self.assertEqual((idle['held'], idle['processes']), (0, []))
        for one in held:
            self.say(one, 'complete')
        self.say(first_two[0], 'release')
        workers = {one['worker']: one['held'] for one in self.workers()}
        self.assertEqual(workers, {'many "hands"': 0, 'two': 1, 'idle': 0})
