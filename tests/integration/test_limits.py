"""Many clients, clients that leave, clients that wait: none keeps the others from being served."""

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
        eventually(lambda: server.client.get('/stats').json['http']['connections'] == 1)


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
