"""SIGTERM: not ready at once, serving for a while, then an end in which no accepted request fails."""

import http.client
import signal
import threading
import time

from harness import PATIENCE, Analyzers, Case, eventually, on_each_repository

STUBBORN = "#!/bin/sh\ntrap '' TERM\necho '{\"percent\":1}' >&3\nwhile :; do sleep 60; done\n"


class Balanced(threading.Thread):
    """A client behind a load balancer: it sends as long as that lets it."""

    def __init__(self, server, is_open):
        super().__init__()
        self.client, self.is_open = server.new_client(), is_open
        self.created, self.wrong = [], []

    def run(self):
        while self.is_open():
            try:
                answer = self.client.post('/analyze', {'type': 'x', 'input': 1})
            except (OSError, http.client.HTTPException) as failure:
                self.wrong.append(repr(failure))
                continue
            if answer.status == 202:
                self.created.append(answer.json['process_id'])
            else:
                self.wrong.append(repr(answer))
        self.client.close()


def begin_stop(server):
    """When it was."""
    before = len(server.lines)
    server.signal(signal.SIGTERM)
    server.wait_for_line('stopping', start=before)
    return time.monotonic()


@on_each_repository(Case)
class Drain:
    def setUp(self):
        self.analyzers = Analyzers(self.directory()).add_gated().add('stubborn', STUBBORN)
        self.settings = {'DATA_DIR': self.directory()}
        if self.repository == 'redis':
            self.settings['REDIS_URL'] = self.start_redis().url

    def start(self, arguments=None, **settings):
        arguments = self.analyzers.arguments() if arguments is None else arguments
        return self.start_server({**self.settings, **settings}, arguments)

    def test_not_ready_at_once_but_serving(self):
        server = self.start(SHUTDOWN_DELAY_SECONDS=1)
        self.assertEqual(server.client.get('/readyz').status, 200)
        began = begin_stop(server)
        problem = eventually(lambda: self.not_ready(server))
        self.assertEqual(problem['reasons'], ['stopping'])
        answer = server.client.post('/analyze', {'type': 'x', 'input': 1})
        self.assertEqual(answer.status, 202, answer)
        self.assertIsNone(answer.header('Connection'))
        self.assertEqual(server.client.get('/healthz').status, 200)
        self.assertEqual(server.wait(), 0, server.log())
        self.assertGreaterEqual(time.monotonic() - began, 1)

    @staticmethod
    def not_ready(server):
        """What a probe is told, on a connection of its own; None while it is ready."""
        client = server.new_client()
        answer = client.get('/readyz')
        client.close()
        return answer.json if answer.status == 503 else None

    def test_behind_a_load_balancer_no_request_fails(self):
        server = self.start(SHUTDOWN_DELAY_SECONDS=1)
        is_ready = threading.Event()
        is_ready.set()
        clients = [Balanced(server, is_ready.is_set) for _ in range(8)]
        for client in clients:
            client.start()
        eventually(lambda: sum(len(client.created) for client in clients) > 100)
        begin_stop(server)
        eventually(lambda: self.not_ready(server))
        is_ready.clear()
        for client in clients:
            client.join()
        self.assertEqual(server.wait(), 0, server.log())
        self.assertEqual([client.wrong for client in clients], [[]] * len(clients))
        again = self.start([])
        for process_id in (made for client in clients for made in client.created):
            self.assertEqual(self.status(again.client, process_id)['status'], 'pending')

    def test_what_analyzers_held_is_handed_back(self):
        server = self.start(CANCEL_GRACE_SECONDS=1)
        held = [self.submit(server.client, {'type': name, 'input': 1})['process_id']
                for name in ('gated', 'stubborn')]
        for process_id in held:
            eventually(lambda one=process_id: self.status(server.client, one)['progress'])
        server.stop()
        again = self.start([])
        for process_id in held:
            state = self.status(again.client, process_id)
            self.assertEqual((state['status'], state['error']), ('pending', None), state)

    def test_operators_are_answered_until_the_end(self):
        server = self.start(ADMIN_PORT=0, CANCEL_GRACE_SECONDS=2)
        admin = server.admin_client()
        self.addCleanup(admin.close)
        process_id = self.submit(server.client, {'type': 'stubborn', 'input': 1})['process_id']
        eventually(lambda: self.status(server.client, process_id)['progress'])
        server.client.close()
        begin_stop(server)

        def refused():
            try:
                server.connect(1).close()
                return False
            except OSError:
                return True
        eventually(refused)
        self.assertEqual(admin.get('/healthz').status, 200)
        self.assert_problem(admin.get('/readyz'), 503, reasons=['stopping'])
        self.assertEqual(admin.get('/stats').json['running'], 1)
        self.assertEqual(server.wait(), 0, server.log())


class Timeout(Case):
    def test_the_delay_counts_towards_the_timeout(self):
        server = self.start_server({'SHUTDOWN_DELAY_SECONDS': 1, 'SHUTDOWN_TIMEOUT_SECONDS': 2,
                                    'IO_THREADS': 1})
        connection = server.connect()
        connection.send(b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
                        b'Content-Length: 100\r\n\r\n{"input"')
        eventually(lambda: server.client.get('/stats').json['http']['in_flight'] == 2)
        server.client.close()
        began = begin_stop(server)
        self.assertEqual(server.wait(), 70, server.log())
        self.assertLess(time.monotonic() - began, 4 * PATIENCE)
        connection.socket.close()
