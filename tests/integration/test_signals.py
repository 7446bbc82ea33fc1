"""SIGTERM and SIGINT end cleanly; a second signal ends at once."""

import os
import signal
import threading
import time

from harness import Analyzers, Case, PATIENCE, eventually, on_each_repository

STUBBORN = "#!/bin/sh\ntrap '' TERM\necho '{\"percent\":1}' >&3\nwhile :; do sleep 60; done\n"


@on_each_repository(Case)
class Signals:
    def setUp(self):
        self.analyzers = Analyzers(self.directory()).add_gated().add('stubborn', STUBBORN)
        self.settings = {}
        if self.repository == 'redis':
            self.settings['REDIS_URL'] = self.start_redis().url

    def start(self, **settings):
        return self.start_server({**self.settings, **settings}, self.analyzers.arguments())

    def test_each_signal_exits_0(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                server = self.start()
                self.submit(server.client, {'type': 'other', 'input': 1})
                server.signal(number)
                self.assertEqual(server.wait(), 0, server.log())

    def test_idle_connections_do_not_hold_it_up(self):
        server = self.start()
        connections = [server.connect() for _ in range(5)]
        connections[0].send(b'GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n')
        connections[0].read_answer()
        connections[1].send(b'GET /heal')
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0, server.log())
        self.assertLess(time.monotonic() - start, 10 * PATIENCE)
        for connection in connections:
            connection.close()

    def test_what_is_under_way_is_answered(self):
        server = self.start()
        answers = []

        def wait_for_it():
            client = server.new_client()
            answers.append(client.post('/analyze', {'type': 'gated', 'input': 1},
                                       {'Prefer': 'wait=60'}))
            client.close()
        thread = threading.Thread(target=wait_for_it)
        thread.start()
        eventually(lambda: server.client.get('/stats').json['running'] == 1)
        server.client.close()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 0, server.log())
        thread.join()
        self.assertIn(answers[0].status, (200, 202), answers)
        self.assertIn(answers[0].json['status'], ('pending', 'running'))

    def test_what_was_sent_before_the_stop_is_answered(self):
        server = self.start()
        connections = [server.connect() for _ in range(20)]
        body = b'{"type":"other","input":1}'
        request = (b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
                   b'Content-Length: %d\r\n\r\n' % len(body)) + body
        for connection in connections:
            connection.send(b'GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n')
            connection.read_answer()
        server.client.close()
        server.signal(signal.SIGSTOP)  # so that it finds requests and the signal in one turn
        server.signal(signal.SIGTERM)
        for connection in connections:
            connection.send(request)
        server.signal(signal.SIGCONT)
        for connection in connections:
            answer = connection.read_answer()
            self.assertEqual(answer.status, 202, answer)
            connection.close()
        self.assertEqual(server.wait(), 0, server.log())

    def test_clients_in_the_backlog_are_served(self):
        server = self.start(IO_THREADS=1)
        server.client.close()
        server.signal(signal.SIGSTOP)
        server.signal(signal.SIGTERM)
        connections = [server.connect() for _ in range(100)]
        for connection in connections:
            connection.send(b'GET /status/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\n'
                            b'Host: h\r\n\r\n')
        server.signal(signal.SIGCONT)
        for connection in connections:
            self.assertEqual(connection.read_answer().status, 404)
            connection.close()
        self.assertEqual(server.wait(), 0, server.log())

    def test_requests_that_were_cut_off_are_told_by_the_exit_code(self):
        server = self.start(SHUTDOWN_TIMEOUT_SECONDS=1, IO_THREADS=1)
        connection = server.connect()
        connection.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
                        b'Content-Length: 100\r\n\r\n{"input"')
        eventually(lambda: server.client.get('/stats').json['http']['in_flight'] == 2)
        server.client.close()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(), 70, server.log())
        connection.close()

    def test_no_connection_is_accepted_any_more(self):
        server = self.start(SHUTDOWN_TIMEOUT_SECONDS=20, CANCEL_GRACE_SECONDS=3)
        process_id = self.submit(server.client, {'type': 'stubborn', 'input': 1})['process_id']
        eventually(lambda: self.status(server.client, process_id)['progress'])
        server.client.close()
        server.signal(signal.SIGTERM)

        def refused():
            try:
                server.connect(1).close()
                return False
            except OSError:
                return True
        eventually(refused)
        self.assertEqual(server.wait(60), 0, server.log())

    def test_analyzers_do_not_survive(self):
        server = self.start(CANCEL_GRACE_SECONDS=1)
        process_id = self.submit(server.client, {'type': 'gated', 'input': 1})['process_id']
        gate = os.path.join(self.analyzers.directory, process_id)
        eventually(lambda: os.path.exists(gate) and self.status(
            server.client, process_id)['progress'])
        server.stop()
        with self.assertRaises(OSError, msg='nobody waits at the gate any more'):
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))

    def test_a_second_signal_exits_at_once(self):
        server = self.start(SHUTDOWN_TIMEOUT_SECONDS=60, CANCEL_GRACE_SECONDS=60)
        process_id = self.submit(server.client, {'type': 'stubborn', 'input': 1})['process_id']
        eventually(lambda: self.status(server.client, process_id)['progress'])
        server.client.close()
        before = len(server.lines)
        server.signal(signal.SIGTERM)
        server.wait_for_line(r'(?i)stopping|signal|shutting', start=before)
        start = time.monotonic()
        server.signal(signal.SIGTERM)
        status = server.process.wait(30)
        self.assertLess(time.monotonic() - start, 5 * PATIENCE)
        self.assertNotEqual(status, 0)
