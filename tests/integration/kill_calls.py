"""kill -9 at each system call of one thing the server does: strace kills it as it enters the call,
so that all calls before are done, and this one and all after it are not.

One thread is followed at a time: strace counts the calls of each by themselves.
"""

import itertools
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import unittest
from collections import Counter

from kill_book import Book
from kill_campaign import Ready, check_books, end_with_a_kill
from kill_client import KillClient
from polling import PATIENCE
from server_process import environment, proctrackd

CALL = re.compile(r'^(?:(?P<thread>\d+) +)?(?P<name>\w+)\(')
LISTENING = 'listening host='
DISK = ('openat', 'mkdir', 'flock', 'write', 'pwrite64', 'ftruncate', 'fdatasync', 'fsync',
        'close', 'renameat', 'unlinkat')


class Strace:
    """Follows one thread, or with `command` all of a program that it starts."""

    def __init__(self, thread=None, inject=None, command=(), **more):
        program = shutil.which('strace')
        if program is None:
            raise unittest.SkipTest('no strace here')
        self.directory = tempfile.mkdtemp(prefix='proctrack-test-')
        self.output = os.path.join(self.directory, 'calls')
        self.killed = False  # known once it has been stopped
        words = [program, '-I', '2', '-s', '200', '-o', self.output]
        if inject:
            words += [f'--inject={inject[0]}:signal=SIGKILL:when={inject[1]}']
        self.process = subprocess.Popen(
            words + (['-p', str(thread)] if thread else ['-f', *command]), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        if thread:
            line = self.process.stdout.readline()
            if 'attached' not in line:
                self.stop()
                raise unittest.SkipTest(f'strace cannot follow a thread here: {line}')

    def stop(self):
        """The calls there were, see points(), up to the line that the server listens. A thread goes
        on; a program is ended."""
        if self.process.poll() is None:
            self.process.terminate()
        with self.process.stdout as output:
            output.read()  # the program has ended, too
        self.process.wait(20 * PATIENCE)
        try:
            with open(self.output, encoding='utf-8', errors='replace') as file:
                lines = file.read().splitlines()
        finally:
            shutil.rmtree(self.directory, ignore_errors=True)
        self.killed = any('+++ killed by SIGKILL' in line for line in lines)
        return points(itertools.takewhile(lambda line: LISTENING not in line, lines))


def points(lines):
    """Each call as strace is told it: its name, and the how manyth of that name and thread it is.
    Of several threads' only the first is met."""
    counts, found = Counter(), {}
    for call in filter(None, map(CALL.match, lines)):
        counts[call['thread'], call['name']] += 1
        found[call['name'], counts[call['thread'], call['name']]] = True
    return list(found)


class Sweep:
    """What the sweeps share: one server after the other on the same place, and what they found."""

    def __init__(self, place, title, chance=None):
        self.place, self.title, self.arguments = place, title, ()
        self.book = Book('kind')
        self.ready = Ready()
        self.chance = chance or random.Random(0)
        self.points = Counter()  # the calls at which it was killed
        self.survived = 0        # the call did not come this time
        self.faults = []

    def start(self):
        server = self.ready.start(self.place, self.arguments)
        self.faults += check_books(server, [self.book])
        return server

    def chosen(self, calls, wanted, step):
        """Every step-th of those that are wanted, from a random one on; of a thread that writes to
        the disk all."""
        calls = [call for call in calls if not wanted or call[0] in wanted]
        if any(name == 'fdatasync' for name, _ in calls):
            step = 1
        return calls[self.chance.randrange(step):: step]

    def __str__(self):
        at = ', '.join(f'{name} {count}' for name, count in sorted(self.points.items()))
        return (f'{self.title}: {sum(self.points.values())} kills ({at}), {self.survived} times it'
                f' was over before; {self.book.acknowledged} calls acknowledged,'
                f' {self.book.there} not and wholly there, {self.book.absent} not and absent\n'
                f'{self.ready}\n{len(self.faults)} faults')


def lives(server):
    client = server.new_client()
    answered = KillClient.attempt(lambda: client.get('/healthz'))
    client.close()
    return answered


class Threads(Sweep):
    """Of a server that serves: all its threads, one after the other, while action() is done."""

    def run(self, action, wanted=None, step=1):
        """action(client, server), a KillClient; wanted: names of calls, all if none are given."""
        server = None
        try:
            server = self.warm(action)
            count = len(os.listdir(f'/proc/{server.process.pid}/task'))
            for index in range(count):
                for point in self.chosen(self.calls(server, index, action), wanted, step):
                    server = self.kill_at(server, index, point, action)
            end_with_a_kill(server)
            end_with_a_kill(self.start())
        finally:
            if server:
                server.destroy()

    def warm(self, action):
        """What is only done once is done."""
        server = self.start()
        try:
            for _ in range(2):
                self.once(server, action)
        except BaseException:
            server.destroy()
            raise
        return server

    def once(self, server, action):
        client = KillClient(server, self.book, self.chance)
        answered = client.attempt(lambda: action(client, server))
        client.client.close()
        return answered

    @staticmethod
    def thread(server, index):
        """The first thread, then the others as they began."""
        first = server.process.pid
        threads = map(int, os.listdir(f'/proc/{first}/task'))
        return sorted(threads, key=lambda thread: (thread != first, thread))[index]

    def calls(self, server, index, action):
        strace = Strace(self.thread(server, index))
        try:
            self.once(server, action)
        finally:
            calls = strace.stop()
        return calls

    def kill_at(self, server, index, point, action):
        """The server that lives then."""
        strace = Strace(self.thread(server, index), point)
        try:
            self.once(server, action)
        finally:
            strace.stop()
        if lives(server):
            self.survived += 1
            return server
        server.wait()
        self.points[point[0]] += 1
        server.destroy()
        return self.warm(action)


class Starts(Sweep):
    """Of a start on a directory as a kill left it, up to the line that it listens."""

    def __init__(self, place, title, arguments=(), chance=None):
        super().__init__(place, title, chance)
        self.arguments = arguments
        self.template = os.path.join(place.directory, 'template')

    def fill(self, damage):
        """damage(data) makes of a directory what the starts shall find."""
        server = self.start()
        try:
            client = KillClient(server, self.book, self.chance)
            for number in range(20):
                create(client, server)
                if number == 10:
                    client.client.post('/admin/snapshot')
            client.client.close()
            end_with_a_kill(server)
        finally:
            server.destroy()
        damage(self.place.data)
        shutil.copytree(self.place.data, self.template)

    def run(self, wanted=None, step=1):
        calls, _ = self.begin(None)
        if not calls:
            raise unittest.SkipTest('strace cannot follow a program here')
        # The directory is the first that it makes; before it there is nothing of ours.
        for point in self.chosen(calls[calls.index(('mkdir', 1)):], wanted, step):
            _, killed = self.begin(point)
            self.points[point[0]] += killed
            self.survived += not killed  # threads differ
            server = self.start()
            try:
                end_with_a_kill(server)
            finally:
                server.destroy()

    def begin(self, point):
        """Starts on a fresh copy; the calls, and whether it was killed at one. Otherwise it
        is ended soon after it listens."""
        shutil.rmtree(self.place.data)
        shutil.copytree(self.template, self.place.data)
        strace = Strace(inject=point, command=[proctrackd(), '--port', '0', *self.arguments],
                        env=environment(self.place.settings()), cwd=self.place.directory)
        try:
            any(LISTENING in line for line in strace.process.stdout)
        finally:
            calls = strace.stop()
        return calls, strace.killed


def create(client, server):
    """With a key, over a connection of its own."""
    del server
    entry = client.book.new(True)
    answer = client.call('POST', '/analyze', client.book.document(entry), entry.key, (202,))
    entry.id = answer['process_id']
    entry.acknowledge(answer['version'])


def life(client, server):
    """A create, and all that a worker and a client then do."""
    create(client, server)
    for step in (client.claim, client.progress, client.complete, client.remove, client.batch):
        step()


def snapshot(client, server):
    """While it goes on something is written, too."""
    writer = threading.Thread(target=client.attempt, args=(lambda: create(client, server),))
    other = KillClient(server, client.book, client.chance)
    writer.start()
    try:
        other.call('POST', '/admin/snapshot')
    finally:
        writer.join(30 * PATIENCE)
        other.client.close()


def leftovers(data):
    """What a kill while a snapshot is written and one while a line is written leave behind."""
    with open(os.path.join(data, 'snapshot.json.new'), 'wb') as file:
        file.write(b'{"format":"proctrackd snapshot","version":1,')
    with open(last_journal(data), 'ab') as file:
        file.write(b'{"crc":"01234567","seq":99,"changes":[{"proc')


def damage(data):
    """A line between two others."""
    with open(last_journal(data), 'r+b') as file:
        lines = file.read().splitlines(keepends=True)
        lines.insert(3, b'{"crc":"01234567","seq":3,"changes":[]}\n')
        file.seek(0)
        file.writelines(lines)


def last_journal(data):
    names = [name for name in os.listdir(data) if re.match(r'journal\.\d+$', name)]
    return os.path.join(data, max(names, key=lambda name: int(name.partition('.')[2])))
