"""The framing of requests, byte for byte: what is ambiguous is refused and the connection closed,
so that nothing can be smuggled past a proxy in front of us."""

from harness import SharedServerCase, framing_is_the_librarys

GET = b'GET /healthz HTTP/1.1\r\nHost: h\r\n'
POST = b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
BODY = b'{"type":"x","input":1}'
SMUGGLED = b'GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n'


class Framing(SharedServerCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.framing_is_the_librarys = framing_is_the_librarys(cls.client)

    def tearDown(self):
        self.assertEqual(self.client.get('/healthz').status, 200)

    def exchange(self, data):
        with self.server.connect() as connection:
            connection.send(data)
            return connection.read_answer()

    def assert_refused(self, data, *statuses, ours=True):
        """Answered with one of the statuses (default 400), then closed. Answers that are not ours
        but the library's are not looked into."""
        with self.server.connect() as connection:
            connection.send(data)
            answer = connection.read_answer()
            if self.framing_is_the_librarys and answer.header('Content-Type') != 'application/problem+json':
                statuses, ours = (*(statuses or (400,)), 400), False
            self.assertIn(answer.status, statuses or (400,), answer)
            if ours:
                self.assert_problem(answer, answer.status)
                self.assertTrue(connection.is_closed_by_peer(), f'still open after {answer}')
            else:
                self.assertNotRegex(connection.read_to_end(), rb'HTTP/1.1 (2|404)')

    def length(self, body=BODY):
        return b'Content-Length: %d\r\n' % len(body)

    def test_the_right_framing_is_accepted(self):
        self.assertEqual(self.exchange(POST + self.length() + b'\r\n' + BODY).status, 202)
        self.assertEqual(self.exchange(POST + b'Transfer-Encoding: chunked\r\n\r\n'
                                       b'5\r\n{"typ\r\n11\r\ne":"x","input":1}\r\n0\r\n\r\n')
                         .status, 202)
        self.assertEqual(self.exchange(POST + b'transfer-encoding: CHUNKED\r\n\r\n'
                                       b'16\r\n' + BODY + b'\r\n0\r\n\r\n').status, 202)

    def test_two_content_lengths(self):
        self.assert_refused(POST + self.length() + self.length() + b'\r\n' + BODY + SMUGGLED)
        self.assert_refused(POST + self.length() + b'Content-Length: 3\r\n\r\n' + BODY + SMUGGLED)
        self.assert_refused(POST + b'Content-Length: 3\r\n' + self.length() + b'\r\n' + BODY)

    def test_content_lengths_that_are_no_number(self):
        for value in (b'-1', b'+22', b'0x16', b'22,22', b'abc', b'', b'22 22',
                      b'99999999999999999999999'):
            with self.subTest(value):
                self.assert_refused(POST + b'Content-Length: ' + value + b'\r\n\r\n' + BODY,
                                    400, 413, ours=False)

    def test_content_length_with_transfer_encoding(self):
        chunks = b'16\r\n' + BODY + b'\r\n0\r\n\r\n'
        for first, second in ((self.length(), b'Transfer-Encoding: chunked\r\n'),
                              (b'Transfer-Encoding: chunked\r\n', self.length())):
            self.assert_refused(POST + first + second + b'\r\n' + chunks + SMUGGLED)

    def test_other_transfer_encodings(self):
        for value in (b'gzip', b'gzip, chunked', b'identity', b'xchunked', b'chunked, chunked',
                      b'chunked;q=1', b''):
            with self.subTest(value):
                self.assert_refused(POST + b'Transfer-Encoding: ' + value + b'\r\n\r\n'
                                    b'16\r\n' + BODY + b'\r\n0\r\n\r\n', 501, 400)

    def test_unknown_transfer_encoding_is_501(self):
        self.assert_refused(POST + b'Transfer-Encoding: gzip\r\n\r\n', 501)

    def test_two_transfer_encodings(self):
        self.assert_refused(POST + b'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n'
                            b'\r\n16\r\n' + BODY + b'\r\n0\r\n\r\n', 400, 501)

    def test_transfer_encoding_on_http_1_0(self):
        self.assert_refused(POST.replace(b'1.1', b'1.0') + b'Transfer-Encoding: chunked\r\n\r\n'
                            b'16\r\n' + BODY + b'\r\n0\r\n\r\n')

    def test_host(self):
        self.assert_refused(b'GET /healthz HTTP/1.1\r\n\r\n', ours=False)
        self.assert_refused(GET + b'Host: other\r\n\r\n')
        self.assert_refused(GET + b'Host: h\r\n\r\n')
        self.assertEqual(self.exchange(b'GET /healthz HTTP/1.0\r\n\r\n').status, 200)

    def test_header_names_that_are_no_token(self):
        for line in (b'Content-Length : 22', b'X Y: 1', b'X(Y): 1', b'X\x01: 1', b'\xff: 1',
                     b'X@Y: 1'):
            with self.subTest(line):
                self.assert_refused(POST + self.length() + line + b'\r\n\r\n' + BODY)

    def test_header_lines_without_a_name(self):
        """The library may take them for the end of the header; what follows is no request."""
        self.assert_refused(GET + b'no colon\r\n\r\n', ours=False)
        for line in (b': value', b':', b':\t'):
            for rest in (b'\r\n', b'Host: other\r\n\r\n', SMUGGLED):
                with self.subTest(line=line, rest=rest):
                    self.assert_refused(GET + line + b'\r\n' + rest, ours=False)

    def test_control_bytes_in_a_value(self):
        for byte in (b'\x01', b'\x0b', b'\x7f', b'\x1b'):
            with self.subTest(byte):
                self.assert_refused(GET + b'X-Value: a' + byte + b'b\r\n\r\n')
        self.assertEqual(self.exchange(GET + b'X-Value: a\tb\r\n\r\n').status, 200)

    def test_a_zero_or_bare_carriage_return_in_a_value(self):
        for byte in (b'\x00', b'\r'):
            with self.subTest(byte):
                self.assert_refused(GET + b'X-Value: a' + byte + b'b\r\n\r\n', ours=False)

    def test_escapes_in_the_path(self):
        known = self.submit(self.client, {'type': 'x', 'input': 1})['process_id'].encode()
        for target in (b'/status/' + known + b'%00b', b'/status/%00', b'/%00', b'/status/%zz',
                       b'/status/%', b'/status/%1', b'/healthz%00', b'/status/a%00b',
                       b'/status/..%2f..%2fhealthz', b'/status/' + known + b'%2f'):
            with self.subTest(target):
                answer = self.exchange(b'GET ' + target + b' HTTP/1.1\r\nHost: h\r\n\r\n')
                self.assertIn(answer.status, (400, 404), answer)
                self.assert_problem(answer, answer.status)
        escaped = b'/st%61tus/%' + b'%02x' % known[0] + known[1:]
        answer = self.exchange(b'GET ' + escaped + b' HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertEqual(answer.status, 200, answer)

    def test_bad_escapes_are_400(self):
        for target in (b'/status/%zz', b'/healthz?a=%zz', b'/status/a%00b'):
            with self.subTest(target):
                self.assert_problem(
                    self.exchange(b'GET ' + target + b' HTTP/1.1\r\nHost: h\r\n\r\n'), 400)

    def test_zero_in_the_query(self):
        answer = self.exchange(b'GET /processes?type=a%00b HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assert_problem(answer, 400)

    def test_absolute_form(self):
        answer = self.exchange(b'GET http://h:1234/healthz HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertEqual(answer.status, 200, answer)
        answer = self.exchange(b'GET http://h:1234/processes?limit=0 HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assert_problem(answer, 400)
        answer = self.exchange(b'GET http://h HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertIn(answer.status, (200, 404), answer)

    def test_options_of_the_server(self):
        answer = self.exchange(b'OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertIn(answer.status, (200, 204), answer)
        self.assertIn('GET', answer.header('Allow'))

    def test_too_large_headers_and_targets(self):
        self.assert_refused(GET + b'X-Large: ' + b'a' * 100000 + b'\r\n\r\n', 431, 413, ours=False)
        self.assert_refused(b'GET /' + b'a' * 100000 + b' HTTP/1.1\r\nHost: h\r\n\r\n', 414, 431,
                            ours=False)

    def test_no_http(self):
        for data in (b'hello\r\n\r\n', b'GET /healthz\r\n\r\n', b'GET /healthz HTTP/9.9\r\n\r\n',
                     b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'):
            with self.subTest(data), self.server.connect() as connection:
                connection.send(data)
                connection.finish_sending()
                self.assertNotIn(b' 200 ', connection.read_to_end())

    def test_pipelined_requests_are_answered_in_order(self):
        with self.server.connect() as connection:
            connection.send(GET + b'\r\n' + POST + self.length() + b'\r\n' + BODY + SMUGGLED)
            self.assertEqual([connection.read_answer().status for _ in range(3)], [200, 202, 404])

    def test_a_request_in_single_bytes(self):
        with self.server.connect() as connection:
            for byte in POST + self.length() + b'\r\n' + BODY:
                connection.send(bytes([byte]))
            self.assertEqual(connection.read_answer().status, 202)

    def test_expect_continue(self):
        with self.server.connect() as connection:
            connection.send(POST + self.length() + b'Expect: 100-continue\r\n\r\n')
            connection.send(BODY)
            self.assertEqual(connection.read_answer().status, 202)

    def test_keep_alive_after_an_error_of_the_application(self):
        with self.server.connect() as connection:
            for _ in range(3):
                connection.send(b'GET /nope HTTP/1.1\r\nHost: h\r\n\r\n')
                self.assert_problem(connection.read_answer(), 404)

    def test_a_body_on_get_is_not_the_next_request(self):
        with self.server.connect() as connection:
            connection.send(GET + b'Content-Length: %d\r\n\r\n' % len(SMUGGLED) + SMUGGLED)
            first = connection.read_answer()
            self.assertIn(first.status, (200, 400, 413), first)
            connection.send(GET + b'\r\n')
            connection.finish_sending()
            if first.status == 200:
                self.assertEqual(connection.read_answer().status, 200)

    def test_idle_and_slow_connections_are_closed(self):
        server = self.start_server({'IDLE_TIMEOUT_SECONDS': 1})
        with server.connect(20) as idle, server.connect(20) as half:
            half.send(b'GET /healthz HT')
            self.assertTrue(idle.is_closed_by_peer())
            self.assertNotIn(b' 200 ', half.read_to_end())
