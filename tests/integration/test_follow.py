"""GET /status/<id>?wait=N: answers at the next change, or at its time with what there is."""

import threading
import time

from following import FollowCase, LONG, on_each_repository, on_redis
from harness import PATIENCE, UNKNOWN_ID, eventually

SOON = 10 * PATIENCE  # seconds: much less than what waits would wait


@on_each_repository(FollowCase)
class Waiting:
    def test_it_answers_at_the_next_change(self):
        process_id = self.make()
        parked = [self.park(process_id), self.park(process_id, headers={'If-None-Match': '"1"'}),
                  self.park(process_id, '&after_version=1')]
        self.claim_one()
        for one in parked:
            answer = one.answer()
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual((answer.json['status'], answer.json['version']), ('running', 2))
            self.assertEqual(answer.header('ETag'), '"2"')
            self.assertEqual(answer.header('Cache-Control'), 'no-cache')
            self.assertIsNotNone(answer.header('Retry-After'))
            self.assertIsNone(answer.header('Preference-Applied'))
            self.assertLess(one.seconds, LONG)
        self.wait_until_waiting(0)

    def test_a_client_that_waits_again_and_again_sees_the_end(self):
        process_id = self.make()
        client = self.server.new_client()
        seen, version = [], 0
        worker = threading.Thread(target=self.run_to_end)
        while not seen or not seen[-1]['done']:
            if len(seen) == 1:
                worker.start()
            path = f'/status/{process_id}?wait={LONG}&after_version={version}'
            seen.append(client.get(path).json)
            self.assertGreater(seen[-1]['version'], version)
            version = seen[-1]['version']
        worker.join()
        client.close()
        self.assertEqual(seen[0]['version'], 1)
        self.assertEqual((seen[-1]['version'], seen[-1]['status']), (3, 'completed'))

    def test_a_version_that_is_not_the_present_one_is_answered_at_once(self):
        process_id = self.make()
        self.claim_one()
        for query, headers in (('&after_version=0', None), ('&after_version=1', None),
                               ('&after_version=9', None), ('', {'If-None-Match': '"1"'}),
                               ('', {'If-None-Match': '"9"'}),
                               ('&after_version=1', {'If-None-Match': '"2"'})):
            began = time.monotonic()
            answer = self.client.get(f'/status/{process_id}?wait={LONG}{query}', headers)
            self.assertLess(time.monotonic() - began, SOON)
            if headers == {'If-None-Match': '"2"'}:
                self.assertEqual((answer.status, answer.body), (304, b''))
            else:
                self.assertEqual((answer.status, answer.json['version']), (200, 2))

    def test_other_tags_are_no_version_to_wait_beyond(self):
        process_id = self.make()
        parked = [self.park(process_id, headers={'If-None-Match': tags})
                  for tags in ('W/"7"', '"other"', '"7", "8"', '*')]
        self.claim_one()
        for one in parked:
            self.assertIn(one.answer().status, (200, 304))

    def test_what_is_final_is_answered_at_once(self):
        process_id = self.make()
        self.run_to_end()
        for path in (f'?wait={LONG}', f'?wait={LONG}&after_version=3'):
            began = time.monotonic()
            answer = self.client.get(f'/status/{process_id}{path}')
            self.assertEqual((answer.status, answer.json['version']), (200, 3))
            self.assertIsNone(answer.header('Retry-After'))
            self.assertLess(time.monotonic() - began, SOON)
        answer = self.client.get(f'/status/{process_id}?wait={LONG}', {'If-None-Match': '"3"'})
        self.assertEqual((answer.status, answer.header('ETag')), (304, '"3"'))

    def test_at_its_time_it_answers_what_there_is(self):
        running, pending = self.make('b'), self.make()
        self.claim_one('b')
        for process_id, version, headers, status in (
                (running, 2, {}, 200), (running, 2, {'If-None-Match': '"2"'}, 304),
                (pending, 1, {'If-None-Match': '"1"'}, 200)):  # why it waits may have changed
            began = time.monotonic()
            answer = self.client.get(f'/status/{process_id}?wait=1', headers)
            self.assertGreaterEqual(time.monotonic() - began, 0.9)
            self.assertEqual(answer.status, status, answer)
            self.assertEqual(answer.header('ETag'), f'"{version}"')
            self.assertEqual(answer.header('Cache-Control'), 'no-cache')
            self.assertIsNotNone(answer.header('Retry-After'))
        self.assertEqual(self.waiting(), (0, 0))

    def test_without_time_it_is_a_poll(self):
        process_id = self.make('b')
        self.claim_one('b')
        began = time.monotonic()
        answer = self.client.get(f'/status/{process_id}?wait=0&after_version=2')
        self.assertEqual((answer.status, answer.json['version']), (200, 2))
        answer = self.client.get(f'/status/{process_id}?wait=0',
                                 {'If-None-Match': '"2"', 'Prefer': 'wait=60'})
        self.assertEqual(answer.status, 304)
        answer = self.client.request('HEAD', f'/status/{process_id}?wait={LONG}')
        self.assertEqual((answer.status, answer.header('ETag')), (200, '"2"'))
        answer = self.client.request('HEAD', f'/status/{process_id}', headers={'Prefer': 'wait=60'})
        self.assertEqual(answer.status, 200)
        self.assertLess(time.monotonic() - began, SOON)

    def test_the_preference(self):
        process_id = self.make()
        path = f'/status/{process_id}'
        answer = self.client.get(path, {'Prefer': 'wait=1'})
        self.assertEqual((answer.status, answer.header('Preference-Applied')), (200, 'wait=1'))
        self.claim_one()
        answer = self.client.get(path, {'Prefer': 'wait=600', 'If-None-Match': '"1"'})
        self.assertEqual((answer.status, answer.header('Preference-Applied')), (200, 'wait=60'))
        answer = self.client.get(path, {'Prefer': 'wait=1', 'If-None-Match': '"2"'})
        self.assertEqual((answer.status, answer.header('Preference-Applied')), (304, 'wait=1'))
        for other in ('wait=0', 'wait=x', 'respond-async'):
            answer = self.client.get(path, {'Prefer': other})
            self.assertEqual((answer.status, answer.header('Preference-Applied')), (200, None))

    def test_with_its_input(self):
        process_id = self.make()
        parked = self.park(process_id, '&fields=%2Binput')
        self.claim_one()
        answer = parked.answer()
        self.assertEqual((answer.json['input'], answer.json['version']), (1, 2))

    def test_what_is_not_there_is_told_at_once(self):
        self.assert_problem(self.client.get(f'/status/{UNKNOWN_ID}?wait={LONG}'), 404)
        process_id = self.make()
        self.cancel(process_id)
        self.assertEqual(self.client.delete(f'/processes/{process_id}').status, 200)
        self.assert_problem(self.client.get(f'/status/{process_id}?wait={LONG}'), 410)

    def test_wrong_parameters(self):
        process_id = self.make()
        for query, parameter in (('wait=61', 'wait'), ('wait=-1', 'wait'), ('wait=x', 'wait'),
                                 ('wait=', 'wait'), ('wait=1.5', 'wait'), ('wait=1&wait=1', 'wait'),
                                 ('wait=1&after_version=-1', 'after_version'),
                                 ('wait=1&after_version=v', 'after_version'),
                                 ('wait=1&after_version=9223372036854775807', 'after_version'),
                                 ('after_version=1', 'after_version')):
            answer = self.client.get(f'/status/{process_id}?{query}')
            problem = self.assert_problem(answer, 400, type='/problems/bad-query')
            self.assertEqual(problem['parameter'], parameter)
        problem = self.client.get(f'/status/{process_id}?wait=61').json
        self.assertIn('60', problem['errors'][0]['detail'])

    def test_a_client_that_hangs_up_is_noticed(self):
        process_id = self.make()
        for _ in range(3):
            with self.server.connect() as connection:
                connection.send(f'GET /status/{process_id}?wait={LONG} HTTP/1.1\r\nHost: h\r\n\r\n'
                                .encode())
                self.wait_until_waiting(1)
            began = time.monotonic()
            self.wait_until_waiting(0)
            self.assertLess(time.monotonic() - began, 1 * PATIENCE)
        self.claim_one()
        self.assertEqual(self.status(self.client, process_id)['version'], 2)

    def test_a_client_that_ends_its_sending_half_counts_as_gone(self):
        process_id = self.make()
        with self.server.connect() as connection:
            connection.send(f'GET /status/{process_id}?wait={LONG} HTTP/1.1\r\nHost: h\r\n\r\n'
                            .encode())
            self.wait_until_waiting(1)
            connection.finish_sending()
            self.wait_until_waiting(0)

    def test_the_stop_answers_what_there_is(self):
        process_id = self.make('b')
        self.claim_one('b')
        parked = [self.park(process_id), self.park(process_id, '&after_version=2'),
                  self.park(process_id, headers={'If-None-Match': '"2"'})]
        began = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - began, SOON)
        answers = [one.answer() for one in parked]
        self.assertEqual([one.status for one in answers], [200, 200, 304])
        for answer in answers:
            self.assertEqual(answer.header('Connection'), 'close')
            self.assertEqual(answer.header('ETag'), '"2"')


class Limits(FollowCase):
    settings = {'IO_THREADS': 1, 'MAX_WAITERS': 2}

    def test_more_are_refused(self):
        process_id = self.make()
        parked = self.park(process_id)
        stream = self.follow(process_id)
        self.wait_until_waiting(2, 1)
        answer = self.client.get(f'/status/{process_id}?wait={LONG}')
        self.assert_problem(answer, 503, type='/problems/too-many-waiters')
        self.assertRegex(answer.header('Retry-After'), r'^[1-9]\d*$')
        answer = self.client.get(f'/status/{process_id}', {'Accept': 'text/event-stream'})
        self.assert_problem(answer, 503, type='/problems/too-many-waiters')

        self.assertEqual(self.client.get(f'/status/{process_id}').status, 200)
        answer = self.client.get(f'/status/{process_id}?wait={LONG}&after_version=0')
        self.assertEqual(answer.status, 200, 'it need not wait')
        answer = self.client.post('/claim', {'types': ['other'], 'worker': 'w', 'wait_seconds': 1})
        self.assertEqual((answer.status, answer.header('Retry-After')), (204, None), 'it may wait')
        answer = self.client.post('/analyze', {'type': 'b', 'input': 1}, {'Prefer': 'wait=1'})
        self.assertEqual((answer.status, answer.header('Preference-Applied')), (202, 'wait=1'))

        stream.close()
        self.wait_until_waiting(1, 0)
        again = self.park(process_id)
        self.claim_one()
        self.assertEqual([one.answer().status for one in (parked, again)], [200, 200])

    def test_none_may_be_allowed(self):
        server = self.start_server({'MAX_WAITERS': 0})
        process_id = self.submit(server.client, {'type': 'a', 'input': 1})['process_id']
        answer = server.client.get(f'/status/{process_id}?wait=1')
        self.assert_problem(answer, 503, type='/problems/too-many-waiters')
        self.assertEqual(server.client.get(f'/status/{process_id}').status, 200)


@on_redis
class Instances:
    redis_options = ('--appendonly', 'yes', '--appendfsync', 'always')
    settings = {'IO_THREADS': 1, 'REDIS_COMMAND_TIMEOUT_MS': 300}

    def test_another_instance_changes_it(self):
        other = self.start_server({'REDIS_URL': self.redis.url, 'IO_THREADS': 1})
        process_id = self.make()
        parked = [self.park(process_id, server=server) for server in (self.server, other)]
        self.claim_one()
        for one in parked:
            self.assertEqual(one.answer().json['version'], 2)
            self.assertLess(one.seconds, LONG)

    def test_a_process_that_disappears(self):
        process_id = self.make()
        parked = self.park(process_id)
        self.redis.command('DEL', f'process:{process_id}')
        self.assert_problem(parked.answer(), 404)

    def test_an_outage_is_waited_through(self):
        process_id = self.make()
        parked = self.park(process_id)
        self.redis.kill()
        self.assert_problem(self.client.get(f'/status/{process_id}?wait={LONG}'), 503)
        self.assertTrue(parked.is_alive())
        self.redis.start()
        eventually(lambda: self.client.get(f'/status/{process_id}').status == 200, 30)
        self.claim_one()
        self.assertEqual(parked.answer().json['version'], 2)

    def test_an_outage_that_lasts_longer_than_the_wait(self):
        process_id = self.make()
        parked = self.park(process_id, wait=2)
        self.redis.kill()
        self.assert_problem(parked.answer(), 503)
