"""A real proctrackd, started in its own temporary directory."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from http_client import Client
from http_raw import RawConnection
from polling import PATIENCE, eventually

LISTENING = re.compile(r'listening\b.*\bport"?[=:](\d+)')
FOR_OPERATORS = re.compile(r'for operators\b.*\bport"?[=:](\d+)')
SANITIZER = re.compile(r'(AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:).*')
PASSED_ON = re.compile(r'(PATH|HOME|TMPDIR|LD_LIBRARY_PATH|[A-Z]+SAN_OPTIONS)$')
# ThreadSanitizer sometimes loses a signal that arrives while a program runs: libuv's handler is then
# never called. One that arrives while it waits is safe.
SIGNALS_GET_LOST = 'PROCTRACK_TEST_SIGNALS_GET_LOST' in os.environ


def program(variable, default):
    """Path of a built program: meson gives it in the environment."""
    path = os.environ.get(variable)
    if path:
        return path
    build = os.environ.get('PROCTRACK_BUILD')
    if not build:
        raise RuntimeError(f'{variable} must hold the path of {default}'
                           ' (or PROCTRACK_BUILD that of the build directory)')
    for directory, _, files in os.walk(build):
        if default in files:
            return os.path.join(directory, default)
    raise RuntimeError(f'no {default} in {build}')


def proctrackd():
    return program('PROCTRACKD', 'proctrackd')


def text_stats():
    return program('PROCTRACK_TEXT_STATS', 'proctrack-text-stats')


def environment(settings):
    """Ours without any setting of the service, plus the given ones. Tests read the log as people
    do, unless they ask for another form."""
    passed_on = {name: value for name, value in os.environ.items() if PASSED_ON.match(name)}
    passed_on['LOG_FORMAT'] = 'text'
    passed_on.update({name: str(value) for name, value in settings.items()})
    return passed_on


def run_once(arguments=(), settings=None, timeout=30):
    """Runs proctrackd to its end: for --help, --check-config and wrong configuration."""
    with tempfile.TemporaryDirectory(prefix='proctrack-test-') as directory:
        return subprocess.run([proctrackd(), *arguments], env=environment(settings or {}),
                              cwd=directory, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout * PATIENCE, check=False)


class Server:
    """Starts proctrackd and waits until it listens.

    settings are environment variables; arguments are added to the command line. Unless DATA_DIR
    says otherwise it stores in its own directory, which goes with it; and unless
    STORAGE_FULL_PERCENT does, however full this machine's disk is. The output is collected by a
    thread of its own, so that a full pipe can never stop the server. `within` is a command that
    becomes the one given to it, as nsenter does; it gets the `inherited` descriptors.
    """

    def __init__(self, settings=None, arguments=(), within=(), inherited=()):
        self.directory = tempfile.mkdtemp(prefix='proctrack-test-')
        settings = {'HOST': '127.0.0.1', 'PORT': '0', 'STORAGE_FULL_PERCENT': '0',
                    **(settings or {})}
        self.host = settings['HOST']
        self.lines = []
        self.port = None
        self._changed = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [*within, proctrackd(), *arguments], env=environment(settings), cwd=self.directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=inherited)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.port = int(self.wait_for_line(LISTENING).group(1))
        except AssertionError:
            self.destroy()
            raise
        self.client = Client(self.host, self.port)

    def _read(self):
        with self.process.stdout as output:
            for line in output:
                with self._changed:
                    self.lines.append(line.decode('utf-8', 'backslashreplace').rstrip('\n'))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_line(self, pattern, timeout=20.0, start=0):
        """The match of the first line from number `start` on that holds the pattern."""
        deadline = time.monotonic() + timeout * PATIENCE
        pattern = re.compile(pattern)
        with self._changed:
            while True:
                for line in self.lines[start:]:
                    match = pattern.search(line)
                    if match:
                        return match
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    raise AssertionError(f'no line with {pattern.pattern!r} in:\n{self.log()}')
                self._changed.wait(left)

    def log(self):
        with self._changed:
            return '\n'.join(self.lines)

    def connect(self, timeout=10.0):
        return RawConnection(self.host, self.port, timeout)

    def admin_client(self, timeout=30.0):
        """Of ADMIN_PORT, which is told before the other."""
        return Client(self.host, int(self.wait_for_line(FOR_OPERATORS).group(1)), timeout)

    def new_client(self, timeout=30.0):
        """A client with a connection of its own, for another thread."""
        return Client(self.host, self.port, timeout)

    def signal(self, number):
        if SIGNALS_GET_LOST:
            eventually(self._is_asleep, what='the server waits for events')
        self.process.send_signal(number)

    def _is_asleep(self):
        with open(f'/proc/{self.process.pid}/stat', encoding='ascii') as stat:
            return stat.read().rpartition(')')[2].split()[0] not in 'RD'

    def wait(self, timeout=30.0):
        """Waits for the end; the exit status, negative for a signal."""
        try:
            status = self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f'still running after {timeout} s:\n{self.log()}') from None
        self._reader.join(10)
        return status

    def stop(self):
        """SIGTERM; it must end cleanly."""
        self.client.close()
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        self.check_sanitizers()
        if status != 0:
            raise AssertionError(f'exit status {status} after SIGTERM:\n{self.log()}')

    def kill(self):
        self.client.close()
        self.process.kill()
        self.wait()

    def check_sanitizers(self):
        found = SANITIZER.search(self.log())
        if found:
            raise AssertionError(f'{found.group(0)}\n{self.log()}')

    def destroy(self):
        """Whatever happened: nothing is left behind."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(10)
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        try:
            if kind is None and self.process.poll() is None:
                self.stop()
        finally:
            self.destroy()
