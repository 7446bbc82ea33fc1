"""Every way in which Redis fails while the service runs on it, under load: what each kind of
request is told and when, that all is well soon afterwards, and that nothing acknowledged is lost,
doubled or given to somebody else."""

import os
import shutil
import subprocess
import threading
import time

from acknowledged import Writers
from harness import Case, PATIENCE, eventually
from redis_process import (LOGIN, PASSWORD, USER, Redis, RedisConnection, RedisError,
                           free_port)

COMMAND_TIMEOUT_MS = 400
IN_TIME_MS = COMMAND_TIMEOUT_MS + 100
BACK_WITHIN_S = 2
READS = 'read'
WRITES = 'write'
NOTHING = 'nothing' # would write, but finds nothing to do


def requests(known, claimed):
    """(what it does, call, ms that it may wait besides) for every kind of request that asks the
    repository."""
    token = {'lease_token': claimed['lease_token']}
    held = f'/processes/{claimed["process_id"]}'
    item = {'type': 'other', 'input': 1}
    idle = {'types': ['none'], 'worker': 'w'}
    return [
        (READS, lambda c: c.get(f'/status/{known[0]}')),
        (READS, lambda c: c.get(f'/status/{known[1]}?wait=1'), 1000),
        (READS, lambda c: c.get(f'/status?ids={",".join(known)}')),
        (READS, lambda c: c.get(f'/result/{known[0]}')),
        (READS, lambda c: c.get('/processes')),
        (READS, lambda c: c.get(f'/processes/{known[0]}/events')),
        (READS, lambda c: c.get('/groups/g')),
        (READS, lambda c: c.get('/types')),
        (READS, lambda c: c.get('/workers')),
        (READS, lambda c: c.get('/stats')),
        (WRITES, lambda c: c.post('/analyze', item)),
        (WRITES, lambda c: c.post('/analyze', item, {'Idempotency-Key': 'a key'})),
        (WRITES, lambda c: c.post('/analyze', item, {'Prefer': 'wait=1'}), 1000),
        (WRITES, lambda c: c.post('/analyze/batch', {'processes': [item, item]})),
        (NOTHING, lambda c: c.delete('/cleanup')),
        (NOTHING, lambda c: c.post('/claim', idle)),
        (NOTHING, lambda c: c.post('/claim', {**idle, 'wait_seconds': 1}), 1000),
        (WRITES, lambda c: c.post(f'{held}/heartbeat', token)),
        (WRITES, lambda c: c.post(f'{held}/progress', {**token, 'percent': 1})),
        (WRITES, lambda c: c.post(f'{held}/complete', {**token, 'result': 1})),
        (WRITES, lambda c: c.post(f'{held}/fail', {**token, 'code': 'x'})),
        (WRITES, lambda c: c.post(f'{held}/release', token)),
        (WRITES, lambda c: c.post(f'/processes/{known[2]}/cancel')),
        (NOTHING, lambda c: c.post(f'/processes/{known[2]}/retry')),
        (NOTHING, lambda c: c.delete(f'/processes/{known[2]}')),
        (NOTHING, lambda c: c.post('/processes/cancel?status=pending&type=none')),
        (NOTHING, lambda c: c.post('/processes/retry?status=failed&type=none')),
        (WRITES, lambda c: c.post('/types/none/pause')),
        (WRITES, lambda c: c.post('/types/none/resume')),
    ]


def resident_kib(process):
    with open(f'/proc/{process.pid}/statm', encoding='ascii') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') // 1024


class Asked(threading.Thread):
    """One request, at the same time as all others."""

    def __init__(self, server, begin, kind, call, waits_ms=0):
        super().__init__(daemon=True)
        self.client = server.new_client(20)
        self.client.get('/healthz') # the connection is there
        self.begin, self.kind, self.call, self.waits_ms = begin, kind, call, waits_ms
        self.answer = self.took_ms = None

    def run(self):
        self.begin.wait()
        began = time.monotonic()
        self.answer = self.call(self.client)
        self.took_ms = (time.monotonic() - began) * 1000
        self.client.close()


class FaultCase(Case):
    redis_options = ('--appendonly', 'yes', '--appendfsync', 'always')
    refusals = (503,)     # that a request may get while Redis fails
    done = ()             # what goes on meanwhile: READS, WRITES
    read_on = False       # until it is noticed: what needs no write is decided

    def setUp(self):
        self.redis = self.start_redis(*self.redis_options)
        self.start(self.redis.url)

    def start(self, url):
        self.server = self.start_server({'REDIS_URL': url, 'REDIS_REQUIRED': 'true',
                                         'IO_THREADS': 2,
                                         'REDIS_COMMAND_TIMEOUT_MS': COMMAND_TIMEOUT_MS})
        self.client = self.server.client
        self.known = [self.submit(self.client, {'type': 'other', 'input': 1, 'group': 'g'})
                      ['process_id'] for _ in range(3)]
        self.submit(self.client, {'type': 'claimed', 'input': 1})
        self.claimed = self.client.post('/claim', {'types': ['claimed'], 'worker': 'w'}
                                        ).json['processes'][0]
        self.writers = Writers(self.server)
        self.addCleanup(self.writers.stop)
        self.writers.wait_for(10)

    def ask_all(self, cause):
        """Each kind of request at the moment of the cause; then each once more."""
        for again in (False, True):
            begin = threading.Event()
            asked = [Asked(self.server, begin, *one) for one in requests(self.known, self.claimed)]
            for one in asked:
                one.start()
            alive = Asked(self.server, begin, None, lambda client: client.get('/healthz'))
            alive.start()
            if not again:
                cause()
            begin.set()
            for one in (*asked, alive):
                one.join(30)
            self.assertEqual(alive.answer.status, 200, 'liveness does not depend on Redis')
            for one in asked:
                self.check_answer(one, alive.took_ms)

    def check_answer(self, one, busy_ms):
        """busy_ms: what took longer only because this machine has much to do."""
        self.assertIsNotNone(one.answer, 'it was never answered')
        if one.answer.status in self.refusals:
            self.assert_problem(one.answer, one.answer.status)
            self.assertRegex(one.answer.header('Retry-After'), r'^[1-9]\d*$')
            in_time_ms = one.waits_ms + (IN_TIME_MS + busy_ms) * PATIENCE
            self.assertLess(one.took_ms, in_time_ms, one.answer)
        elif one.kind not in self.done:
            # Known without Redis, or answered before it was noticed.
            self.assertIn(one.kind, (READS, NOTHING) if self.read_on else (READS,), one.answer)
            self.assertLess(one.answer.status, 500, one.answer)
        else:
            self.assertLess(one.answer.status, 500, one.answer)

    def wait_until_back(self, since):
        first = self.writers.wait_for(5, since=since)
        self.assertLess(first - since, BACK_WITHIN_S * PATIENCE, self.server.log())

    def assert_nothing_is_lost(self):
        self.writers.stop()
        for status, seconds, retry_after in self.writers.answers:
            self.assertIn(status, self.refusals)
            self.assertIsNotNone(retry_after)
        self.assertEqual(self.writers.foreign, [])
        self.assertEqual(self.writers.missing(self.client), [], self.server.log())
        self.assertEqual(self.writers.doubled(self.client), {})

    def go_through(self, cause, mend):
        self.ask_all(cause)
        mend()
        self.wait_until_back(time.monotonic())
        self.assert_nothing_is_lost()


class Away(FaultCase):
    def test_killed_and_started_again(self):
        self.go_through(self.redis.kill, self.redis.start)

    def test_frozen(self):
        self.go_through(self.redis.pause, self.redis.resume)

    def test_memory_stays_flat_while_it_is_frozen(self):
        self.redis.pause()
        self.addCleanup(self.redis.resume)
        sizes = []
        for _ in range(2):
            clients = [self.server.new_client() for _ in range(8)]
            for number in range(1500):
                clients[number % 8].post('/analyze', {'type': 'other', 'input': 'x' * 2000})
            for client in clients:
                client.close()
            sizes.append(resident_kib(self.server.process))
        if PATIENCE == 1: # a sanitizer keeps what was freed
            self.assertLess(sizes[1] - sizes[0], 2048, sizes)
        self.redis.resume()
        self.wait_until_back(time.monotonic())
        self.assert_nothing_is_lost()

    def test_it_reads_its_data(self):
        """It says LOADING for some seconds."""
        self.writers.wait_for(150)
        self.redis.kill()
        self.redis.options += ('--key-load-delay', '3000',
                               '--loading-process-events-interval-bytes', '1024')
        starting = threading.Thread(target=self.redis.start)
        starting.start()
        eventually(self.is_loading, what='it reads its data')
        self.ask_all(lambda: None)
        starting.join()
        self.wait_until_back(time.monotonic())
        self.assert_nothing_is_lost()

    def is_loading(self):
        try:
            connection = RedisConnection(self.redis.path)
        except OSError:
            return False
        try:
            return connection.command('GET', 'x') is not None
        except RedisError as error:
            return str(error).startswith('LOADING')
        finally:
            connection.close()

    def test_the_password_is_changed(self):
        def change():
            self.redis.command('ACL', 'SETUSER', USER, 'resetpass', '>another')
            for kind in ('normal', 'pubsub'):
                self.redis.command('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes')
        self.go_through(change,
                        lambda: self.redis.command('ACL', 'SETUSER', USER, f'>{PASSWORD}'))

    def test_it_becomes_a_read_only_replica(self):
        self.read_on = True
        nobody = free_port()
        self.go_through(lambda: self.redis.command('REPLICAOF', '127.0.0.1', nobody),
                        lambda: self.redis.command('REPLICAOF', 'NO', 'ONE'))

    def test_its_connections_are_cut_again_and_again(self):
        def cut():
            for kind in ('normal', 'pubsub'):
                self.redis.command('CLIENT', 'KILL', 'TYPE', kind, 'SKIPME', 'yes')
        for _ in range(10):
            cut()
            self.wait_until_back(time.monotonic())
        self.assert_nothing_is_lost()


class Kept(FaultCase):
    """What Redis keeps when it is killed, by how it keeps it."""

    redis_options = ('--appendonly', 'yes', '--appendfsync', 'everysec')

    def test_everysec(self):
        """Its machine goes on, so that all it has written gets to the disk."""
        self.go_through(self.redis.kill, self.redis.start)


class Snapshots(FaultCase):
    redis_options = ()

    def test_snapshots_only(self):
        """What came after the last one is gone, and is told so: 404, not an error."""
        self.writers.stop()
        self.redis.command('SAVE')
        later = self.submit(self.client, {'type': 'other', 'input': 1})['process_id']
        self.redis.kill()
        self.redis.start()
        eventually(lambda: self.client.get('/readyz').status == 200)
        self.assertEqual(self.writers.missing(self.client), [])
        eventually(lambda: self.client.get(f'/status/{later}').status == 404)


class Busy(FaultCase):
    """Somebody's script does not end."""

    redis_options = (*FaultCase.redis_options, '--busy-reply-threshold', '100')

    def test_a_script_that_does_not_end(self):
        connection = RedisConnection(self.redis.path)
        self.addCleanup(connection.close)

        def run():
            connection.socket.sendall(b'EVAL "while true do end" 0\r\n')
            eventually(self.is_busy, what='it is busy')
        self.go_through(run, lambda: self.redis.command('SCRIPT', 'KILL'))

    def is_busy(self):
        try:
            return self.redis.command('PING') is None
        except RedisError as error:
            return str(error).startswith('BUSY')


class Full(FaultCase):
    refusals = (503, 507)
    done = (READS, WRITES, NOTHING) # what frees memory, or takes none, goes on

    def test_full(self):
        def fill():
            self.redis.command('CONFIG', 'SET', 'maxmemory', '1')
        self.go_through(fill, lambda: self.redis.command('CONFIG', 'SET', 'maxmemory', '0'))
        self.assertIn(507, {status for status, _, _ in self.writers.answers})


class Partition(FaultCase):
    """Redis in a network of its own, from which nothing comes back: what is sent there is done all
    the same, and only the answer is lost."""

    def setUp(self):
        if os.geteuid() != 0 or shutil.which('ip') is None:
            self.skipTest('needs the right to make networks')
        self.name = f'pt{os.getpid()}'
        base = f'198.18.{os.getpid() % 256}'
        self.here, self.there = f'{base}.1', f'{base}.2'
        try:
            self.ip('netns', 'add', self.name)
        except subprocess.CalledProcessError:
            self.skipTest('needs the right to make networks')
        self.addCleanup(self.ip, 'netns', 'delete', self.name)
        self.ip('link', 'add', self.name, 'type', 'veth', 'peer', 'name', 'there',
                'netns', self.name)
        self.ip('address', 'add', f'{self.here}/30', 'dev', self.name)
        self.ip('link', 'set', self.name, 'up')
        self.inside('address', 'add', f'{self.there}/30', 'dev', 'there')
        self.inside('link', 'set', 'there', 'up')
        self.inside('link', 'set', 'lo', 'up')
        self.redis = self.start_in_there()
        self.start(f'redis://{LOGIN}{self.there}:{self.redis.port}')

    @staticmethod
    def ip(*words):
        subprocess.run(['ip', *words], check=True, capture_output=True)

    def inside(self, *words):
        self.ip('-n', self.name, *words)

    def start_in_there(self):
        redis = Redis(*self.redis_options, '--bind', '0.0.0.0', '--protected-mode', 'no',
                      before=('ip', 'netns', 'exec', self.name))
        self.addCleanup(redis.destroy)
        return redis

    def test_nothing_comes_back(self):
        self.go_through(lambda: self.inside('route', 'add', 'blackhole', f'{self.here}/32'),
                        lambda: self.inside('route', 'delete', 'blackhole', f'{self.here}/32'))
