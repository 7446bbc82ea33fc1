"""Every kind of bad input: a precise problem document, and the server is as it was."""

import json

from harness import Case, SharedServerCase, UNKNOWN_ID, on_each_repository

LIMIT = 4096
ID = UNKNOWN_ID


@on_each_repository()
class BadBody:
    settings = {'MAX_BODY_BYTES': LIMIT}

    def tearDown(self):
        self.assertEqual(self.client.get('/stats').json['total'], 0, 'nothing was stored')

    def post(self, body, media_type='application/json'):
        return self.client.post('/analyze', body=body, headers={'Content-Type': media_type})

    def test_not_json(self):
        for body in (b'', b'  ', b'nonsense', b'{"type": "x", "input": 1', b"{'a': 1}",
                     b'{"type": "x", "input": 1} 2', b'{"type": "x", "input": 01}',
                     b'{"type": "x", "input": NaN}', b'{"type": "x", "input": .5}',
                     b'{"type": "x", "input": "\t"}', b'{"type": "x", "input": 1,}',
                     b'\xef\xbb\xbf{"type": "x", "input": 1}', b'{"type": "x", "input": "\\x"}',
                     b'{"type":"x","input":1}\x00'):
            with self.subTest(body):
                self.assert_problem(self.post(body), 400)

    def test_json_but_no_object(self):
        for body in (b'[]', b'1', b'"text"', b'null', b'true'):
            with self.subTest(body):
                self.assert_problem(self.post(body), 422)

    def test_duplicate_keys(self):
        for body in (b'{"type": "x", "type": "x", "input": 1}',
                     b'{"type": "x", "input": {"a": 1, "a": 2}}',
                     b'{"type": "x", "input": [{"b": {"a": 1, "\\u0061": 2}}]}'):
            with self.subTest(body):
                self.assert_problem(self.post(body), 400)

    def test_too_deep(self):
        body = b'{"type": "x", "input": ' + b'[' * 65 + b']' * 65 + b'}'
        self.assert_problem(self.post(body), 400)

    def test_not_utf_8(self):
        for text in (b'\xff', b'\xc3', b'\xc0\xaf', b'\xed\xa0\x80', b'\xf4\x90\x80\x80',
                     b'\xe2\x82'):
            with self.subTest(text):
                self.assert_problem(self.post(b'{"type": "x", "input": "' + text + b'"}'), 400)

    def test_escapes_that_are_no_characters(self):
        for text in (b'\\u0000', b'\\ud800', b'\\udc00\\ud800', b'\\u12', b'a\\u0000b'):
            with self.subTest(text):
                self.assert_problem(self.post(b'{"type": "x", "input": "' + text + b'"}'), 400)
        self.assert_problem(self.post(b'{"type": "x", "input": {"\\u0000": 1}}'), 400)

    def test_unknown_fields_are_named(self):
        problem = self.assert_problem(
            self.post(b'{"type": "x", "input": 1, "inputt": 2, "priorty": 3}'), 422)
        self.assertEqual([error['pointer'] for error in problem['errors']], ['/inputt', '/priorty'])

    def test_input_is_required(self):
        self.assert_problem(self.post(b'{"type": "x"}'), 422, pointer='/input')

    def test_wrong_types_and_ranges_have_a_pointer(self):
        wrong = {
            'type': ('', 'x' * 65, 'a b', 'ä', 7, ['x']),
            'group': ('', 'g' * 129, 'a b', 7),
            'priority': (101, -101, 1.5, '1', True, 10**30),
            'run_at': ('tomorrow', '2025-13-01T00:00:00Z', '2025-02-30T00:00:00Z', 5, '',
                       '2025-01-01 00:00:00', '2025-01-01T00:00:00'),
            'timeout_seconds': (0, -1, 1.5, '5', 30 * 86400 + 1, 10**30),
            'max_attempts': (0, -1, 1001, 1.5, '2'),
            'retention_seconds': (-1, '5', 10**12),
            'metadata': ('text', 1, [1], True),
        }
        for member, values in wrong.items():
            for value in values:
                with self.subTest(member=member, value=value):
                    document = {'type': 'x', 'input': 1, member: value}
                    self.assert_problem(self.post(json.dumps(document)), 422,
                                        pointer=f'/{member}')

    def test_media_types(self):
        body = b'{"type": "x", "input": 1}'
        for media_type in ('text/plain', 'application/xml', 'application/x-www-form-urlencoded',
                           'multipart/form-data; boundary=x', 'application/jsonx', 'json', ''):
            with self.subTest(media_type):
                self.assert_problem(self.post(body, media_type), 415)

    def body_of(self, size):
        frame = b'{"type": "x", "unknown": "%s"}'
        return frame % (b'a' * (size - len(frame) + 2))

    def test_one_byte_over_the_limit(self):
        self.assert_problem(self.post(self.body_of(LIMIT)), 422)  # it was read whole
        self.assert_problem(self.post(self.body_of(LIMIT + 1)), 413)

    def test_one_byte_over_the_limit_without_content_length(self):
        for size, status in ((LIMIT, 422), (LIMIT + 1, 413)):
            with self.subTest(size), self.server.connect() as connection:
                body = self.body_of(size)
                connection.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\n'
                                b'Content-Type: application/json\r\n'
                                b'Transfer-Encoding: chunked\r\n\r\n')
                for start in range(0, len(body), 1000):
                    part = body[start:start + 1000]
                    if not connection.send(b'%x\r\n%s\r\n' % (len(part), part)):
                        break
                connection.send(b'0\r\n\r\n')
                self.assert_problem(connection.read_answer(), status)

    def test_an_endless_body_is_cut_off(self):
        with self.server.connect() as connection:
            connection.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\n'
                            b'Content-Type: application/json\r\n'
                            b'Content-Length: 100000000000\r\n\r\n')
            self.assert_problem(connection.read_answer(), 413)

    def test_a_body_that_stops_half_way(self):
        server = self.start_server({'IDLE_TIMEOUT_SECONDS': 1})
        with server.connect() as connection:
            connection.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json'
                            b'\r\nContent-Length: 100\r\n\r\n{"type":')
            connection.finish_sending()
            self.assertTrue(connection.is_closed_by_peer())
        self.assertEqual(server.client.get('/stats').json['total'], 0)

    def test_metadata_too_large(self):
        server = self.start_server()
        document = {'type': 'x', 'input': 1, 'metadata': {'a': 'b' * (64 * 1024)}}
        self.assert_problem(server.client.post('/analyze', document), 422, pointer='/metadata')


class DefaultLimit(SharedServerCase):
    def test_100000_levels(self):
        for opening, closing in ((b'[', b']'), (b'{"a":', b'}')):
            body = b'{"type":"x","input":' + opening * 100000 + b'1' + closing * 100000 + b'}'
            self.assert_problem(self.client.post('/analyze', body=body), 400)

    def test_a_mebibyte_passes_and_one_byte_more_does_not(self):
        frame = b'{"type":"x","input":"%s"}'
        fits = frame % (b'a' * (2**20 - len(frame) + 2))
        self.assertEqual(len(fits), 2**20)
        self.assertEqual(self.client.post('/analyze', body=fits).status, 202)
        self.assert_problem(self.client.post('/analyze', body=fits.replace(b'"a', b'"aa')), 413)

    def test_64_levels_pass(self):
        body = b'{"type":"x","input":' + b'[' * 63 + b']' * 63 + b'}'
        self.assertEqual(self.client.post('/analyze', body=body).status, 202)

    def test_media_types_that_are_json(self):
        for media_type in ('application/json', 'Application/JSON; charset=utf-8',
                           'application/json;charset="UTF-8"'):
            with self.subTest(media_type):
                answer = self.client.post('/analyze', body=b'{"type":"x","input":1}',
                                          headers={'Content-Type': media_type})
                self.assertEqual(answer.status, 202, answer)


@on_each_repository()
class BadPath:
    def test_ids(self):
        for bad in ('', '1', 'abc', ID[:-1], ID + '0', ID.replace('-', ''), ID[:-1] + 'g',
                    f'%7B{ID}%7D', '..', '%2e%2e', 'process:*'):
            for method, path in (('GET', f'/status/{bad}'), ('GET', f'/result/{bad}'),
                                 ('DELETE', f'/processes/{bad}'),
                                 ('POST', f'/processes/{bad}/cancel'),
                                 ('POST', f'/processes/{bad}/retry')):
                with self.subTest(f'{method} {path}'):
                    self.assert_problem(self.client.request(method, path), 400)

    def test_upper_case_ids_are_the_same(self):
        created = self.submit(self.client, {'type': 'x', 'input': 1})['process_id']
        answer = self.client.get(f'/status/{created.upper()}')
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json['process_id'], created)

    def test_unknown_paths(self):
        for path in ('/nope', '/statuses', f'/status/{ID}/', f'/status/{ID}/x',
                     f'/processes/{ID}/explode', '//status', '/ANALYZE'):
            with self.subTest(path):
                answer = self.client.get(path)
                self.assert_problem(answer, 404)


@on_each_repository()
class BadQuery:
    def test_cleanup(self):
        for query in ('older_than_hours=-1', 'older_than_hours=abc', 'older_than_hours=1e99',
                      'older_than_hours=', 'older_than_hours=nan', 'older_than_hours=inf',
                      'older_than_hours=99999999999999999999', 'older_than_hours=0x10',
                      'status=running', 'status=pending', 'status=done', 'status=', 'type=a%20b',
                      'dry_run=perhaps', 'dry_run=', 'unknown=1',
                      'older_than_hours=1&older_than_hours=2'):
            with self.subTest(query):
                problem = self.assert_problem(self.client.delete(f'/cleanup?{query}'), 400)
                self.assertEqual(problem['parameter'], query.split('=')[0])

    def test_list(self):
        for query in ('cursor=abc', 'cursor=', 'cursor=%00', 'cursor=' + 'A' * 500, 'limit=0',
                      'limit=-1', 'limit=201', 'limit=x', 'limit=', 'status=sleeping',
                      'type=a%20b', 'group=%20', 'created_after=yesterday', 'created_before=1',
                      'unknown=1', 'limit=1&limit=2'):
            with self.subTest(query):
                problem = self.assert_problem(self.client.get(f'/processes?{query}'), 400)
                self.assertEqual(problem['parameter'], query.split('=')[0])

    def test_a_cursor_of_another_server_or_made_up(self):
        for number in range(3):
            self.submit(self.client, {'type': 'x', 'input': number})
        cursor = self.client.get('/processes?limit=1').json['next_cursor']
        self.assertTrue(cursor)
        for bad in (cursor[:-1], cursor + 'A', cursor[::-1]):
            with self.subTest(bad):
                answer = self.client.get(f'/processes?limit=1&cursor={bad}')
                self.assert_problem(answer, 400, parameter='cursor')

    def test_status_fields(self):
        created = self.submit(self.client, {'type': 'x', 'input': 1})['process_id']
        answer = self.client.get(f'/status/{created}?fields=nonsense')
        self.assert_problem(answer, 400, parameter='fields')


class UnknownTypes(Case):
    def test_accept_types_known_names_them(self):
        server = self.start_server({'ACCEPT_TYPES': 'known'},
                                   ['--analyzer', 'one=/bin/cat', '--analyzer', 'two=/bin/cat'])
        problem = self.assert_problem(
            server.client.post('/analyze', {'type': 'three', 'input': 1}), 422)
        self.assertEqual(sorted(problem['known_types']), ['one', 'two'])
        self.submit(server.client, {'type': 'two', 'input': 1})
