"""Many clients, clients that leave, clients that wait: none keeps the others from being served."""

import signal

from harness import Analyzers, Case, eventually

GET_STATS = b'GET /stats HTTP/1.1\r\nHost: h\r\n\r\n'


class Connections(Case):
    def test_below_the_limit_requests_are_shed_and_probes_answered(self):
        server = self.start_server({'MAX_CONNECTIONS': 40})
        held = []

        def hold_one():
            held.append(server.connect())
            self.addCleanup(held[-1].close)
            held[-1].send(GET_STATS)
            return held[-1].read_answer()
        answer = hold_one()
        while answer.status == 200 and len(held) < 40:
            answer = hold_one()
        self.assert_problem(answer, 503, type='/problems/overloaded')
        self.assertRegex(answer.header('Retry-After'), r'^[1-9]\d*$')
        self.assertEqual(answer.header('Connection').lower(), 'close')
        self.assertGreater(len(held), 20)
        held[0].send(b'GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n')
        self.assertEqual(held[0].read_answer().status, 200, 'probes are still answered')
        while held:
            held.pop().close()
        eventually(lambda: server.client.get('/stats').status == 200, what='service as before')

    def test_at_the_limit_it_listens_again_once_connections_end(self):
        server = self.start_server({'MAX_CONNECTIONS': 20})
        for _ in range(3):
            held = [server.connect() for _ in range(30)]
            for connection in held:
                connection.close()
            client = server.new_client()
            eventually(lambda client=client: client.get('/stats').status == 200)
            client.close()

    def test_connections_that_come_and_go_leave_nothing_behind(self):
        server = self.start_server({'MAX_CONNECTIONS': 20, 'IDLE_TIMEOUT_SECONDS': 1})
        for _ in range(60):
            with server.connect() as connection:
                connection.send(b'GET /stats HTTP/1.1\r\nHos')

        def only_ours_is_left():
            answer = server.client.get('/stats')
            self.assertEqual(answer.status, 200)  # it is shed as long as many are there
            return answer.json['http']['connections'] == 1
        eventually(only_ours_is_left)


class Slow(Case):
    NO_LIMITS = {'HEADER_TIMEOUT_SECONDS': 600, 'BODY_TIMEOUT_SECONDS': 600,
                 'IDLE_TIMEOUT_SECONDS': 600}
    POST = (b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
            b'Content-Length: 1000\r\n\r\n{')

    def start(self, **settings):
        return self.start_server({**self.NO_LIMITS, **settings})

    def open(self, server, data, count=1):
        connections = [server.connect(60) for _ in range(count)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.send(data)
        return connections

    def wait_until_free(self, server, dribbling=()):
        """Only the client that asks is still connected; meanwhile the others send on and on."""
        def free():
            for connection in dribbling:
                connection.send(b'x')
            return server.client.get('/stats').json['http']['connections'] == 1
        eventually(free, what='connections freed')

    def test_headers_that_never_end(self):
        server = self.start(HEADER_TIMEOUT_SECONDS=1)
        self.wait_until_free(server, self.open(server, b'GET / HTTP/1.1\r\nX: ', 50))

    def test_headers_that_never_end_after_an_answer(self):
        server = self.start(IDLE_TIMEOUT_SECONDS=1)
        connections = self.open(server, GET_STATS, 10)
        for connection in connections:
            self.assertEqual(connection.read_answer().status, 200)
            connection.send(b'GET / HTTP/1.1\r\nX: ')
        self.wait_until_free(server, connections)

    def test_bodies_that_never_end(self):
        server = self.start(BODY_TIMEOUT_SECONDS=1)
        connections = self.open(server, self.POST, 10)
        self.wait_until_free(server, connections)
        for connection in connections:
            answer = connection.read_answer()
            self.assert_problem(answer, 408, type='/problems/request-timeout')
            self.assertEqual(answer.header('Connection').lower(), 'close')
        self.assertEqual(server.client.get('/stats').json['total'], 0)

    def test_clients_that_leave_amid_a_message(self):
        server = self.start()
        server.signal(signal.SIGSTOP)  # so that it finds message and end together
        for data in (b'GET /stats HTTP/1.1\r\nHos', self.POST, GET_STATS, GET_STATS + b'GET'):
            for connection in self.open(server, data, 50):
                connection.close()
        server.signal(signal.SIGCONT)
        self.wait_until_free(server)

    def test_clients_that_send_all_at_once(self):
        server = self.start()
        connections = self.open(server, GET_STATS, 50)
        for connection in connections:
            connection.finish_sending()
        for connection in connections:
            self.assertEqual(connection.read_answer().status, 200)
        self.wait_until_free(server)

    def test_half_a_body_does_not_hold_up_a_stop(self):
        server = self.start(SHUTDOWN_TIMEOUT_SECONDS=600)
        (connection,) = self.open(server, self.POST)
        eventually(lambda: server.client.get('/stats').json['http']['in_flight'] == 2)
        server.signal(signal.SIGTERM)
        self.assert_problem(connection.read_answer(), 408)
        connection.close()
        self.assertEqual(server.wait(30), 0, server.log())


class Waiting(Case):
    def setUp(self):
        self.analyzers = Analyzers(self.directory()).add_gated()
        self.server = self.start_server({'MAX_CONNECTIONS': 40}, self.analyzers.arguments())

    def wait_request(self, kind):
        body = b'{"type":"%s","input":1}' % kind
        connection = self.server.connect(60)
        self.addCleanup(connection.close)
        connection.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
                        b'Prefer: wait=60\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))
        return connection

    def count(self, status):
        return self.server.client.get('/stats').json[status]

    def test_a_client_that_leaves_while_it_waits(self):
        self.wait_request(b'gated').close()
        eventually(lambda: self.count('running') == 1)
        listed = self.server.client.get('/processes').json['processes']
        self.analyzers.order(listed[0]['process_id'], 'ok')
        eventually(lambda: self.count('completed') == 1)

    def test_only_half_of_the_connections_may_wait(self):
        waiting = [self.wait_request(b'nobody') for _ in range(20)]
        eventually(lambda: self.count('pending') == 20)
        answer = self.wait_request(b'nobody').read_answer()
        self.assertEqual(answer.status, 202, 'answered at once: too many wait already')
        process_id = answer.json['process_id']
        self.assertEqual(self.status(self.server.client, process_id)['status'], 'pending')
        self.server.stop()
        for connection in waiting:
            answer = connection.read_answer()
            self.assertEqual((answer.status, answer.json['status']), (202, 'pending'))
