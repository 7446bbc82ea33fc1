"""X-Request-Id in every answer, and W3C trace context from the request to whoever does the work."""

import os

from event_stream import EventStream
from harness import (
    UNKNOWN_ID, Analyzers, Case, SharedServerCase, eventually, framing_is_the_librarys)
from working import WorkCase, on_each_repository

TRACE = '0af7651916cd43dd8448eb211c80319c'
PARENT = 'b7ad6b7169203331'
GIVEN = f'00-{TRACE}-{PARENT}-01'
OTHER = f'00-{32 * "1"}-{16 * "2"}-00'
OURS = r'^[0-9a-f]{16}-[0-9a-f]{1,16}$'
MARK = b'Evil'

# What must be taken for nothing at all; each holds the mark, so that an echo would be seen.
HOSTILE = (
    b'Evil Evil', b'<Evil>', b'"Evil"', b'Evil\\r\\nX: y', b'Evil%0d%0aSet-Cookie:a=b', b'Evil;a',
    b'Evil\xff\xfe', 'Evil\u00fc\u202e'.encode(), b'\x1b[31mEvil', b'Evil\x01\x7f\x0b', b'Evil{}',
    b"Evil'--", b'Evil\tEvil', b'Evil,Evil', b'Evil' + 125 * b'x', b'Evil' + 4000 * b'x',
)
NO_TRACES = (b'Evil', GIVEN.encode() + b'-Evil', GIVEN.encode() + b', Evil',
             b'ff' + GIVEN.encode()[2:] + b'-Evil', b'cc' + GIVEN.encode()[2:] + b'.Evil')


def traced(value):
    return {'traceparent': value}


@on_each_repository(WorkCase)
class Traces:
    def setUp(self):
        self.analyzers = Analyzers(self.directory()).add(
            'script', '#!/bin/sh\nprintf \'"%s"\' "${TRACEPARENT-none}"\n'
            'test "$PROCESS_ATTEMPT" -gt 1 || exit 1\n')
        self.settings = {**self.all_settings(), 'DATA_DIR': os.path.join(self.directory(), 'data'),
                         'TRACEPARENT': OTHER}  # its own, which is nobody's business
        self.start()

    def start(self):
        self.server = self.start_server(self.settings, self.analyzers.arguments())
        self.client = self.server.client

    def make_traced(self, kind='a', value=GIVEN, **members):
        return self.submit(self.client, {'type': kind, 'input': 1, **members}, traced(value))

    def test_it_stays_with_the_process_whatever_happens(self):
        made = self.make_traced(max_attempts=3)
        self.assertEqual(made['traceparent'], GIVEN)
        path = f'/status/{made["process_id"]}'
        plain = self.make('b')
        for wanted in ('pending', 'running', 'pending', 'running', 'completed'):
            resource = self.status(self.client, made['process_id'])
            self.assertEqual((resource['status'], resource['traceparent']), (wanted, GIVEN))
            self.assertIsNone(self.status(self.client, plain)['traceparent'])
            self.server.kill()
            self.start()
            self.assertEqual(self.client.get(f'{path}?fields=%2Binput').json['traceparent'], GIVEN)
            resource = self.status(self.client, made['process_id'])
            self.assertEqual((resource['status'], resource['traceparent']), (wanted, GIVEN))
            if wanted == 'pending':
                claimed = eventually(lambda: self.claim('a'), what='it may be claimed')[0]
                self.assertEqual(claimed['traceparent'], GIVEN)
            elif wanted == 'running' and resource['attempt'] == 1:
                self.say(claimed, 'fail', code='x', message='y', retryable=True,
                         retry_after_seconds=0)
            elif wanted == 'running':
                self.say(claimed, 'complete', result=7)
        listed = {one['process_id']: one['traceparent']
                  for one in self.client.get('/processes').json['processes']}
        self.assertEqual(listed, {made['process_id']: GIVEN, plain: None})

    def test_analyzers_have_it_in_their_environment(self):
        for value, seen in ((GIVEN, GIVEN), (f'cc-{TRACE}-{PARENT}-09-more', GIVEN), ('', 'none'),
                            (GIVEN.upper(), 'none')):
            made = self.make_traced('script', value, max_attempts=2)
            done = self.wait_for_status(self.client, made['process_id'])
            self.assertEqual((done['attempt'], done['result']), (2, seen))
            self.assertEqual(done['traceparent'], None if seen == 'none' else seen)

    def test_each_of_a_batch_has_it(self):
        document = {'processes': [{'type': 'a', 'input': 1}, {'type': 'b', 'input': 2}]}
        answer = self.client.post('/analyze/batch', document, traced(GIVEN))
        self.assertEqual(answer.status, 202, answer)
        for one in answer.json['processes']:
            self.assertEqual(self.status(self.client, one['process_id'])['traceparent'], GIVEN)
        claimed = self.claim(['a', 'b'], max=2)
        self.assertEqual([one['traceparent'] for one in claimed], [GIVEN, GIVEN])

    def test_a_replay_keeps_the_first(self):
        for first, later in ((GIVEN, OTHER), (None, OTHER), (GIVEN, None)):
            key = {'Idempotency-Key': f'{first} {later}'}
            for value in (first, later):
                answer = self.client.post('/analyze', {'type': 'a', 'input': 1},
                                          {**key, **(traced(value) if value else {})})
                self.assertEqual((answer.status, answer.json['traceparent']), (202, first))
            self.assertEqual(answer.header('Idempotent-Replayed'), 'true')

    def test_a_worker_that_asks_for_the_next_has_it_too(self):
        self.make_traced(priority=1)
        self.make_traced(value=OTHER)
        claimed = self.claim_one()
        told = self.say(claimed, 'complete', result=1, claim_next={'types': ['a'], 'worker': 'w'})
        self.assertEqual([one['traceparent'] for one in told['claimed']], [OTHER])


class Requests(SharedServerCase):
    settings = {'MAX_BODY_BYTES': 1000, 'BODY_TIMEOUT_SECONDS': 1,
                'CORS_ALLOW_ORIGINS': 'http://page.example'}

    def exchange(self, data, bodyless=False):
        with self.server.connect() as connection:
            connection.send(data)
            return connection.read_answer(bodyless)

    @staticmethod
    def request(line, *fields, body=b''):
        head = [line + b' HTTP/1.1', b'Host: h', *fields]
        return b'\r\n'.join(head) + b'\r\n\r\n' + body

    def assert_named(self, answer, status, name=None):
        """Exactly once, by this name or one of ours; a problem names it likewise."""
        self.assertEqual(answer.status, status, answer)
        names = [value for key, value in answer.headers if key.lower() == 'x-request-id']
        self.assertEqual(len(names), 1, answer)
        if name is None:
            self.assertRegex(names[0], OURS)
        else:
            self.assertEqual(names[0], name)
        if status >= 400 and answer.body:
            self.assertEqual(answer.json['request_id'], names[0])

    def finished(self):
        process_id = self.submit(self.client, {'type': 'x', 'input': 1})['process_id']
        self.client.post(f'/processes/{process_id}/cancel')
        return process_id.encode()

    def test_answers_of_every_kind_are_named(self):
        process_id = self.finished()
        json = b'Content-Type: application/json'
        unfinished = (json, b'Content-Length: 100')
        too_much = (json, b'Transfer-Encoding: chunked')
        requests = (
            (200, b'GET /stats', (), b''),
            (200, b'GET /healthz', (), b''),
            (202, b'POST /analyze', (json, b'Content-Length: 22'), b'{"type":"x","input":1}'),
            (200, b'GET /status/' + process_id, (), b''),
            (304, b'GET /status/' + process_id, (b'If-None-Match: "2"',), b''),
            (200, b'GET /status/' + process_id + b'?wait=1', (), b''),
            (200, b'GET /status/' + process_id, (b'Accept: text/event-stream',), b''),
            (409, b'GET /result/' + process_id, (), b''),
            (404, b'GET /status/' + UNKNOWN_ID.encode(), (), b''),
            (404, b'GET /nowhere', (), b''),
            (405, b'DELETE /stats', (), b''),
            (204, b'OPTIONS *', (), b''),
            (400, b'GET /%zz', (), b''),
            (400, b'GET /stats', (b'Host: again',), b''),
            (413, b'POST /analyze', (json, b'Content-Length: 2000'), b''),
            (413, b'POST /analyze', too_much, b'7d0\r\n' + 2000 * b' '),
            (408, b'POST /analyze', unfinished, b'{'),
            (417, b'POST /analyze', (json, b'Expect: cake', b'Content-Length: 2'), b'{}'),
            (501, b'POST /analyze', (json, b'Transfer-Encoding: gzip'), b''),
        )
        if framing_is_the_librarys(self.client):
            requests = requests[:-1]
        for status, line, fields, body in requests:
            with self.subTest(status=status, line=line):
                named = self.request(line, *fields, b'x-request-id: a/B+1=@:_.-9', body=body)
                self.assert_named(self.exchange(named), status, 'a/B+1=@:_.-9')
                if b'/status/' + process_id not in line:
                    self.assert_named(self.exchange(self.request(line, *fields, body=body)), status)

    def test_two_of_ours_are_never_the_same(self):
        names = [self.client.get('/stats').header('X-Request-Id') for _ in range(100)]
        self.assertEqual(len(set(names)), 100)

    def test_who_names_a_poll_gets_the_same_answer_with_the_name(self):
        process_id = self.finished().decode()
        for headers in ({}, {'If-None-Match': '"2"'}, {'Origin': 'http://page.example'},
                        {'Origin': 'http://page.example', 'If-None-Match': '"2"'}):
            with self.subTest(headers):
                for _ in range(3):  # past the cache, then out of it
                    shared = self.client.get(f'/status/{process_id}', headers)
                    named = self.client.get(f'/status/{process_id}',
                                            {**headers, 'X-Request-Id': 'mine'})
                self.assertIsNone(shared.header('X-Request-Id'))
                self.assertEqual(named.header('X-Request-Id'), 'mine')
                self.assertEqual((named.status, named.body), (shared.status, shared.body))
                for name in ('ETag', 'Cache-Control', 'Content-Type', 'Content-Length', 'Vary',
                             'Access-Control-Allow-Origin', 'Access-Control-Expose-Headers'):
                    self.assertEqual(named.headers.get_all(name), shared.headers.get_all(name))

    def test_pages_may_name_requests_and_read_the_names(self):
        answer = self.client.request('OPTIONS', '/analyze', headers={
            'Origin': 'http://page.example', 'Access-Control-Request-Method': 'POST',
            'Access-Control-Request-Headers': 'content-type,traceparent,tracestate,x-request-id'})
        self.assertEqual(answer.header('Access-Control-Allow-Headers'),
                         'Content-Type, X-Request-Id, traceparent, tracestate')
        answer = self.client.get('/stats', {'Origin': 'http://page.example'})
        self.assertIn('X-Request-Id', answer.header('Access-Control-Expose-Headers'))

    def test_what_is_hostile_is_ignored_and_never_given_back(self):
        body = b'{"type":"x","input":1}'
        json = (b'Content-Type: application/json', b'Content-Length: 22')
        for name, values in ((b'X-Request-Id', HOSTILE), (b'traceparent', HOSTILE + NO_TRACES)):
            for value in values:
                for given in ((name + b': ' + value,), (name + b': Evil', name + b': Evil')):
                    with self.subTest(given):
                        with self.server.connect() as connection:
                            connection.send(self.request(b'POST /analyze', *json, *given,
                                                         b'Connection: close', body=body))
                            connection.send(self.request(b'GET /nowhere', *given))
                            seen = connection.read_to_end()
                        self.assertTrue(seen.startswith(b'HTTP/1.1 202 '), seen)
                        self.assertIn(b'"traceparent":null', seen)
                        self.assertNotIn(MARK, seen)
                        answer = self.exchange(self.request(b'GET /nowhere', *given))
                        self.assert_named(answer, 404)
                        self.assertNotIn(MARK, answer.body)

    def test_streams_are_named(self):
        process_id = self.submit(self.client, {'type': 'x', 'input': 1})['process_id']
        for path in (f'/status/{process_id}', '/events', f'/status?ids={process_id}'):
            for name, pattern in (('stream-1', '^stream-1$'), (None, OURS)):
                stream = EventStream('127.0.0.1', self.server.port, path, {'X-Request-Id': name})
                stream.close()
                self.assertRegex(stream.header('X-Request-Id'), pattern)


class Crowds(Case):
    def test_who_is_sent_away_by_a_server_that_is_almost_full(self):
        server = self.start_server({'MAX_CONNECTIONS': 40})
        for number in range(40):
            connection = server.connect()
            self.addCleanup(connection.close)
            connection.send(b'GET /stats HTTP/1.1\r\nHost: h\r\n'
                            b'X-Request-Id: n-%d\r\n\r\n' % number)
            answer = connection.read_answer()
            self.assertEqual(answer.header('X-Request-Id'), f'n-{number}', answer)
            if answer.status == 503:
                break
        self.assert_problem(answer, 503, request_id=f'n-{number}')

    def test_who_is_sent_away_unread(self):
        server = self.start_server({'MAX_CONNECTIONS': 20})
        for _ in range(20):
            self.addCleanup(server.connect().close)
        with server.connect() as connection:
            connection.send(b'GET /stats HTTP/1.1\r\nHost: h\r\nX-Request-Id: n\r\n\r\n')
            answer = connection.read_answer()
        self.assertRegex(answer.header('X-Request-Id'), OURS)
        self.assert_problem(answer, 503, request_id=answer.header('X-Request-Id'))
