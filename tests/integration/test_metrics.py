"""GET /metrics: the formats, counters that agree with what was sent, and a bound on the series."""

import random
import shutil
import string
import subprocess
import threading
import time
import unittest

from harness import UNKNOWN_ID, Analyzers, Case, SharedServerCase, eventually, on_each_repository
from event_stream import EventStream
from scraping import OPENMETRICS, Scrape

try:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
    from prometheus_client.parser import text_string_to_metric_families as prometheus
except ImportError:
    openmetrics = None
PROMTOOL = shutil.which('promtool')
QUIET = {'LOG_ACCESS': 'none'}
REQUESTS = 'proctrackd_http_requests_total'


def samples_of(parse, text):
    """{(name, labels): value} as somebody else's parser reads it; _created is not among ours."""
    return {(sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse(text) for sample in family.samples}


class Metrics(SharedServerCase):
    """The formats: with something in each family."""

    settings = QUIET

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cls.client
        for number in range(3):
            client.post('/analyze', {'type': 'a"b\\c', 'input': number})  # no type: 422
            client.post('/analyze', {'type': 'waits', 'input': number})
        claimed = client.post('/claim', {'types': ['waits'], 'worker': 'w', 'max': 1}).json
        process = claimed['processes'][0]
        client.post(f'/processes/{process["process_id"]}/complete',
                    {'lease_token': process['lease_token'], 'result': 1})
        client.get('/nowhere')

    @unittest.skipUnless(PROMTOOL, 'needs promtool')
    def test_promtool_has_nothing_to_say(self):
        told = subprocess.run([PROMTOOL, 'check', 'metrics'], timeout=60, capture_output=True,
                              input=self.client.get('/metrics').body, check=False)
        self.assertEqual((told.returncode, told.stdout, told.stderr), (0, b'', b''))

    @unittest.skipUnless(openmetrics, 'needs python3-prometheus-client')
    def test_both_formats_say_the_same(self):
        def stable(samples):
            return {key: value for key, value in samples.items()
                    if not key[0].startswith(('process_', 'proctrackd_http_', 'proctrackd_redis_',
                                              'proctrackd_oldest', 'proctrackd_disk_',
                                              'proctrackd_storage_'))}
        answer = self.client.get('/metrics', OPENMETRICS)
        self.assertEqual(answer.header('Content-Type'),
                         'application/openmetrics-text; version=1.0.0; charset=utf-8')
        self.assertTrue(answer.body.endswith(b'\n# EOF\n'))
        new = samples_of(openmetrics, answer.body.decode())
        scrape = Scrape(self.client)
        old = samples_of(prometheus, scrape.text)
        self.assertEqual(old, scrape.samples)
        self.assertEqual(stable(new), stable(old))
        self.assertEqual({name for name, _ in new}, scrape.names)

    def test_what_is_kept(self):
        scrape = Scrape(self.client)
        self.assertEqual(scrape.value('proctrackd_processes', status='pending'), 2)
        self.assertEqual(scrape.value('proctrackd_processes', status='completed'), 1)
        self.assertEqual(scrape.value('proctrackd_type_processes', type='waits', status='pending'), 2)
        self.assertGreater(scrape.value('proctrackd_oldest_waiting_seconds', type='waits'), 0)
        self.assertEqual(scrape.value('proctrackd_processes_created_total', type='waits'), 3)
        self.assertEqual(scrape.value('proctrackd_claims_total', type='waits'), 1)
        self.assertEqual(scrape.value('proctrackd_processes_finished_total', type='waits',
                                      status='completed'), 1)
        self.assertEqual(scrape.value('proctrackd_process_run_seconds_count', type='waits'), 1)
        self.assertEqual(scrape.value('proctrackd_process_wait_seconds_count', type='waits'), 1)
        self.assertEqual(scrape.total('proctrackd_repository_info', repository=self.repository,
                                      fallback='none'), 1)
        self.assertEqual(scrape.value('proctrackd_repository_up'), 1)
        self.assertEqual(scrape.value('proctrackd_ready'), 1)
        self.assertEqual(scrape.values_of('proctrackd_build_info', 'version'),
                         {self.client.get('/version').json['version']})
        redis = self.repository == 'redis'
        self.assertEqual(scrape.value('proctrackd_redis_up'), 1 if redis else None)
        self.assertEqual('proctrackd_journal_bytes' in scrape.names, not redis)

    def test_what_the_kernel_tells(self):
        scrape = Scrape(self.client)
        pid = self.server.process.pid
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in file)
        self.assertEqual(scrape.value('process_threads'), int(status['Threads']))
        self.assertAlmostEqual(scrape.value('process_start_time_seconds'), time.time(), delta=600)
        for name in ('process_cpu_seconds_total', 'process_resident_memory_bytes',
                     'process_virtual_memory_bytes', 'process_open_fds', 'process_max_fds'):
            self.assertGreater(scrape.value(name), 0, name)


on_each_repository()(Metrics)
del Metrics


class Counters(Case):
    """Counted exactly, whichever loop does it and whichever is asked."""

    def start(self, **settings):
        self.server = self.start_server({**QUIET, **settings})
        self.connections = [self.server.new_client() for _ in range(12)]
        for client in self.connections:
            self.addCleanup(client.close)
        return self.server

    def check_counters(self, loops):
        ids = []
        for client in self.connections:
            ids.append(self.submit(client, {'type': 'x', 'input': 1})['process_id'])
            for _ in range(5):
                client.get(f'/status/{ids[0]}')
            client.request('HEAD', f'/status/{ids[0]}')
            client.get(f'/status/{UNKNOWN_ID}')
            client.get('/status/none')
            client.post('/analyze', body='{')
            client.request('BREW', '/nowhere')
        for number, client in enumerate(self.connections):
            scrape = Scrape(client)
            for route, method, code, count in (
                    ('/analyze', 'POST', 202, 12), ('/analyze', 'POST', 400, 12),
                    ('/status/:id', 'GET', 200, 60), ('/status/:id', 'HEAD', 200, 12),
                    ('/status/:id', 'GET', 404, 12), ('/status/:id', 'GET', 400, 12),
                    ('none', 'other', 404, 12), ('/metrics', 'GET', 200, number)):
                with self.subTest(scrape=number, route=route, method=method, code=code):
                    self.assertEqual(scrape.answers(route, method, code), count)
                    self.assertEqual(scrape.timed(route, method, code), count)
            self.assertEqual(scrape.total(REQUESTS), 132 + number)
            self.assertEqual(scrape.value('proctrackd_http_connections'), 12)
            self.assertEqual(scrape.value('proctrackd_processes_created_total', type='x'), 12)
            self.assertEqual(scrape.total('proctrackd_loop_up'), loops)
            self.assertEqual(len(scrape.values_of('proctrackd_loop_up', 'loop')), loops)
        for number, client in enumerate(self.connections):
            stats = client.get('/stats').json
            self.assertEqual(stats['http']['requests'], 132 + 12 + number + 1)
            self.assertEqual(stats['http']['connections'], 12)
        # Clients have their answers a moment before the loops have done with them.
        eventually(lambda: Scrape(client).value('proctrackd_http_requests_in_flight') == 1)

    def test_in_memory(self):
        self.start()
        self.check_counters(1)

    def test_one_loop(self):
        self.start(REDIS_URL=self.start_redis().url, IO_THREADS=1)
        self.check_counters(1)

    def test_three_loops(self):
        self.start(REDIS_URL=self.start_redis().url, IO_THREADS=3)
        self.check_counters(3)

    def test_many_ask_at_once(self):
        self.start(REDIS_URL=self.start_redis().url, IO_THREADS=3)
        up = []

        def ask(client):
            for _ in range(10):
                up.append(Scrape(client).total('proctrackd_loop_up'))
        threads = [threading.Thread(target=ask, args=(client,)) for client in self.connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(up, [3] * 120)
        self.assertEqual(Scrape(self.connections[0]).answers('/metrics', 'GET', 200), 120)

    def test_what_is_answered_past_the_library(self):
        self.start(MAX_BODY_BYTES=10000)
        client = self.connections[0]
        with self.server.connect() as raw:
            raw.send(b'GET /status/x HTTP/1.1\r\nHost: h\r\nno field\r\n\r\n')
            self.assertEqual(raw.read_answer().status, 400)
        with self.server.connect() as raw:  # it grows too large while it comes
            raw.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
                     b'Transfer-Encoding: chunked\r\n\r\n' + (b'1000\r\n' + b' ' * 4096 + b'\r\n') * 4)
            self.assertEqual(raw.read_answer().status, 413)
        scrape = eventually(lambda: [found for found in [Scrape(client)]
                                     if found.total(REQUESTS, code='400') == 1])[0]
        self.assertEqual(scrape.total(REQUESTS, route='none', code='400'), 1)
        self.assertEqual(scrape.answers('/analyze', 'POST', 413), 1)

    def test_connections_that_are_refused(self):
        self.start(MAX_CONNECTIONS=20, ADMIN_PORT=0)
        admin = self.server.admin_client()
        self.addCleanup(admin.close)
        for client in self.connections:
            client.close()
        held = [self.server.connect() for _ in range(25)]
        for connection in held:
            self.addCleanup(connection.close)
        self.assertEqual(held[-1].read_answer().status, 503)
        scrape = eventually(lambda: [found for found in [Scrape(admin)] if found.value(
            'proctrackd_http_connections_refused_total') >= 5])[0]
        refused = scrape.value('proctrackd_http_connections_refused_total')
        self.assertEqual(scrape.answers('none', 'other', 503), refused)
        self.assertEqual(scrape.answers('/metrics', 'GET', 200), 0, 'not those on ADMIN_PORT')


class Waiting(Case):
    def test_who_waits_is_told_apart_and_not_timed(self):
        server = self.start_server(QUIET)
        watcher = server.new_client()
        self.addCleanup(watcher.close)
        process_id = self.submit(watcher, {'type': 'x', 'input': 1})['process_id']
        answers = []

        def ask(method, path, document=None):
            client = server.new_client()
            answers.append(client.request(method, path, document=document).status)
            client.close()
        threads = [threading.Thread(target=ask, args=('GET', f'/status/{process_id}?wait=30')),
                   threading.Thread(target=ask, args=('POST', '/claim', {
                       'types': ['y'], 'worker': 'w', 'wait_seconds': 30}))]
        for thread in threads:
            thread.start()
        with EventStream(server.client.connection.host, server.client.connection.port,
                         f'/status/{process_id}', {'Accept': 'text/event-stream'}):
            def all_wait():
                scrape = Scrape(watcher)
                return [scrape.value('proctrackd_waiters', kind=kind)
                        for kind in ('poll', 'stream', 'claim')] == [1, 1, 1]
            eventually(all_wait, what='a poll, a stream and a claim wait')
            self.submit(watcher, {'type': 'y', 'input': 1})
            watcher.post(f'/processes/{process_id}/cancel')
            for thread in threads:
                thread.join()
        self.assertEqual(answers, [200, 200])
        scrape = eventually(lambda: [found for found in [Scrape(watcher)] if found.total(
            'proctrackd_waiters') == 0], what='nobody waits')[0]
        self.assertEqual(scrape.answers('/status/:id', 'GET', 200), 2)
        self.assertEqual(scrape.timed('/status/:id', 'GET', 200), 1, 'the beginning of the stream')
        self.assertEqual(scrape.answers('/claim', 'POST', 200), 1)
        self.assertEqual(scrape.timed('/claim', 'POST', 200), 0)


def pipeline(server, requests, count):
    """Sends them on one connection and waits for as many answers; how many there were."""
    with server.connect(timeout=60) as raw:
        sender = threading.Thread(target=raw.send, args=(b''.join(requests),))
        sender.start()
        seen, rest = 0, b''
        while seen < count:
            data = raw.socket.recv(1 << 16)
            if not data:
                break
            rest += data
            seen += rest.count(b'HTTP/1.1 ')
            rest = rest[-8:]
        sender.join()
    return seen


class Bound(Case):
    """Whatever clients send, the series are those that a few requests of each kind make."""

    def setUp(self):
        self.server = self.start_server({**QUIET, 'ACCEPT_TYPES': 'any'})
        self.client = self.server.client
        self.random = random.Random(6)

    def series(self):
        return set(Scrape(self.client).samples)

    def test_ids(self):
        self.client.get(f'/status/{UNKNOWN_ID}')
        before = self.series() | self.series()
        wanted = 10000
        requests = [f'GET /status/{self.random.getrandbits(32):08x}-0000-4000-8000-{number:012x} '
                    'HTTP/1.1\r\nHost: h\r\n\r\n'.encode() for number in range(wanted)]
        self.assertEqual(pipeline(self.server, requests, wanted), wanted)
        self.assertEqual(self.series(), before)
        self.assertEqual(Scrape(self.client).answers('/status/:id', 'GET', 404), wanted + 1)

    def test_paths_and_methods(self):
        alphabet = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@/%\"{}\\"
        methods = ['GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PUT', 'BREW', 'X' * 40]
        for number in range(500):
            path = '/' + ''.join(self.random.choices(alphabet, k=self.random.randrange(1, 40)))
            method = self.random.choice(methods)
            with self.subTest(method=method, path=path):
                self.client.connection.request(method, path)
                response = self.client.connection.getresponse()
                response.read()
                self.assertIn(response.status, (400, 403, 404, 405))
        scrape = Scrape(self.client)
        self.assertEqual(scrape.values_of(REQUESTS, 'route'), {'none'})
        self.assertLessEqual(scrape.values_of(REQUESTS, 'method'),
                             {'GET', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'other'})
        self.assertLessEqual(scrape.values_of(REQUESTS, 'code'), {'400', '403', '404', '405'})
        self.assertEqual(scrape.total(REQUESTS), 500)

    def test_types(self):
        documents = [{'type': f'{self.random.getrandbits(60):x}', 'input': 1} for _ in range(250)]
        for start in range(0, 250, 50):
            answer = self.client.post('/analyze/batch', {'processes': documents[start:start + 50]})
            self.assertIn(answer.status, (200, 202, 207), answer)
        for hostile in ('\n', '"', 'ä', '{}', 'x' * 1000, '(other)', 'a b', '\u0000', ''):
            answer = self.client.post('/analyze', {'type': hostile, 'input': 1})
            self.assertIn(answer.status, (400, 422), answer)
        scrape = Scrape(self.client)
        for name in ('proctrackd_type_processes', 'proctrackd_oldest_waiting_seconds',
                     'proctrackd_processes_created_total', 'proctrackd_process_run_seconds_count'):
            types = scrape.values_of(name, 'type')
            self.assertEqual(len(types), 101, name)
            self.assertIn('(other)', types)
        self.assertEqual(scrape.total('proctrackd_processes_created_total'), 250)
        self.assertEqual(scrape.total('proctrackd_type_processes', status='pending'), 250)
        self.assertEqual(scrape.value('proctrackd_processes_created_total', type='(other)'), 150)


class Outage(Case):
    def test_without_redis(self):
        redis = self.start_redis()
        server = self.start_server({**QUIET, 'REDIS_URL': redis.url, 'IO_THREADS': 2})
        self.submit(server.client, {'type': 'x', 'input': 1})
        self.assertEqual(Scrape(server.client).value('proctrackd_redis_up'), 1)
        redis.kill()

        def is_down():
            scrape = Scrape(server.client)
            return scrape.value('proctrackd_redis_up') == 0 and [scrape]
        scrape = eventually(is_down)[0]
        self.check_down(scrape)
        self.assertEqual(scrape.total('proctrackd_loop_up'), 2)
        eventually(lambda: Scrape(server.client).value('proctrackd_ready') == 0)
        redis.start()
        eventually(lambda: Scrape(server.client).value('proctrackd_repository_up') == 1)
        eventually(lambda: Scrape(server.client).value('proctrackd_redis_up') == 1)
        self.assertGreaterEqual(Scrape(server.client).value('proctrackd_redis_reconnects_total'), 1)

    def test_with_a_redis_that_hangs(self):
        redis = self.start_redis()
        server = self.start_server({**QUIET, 'REDIS_URL': redis.url, 'IO_THREADS': 2})
        redis.pause()
        self.addCleanup(redis.resume)
        began = time.monotonic()
        scrape = Scrape(server.client)
        self.assertLess(time.monotonic() - began, 10)
        self.check_down(scrape)

    def check_down(self, scrape):
        self.assertEqual(scrape.value('proctrackd_repository_up'), 0)
        for name in ('proctrackd_processes', 'proctrackd_type_processes',
                     'proctrackd_sweep_backlog', 'proctrackd_oldest_waiting_seconds'):
            self.assertNotIn(name, scrape.names)


class OnTheOperatorsPort(Case):
    def test_it_tells_of_the_other_one(self):
        server = self.start_server({**QUIET, 'ADMIN_PORT': 0, 'BASE_PATH': '/api'})
        admin = server.admin_client()
        self.addCleanup(admin.close)
        self.assertEqual(server.client.get('/api/metrics').status, 200)
        self.assertEqual(server.client.get('/metrics').status, 200)
        scrape = Scrape(admin)
        self.assertEqual(scrape.answers('/metrics', 'GET', 200), 2)
        self.assertEqual(scrape.total(REQUESTS), 2)


class SwitchedOff(Case):
    def test_it_is_not_there_and_all_else_is(self):
        server = self.start_server({**QUIET, 'ADMIN_PORT': 0, 'METRICS': 'false'})
        admin = server.admin_client()
        self.addCleanup(admin.close)
        for client in (server.client, admin):
            self.assertEqual(client.get('/metrics').status, 404)
            self.assertEqual(client.get('/stats').status, 200)
        self.submit(server.client, {'type': 'x', 'input': 1})
        self.assertEqual(server.client.get('/stats').json['http']['2xx'], 2)


class Reloads(Case):
    def test_log_lines_and_analyzers(self):
        analyzers = Analyzers(self.directory()).add('echo', '#!/bin/sh\nexec cat\n')
        server = self.start_server({}, analyzers.arguments())
        scrape = Scrape(server.client)
        self.assertEqual(scrape.value('proctrackd_processes_created_total', type='echo'), 0)
        self.assertEqual(scrape.value('proctrackd_log_lines_dropped_total'), 0)
        self.assertEqual(scrape.values_of('proctrackd_config_reloads_total', 'result'),
                         {'ok', 'refused'})
        process_id = self.submit(server.client, {'type': 'echo', 'input': 1})['process_id']
        self.wait_for_status(server.client, process_id)
        scrape = Scrape(server.client)
        self.assertEqual(scrape.value('proctrackd_processes_finished_total', type='echo',
                                      status='completed'), 1)
        self.assertEqual(scrape.value('proctrackd_claims_total', type='echo'), 1)
