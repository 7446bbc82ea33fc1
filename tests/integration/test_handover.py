"""REDIS_ON_RECOVERY: memory took the place of a Redis that was down, and then Redis is back."""

import os
import random
import re
import threading
import time

from harness import eventually
from http_client import Client
from transferring import FilledCase

MOVING = r'handover: Redis can be used again'
DONE = r'handover done repository=redis'
MOVED_AT_START = r'handover done from=.*moved=(\d+)'


class Handover(FilledCase):
    def setUp(self):
        self.work = self.directory()
        self.data = os.path.join(self.work, 'data')
        self.redis = self.start_redis()
        self.redis.stop()
        self.settings = {'REDIS_URL': self.redis.url, 'DATA_DIR': self.data,
                         'REDIS_ON_RECOVERY': 'handover', 'REDIS_CONNECT_TIMEOUT_MS': 1000,
                         'REDIS_COMMAND_TIMEOUT_MS': 2000}

    def stats(self):
        return self.get('/stats')

    def start(self, **settings):
        server = self.start_server({**self.settings, **settings})
        self.use(server)
        return server

    def wait_until_moved(self):
        eventually(lambda: self.get('/healthz')['repository'] == 'redis', what='it is on Redis')

    def left_files(self):
        """What still lies in DATA_DIR, other than what was handed over."""
        return [name for name in self.files(self.data)
                if name != 'lock' and not name.startswith('handed-over-')]

    # --- the one that stays ---

    def test_stay_says_so_and_stays(self):
        server = self.start(REDIS_ON_RECOVERY='stay')
        process_id = self.make()
        for path in ('/stats', '/healthz', '/readyz'):
            self.assertEqual(self.get(path)['handover'], 'waiting')
        self.redis.start()
        eventually(lambda: self.stats()['handover'] == 'available', what='it has seen Redis')
        stats = self.stats()
        self.assertEqual((stats['repository'], stats['total']), ('memory', 1))
        self.assertIn(self.redis.path, stats['fallback_reason'])
        self.assertEqual(len(re.findall('Redis can be used again', server.log())), 1)
        self.assertEqual(self.redis.keys(), {})
        self.assertEqual(self.status(self.client, process_id)['status'], 'pending')

    def test_with_redis_in_use_there_is_nothing_to_hand_over(self):
        self.redis.start()
        self.start()
        stats = self.stats()
        self.assertEqual((stats['handover'], stats['fallback_reason']), (None, None))
        self.assertFalse(os.path.exists(self.data))

    # --- the one that hands over ---

    def test_everything_is_there_once(self):
        for data_dir in (self.data, ''):
            with self.subTest(data_dir=data_dir):
                server = self.start(DATA_DIR=data_dir)
                before = self.fill()
                self.assertEqual(self.stats()['handover'], 'waiting')
                self.redis.start()
                self.wait_until_moved()
                stats = self.stats()
                self.assertEqual((stats['fallback_reason'], stats['handover'], stats['durability'],
                                  stats['watching']), (None, None, 'redis', 'tracking'))
                self.check_all_is_there(before)
                if data_dir:
                    self.assertEqual(self.left_files(), [])
                after = self.all_there_is()
                server.stop()
                again = self.start(DATA_DIR=data_dir)
                self.assertEqual(self.all_there_is(), after)
                again.stop()
                self.redis.command('FLUSHALL')
                self.redis.stop()

    def test_the_next_start_hands_over_what_is_there(self):
        server = self.start()
        before = self.fill()
        server.stop()
        self.redis.start()
        server = self.start()
        server.wait_for_line(MOVED_AT_START)
        self.check_all_is_there(before)
        self.assertEqual(self.left_files(), [])

    def test_what_is_retried_or_removed_while_the_rest_is_copied(self):
        """Many that have ended take a while to copy; what happens to them meanwhile counts."""
        server = self.start()
        done = self._make_ended(1500)
        self.redis.start()
        server.wait_for_line(MOVING)
        removed, retried = [], []
        for process_id in done[:60]:
            if self._say_until_moved('DELETE', f'/processes/{process_id}'):
                removed.append(process_id)
        for process_id in done[-60:]:
            if self._say_until_moved('POST', f'/processes/{process_id}/retry'):
                retried.append(process_id)
        self.wait_until_moved()
        for process_id in removed:
            self.assert_problem(self.client.get(f'/status/{process_id}'), 410)
        for process_id in retried:
            self.assertEqual(self.status(self.client, process_id)['status'], 'pending')
        self.assertEqual(len(self.ids_there()), len(done) - len(removed))
        counts = self.stats()
        self.assertEqual((counts['canceled'], counts['pending']),
                         (len(done) - len(removed) - len(retried), len(retried)))

    def _make_ended(self, count):
        made = []
        while len(made) < count:
            made += self.make_many(min(500, count - len(made)))
        answer = self.client.post('/processes/cancel?type=a')
        if answer.status != 200:
            for process_id in made:
                self.cancel(process_id)
        return made

    def _say_until_moved(self, method, path):
        answer = self.client.request(method, path)
        self.assertIn(answer.status, (200, 503), answer)
        return answer.status == 200

    def test_nothing_is_lost_or_doubled_under_load(self):
        server = self.start()
        load = Load(server)
        load.run_until(lambda: len(load.completed) > 50)
        self.redis.start()
        server.wait_for_line(DONE)
        before = len(load.completed)
        load.run_until(lambda: len(load.completed) > before + 50)
        load.end()
        self.assertEqual(load.wrong, [])
        self.assertEqual(len(load.claimed), len(set(load.claimed)), 'one was claimed twice')
        self.assertLessEqual(set(load.created), set(self.ids_there()))
        for process_id in load.completed:
            status = self.status(self.client, process_id)
            self.assertEqual((status['status'], status['attempt']), ('completed', 1))

    # --- cut off ---

    def test_killed_in_the_middle(self):
        """At random moments, and when the point of no return has just been passed; then Redis is
        still there, or away once more."""
        seed = random.randrange(1 << 32)
        chance = random.Random(seed)
        made = []
        for turn, (noted, away) in enumerate([(False, False), (False, True), (True, False),
                                              (True, True)]):
            with self.subTest(noted=noted, away=away, seed=seed):
                server = self.start()
                made += self.make_many(700) + [self._end('complete', result=turn)]
                self.redis.start()
                server.wait_for_line(MOVING)
                if noted:
                    self._wait_until_noted()
                else:
                    time.sleep(chance.uniform(0, 0.05))  # the moment, not a wait
                server.kill()
                if away:
                    self._stop_redis()
                    self._check_not_served_twice(made)
                    self.redis.start()
                server = self.start()
                self.assertEqual(self.get('/healthz')['repository'], 'redis')
                self.assertEqual(set(self.ids_there()), set(made))
                self.assertEqual(self.left_files(), [])
                self.assertEqual(self.stats()['completed'], turn + 1)
                server.stop()
                self._stop_redis()

    def _wait_until_noted(self):
        deadline = time.monotonic() + 20
        while not os.path.exists(os.path.join(self.data, 'handing-over')):
            self.assertLess(time.monotonic(), deadline)

    def _stop_redis(self):
        self.redis.command('SAVE')
        self.redis.stop()

    def _check_not_served_twice(self, made):
        """Without Redis: what may have been moved is not served, and what was not is."""
        server = self.start(REDIS_ON_RECOVERY='stay')
        there = self.ids_there()
        self.assertLessEqual(set(there), set(made))
        if 'a hand-over to Redis was cut off' in server.log():
            self.assertEqual(there, [])
        server.stop()

    def test_redis_fails_in_the_middle(self):
        server = self.start()
        made = self.make_many(900)
        self.redis.start()
        server.wait_for_line(MOVING)
        self.redis.pause()
        answer = self.client.get(f'/status/{made[0]}')
        self.assertIn(answer.status, (200, 503), answer)
        self.redis.resume()
        self.wait_until_moved()
        self.assertEqual(set(self.ids_there()), set(made))


class Load:
    """Creates, claims and completes, and remembers what was acknowledged."""

    def __init__(self, server):
        self.created, self.claimed, self.completed, self.wrong = [], [], [], []
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(server, what), daemon=True)
            for what in (self._create, self._create, self._work, self._work)]
        for thread in self._threads:
            thread.start()

    def run_until(self, reached):
        eventually(lambda: reached() or self.wrong, what='the load goes on')

    def end(self):
        self._ended.set()
        for thread in self._threads:
            thread.join(30)

    def _repeat(self, server, what):
        client = Client(server.host, server.port)
        try:
            while not self._ended.is_set():
                what(client)
        except Exception as error:  # whatever it is, the test must see it
            self.wrong.append(repr(error))
        finally:
            client.close()

    def _ask(self, client, path, document):
        answer = client.post(path, document)
        if answer.status not in (200, 202, 204, 503):
            self.wrong.append(answer)
        return answer if answer.status in (200, 202) else None

    def _create(self, client):
        answer = self._ask(client, '/analyze', {'type': 'load', 'input': 1, 'max_attempts': 1})
        if answer:
            self.created.append(answer.json['process_id'])

    def _work(self, client):
        answer = self._ask(client, '/claim', {'types': ['load'], 'worker': 'w',
                                              'lease_seconds': 600})
        for process in answer.json['processes'] if answer else []:
            self.claimed.append(process['process_id'])
            path = f'/processes/{process["process_id"]}/complete'
            document = {'lease_token': process['lease_token'], 'result': 1}
            while not self._ended.is_set():
                if self._ask(client, path, document):
                    self.completed.append(process['process_id'])
                    break
