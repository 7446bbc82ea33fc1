"""kill -9 at random moments under load: each round starts on what the rounds before have left."""

import os
import random
import shutil
import subprocess
import tempfile
import threading
import time

from kill_book import Book, Check
from kill_client import KillClient
from polling import PATIENCE, eventually
from redis_process import Redis
from server_process import Server, environment, proctrackd

MODES = ('always', 'everysec', 'no')  # for a kill they are the same: the system has it


class Place:
    """Where the processes are: a data directory, or a Redis of its own."""

    def __init__(self, repository, io_threads=1):
        self.repository, self.io_threads = repository, io_threads
        self.mode = 'always'
        self.directory = tempfile.mkdtemp(prefix='proctrack-test-')
        self.data = os.path.join(self.directory, 'data')
        self.redis = Redis() if repository == 'redis' else None

    def settings(self):
        if self.redis:
            return {'REDIS_URL': self.redis.url, 'REDIS_REQUIRED': 'true',
                    'IO_THREADS': self.io_threads, 'REDIS_COMMAND_TIMEOUT_MS': 60000}
        # One thread for the disk, so that its calls can be counted.
        return {'DATA_DIR': self.data, 'JOURNAL_FSYNC': self.mode, 'UV_THREADPOOL_SIZE': 1}

    def destroy(self):
        if self.redis:
            self.redis.destroy()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()


class Ready:
    """How long starts took, from the program's start until /readyz says 200: in all, and of it on
    the processor, which does not depend on what else runs here."""

    def __init__(self):
        self.seconds, self.cpu_seconds = [], []

    def start(self, place, arguments=()):
        began = time.monotonic()
        server = Server(place.settings(), arguments)
        try:
            eventually(lambda: server.client.get('/readyz').status == 200, interval=0.002)
            self.seconds.append(time.monotonic() - began)
            self.cpu_seconds.append(cpu_seconds(server.process.pid))
        except BaseException:
            server.destroy()
            raise
        return server

    def __str__(self):
        return (f'{len(self.seconds)} starts: ready within'
                f' {sorted(self.seconds)[len(self.seconds) // 2]:.3f} s (median),'
                f' {max(self.seconds):.3f} s (longest), {max(self.cpu_seconds):.3f} s of processor')


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as stat:
        words = stat.read().rpartition(')')[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def end_with_a_kill(server):
    server.kill()
    server.check_sanitizers()
    server.destroy()


def all_there_is(client):
    """The resources by name, those without one by id, and what of it cannot be."""
    found, faults, cursor = {}, [], ''
    while cursor is not None:
        page = client.get(f'/processes?limit=200{cursor}').json
        for one in page['processes']:
            name = (one['metadata'] or {}).get('name', one['process_id'])
            if name in found:
                faults.append(f'{name} is there twice')
            found[name] = one
        cursor = f'&cursor={page["next_cursor"]}' if page['next_cursor'] else None
    stats = client.get('/stats').json
    if stats['total'] != len(found):
        faults.append(f'{stats["total"]} by /stats, {len(found)} are listed')
    for status in ('pending', 'running', 'completed', 'failed', 'canceled'):
        listed = sum(one['status'] == status for one in found.values())
        if stats[status] != listed:
            faults.append(f'{stats[status]} {status} by /stats, {listed} are listed')
    return found, faults


def check_books(server, books, gone_too=False):
    """What is not as it was acknowledged, in words."""
    found, faults = all_there_is(server.client)
    for book in books:
        faults += Check(book, server.client, found).run(gone_too)
    return faults + [f'{name} is there and was never asked for' for name in found]


class Campaign:
    def __init__(self, place, seed, clients=6):
        self.place, self.seed, self.chance = place, seed, random.Random(seed)
        self.books = [Book(f'kind-{number}') for number in range(clients)]
        self.ready = Ready()
        self.kills = self.kills_of_starts = self.snapshots = 0
        self.faults = []

    def run(self, rounds, moment=(5, 120), progress=None):
        """moment: a kill comes when so many calls were answered in its round, and a bit."""
        for number in range(rounds):
            self.place.mode = MODES[number % len(MODES)]
            if number % 5 == 4:
                self.kill_a_start()
            server = self.ready.start(self.place)
            try:
                self.check(server)
                if self.faults:
                    return
                self.load_and_kill(server, self.chance.randint(*moment))
            finally:
                server.destroy()
            if progress:
                progress(number + 1)
        server = self.ready.start(self.place)
        with server:
            self.check(server, gone_too=True)

    def check(self, server, gone_too=False):
        self.faults += check_books(server, self.books, gone_too)

    def acknowledged(self):
        return sum(book.acknowledged for book in self.books)

    def load_and_kill(self, server, calls):
        goal = self.acknowledged() + calls
        clients = [KillClient(server, book, random.Random(self.chance.random()))
                   for book in self.books]
        for client in clients:
            client.start()
        snapshot = None
        if not self.place.redis and self.chance.random() < 0.5:
            snapshot = threading.Thread(target=self.snapshot, args=(server,), daemon=True)
        eventually(lambda: self.acknowledged() >= goal or
                   not all(client.is_alive() for client in clients), interval=0.0005)
        if snapshot:
            snapshot.start()
        time.sleep(self.chance.uniform(0, 0.005))  # any moment will do
        end_with_a_kill(server)
        self.kills += 1
        for thread in clients + ([snapshot] if snapshot else []):
            thread.join(30 * PATIENCE)
        failures = [client.failure for client in clients if client.failure]
        if failures:
            raise failures[0]

    def snapshot(self, server):
        client = server.new_client()
        self.snapshots += KillClient.attempt(lambda: client.post('/admin/snapshot'))
        client.close()

    def kill_a_start(self):
        process = subprocess.Popen([proctrackd(), '--port', '0'],
                                   env=environment(self.place.settings()),
                                   cwd=self.place.directory, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(self.chance.uniform(0, 0.06 * PATIENCE))  # any moment will do
        process.kill()
        process.wait()
        self.kills_of_starts += 1

    def __str__(self):
        there, absent = (sum(getattr(book, what) for book in self.books)
                         for what in ('there', 'absent'))
        return (f'{self.place.repository}: {self.kills} kills under load, {self.kills_of_starts} of'
                f' starts, {self.acknowledged()} calls acknowledged, {there + absent} not: {there}'
                f' of them wholly there, {absent} wholly absent\n{self.ready}\n'
                f'{len(self.faults)} faults')
