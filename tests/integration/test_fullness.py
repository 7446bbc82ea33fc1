"""A store that is nearly full: no new process, all else goes on, and it heals by itself."""

import os

from harness import Case, eventually
from small_disk import SmallDisk

DISK_KIB = 8 * 1024
LIMIT = 60


class Disk:
    def __init__(self, test):
        if os.geteuid() != 0:
            test.skipTest('needs root')
        self.directory = test.directory()
        try:
            self.disk = SmallDisk(self.directory, f'{DISK_KIB}k')
        except OSError as failure:
            test.skipTest(str(failure))
        test.addCleanup(self.disk.destroy)
        self.settings, self.within = {'DATA_DIR': self.directory}, self.disk.entering()

    def fill(self, percent):
        self.disk.put('ballast', DISK_KIB * 1024 * percent // 100)


class Memory:
    def __init__(self, test):
        self.redis = test.start_redis()
        self.settings, self.within = {'REDIS_URL': self.redis.url, 'IO_THREADS': 2}, ()
        # So much that clients, with their buffers, do not count.
        self.redis.command('SETRANGE', 'somebody', 64 * 1024 * 1024, 'x')
        self.fill(10)

    def fill(self, percent):
        memory = self.redis.command('INFO', 'memory').decode()
        used = int(memory.split('used_memory:')[1].split()[0])
        self.redis.command('CONFIG', 'SET', 'maxmemory', used * 100 // percent)


class FullnessCase(Case):
    store_class = repository = None

    def setUp(self):
        self.store = self.store_class(self)

    def start(self, **settings):
        server = self.start_server({'STORAGE_FULL_PERCENT': LIMIT, **self.store.settings,
                                    **settings}, within=self.store.within)
        self.client = server.client
        return server

    def writes(self):
        """As all threads say."""
        said = {self.client.get(path).json['writes'] for path in ('/healthz', '/readyz', '/stats')
                for _ in range(4) if not self.client.close()}
        return said.pop() if len(said) == 1 else said

    def wait_for(self, writes):
        eventually(lambda: self.writes() == writes, what=f'writes are {writes}')

    def refuse(self, path, document):
        answer = self.client.post(path, document)
        self.assert_problem(answer, 507, type='/problems/storage-full')
        self.assertRegex(answer.header('Retry-After'), r'^[1-9]\d*$')

    def work(self):
        """A worker takes one and reports, as ever; its id."""
        (claimed,) = self.client.post('/claim', {'types': ['work'],
                                                 'worker': 'w'}).json['processes']
        path, token = f'/processes/{claimed["process_id"]}', {'lease_token': claimed['lease_token']}
        self.assertEqual(self.client.post(f'{path}/heartbeat', token).status, 200)
        self.assertEqual(self.client.post(f'{path}/progress', {**token, 'percent': 1}).status, 200)
        done = self.client.post(f'{path}/complete', {**token, 'result': 'x' * 500})
        self.assertEqual(done.status, 200, done)
        self.assertEqual(self.status(self.client, claimed['process_id'])['status'], 'completed')
        return claimed['process_id']

    def test_new_processes_are_refused_until_there_is_room(self):
        server = self.start()
        kept = {self.submit(self.client, {'type': 'work', 'input': n})['process_id']
                for n in range(2)}
        self.assertEqual(self.writes(), 'ok')
        self.store.fill(LIMIT + 5)
        self.wait_for('full')
        self.assertIn('\nproctrackd_storage_full 1\n', self.client.get('/metrics').body.decode())
        self.assertEqual(self.client.get('/readyz').status, 200, 'what is there is served')
        self.refuse('/analyze', {'type': 'work', 'input': 1})
        self.refuse('/analyze/batch', {'processes': [{'type': 'work', 'input': 1}]})
        server.wait_for_line('storage full: new processes are refused')
        (other,) = kept - {self.work()}
        self.assertEqual(self.client.post(f'/processes/{other}/cancel').status, 200)
        self.assertEqual(self.client.post(f'/processes/{other}/retry').status, 200)
        self.assertEqual(len(self.client.get('/processes').json['processes']), 2)
        cleaned = self.client.delete('/cleanup?older_than_hours=0').json
        self.assertEqual(cleaned['cleaned'], 1, cleaned)
        self.store.fill(20)
        self.wait_for('ok')
        self.assertIn('\nproctrackd_storage_full 0\n', self.client.get('/metrics').body.decode())
        self.submit(self.client, {'type': 'work', 'input': 1})
        server.wait_for_line(r'storage has room again|new processes are accepted again')

    def test_it_is_told_before(self):
        server = self.start(STORAGE_FULL_PERCENT=95)
        self.store.fill(85)
        server.wait_for_line(r'warn.*storage nearly full used_percent=8\d limit_percent=95')
        self.submit(self.client, {'type': 'work', 'input': 1})
        numbers = self.client.get('/stats').json['storage']
        self.assertTrue(0.83 < numbers['used_ratio'] < 0.87, numbers)
        known = {name for name in numbers
                 if name.startswith(('disk_', 'redis_')) and numbers[name] is not None}
        self.assertEqual(known, self.known)
        if self.repository == 'memory':
            self.assertEqual(numbers['disk_size_bytes'], DISK_KIB * 1024)
        self.store.fill(30)
        server.wait_for_line('storage has room again')

    def test_never(self):
        self.start(STORAGE_FULL_PERCENT=0)
        self.store.fill(96)
        eventually(lambda: (self.client.get('/stats').json['storage']['used_ratio'] or 0) > 0.94)
        self.submit(self.client, {'type': 'work', 'input': 1})
        self.assertEqual(self.writes(), 'ok')


class OnDisk(FullnessCase):
    store_class, repository = Disk, 'memory'
    known = {'disk_size_bytes', 'disk_free_bytes'}


class InRedis(FullnessCase):
    store_class, repository = Memory, 'redis'
    known = {'redis_memory_used_bytes', 'redis_memory_max_bytes'}

    def test_without_a_limit_nothing_is_known(self):
        self.store.redis.command('CONFIG', 'SET', 'maxmemory', 0)
        self.start()
        self.submit(self.client, {'type': 'work', 'input': 1})
        numbers = self.client.get('/stats').json['storage']
        self.assertIsNone(numbers['redis_memory_max_bytes'])
        self.assertIsNone(numbers['used_ratio'])


class Nowhere(Case):
    def test_memory_only(self):
        client = self.start_server({'DATA_DIR': '', 'STORAGE_FULL_PERCENT': 1}).client
        self.submit(client, {'type': 'work', 'input': 1})
        self.assertIsNone(client.get('/stats').json['storage']['used_ratio'])


del FullnessCase
