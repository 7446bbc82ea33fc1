"""Waiting for a process over HTTP: long polls in threads, streams, and how many wait."""

import threading
import time

from event_stream import EventStream
from harness import Redis, eventually
from working import WorkCase, on_each_repository

__all__ = ['FollowCase', 'LONG', 'on_each_repository', 'on_redis']

LONG = 60  # seconds; what waits so long would be told from what is answered at once


class Waiting(threading.Thread):
    """A GET in a thread of its own; answer() waits for its answer, seconds is how long it took."""

    def __init__(self, server, path, headers=None):
        super().__init__(daemon=True)
        self.client = server.new_client(timeout=2 * LONG)
        self.path, self.headers = path, headers
        self._answer = self._failure = self.seconds = None
        self.start()

    def run(self):
        began = time.monotonic()
        try:
            self._answer = self.client.get(self.path, self.headers)
        except OSError as failure:
            self._failure = failure
        self.seconds = time.monotonic() - began

    def answer(self, patience=LONG / 2):
        self.join(patience)
        if self.is_alive():
            raise AssertionError(f'{self.path} still waits')
        self.client.close()
        if self._failure is not None:
            raise self._failure
        return self._answer


class FollowCase(WorkCase):
    settings = {'IO_THREADS': 1}  # so that one loop counts all who wait

    def waiting(self, server=None):
        """How many wait, and how many of these are streams."""
        numbers = (server or self.server).client.get('/stats').json['http']
        return numbers['waiting'], numbers['streams']

    def wait_until_waiting(self, count, streams=None, server=None):
        def reached():
            found = self.waiting(server)
            return found[0] == count and streams in (None, found[1])
        eventually(reached, what=f'{count} wait, {streams} of them streams')

    def park(self, process_id, query='', headers=None, server=None, wait=LONG):
        """A long poll, once it waits beside the others that do."""
        server = server or self.server
        before = self.waiting(server)[0]
        parked = Waiting(server, f'/status/{process_id}?wait={wait}{query}', headers)
        self.wait_until_waiting(before + 1, server=server)
        return parked

    def stream(self, path, headers=None, server=None, **more):
        server = server or self.server
        stream = EventStream(server.host, server.port, path, headers, **more)
        self.addCleanup(stream.close)
        return stream

    def follow(self, process_id, query='', **more):
        stream = self.stream(f'/status/{process_id}{query}', **more)
        self.assertEqual(stream.status, 200, stream.headers)
        return stream

    def run_to_end(self, kind='a'):
        """Claims and completes one; it has version 3 then."""
        process = self.claim_one(kind)
        self.say(process, 'complete', result={'ok': True})
        return process


def on_redis(cases):
    """Class decorator: for tests that need a Redis which they can reach into."""
    class OnRedis(cases, FollowCase):
        def all_settings(self):
            self.redis = self.start_redis(*getattr(self, 'redis_options', ()))
            return {'RETRY_BASE_MS': 1, 'REDIS_URL': self.redis.url, **self.settings}

        def start_redis(self, *options, **more):
            redis = Redis(*options, **more)
            self.addCleanup(redis.destroy)
            return redis

    OnRedis.__name__ = OnRedis.__qualname__ = f'{cases.__name__}_redis'
    OnRedis.__module__ = cases.__module__
    return OnRedis
