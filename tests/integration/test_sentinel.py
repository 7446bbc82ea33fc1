"""Redis behind sentinels: the service finds the primary, follows it, and with REDIS_WAIT_REPLICAS=1
loses nothing that it acknowledged."""

import re
import time

from acknowledged import Writers
from harness import Case, PATIENCE, eventually, run_once
from redis_process import LOGIN, free_port
from redis_sentinel import DOWN_AFTER_MS, SERVICE, ToldSentinel, Watched

COMMAND_TIMEOUT_MS = 500
WRITABLE_AGAIN_S = DOWN_AFTER_MS / 1000 + 4
STALE_LEFT_S = 3
NAME = 'sentinel-test'


class Told(Case):
    """What the sentinels say is what a test tells them to."""

    def setUp(self):
        self.old, self.new = self.start_redis(), self.start_redis()
        self.sentinels = []

    def told(self, redis, epoch):
        sentinel = ToldSentinel(redis and redis.port, epoch)
        self.addCleanup(sentinel.destroy)
        self.sentinels.append(sentinel)
        return sentinel

    def url(self, *ports):
        ports = [*ports, *(sentinel.port for sentinel in self.sentinels)]
        at = ','.join(f'127.0.0.1:{port}' for port in ports)
        return f'redis+sentinel://{LOGIN}{at}/{SERVICE}/2'

    def start(self, *ports):
        return self.start_server({'REDIS_URL': self.url(*ports), 'REDIS_REQUIRED': 'true',
                                  'INSTANCE': NAME, 'REDIS_CONNECT_TIMEOUT_MS': 1000,
                                  'IO_THREADS': 1})

    def has_it(self, redis, process_id):
        redis.command('SELECT', 2)
        return redis.command('EXISTS', f'process:{process_id}') == 1

    def test_the_newest_epoch_counts(self):
        self.told(self.old, 3)
        self.told(self.new, 7)
        self.told(self.old, 5)
        client = self.start().client
        created = self.submit(client, {'type': 'other', 'input': 1})['process_id']
        self.assertTrue(self.has_it(self.new, created), 'in the database that the URL names')

    def test_a_new_primary_is_followed_by_all_connections(self):
        sentinel = self.told(self.old, 1)
        stale = self.told(self.old, 1)
        client = self.start().client
        eventually(lambda: self.connections(self.old) >= 2, what='one listens beside')
        before = self.submit(client, {'type': 'other', 'input': 1})['process_id']
        self.assertTrue(self.has_it(self.old, before))
        began = time.monotonic()
        sentinel.names, sentinel.epoch = self.new.port, 2
        eventually(lambda: self.connections(self.old) == 0, what='the old primary is left')
        self.assertLess(time.monotonic() - began, STALE_LEFT_S * PATIENCE)
        eventually(lambda: self.connections(self.new) >= 2, what='one listens beside')
        eventually(lambda: client.get(f'/status/{before}').status == 404)
        after = self.submit(client, {'type': 'other', 'input': 1})['process_id']
        self.assertTrue(self.has_it(self.new, after))
        self.assertEqual((stale.names, stale.epoch), (self.old.port, 1))

    @staticmethod
    def connections(redis):
        listed = redis.command('CLIENT', 'LIST').decode()
        return sum(f' name={NAME} ' in line for line in listed.splitlines())

    def test_a_primary_that_is_none_any_more_is_left(self):
        """The sentinels have not noticed yet: nothing is written meanwhile, and idle connections
        leave too."""
        sentinel = self.told(self.old, 1)
        client = self.start().client
        self.old.command('REPLICAOF', '127.0.0.1', self.new.port)
        eventually(lambda: client.get('/readyz').status == 503, 30)
        self.assert_problem(client.post('/analyze', {'type': 'other', 'input': 1}), 503)
        sentinel.names, sentinel.epoch = self.new.port, 2
        eventually(lambda: client.post('/analyze', {'type': 'other', 'input': 1}).status == 202, 10)

    def test_sentinels_that_are_away_or_know_nothing(self):
        self.told(None, 9)
        self.told(self.old, 1)
        client = self.start(free_port()).client
        self.submit(client, {'type': 'other', 'input': 1})
        self.assertTrue(client.get('/readyz').json)

    def test_without_a_primary_there_is_no_start(self):
        self.told(None, 1)
        ended = run_once(settings={'REDIS_URL': self.url(), 'REDIS_REQUIRED': 'true', 'PORT': 0,
                                   'REDIS_CONNECT_TIMEOUT_MS': 2000})
        self.assertEqual(ended.returncode, 69, ended)
        self.assertIn(f'do not know the service {SERVICE}', ended.stdout + ended.stderr)


class Replicated(Case):
    """REDIS_WAIT_REPLICAS without sentinels."""

    def test_what_was_found_done_is_waited_for_too(self):
        """Under the same key, on another connection: that has written nothing itself, and yet the
        answer must mean that the replica has it."""
        primary = self.start_redis('--repl-diskless-sync-delay', '0')
        self.start_redis('--replicaof', '127.0.0.1', str(primary.port))
        eventually(lambda: b'state=online' in primary.command('INFO', 'replication'))
        ids = set()
        for _ in range(2):
            client = self.start_server({'REDIS_URL': primary.url, 'REDIS_WAIT_REPLICAS': 1}).client
            before = self.calls(primary, 'persist')
            ids.add(eventually(lambda one=client: self.create(one), what='the replica has it'))
            self.assertGreater(self.calls(primary, 'persist'), before,
                               'something is written before each WAIT')
        self.assertEqual(len(ids), 1)
        self.assertEqual(primary.command('TTL', 'process_schema'), -1)

    @staticmethod
    def create(client):
        answer = client.post('/analyze', {'type': 'other', 'input': 1}, {'Idempotency-Key': 'k'})
        return answer.status in (200, 202) and answer.json['process_id']

    @staticmethod
    def calls(redis, command):
        stats = redis.command('INFO', 'commandstats').decode()
        found = re.search(rf'cmdstat_{command}:calls=(\d+)', stats)
        return int(found.group(1)) if found else 0


class Doubt(Case):
    """REDIS_WAIT_REPLICAS with sentinels: what a single replica says is not enough while another
    one, or most of the sentinels, are silent."""

    def setUp(self):
        quick = ('--repl-diskless-sync-delay', '0')
        self.primary = self.start_redis(*quick)
        self.replicas = [self.start_redis(*quick, '--replicaof', '127.0.0.1',
                                          str(self.primary.port)) for _ in range(2)]
        eventually(lambda: self.primary.command('INFO', 'replication').count(b'=online') == 2)
        self.sentinels = [ToldSentinel(self.primary.port, 1) for _ in range(3)]
        for sentinel in self.sentinels:
            self.addCleanup(sentinel.destroy)
        at = ','.join(f'127.0.0.1:{sentinel.port}' for sentinel in self.sentinels)
        self.client = self.start_server({
            'REDIS_URL': f'redis+sentinel://{at}/{SERVICE}', 'REDIS_REQUIRED': 'true',
            'REDIS_WAIT_REPLICAS': 1}).client
        eventually(lambda: self.create() == 202)

    def create(self):
        return self.client.post('/analyze', {'type': 'other', 'input': 1}).status

    def test_a_replica_that_falls_silent(self):
        self.replicas[0].pause()
        self.addCleanup(self.replicas[0].resume)
        self.assertEqual(self.create(), 503, 'it may be the next primary')
        eventually(lambda: self.create() == 202, 10, what='it is left out')

    def test_most_sentinels_are_silent(self):
        for sentinel in self.sentinels[:2]:
            sentinel.silent = True
        eventually(lambda: self.create() == 503, 10, what='the others may know of another primary')
        self.assertEqual(self.client.get('/processes').status, 200)
        self.sentinels[0].silent = False
        eventually(lambda: self.create() == 202, 10)


class Unreplicated(Case):
    """Without REDIS_WAIT_REPLICAS."""

    def test_what_had_not_reached_the_next_primary_is_lost(self):
        old = self.start_redis('--repl-diskless-sync-delay', '0')
        new = self.start_redis('--repl-diskless-sync-delay', '0', '--replicaof', '127.0.0.1',
                               str(old.port))
        sentinel = ToldSentinel(old.port, 1)
        self.addCleanup(sentinel.destroy)
        url = f'redis+sentinel://127.0.0.1:{sentinel.port}/{SERVICE}'
        client = self.start_server({'REDIS_URL': url, 'REDIS_REQUIRED': 'true'}).client
        reached = self.submit(client, {'type': 'other', 'input': 1})['process_id']
        eventually(lambda: new.command('EXISTS', f'process:{reached}'))
        new.command('REPLICAOF', 'NO', 'ONE')
        late = self.submit(client, {'type': 'other', 'input': 1})['process_id']
        sentinel.names, sentinel.epoch = new.port, 2
        eventually(lambda: client.get(f'/status/{late}').status == 404, what='it was lost')
        self.assertEqual(client.get(f'/status/{reached}').status, 200)


class FailOver(Case):
    """Real sentinels, and writers that go on all the time."""

    def setUp(self):
        self.watched = Watched() # anew: it settles sooner than after a fail-over
        self.addCleanup(self.watched.destroy)
        self.server = self.start_server({
            'REDIS_URL': self.watched.url(free_port()), 'REDIS_REQUIRED': 'true',
            'REDIS_WAIT_REPLICAS': 1, 'REDIS_COMMAND_TIMEOUT_MS': COMMAND_TIMEOUT_MS,
            'INSTANCE': NAME})
        self.writers = Writers(self.server)
        self.addCleanup(self.writers.stop)
        self.writers.wait_for(20)

    def fail_over(self, cause):
        """Does to the primary what is to be done; returns it, when another is in its place, and how
        long nothing could be written."""
        old = self.watched.primary()
        began = time.monotonic()
        cause(old)
        eventually(lambda: self.watched.primary() not in (None, old), 30, what='a fail-over')
        switched = time.monotonic()
        first = self.writers.wait_for(20, since=switched)
        return old, first - began, switched

    def assert_nothing_is_lost(self):
        self.writers.stop()
        client = self.server.client
        self.assertEqual(self.writers.missing(client), [], self.server.log())
        self.assertGreater(len(self.writers.acknowledged), 40)
        for status, seconds, retry_after in self.writers.answers:
            self.assertEqual(status, 503)
            self.assertLess(seconds, (COMMAND_TIMEOUT_MS + 100) / 1000 * PATIENCE)
            self.assertIsNotNone(retry_after)

    def test_the_primary_is_killed(self):
        old, outage, _ = self.fail_over(lambda node: node.kill())
        self.assertLess(outage, WRITABLE_AGAIN_S * PATIENCE, self.server.log())
        old.start() # it takes itself for a primary at first, and is not used
        self.writers.wait_for(20)
        eventually(lambda: old.clients(NAME) == 0, what='it is not used')
        self.assert_nothing_is_lost()
        self.watched.replicas_of(self.watched.primary())

    def test_the_primary_is_cut_off_but_for_its_clients(self):
        old, outage, switched = self.fail_over(lambda node: node.cut_off())
        self.assertLess(outage, WRITABLE_AGAIN_S * PATIENCE)
        eventually(lambda: old.clients(NAME) == 0, what='the stale primary is left')
        self.assertLess(time.monotonic() - switched, STALE_LEFT_S * PATIENCE)
        self.assertEqual(old.role(), 'master', 'it does not know')
        old.heal()
        self.watched.replicas_of(self.watched.primary())
        self.writers.wait_for(20)
        self.assert_nothing_is_lost()

    def test_the_primary_freezes_and_comes_back(self):
        old, outage, _ = self.fail_over(lambda node: node.pause())
        old.resume()
        self.assertLess(outage, WRITABLE_AGAIN_S * PATIENCE)
        self.writers.wait_for(20)
        eventually(lambda: old.clients(NAME) == 0, what='what it had when it froze is gone')
        self.watched.replicas_of(self.watched.primary())
        self.assert_nothing_is_lost()

    def test_a_fail_over_that_somebody_asks_for(self):
        sentinel = self.watched.sentinels[0]
        _, outage, _ = self.fail_over(
            lambda node: sentinel.command('SENTINEL', 'FAILOVER', SERVICE))
        self.assertLess(outage, WRITABLE_AGAIN_S * PATIENCE)
        self.assert_nothing_is_lost()
