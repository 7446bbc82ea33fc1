"""Redis slow, gone, restarted or damaged: clear answers in time, and service resumes by itself."""

import threading
import time

from harness import Case, PATIENCE, UNKNOWN_ID, eventually

COMMAND_TIMEOUT_MS = 400
SLACK_MS = 300 * PATIENCE


class Outage(Case):
    def setUp(self):
        self.redis = self.start_redis()
        self.server = self.start_server({'REDIS_URL': self.redis.url,
                                         'REDIS_COMMAND_TIMEOUT_MS': COMMAND_TIMEOUT_MS})
        self.client = self.server.client
        self.known = self.submit(self.client, {'type': 'other', 'input': 1})['process_id']

    def assert_unavailable(self, answer):
        self.assert_problem(answer, 503)
        self.assertRegex(answer.header('Retry-After'), r'^[1-9]\d*$')

    def timed(self, call):
        start = time.monotonic()
        answer = call()
        return answer, (time.monotonic() - start) * 1000

    def wait_for_service(self):
        eventually(lambda: self.client.get(f'/status/{self.known}').status == 200, 30,
                   what='service resumes by itself')
        self.submit(self.client, {'type': 'other', 'input': 2})
        eventually(lambda: self.client.get('/readyz').status == 200, 30)

    def test_a_stopped_redis_is_told_within_the_command_timeout(self):
        self.redis.pause()
        self.addCleanup(self.redis.resume)
        for call in (lambda: self.client.get(f'/status/{self.known}'),
                     lambda: self.client.post('/analyze', {'type': 'other', 'input': 1}),
                     lambda: self.client.get('/processes'),
                     lambda: self.client.delete('/cleanup'),
                     lambda: self.client.get('/stats')):
            answer, took_ms = self.timed(call)
            self.assert_unavailable(answer)
            self.assertLess(took_ms, COMMAND_TIMEOUT_MS + SLACK_MS)
        answer, took_ms = self.timed(lambda: self.client.get('/healthz'))
        self.assertEqual(answer.status, 200, 'liveness does not depend on Redis')
        self.assertLess(took_ms, SLACK_MS)
        self.redis.resume()
        self.wait_for_service()

    def test_many_requests_at_once_are_all_answered_in_time(self):
        self.redis.pause()
        self.addCleanup(self.redis.resume)
        outcomes = []

        def ask():
            client = self.server.new_client()
            outcomes.append(self.timed(lambda: client.get(f'/status/{self.known}')))
            client.close()
        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(outcomes), 16)
        for answer, took_ms in outcomes:
            self.assert_unavailable(answer)
            self.assertLess(took_ms, COMMAND_TIMEOUT_MS + SLACK_MS)
        self.redis.resume()
        self.wait_for_service()

    def test_a_late_reply_never_answers_another_request(self):
        other = self.submit(self.client, {'type': 'other', 'input': 2})['process_id']
        self.redis.pause()
        self.addCleanup(self.redis.resume)
        self.assert_unavailable(self.client.get(f'/status/{self.known}'))
        self.redis.resume()

        def right():
            answer = self.client.get(f'/status/{other}')
            if answer.status == 200:
                self.assertEqual(answer.json['process_id'], other)
            return answer.status == 200
        eventually(right, 30)

    def test_readiness_follows_and_comes_back(self):
        self.redis.kill()
        eventually(lambda: self.client.get('/readyz').status == 503, 30)
        self.assertEqual(self.client.get('/healthz').status, 200)
        self.redis.start()
        eventually(lambda: self.client.get('/readyz').status == 200, 30)

    def test_killed_and_restarted(self):
        self.redis.kill()
        self.assert_unavailable(self.client.get(f'/status/{self.known}'))
        self.assert_unavailable(self.client.post('/analyze', {'type': 'other', 'input': 1}))
        self.redis.start()

        def empty():
            return self.client.get(f'/status/{self.known}').status == 404
        eventually(empty, 30, what='an empty Redis answers again')
        created = self.submit(self.client, {'type': 'other', 'input': 3})['process_id']
        self.assertEqual(self.client.post(f'/processes/{created}/cancel').status, 200,
                         'scripts are loaded anew')

    def test_scripts_flushed(self):
        self.redis.command('SCRIPT', 'FLUSH')
        self.assertEqual(self.client.post(f'/processes/{self.known}/cancel').status, 200)

    def test_connections_cut_one_by_one(self):
        for number in range(5):
            self.redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
            self.wait_for_service()
            self.assertTrue(self.submit(self.client, {'type': 'other', 'input': number}))

    def test_stopping_while_redis_hangs(self):
        self.redis.pause()
        self.addCleanup(self.redis.resume)
        start = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - start, 15 * PATIENCE)

    def test_read_only_and_full(self):
        self.redis.command('CONFIG', 'SET', 'maxmemory', '1')
        answer = self.client.post('/analyze', {'type': 'other', 'input': 1})
        self.assertIn(answer.status, (503, 507), answer)
        self.assert_problem(answer, answer.status)
        self.assertEqual(self.client.get(f'/status/{self.known}').status, 200)
        self.redis.command('CONFIG', 'SET', 'maxmemory', '0')
        self.submit(self.client, {'type': 'other', 'input': 1})

    def test_no_replica_acknowledges(self):
        server = self.start_server({'REDIS_URL': self.redis.url, 'REDIS_WAIT_REPLICAS': 1,
                                    'REDIS_COMMAND_TIMEOUT_MS': COMMAND_TIMEOUT_MS})
        answer, took_ms = self.timed(
            lambda: server.client.post('/analyze', {'type': 'other', 'input': 1}))
        self.assert_unavailable(answer)
        self.assertLess(took_ms, COMMAND_TIMEOUT_MS + SLACK_MS)
        self.assertEqual(server.client.get(f'/status/{self.known}').status, 200)


class Damage(Case):
    """One bad record gives that one request a clear error; all others go on."""

    def setUp(self):
        self.redis = self.start_redis()
        self.server = self.start_server({'REDIS_URL': self.redis.url})
        self.client = self.server.client
        self.known = [self.submit(self.client, {'type': 'other', 'input': 1})['process_id']
                      for _ in range(3)]

    def assert_damaged(self, answer):
        self.assert_problem(answer, 503, type='/problems/damaged-record')
        self.assertRegex(answer.header('Retry-After'), r'^[1-9]\d*$')

    def assert_only_this_one_fails(self, damaged):
        for _ in range(3):
            self.assert_damaged(self.client.get(f'/status/{damaged}'))
        self.assert_damaged(self.client.post(f'/processes/{damaged}/cancel'))
        for process_id in self.known:
            if process_id != damaged:
                self.assertEqual(self.client.get(f'/status/{process_id}').status, 200)
        listed = self.client.get('/processes').json['processes']
        self.assertEqual({one['process_id'] for one in listed}, set(self.known) - {damaged})
        self.server.wait_for_line(f'redis damaged.*{damaged}')
        told = [line for line in self.server.lines if 'redis damaged' in line and damaged in line]
        self.assertEqual(len(told), 1, 'logged once:\n' + self.server.log())
        self.submit(self.client, {'type': 'other', 'input': 1})

    def test_key_of_the_wrong_type(self):
        damaged = self.known[1]
        self.redis.command('DEL', f'process:{damaged}')
        self.redis.command('LPUSH', f'process:{damaged}', 'x')
        self.assert_only_this_one_fails(damaged)

    def test_half_a_record(self):
        damaged = self.known[0]
        self.redis.command('HDEL', f'process:{damaged}', 'status', 'type', 'created_at')
        self.assert_only_this_one_fails(damaged)

    def test_values_that_do_not_parse(self):
        for number, (field, value) in enumerate((('status', 'sleeping'), ('version', 'seven'),
                                                 ('created_at', ''))):
            with self.subTest(field):
                self.redis.command('HSET', f'process:{self.known[number]}', field, value)
                self.assert_damaged(self.client.get(f'/status/{self.known[number]}'))

    def test_what_is_no_json(self):
        """It would spoil each answer that it stands in, that of a whole list too."""
        damaged = self.known[0]
        self.redis.command('HSET', f'process:{damaged}', 'metadata', '{"a": ')
        self.assert_damaged(self.client.get(f'/status/{damaged}'))
        listed = self.client.get('/processes').json['processes']
        self.assertEqual({one['process_id'] for one in listed}, set(self.known) - {damaged})
        self.redis.command('HSET', f'process:{damaged}', 'metadata', '{"a": 1}')
        self.assertEqual(self.client.get(f'/status/{damaged}').json['metadata'], {'a': 1})

    def test_an_index_of_the_wrong_type(self):
        self.redis.command('DEL', 'process_times')
        self.redis.command('SET', 'process_times', 'x')
        self.assertEqual(self.client.get(f'/status/{self.known[0]}').status, 200)
        self.assert_damaged(self.client.get('/processes'))
        self.assert_damaged(self.client.post('/analyze', {'type': 'other', 'input': 1}))
        self.assert_problem(self.client.get(f'/status/{UNKNOWN_ID}'), 404)
        self.redis.command('DEL', 'process_times')
        self.submit(self.client, {'type': 'other', 'input': 1})
        self.assertEqual(len(self.client.get('/processes').json['processes']), 1)

    def test_damage_is_counted(self):
        self.redis.command('HDEL', f'process:{self.known[0]}', 'status')
        self.client.get(f'/status/{self.known[0]}')
        stats = self.client.get('/stats').json
        self.assertGreaterEqual(find(stats, 'damaged'), 1, stats)


def find(document, name):
    """The value of the member, however deep."""
    if name in document:
        return document[name]
    for value in document.values():
        if isinstance(value, dict):
            found = find(value, name)
            if found is not None:
                return found
    return None
