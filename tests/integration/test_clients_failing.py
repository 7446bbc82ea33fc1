"""Clients that flood, stall, dribble or leave anywhere: the others are served, nothing stays."""

import os
import resource
import socket
import struct
import threading
import time

from harness import PATIENCE, Case, SharedServerCase, eventually

GET = b'GET /version HTTP/1.1\r\nHost: h\r\n\r\n'
HEALTH = b'GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n'
BODY = b'{"type":"x","input":[1,2,3],"metadata":{"a":"b"}}'
POST = (b'POST /analyze HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
        b'Content-Length: %d\r\n\r\n%s' % (len(BODY), BODY))


def reset(connection):
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def open_files(server):
    return len(os.listdir(f'/proc/{server.process.pid}/fd'))


class Failing(Case):
    def hold(self, server, data, count):
        """Connections that stay open until the test ends, each having sent the data."""
        connections = [server.connect(60) for _ in range(count)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.send(data)
        return connections

    def wait_until_free(self, server):
        def free():
            answer = server.client.get('/stats')
            return answer.status == 200 and answer.json['http']['connections'] == 1
        eventually(free, what='only the one who asks is connected')


class Floods(Failing):
    def test_beyond_the_limit_each_is_told_at_once(self):
        server = self.start_server({'MAX_CONNECTIONS': 20, 'IO_THREADS': 1})
        held = self.hold(server, HEALTH, 20)
        for connection in held:
            self.assertEqual(connection.read_answer().status, 200)
        for data in (GET, POST, HEALTH, b''):
            for _ in range(50):
                with server.connect() as connection:
                    connection.send(data)
                    answer = connection.read_answer()
                    self.assert_problem(answer, 503, type='/problems/overloaded')
                    self.assertEqual(answer.header('Retry-After'), '1')
                    self.assertEqual(answer.header('Connection').lower(), 'close')
                    self.assertTrue(connection.is_closed_by_peer())
        held[0].send(HEALTH)
        self.assertEqual(held[0].read_answer().status, 200, 'those who were there are served')
        for connection in held:
            connection.close()
        self.wait_until_free(server)
        self.assertGreaterEqual(server.client.get('/stats').json['http']['refused'], 200)

    def test_those_refused_who_stay_are_bounded(self):
        server = self.start_server({'MAX_CONNECTIONS': 20, 'IO_THREADS': 1})
        before = open_files(server)
        self.hold(server, b'', 600)
        held = before + 20
        eventually(lambda: open_files(server) <= held, what='those refused are given up')

    def test_without_descriptors_it_goes_on_later(self):
        server = self.start_server({'IO_THREADS': 1})
        limit = open_files(server) + 10
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        held = self.hold(server, GET, 30)
        self.assertEqual(held[0].read_answer().status, 200)
        server.wait_for_line('cannot accept connections for a moment')
        for connection in held:
            connection.close()
        eventually(lambda: server.client.get('/version').status == 200, what='it accepts again')
        self.assertEqual(server.log().count('cannot accept connections'), 1, 'it was said once')


class Stalling(Failing):
    COUNT = 10

    def dribble(self, stop, connections, byte):
        while not stop.wait(0.05):
            for connection in connections:
                connection.send(byte)

    def sip(self, stop, connections):
        while not stop.wait(0.05):
            for connection in connections:
                try:
                    connection.socket.recv(1)
                except OSError:
                    pass

    def test_slow_headers_bodies_and_readers_at_a_time(self):
        server = self.start_server({'IO_THREADS': 1, 'HEADER_TIMEOUT_SECONDS': 1,
                                    'BODY_TIMEOUT_SECONDS': 1, 'WRITE_TIMEOUT_SECONDS': 1})
        count = self.COUNT
        headers = self.hold(server, b'GET / HTTP/1.1\r\nX: ', count)
        bodies = self.hold(server, POST[:-len(BODY)] + b'{', count)
        readers = self.hold(server, b'GET /openapi.json HTTP/1.1\r\nHost: h\r\n\r\n' * 200, count)
        idle = self.hold(server, b'', count)
        stop = threading.Event()
        threads = [threading.Thread(target=self.dribble, args=(stop, headers, b'x')),
                   threading.Thread(target=self.dribble, args=(stop, bodies, b' ')),
                   threading.Thread(target=self.sip, args=(stop, readers))]
        for thread in threads:
            thread.start()
        try:
            slowest = 0

            def free():
                nonlocal slowest
                began = time.monotonic()
                numbers = server.client.get('/stats').json['http']
                slowest = max(slowest, time.monotonic() - began)
                return numbers['connections'] == 1
            eventually(free, what='all of them were closed')
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        self.assertLess(slowest, 1 * PATIENCE)
        self.assertEqual(server.client.get('/stats').json['total'], 0)
        for connection in idle:
            self.assertTrue(connection.is_closed_by_peer())

    @staticmethod
    def idle_count():
        """Ten thousand, or what the limit on open files allows; the server inherits that limit."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        if PATIENCE > 1:
            return 1_000
        return 10_000 if hard == resource.RLIM_INFINITY else min(10_000, hard * 8 // 10 - 1_000)

    def test_idle_connections_cost_little(self):
        count = self.idle_count()
        server = self.start_server({'IO_THREADS': 1})
        before = self.resident(server)
        held = self.hold(server, HEALTH, count)
        for connection in held:
            self.assertEqual(connection.read_answer().status, 200)
        each = (self.resident(server) - before) / count
        print(f'{count} idle connections: {each / 1024:.1f} KiB each')
        if PATIENCE == 1:  # sanitizers take memory of their own
            self.assertLess(each, 32 * 1024, 'bytes of memory for an idle connection')
        numbers = server.client.get('/stats').json['http']
        self.assertEqual((numbers['connections'], numbers['refused']), (count + 1, 0))
        for connection in held[::count // 100]:
            connection.send(POST)
            self.assertEqual(connection.read_answer().status, 202, 'each can be used again')
        for connection in held:
            connection.close()
        self.wait_until_free(server)

    @staticmethod
    def resident(server):
        with open(f'/proc/{server.process.pid}/statm', encoding='ascii') as statm:
            return int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE')


class Cut(Failing):
    def test_requests_cut_at_any_byte(self):
        server = self.start_server({'IO_THREADS': 1})
        for leave in (lambda connection: connection.close(), reset,
                      lambda connection: connection.finish_sending()):
            for cut in range(len(POST)):
                connection = server.connect()
                self.addCleanup(connection.close)
                connection.send(POST[:cut])
                leave(connection)
        self.wait_until_free(server)
        numbers = server.client.get('/stats').json
        self.assertEqual(numbers['total'], 0, 'half a request has done nothing')
        self.assertEqual(numbers['http']['in_flight'], 1)

    def test_answers_cut_at_any_moment(self):
        server = self.start_server({'IO_THREADS': 1})
        for _ in range(100):
            with server.connect() as connection:
                connection.send(GET * 20)
                connection.socket.recv(100)
                reset(connection)
        self.wait_until_free(server)


class Pipelined(SharedServerCase):
    settings = {'IO_THREADS': 1}

    def make(self, count):
        document = {'processes': [{'type': 'x', 'input': i} for i in range(count)]}
        answer = self.client.post('/analyze/batch', document)
        self.assertEqual(answer.status, 202, answer)
        return [item['process_id'] for item in answer.json['processes']]

    def test_a_thousand_requests_are_answered_in_order(self):
        ids = self.make(500)
        messages = []
        for process_id in ids:
            messages.append(f'GET /status/{process_id} HTTP/1.1\r\nHost: h\r\n\r\n'.encode())
            messages.append(POST)
        with self.server.connect(60) as connection:
            sender = threading.Thread(target=connection.send, args=(b''.join(messages),))
            sender.start()
            for process_id in ids:
                answer = connection.read_answer()
                self.assertEqual((answer.status, answer.json['process_id']), (200, process_id))
                self.assertEqual(connection.read_answer().status, 202)
            sender.join()
            connection.send(HEALTH)
            self.assertEqual(connection.read_answer().status, 200, 'and nothing more')

    def test_half_closed_after_many(self):
        with self.server.connect(60) as connection:
            connection.send(GET * 100)
            connection.finish_sending()
            for _ in range(100):
                self.assertEqual(connection.read_answer().status, 200)
            self.assertTrue(connection.is_closed_by_peer())

    def test_a_half_closed_long_poll_is_over_at_once(self):
        (process_id,) = self.make(1)
        with self.server.connect(60) as connection:
            connection.send(f'GET /status/{process_id}?wait=60 HTTP/1.1\r\nHost: h\r\n\r\n'.encode())
            connection.finish_sending()
            connection.read_to_end()
        self.assertEqual(self.client.get('/stats').json['http']['waiting'], 0)

    def test_a_half_closed_creation_is_carried_out(self):
        before = self.client.get('/stats').json['total']
        with self.server.connect() as connection:
            connection.send(POST)
            connection.finish_sending()
            connection.read_to_end()  # an answer that comes at once, or nothing
        self.assertEqual(self.client.get('/stats').json['total'], before + 1)
