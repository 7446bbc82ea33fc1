"""Clients of streams that leave at the wrong moment: nothing breaks, and nothing of them stays."""

import signal
import socket
import struct
import unittest

from event_stream import EventStream
from following import on_redis
from harness import eventually
from working import WorkCase, on_each_repository

CLIENTS = 20


def reset(connection):
    """Closes it so that the server is told at once, by RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def hang_up(connection):
    connection.close()


@on_each_repository(WorkCase)
class HangUps:
    settings = {'IO_THREADS': 1}

    def assert_all_freed(self):
        def freed():
            numbers = self.client.get('/stats').json['http']
            self.assertEqual((numbers['connections'], numbers['streams']), (1, 0), numbers)
            return True
        eventually(freed, what='only the one who asks is connected')

    def leave_soon_after_the_begin(self, path, leave, version):
        for _ in range(CLIENTS):
            stream = EventStream(self.server.host, self.server.port, path, version=version)
            self.assertEqual(stream.status, 200)
            leave(stream.socket)
        self.assert_all_freed()

    def test_of_streams_that_have_just_begun(self):
        path = f'/status/{self.make()}'
        for version in ('1.1', '1.0'):
            for leave in (hang_up, reset):
                for one in (path, '/events'):
                    with self.subTest(version=version, leave=leave.__name__, path=one):
                        self.leave_soon_after_the_begin(one, leave, version)


@on_redis
class WhileRedisIsAsked:
    settings = {'IO_THREADS': 1, 'REDIS_COMMAND_TIMEOUT_MS': 60000}

    def ask(self, path):
        connection = socket.create_connection((self.server.host, self.server.port))
        connection.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\n'
                           'Accept: text/event-stream\r\n\r\n'.encode())
        return connection

    def test_streams_whose_client_resets(self):
        ids = self.make_many(2)
        for path in (f'/status/{ids[0]}', f'/status?ids={",".join(ids)}'):
            with self.subTest(path=path):
                self.redis.process.send_signal(signal.SIGSTOP)
                try:
                    asking = [self.ask(path) for _ in range(CLIENTS)]
                    # The loop has read what came before this.
                    self.assertEqual(self.client.get('/healthz').status, 200)
                    for connection in asking:
                        reset(connection)
                finally:
                    self.redis.process.send_signal(signal.SIGCONT)
                self.assertEqual(self.status(self.client, ids[0])['status'], 'pending')

                def freed():
                    return self.client.get('/stats').json['http']['connections'] == 1
                eventually(freed, what='only the one who asks is connected')


if __name__ == '__main__':
    unittest.main()
