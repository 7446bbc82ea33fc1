"""A real redis-server on a unix socket and on a free port, in its own temporary directory: as we
recommend it, with redis.conf and the user of users.acl, as whom the service logs in. Tests look and
meddle as the default user, who may do everything."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from polling import PATIENCE, eventually


DEPLOY = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'deploy', 'redis')
CONF = os.path.join(DEPLOY, 'redis.conf')
ACL = os.path.join(DEPLOY, 'users.acl')
USER, PASSWORD = 'proctrack', 'only-what-it-needs'
LOGIN = f'{USER}:{PASSWORD}@'  # of a URL


def user_rules(prefix=''):
    """What users.acl says the service may do, as words, after its password; with a REDIS_KEY_PREFIX
    changed as README.md says."""
    with open(ACL, encoding='ascii') as file:
        (line,) = re.findall(rf'^user {USER} on #\w+ (.*)$', file.read(), re.MULTILINE)
    return [adapted(word, prefix) for word in line.split()]


def adapted(rule, prefix):
    if not rule.startswith(('~process', '&process')):
        return rule
    return rule[0] + re.sub(r'([*?\[\]\\])', r'\\\1', prefix) + rule[1:]


class RedisError(Exception):
    pass


class RedisConnection:
    """Just enough of RESP2 to look at what the service stored."""

    def __init__(self, path, password=None, timeout=20.0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self._stream = self.socket.makefile('rb')
        if password is not None:
            self.command('AUTH', password)

    def command(self, *words):
        parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        self.socket.sendall(b'*%d\r\n' % len(parts) +
                            b''.join(b'$%d\r\n%s\r\n' % (len(part), part) for part in parts))
        return self._reply()

    def _reply(self):
        line = self._stream.readline()
        if not line.endswith(b'\r\n'):
            raise ConnectionError('redis closed the connection')
        kind, rest = line[:1], line[1:-2]
        if kind == b'+':
            return rest.decode()
        if kind == b'-':
            raise RedisError(rest.decode())
        if kind == b':':
            return int(rest)
        if kind == b'$':
            return None if rest == b'-1' else self._stream.read(int(rest) + 2)[:-2]
        return None if rest == b'-1' else [self._reply() for _ in range(int(rest))]

    def close(self):
        self._stream.close()
        self.socket.close()


FIRST_PORT, PORTS = 10000, 20000
numbers = itertools.count(16 * os.getpid())


def free_port():
    """For what cannot choose one itself, or is to come back on it: not one of those that the kernel
    gives to connections (ip_local_port_range), which would take it meanwhile. Processes begin at
    numbers of their own; a race that is lost all the same ends in a retry."""
    while True:
        port = FIRST_PORT + next(numbers) % PORTS
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(('127.0.0.1', port))
            return port


class Redis:
    """options are words of the command line, such as '--appendonly', 'yes'; before: what the whole
    line is given to."""

    def __init__(self, *options, password=None, before=()):
        self.binary = shutil.which(os.environ.get('REDIS_SERVER', 'redis-server'))
        if self.binary is None:
            raise unittest.SkipTest('no redis-server here')
        self.directory = tempfile.mkdtemp(prefix='proctrack-redis-')
        self.path = os.path.join(self.directory, 's')
        self.options, self.password, self.before = options, password, before
        self.process = self._connection = self.port = None
        try:
            self.start()
        except BaseException:
            self.destroy()
            raise

    def start(self):
        """Also after stop() or kill(): the same port, the same data directory."""
        fixed = self.port is not None
        for _ in range(1 if fixed else 5):
            self.port = self.port if fixed else free_port()
            # A copy, as sentinels have it rewritten.
            conf = shutil.copy(CONF, os.path.join(self.directory, 'conf'))
            words = [self.binary, conf, '--bind', '127.0.0.1', '--port', str(self.port),
                     '--unixsocket', self.path, '--dir', self.directory, '--daemonize', 'no',
                     '--appendonly', 'no', '--user', USER, 'on', f'>{PASSWORD}', *user_rules()]
            if self.password is not None:
                words += ['--requirepass', self.password]
            with open(os.path.join(self.directory, 'log'), 'ab') as log:
                self.process = subprocess.Popen(
                    [*self.before, *words, *self.options], cwd=self.directory,
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if self.wait_until_ready():
                return
        raise AssertionError('redis-server does not start:\n' + self.log())

    def wait_until_ready(self):
        """Whether it answers, if only that a login is needed; false once it has ended."""
        def answers():
            if self.process.poll() is not None:
                return 'ended'
            try:
                return self.command('PING') == 'PONG'
            except RedisError as error:
                return not str(error).startswith('LOADING')
            except OSError:
                return False
        return eventually(answers, what='redis-server answers PING') is True

    def log(self):
        with open(os.path.join(self.directory, 'log'), encoding='utf-8', errors='replace') as log:
            return log.read()

    def command(self, *words):
        """Binary replies come as bytes."""
        try:
            if self._connection is None:
                self._connection = RedisConnection(self.path, self.password)
            return self._connection.command(*words)
        except OSError:
            self._forget_connection()
            raise

    def texts(self, *words):
        """The reply's list as text."""
        return [item.decode() for item in self.command(*words)]

    def keys(self):
        """All keys with their types."""
        return {key: self.command('TYPE', key) for key in self.texts('KEYS', '*')}

    def hash(self, key):
        words = self.texts('HGETALL', key)
        return dict(zip(words[::2], words[1::2]))

    def add_user(self, name, password, *rules, prefix=''):
        """One that may do what the service may, as changed by the rules."""
        self.command('ACL', 'SETUSER', name, 'reset', 'on', f'>{password}', *user_rules(prefix),
                     *rules)

    def allow_prefixes(self, *prefixes):
        """The service may also use these in front of every key."""
        for prefix in prefixes:
            rules = [rule for rule in user_rules(prefix) if rule[0] in '~&']
            self.command('ACL', 'SETUSER', USER, *rules)

    @property
    def url(self):
        """With the user of users.acl."""
        return f'unix://{LOGIN}{self.path}'

    @property
    def tcp_url(self):
        return f'redis://{LOGIN}127.0.0.1:{self.port}/0'

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def _forget_connection(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def kill(self):
        self._forget_connection()
        self.process.kill()
        self.process.wait(10)

    def stop(self):
        self._forget_connection()
        self.process.terminate()
        self.process.wait(20 * PATIENCE)

    def destroy(self):
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._forget_connection()
        shutil.rmtree(self.directory, ignore_errors=True)
