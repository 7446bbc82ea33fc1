"""What the integration tests stand on: base classes with a real server and a real Redis.

Every class cleans up after itself, binds only loopback ports that the kernel chose, and leaves
nothing behind. Tests wait for events with eventually(), never for a time.
"""

import json
import os
import sys
import tempfile
import unittest

from polling import PATIENCE, eventually
from redis_process import Redis
from server_process import Server, run_once, text_stats

__all__ = ['PATIENCE', 'Case', 'Redis', 'Server', 'SharedServerCase', 'eventually',
           'on_each_repository', 'run_once', 'text_stats', 'unpaced', 'Analyzers', 'UNKNOWN_ID']

UNKNOWN_ID = '00000000-0000-4000-8000-000000000000'
FINAL = ('completed', 'failed', 'canceled')

# Reports progress, then waits at its gate for an order, so that a test decides when it goes on.
GATED = r'''#!/bin/sh
gate="${0%/*}/$PROCESS_ID"
rm -f "$gate"
mkfifo "$gate"
echo '{"percent": 40, "message": "half way", "step": 2, "steps": 5}' >&3
read -r order <"$gate"
case $order in
ok) printf '{"attempt": %s}' "$PROCESS_ATTEMPT" ;;
fail) echo "it broke in attempt $PROCESS_ATTEMPT" >&2; exit 3 ;;
esac
'''


def unpaced(resource):
    """Without what says when to ask again: that differs from one answer to the next."""
    return {name: value for name, value in resource.items()
            if name not in ('retry_after_ms', 'eta')}


def framing_is_the_librarys(client):
    """From 1.0 on libmicrohttpd refuses much of it itself, with 400 and a page of its own."""
    return not client.get('/version').json['libraries']['libmicrohttpd'].startswith('0.')


class Analyzers:
    """Analyzer scripts in a directory of their own; arguments() goes on the command line."""

    def __init__(self, directory):
        self.directory = directory
        self.definitions = []

    def add(self, name, script):
        path = os.path.join(self.directory, name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(script)
        os.chmod(path, 0o755)
        self.definitions.append(f'{name}={path}')
        return self

    def add_gated(self, name='gated'):
        return self.add(name, GATED)

    def order(self, process_id, word):
        """Tells a gated run what to do, once it waits at its gate."""
        def give():
            try:
                gate = os.open(os.path.join(self.directory, process_id),
                               os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                return False
            with open(gate, 'w', encoding='utf-8') as file:
                file.write(word + '\n')
            return True
        eventually(give, what=f'{process_id} waits at its gate')

    def arguments(self):
        return [word for definition in self.definitions for word in ('--analyzer', definition)]


class Case(unittest.TestCase):
    """Starts what a test asks for and ends it afterwards; the server must end cleanly."""

    def directory(self):
        holder = tempfile.TemporaryDirectory(prefix='proctrack-test-')
        self.addCleanup(holder.cleanup)
        return holder.name

    def start_server(self, settings=None, arguments=(), within=(), inherited=()):
        server = Server(settings, arguments, within, inherited)
        self.addCleanup(server.destroy)
        self.addCleanup(self._end_server, server)
        return server

    @staticmethod
    def _end_server(server):
        if server.process.poll() is None:
            server.stop()
        server.check_sanitizers()

    def start_redis(self, *options, **more):
        redis = Redis(*options, **more)
        self.addCleanup(redis.destroy)
        return redis

    def submit(self, client, document, headers=None):
        """POST /analyze that must be accepted; the resource."""
        answer = client.post('/analyze', document, headers)
        self.assertEqual(answer.status, 202, answer)
        return answer.json

    def status(self, client, process_id):
        answer = client.get(f'/status/{process_id}')
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def wait_for_status(self, client, process_id, *statuses, timeout=20.0):
        """Polls until the process has one of the statuses (default: a final one)."""
        statuses = statuses or FINAL
        last = {}

        def reached():
            last.update(self.status(client, process_id))
            return last['status'] in statuses
        eventually(reached, timeout, what=f'{process_id} becomes {statuses}, now {last}')
        return last

    def assert_problem(self, answer, status, **members):
        """An RFC 9457 problem document of ours, holding these members as well."""
        self.assertEqual(answer.status, status, answer)
        media_type = answer.header('Content-Type') or ''
        self.assertEqual(media_type.split(';')[0], 'application/problem+json', answer)
        problem = json.loads(answer.body)
        self.assertEqual(problem['status'], status, problem)
        for member in ('type', 'title', 'detail'):
            self.assertIsInstance(problem[member], str, problem)
            self.assertTrue(problem[member], problem)
        for member, value in members.items():
            self.assertEqual(problem[member], value, problem)
        return problem


class SharedServerCase(Case):
    """One server for all tests of the class: for those that leave it as they found it."""

    repository = 'memory'
    settings = {}
    redis = server = client = None

    @classmethod
    def arguments(cls):
        return []

    @classmethod
    def setUpClass(cls):
        settings = dict(cls.settings)
        if cls.repository == 'redis':
            cls.redis = Redis()
            cls.addClassCleanup(cls.redis.destroy)
            settings['REDIS_URL'] = cls.redis.url
        cls.server = Server(settings, cls.arguments())
        cls.addClassCleanup(cls.server.destroy)
        cls.addClassCleanup(cls._end_server, cls.server)
        cls.client = cls.server.client


def on_each_repository(base=SharedServerCase):
    """Class decorator: the plain class's tests run once on memory and once on Redis."""
    def make(cases):
        module = sys.modules[cases.__module__]
        for name in ('memory', 'redis'):
            title = f'{cases.__name__}_{name}'
            members = {'repository': name, '__module__': cases.__module__}
            setattr(module, title, type(title, (cases, base), members))
        return cases
    return make
