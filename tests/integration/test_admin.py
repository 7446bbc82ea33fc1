"""ADMIN_PORT: what operators ask is answered, whatever the other port is flooded with."""

from harness import Case


class Admin(Case):
    def start(self, **settings):
        server = self.start_server({'ADMIN_PORT': 0, **settings})
        admin = server.admin_client()
        self.addCleanup(admin.close)
        return server, admin

    def test_it_answers_while_every_connection_of_the_other_port_is_taken(self):
        server, admin = self.start(MAX_CONNECTIONS=20, IO_THREADS=1)
        held = []
        for _ in range(60):  # those beyond the limit are in the backlog, or turned away
            connection = server.connect()
            self.addCleanup(connection.socket.close)
            connection.send(b'GET /healthz HTTP/1.1\r\n')
            held.append(connection)
        for path in ('/healthz', '/readyz', '/stats', '/version'):
            with self.subTest(path):
                answer = admin.get(path)
                self.assertEqual(answer.status, 200, answer)
        self.assertGreaterEqual(admin.get('/stats').json['http']['connections'], 18)

    def test_it_has_nothing_but_what_operators_need(self):
        server, admin = self.start()
        process_id = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        self.assertEqual(admin.get('/stats').json['pending'], 1)
        for path in (f'/status/{process_id}', '/processes', '/types'):
            self.assert_problem(admin.get(path), 404, type='/problems/unknown-path')
        self.assert_problem(admin.post('/analyze', {'type': 'x', 'input': 1}), 404)

    def test_admin_calls_are_refused_on_the_other_port(self):
        server, admin = self.start()
        self.assert_problem(server.client.post('/admin/snapshot'), 403,
                            type='/problems/operators-only')
        self.assertEqual(admin.post('/admin/snapshot').status, 200)

    def test_without_it_they_are_open_to_this_machine_but_not_to_proxies(self):
        client = self.start_server().client
        self.assertEqual(client.post('/admin/snapshot').status, 200)
        self.assert_problem(client.post('/admin/snapshot', headers={'X-Forwarded-For': '::1'}),
                            403, type='/problems/operators-only')

    def test_a_port_that_is_taken_ends_the_start(self):
        server = self.start_server()
        with self.assertRaisesRegex(AssertionError, 'cannot listen'):
            self.start_server({'ADMIN_PORT': server.port})
