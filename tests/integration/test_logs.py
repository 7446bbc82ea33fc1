"""The log: each event one line that a collector can read, whatever clients and analyzers send; one
line for each request; no secret; never more than LOG_RATE allows."""

import json
import os
import pty
import re
import subprocess
import unittest

from harness import UNKNOWN_ID, Analyzers, Case, eventually, on_each_repository, run_once
from server_process import environment, proctrackd

HOSTILE = 'a\n{"level":"error"}\r\x1b[2J\x00"\\\u2028\u202e\u0085'
TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
TRACEPARENT = f'00-{TRACE_ID}-00f067aa0ba902b7-01'
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')
AS_JSON = {'LOG_FORMAT': 'json', 'LOG_LEVEL': 'debug', 'LOG_RATE': 0}


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), names
    return dict(pairs)


class LogCase(Case):
    def records(self, server):
        """All lines, each of which must be a record."""
        found = []
        for line in server.log().split('\n'):
            self.assertTrue(line.isprintable(), line)
            self.assertLess(len(line.encode()), 4096)
            record = json.loads(line, object_pairs_hook=no_duplicates)
            self.assertRegex(record['time'], TIME)
            self.assertIn(record['level'], ('debug', 'info', 'warn', 'error'))
            self.assertIsInstance(record['message'], str)
            found.append(record)
        return found

    def requests(self, server, count=None):
        """The records of requests; waits until there are as many, and no more may come."""
        def those():
            return [record for record in self.records(server) if record['message'] == 'request']
        if count is not None:
            eventually(lambda: len(those()) >= count, what=f'{count} requests are logged')
            self.assertEqual(len(those()), count, server.log())
        return those()


class Records(LogCase):
    def test_fields_of_a_request(self):
        analyzers = Analyzers(self.directory()).add('x', '#!/bin/sh\ncat')
        server = self.start_server(AS_JSON, analyzers.arguments())
        made = server.client.post('/analyze', {'type': 'x', 'input': 1},
                                  {'X-Request-Id': 'mine/1', 'traceparent': TRACEPARENT})
        process_id = made.json['process_id']
        self.wait_for_status(server.client, process_id)
        request = self.requests(server)[0]
        self.assertGreaterEqual(request.pop('duration_ms'), 0)
        self.assertEqual(request.pop('remote'), '127.0.0.1')
        del request['time']
        self.assertEqual(request, {
            'level': 'info', 'message': 'request', 'request_id': 'mine/1', 'trace_id': TRACE_ID,
            'method': 'POST', 'route': '/analyze', 'path': '/analyze', 'process_id': process_id,
            'status': 202, 'bytes': len(made.body)})
        (run,) = [record for record in self.records(server)
                  if record['message'] == 'analyzer command ended']
        del run['time']
        self.assertEqual(run, {
            'level': 'info', 'message': 'analyzer command ended', 'process_id': process_id,
            'type': 'x', 'attempt': 1, 'trace_id': TRACE_ID, 'exit': 0})

    def test_one_line_for_each_request(self):
        server = self.start_server({**AS_JSON, 'BASE_PATH': '/api'})
        process_id = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        asked = [('POST', '/analyze', '/analyze', 202)]
        for method, path, route, status in (
                ('GET', f'/status/{process_id}?fields=', '/status/:id', 400),
                ('GET', f'/status/{process_id}', '/status/:id', 200),
                ('GET', f'/status/{process_id}?wait=0', '/status/:id', 200),
                ('HEAD', f'/api/status/{process_id}', '/status/:id', 200),
                ('GET', f'/result/{UNKNOWN_ID}', '/result/:id', 404),
                ('GET', '/status/%zz', 'none', 400), ('GET', '/nowhere/at/all/of/it', 'none', 404),
                ('PUT', '/stats', 'none', 405), ('OPTIONS', '/stats', 'none', 204),
                ('GET', '/groups/00000000-0000-4000-8000-000000000001', '/groups/:id', 404),
                ('GET', '/healthz', '/healthz', 200)):
            answer = server.client.request(method, path)
            self.assertEqual(answer.status, status, (path, answer))
            asked.append((method, path, route, status))
        logged = self.requests(server, len(asked))
        for record, (method, path, route, status) in zip(logged, asked):
            with self.subTest(path=path):
                self.assertEqual(record['method'], 'other' if method == 'PUT' else method)
                self.assertEqual(record['path'], path.split('?', maxsplit=1)[0])
                self.assertEqual((record['route'], record['status']), (route, status))
                if process_id in path or method == 'POST':
                    self.assertEqual(record['process_id'], process_id)
                if method in ('HEAD', 'OPTIONS'):
                    self.assertEqual(record['bytes'], 0)
                else:
                    self.assertGreater(record['bytes'], 0)
        self.assertNotIn('process_id', logged[-2], 'a group is no process')
        self.assertEqual(len({record['request_id'] for record in logged}), len(logged))

    def test_waiters_are_logged_at_their_end(self):
        server = self.start_server(AS_JSON)
        process_id = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        raw = server.connect()
        raw.send(f'GET /status/{process_id} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n'
                 '\r\n'.encode())
        self.assertIn(b' 200 ', raw.socket.recv(4096))
        self.requests(server, 1)
        server.client.post(f'/processes/{process_id}/cancel')
        stream = next(record for record in self.requests(server, 3) if record['method'] == 'GET')
        self.assertEqual(stream['status'], 200)
        self.assertGreater(stream['bytes'], 200)
        waiting = server.connect()
        other = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        waiting.send(f'GET /status/{other}?wait=60 HTTP/1.1\r\nHost: x\r\n\r\n'.encode())
        waiting.socket.close()
        left = eventually(lambda: [record for record in self.requests(server)
                                   if record.get('process_id') == other and
                                   record['method'] == 'GET'], what='the client left')
        self.assertTrue(left[0].get('aborted') or left[0].get('status'), left)

    def test_hostile_texts(self):
        script = '''#!/bin/sh
cat >&2
printf 'a\\n{"level":"error"}\\033[2J\\377\\n' >&2
printf 'no progress \\377\\n\\n{"x"\\n' >&3
exit 3
'''
        analyzers = Analyzers(self.directory()).add('x', script)
        server = self.start_server({**AS_JSON, 'MAX_BODY_BYTES': 100000}, analyzers.arguments())
        client, count = server.client, 0
        for body in ({'type': HOSTILE, 'input': 1}, {'type': 'x', 'input': HOSTILE},
                     {'type': 'x', 'input': HOSTILE.replace('\x00', '')},
                     {'type': 'x', 'input': 1, 'group': HOSTILE}, {HOSTILE: 1}):
            client.post('/analyze', body)
            client.post('/claim', {'types': [HOSTILE], 'worker': HOSTILE})
            client.post('/claim', {'types': ['y'], 'worker': HOSTILE})
            count += 3
        for target in (b'/status/%0a%7b%00%ff%1b', b'/status/a\x1b[2J', b'/\xff\xfe\xc3\x28',
                       b'/' + b'%22\\"' * 300, b'//x/../%5c', b'http://u:p@h/%0d%0a', b'*', b'x'):
            for header in (b'X-Request-Id: a\x1b[2J\xff', b'traceparent: 00-\xff',
                           b'Idempotency-Key: \xff\x7f"', b'X-Request-Id: ' + b'y' * 4000):
                raw = server.connect()
                raw.send(b'GET ' + target + b' HTTP/1.1\r\nHost: x\r\n' + header +
                         b'\r\nConnection: close\r\n\r\n')
                while raw.socket.recv(65536):
                    pass
                raw.socket.close()
                count += 1
        eventually(lambda: sum('analyzer' in record['message'] for record in self.records(server))
                   >= 1, what='an analyzer has run')
        def ended():
            return sum(record['message'] in ('request', 'request not read')
                       for record in self.records(server))
        eventually(lambda: ended() >= count, what='all requests are logged')
        self.assertEqual(ended(), count)
        for record in self.requests(server):
            self.assertRegex(record['request_id'], r'^[A-Za-z0-9._:/+=@-]{1,128}$')
            self.assertLessEqual(len(record['path'].encode()), 256 * 3)

    def test_a_terminal_gets_text(self):
        ours, theirs = pty.openpty()
        settings = environment({'HOST': '127.0.0.1', 'PORT': '0', 'DATA_DIR': '', 'IO_THREADS': 1})
        del settings['LOG_FORMAT']
        with subprocess.Popen([proctrackd()], env=settings, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=theirs) as server:
            os.close(theirs)
            self.addCleanup(os.close, ours)
            text = b''
            while b'listening' not in text:
                text += os.read(ours, 4096)
            server.terminate()
        self.assertRegex(text.decode(), r'(?m)^\d{4}-\S+Z level=info listening host=127\.0\.0\.1 '
                                        r'port=\d+')

    def test_no_terminal_gets_json(self):
        result = run_once(['export'], {'LOG_FORMAT': '', 'DATA_DIR': '/nonexistent/here'})
        self.assertEqual(result.returncode, 74, result)
        self.assertIn('/nonexistent/here', result.stderr)
        for line in result.stderr.splitlines():
            self.assertEqual(json.loads(line)['level'], 'error')


class Choices(LogCase):
    def shown(self, **settings):
        server = self.start_server({**AS_JSON, **settings})
        server.client.get('/stats')
        server.client.get(f'/status/{UNKNOWN_ID}')
        server.stop()
        return self.requests(server)

    def test_access(self):
        self.assertEqual([record['status'] for record in self.shown(LOG_ACCESS='all')], [200, 404])
        self.assertEqual(self.shown(LOG_ACCESS='none'), [])
        self.assertEqual(self.shown(LOG_ACCESS='errors'), [])
        self.assertEqual(self.shown(LOG_LEVEL='error'), [])

    def test_errors_alone(self):
        redis = self.start_redis()
        server = self.start_server({**AS_JSON, 'LOG_ACCESS': 'errors', 'REDIS_URL': redis.url})
        self.assertEqual(server.client.get(f'/status/{UNKNOWN_ID}').status, 404)
        redis.kill()
        self.assertEqual(server.client.get(f'/status/{UNKNOWN_ID}?wait=0').status, 503)
        (record,) = self.requests(server, 1)
        self.assertEqual((record['status'], record['process_id'], record['error']),
                         (503, UNKNOWN_ID, 'storage unavailable'))


class Rate(LogCase):
    BURST = 1500

    def test_a_burst_is_capped_and_told(self):
        server = self.start_server({'LOG_FORMAT': 'json', 'LOG_RATE': 10, 'IO_THREADS': 1,
                                    'DATA_DIR': ''})
        raw = server.connect()
        began = len(self.records(server))
        for _ in range(self.BURST // 50):
            raw.send(b'GET /version HTTP/1.1\r\nHost: x\r\n\r\n' * 50)
            for _ in range(50):
                self.assertEqual(raw.read_answer().status, 200)
        server.stop()
        records = self.records(server)
        written = len(self.requests(server))
        told = sum(record['count'] for record in records
                   if record['message'] == 'log lines dropped')
        seconds = self.seconds(records[began], records[-1])
        self.assertLessEqual(written, 10 * (seconds + 2))
        self.assertGreater(told, 0)
        self.assertLessEqual(told + written, self.BURST)
        self.assertEqual([record['message'] for record in records[-2:]], ['stopping', 'stopped'])

    @staticmethod
    def seconds(first, last):
        def of(record):
            hours, minutes, seconds = record['time'][11:-1].split(':')
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return (of(last) - of(first)) % 86400

    def test_warnings_get_through(self):
        redis = self.start_redis()
        server = self.start_server({'LOG_FORMAT': 'json', 'LOG_RATE': 1, 'IO_THREADS': 1,
                                    'REDIS_URL': redis.url})
        for _ in range(300):
            server.client.get('/version')
        redis.kill()
        eventually(lambda: any(record['message'] == 'redis lost' for record in self.records(server)),
                   what='the warning is there')
        self.assertTrue(any(record['message'] == 'log lines dropped'
                            for record in self.records(server)))


@on_each_repository(LogCase)
class Secrets:
    """Whatever may be private is marked, and sent everywhere, in good and in bad requests."""

    MARK = 'S3CR3T'

    def settings_of(self):
        if self.repository == 'memory':
            return AS_JSON
        redis = self.start_redis(password=self.MARK)
        return {**AS_JSON, 'REDIS_URL': f'unix://:{self.MARK}@{redis.path}'}

    def test_none_is_logged(self):
        mark = self.MARK
        script = f'#!/bin/sh\ncat >&2\necho "{mark}"\necho "{mark}" >&3\nexit 3\n'
        analyzers = Analyzers(self.directory()).add('x', script)
        server = self.start_server(self.settings_of(), analyzers.arguments())
        client = server.client
        headers = {name: mark for name in ('Authorization', 'Cookie', 'X-Api-Key', 'User-Agent',
                                           'Idempotency-Key', 'If-Match', 'Origin', 'Referer',
                                           'Proxy-Authorization')}
        made = self.submit(client, {'type': 'y', 'input': mark, 'metadata': {'a': mark}},
                           {'Idempotency-Key': mark})
        ended = self.submit(client, {'type': 'x', 'input': mark})['process_id']
        claimed = client.post('/claim', {'types': ['y'], 'worker': mark}).json['processes'][0]
        token, process_id = claimed['lease_token'], made['process_id']
        query = f'?token={mark}&wait={mark}'
        for path in ('/status/{}', '/result/{}', '/processes/{}/events', '/stats', '/nowhere',
                     '/processes', '/events', '/types', '/workers', '/metrics', '/healthz'):
            client.get(path.format(process_id) + query, headers)
            client.get(path.format(UNKNOWN_ID) + query)
        for what in ('heartbeat', 'progress', 'complete', 'fail', 'release'):
            for name in (process_id, UNKNOWN_ID):
                path = f'/processes/{name}/{what}'
                client.post(path + query, {'lease_token': token, 'result': mark}, headers)
                client.post(path, {'lease_token': mark, 'result': mark, 'message': mark,
                                   'code': mark})
                client.post(path, body=f'{{"lease_token":"{token}","{mark}')
        client.post(f'/processes/{process_id}/complete', {'lease_token': token, 'result': mark})
        for path in ('/analyze', '/analyze/batch', '/claim', '/processes/cancel'):
            client.post(path + query, body=f'{{"input":"{mark}","{mark}":{mark}}}',
                        headers=headers)
            client.post(path, {mark: mark, 'type': mark, 'input': {mark: mark}})
        raw = server.connect()
        raw.send(f'GET http://me:{mark}@host/stats?a={mark}#{mark} HTTP/1.1\r\nHost: {mark}\r\n'
                 f'Authorization: Basic {mark}\r\n\r\n'.encode())
        raw.read_answer()
        raw.send(f'GET /stats#{mark} HTTP/1.1\r\nHost: x\r\nX Y{mark}: {mark}\r\n\r\n'.encode())
        raw.read_answer()
        self.wait_for_status(client, ended)
        server.stop()
        self.assertGreater(len(self.requests(server)), 60)
        for secret in (mark, token):
            self.assertNotIn(secret, server.log())


class RedisSecrets(LogCase):
    """A password that is wrong, and one for a Redis that repeats what it does not know."""

    def test_a_refused_password_at_the_start(self):
        for redis in (self.start_redis(password='other'),
                      self.start_redis('--rename-command', 'AUTH', '')):
            settings = {**AS_JSON, 'REDIS_URL': f'unix://:S3CR3T@{redis.path}', 'DATA_DIR': ''}
            with self.subTest(redis.options):
                result = run_once(settings={**settings, 'REDIS_REQUIRED': 'true'})
                self.assertEqual(result.returncode, 69, result)
                server = self.start_server(settings)
                server.stop()
                for shown in (result.stderr, server.log()):
                    self.assertIn('Redis cannot be used', shown)
                    self.assertNotIn('S3CR3T', shown)

    def test_a_password_that_is_refused_later(self):
        redis = self.start_redis(password='S3CR3T')
        server = self.start_server({**AS_JSON, 'REDIS_URL': f'unix://:S3CR3T@{redis.path}'})
        redis.command('ACL', 'SETUSER', 'default', 'resetpass', '>S3CR3T2')
        redis.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        server.wait_for_line('"redis unavailable".*WRONGPASS')
        server.stop()
        self.assertNotIn('S3CR3T', server.log())


if __name__ == '__main__':
    unittest.main()
