"""Ten thousand who wait, long polls and streams, on a thousand processes: each is told what it
waits for. Fewer where the limit on open files or a sanitizer demands it; the output says so."""

import asyncio
import resource
import statistics
import time
import unittest

from async_http import AsyncConnection, Reply
from harness import Case, eventually
from polling import PATIENCE

WAITERS, PROCESSES = 10_000, 1_000
WAITERS_OF_SANITIZERS = 1_500
# A server says no to new requests when nine tenths of its connections are taken.
CONNECTIONS = WAITERS * 10 // 9 + 200
SPARE_FILES = 500
OPENING_AT_ONCE = 100  # less than the listen queue holds
MAX_KIB = 16


def wanted():
    """How many there are to be, and why. The servers inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if PATIENCE > 1:
        return WAITERS_OF_SANITIZERS, 'as a sanitizer makes each slow and large'
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + SPARE_FILES:
        return (hard - SPARE_FILES) * 8 // 10, f'as no more than {hard} files may be open'
    return WAITERS, 'as intended'


def resident_kib(server):
    with open(f'/proc/{server.process.pid}/status', encoding='ascii') as status:
        for line in status:
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
    raise AssertionError('no VmRSS')


class Waiter:
    """Follows one process to its end: what it was told, and when."""

    def __init__(self, server, process_id, streams):
        self.connection = AsyncConnection(server.port)
        self.path, self.streams = f'/status/{process_id}', streams
        self.versions, self.times, self.last = [], [], None

    def told(self, document):
        self.versions.append(document['version'])
        self.times.append(time.monotonic())
        self.last = document
        return document['done']

    async def run(self, gate):
        try:
            await (self.stream(gate) if self.streams else self.poll(gate))
        finally:
            self.connection.close()

    async def stream(self, gate):
        async with gate:
            stream = await self.connection.open_stream(self.path)
        if isinstance(stream, Reply):
            raise AssertionError(stream)
        async for event in stream:
            if event.id != str(event.json['version']):
                raise AssertionError(event)
            self.told(event.json)

    async def poll(self, gate):
        """The first state is known: what is waited for is a change."""
        async with gate:
            await self.connection.get('/healthz')
        self.versions, self.times = [1], [time.monotonic()]
        ended = False
        while not ended:
            reply = await self.connection.get(
                f'{self.path}?wait=60&after_version={self.versions[-1]}', timeout=90)
            if reply.status != 200:
                raise AssertionError(reply)
            ended = reply.json['version'] != self.versions[-1] and self.told(reply.json)


class Waiters(Case):
    def setUp(self):
        self.wanted = wanted()

    def make_processes(self, client, count):
        ids = []
        for kind in ('canceled', 'completed'):
            answer = client.post('/analyze/batch', {
                'processes': [{'type': kind, 'input': 1}] * (count // 2)})
            self.assertEqual(answer.status, 202, answer)
            ids.append([one['process_id'] for one in answer.json['processes']])
        return ids

    def wait_for_all(self, servers, each):
        """Until each server has parked so many, half of them streams."""
        for server in servers:
            def parked(client=server.new_client()):
                stats = client.get('/stats').json['http']
                self.assertEqual((stats['waiting'], stats['streams']), (each, each // 2))
                return True
            eventually(parked, 60, what=f'{each} wait')

    def change_all(self, first, last):
        """The one half is canceled at once, the other runs and completes; when it began."""
        begun = time.monotonic()
        answer = first.client.post('/processes/cancel?status=pending&type=canceled')
        self.assertEqual(answer.status, 200, answer)
        while True:
            answer = last.client.post('/claim', {'types': ['completed'], 'worker': 'w', 'max': 64})
            if answer.status == 204:
                return begun
            for process in answer.json['processes']:
                report = first.client.post(f'/processes/{process["process_id"]}/complete', {
                    'lease_token': process['lease_token'], 'result': process['process_id']})
                self.assertEqual(report.status, 200, report)

    async def wait_and_change(self, servers, waiters):
        gate = asyncio.Semaphore(OPENING_AT_ONCE)
        before = [resident_kib(server) for server in servers]
        tasks = [asyncio.create_task(waiter.run(gate)) for waiter in waiters]
        try:
            waiting = asyncio.create_task(asyncio.to_thread(
                self.wait_for_all, servers, len(waiters) // len(servers)))
            # Nobody ends before anything has changed.
            done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
            await done.pop()
            self.assertTrue(waiting.done(), 'one was answered too early')
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
        kib = sum(map(resident_kib, servers)) - sum(before)
        begun = await asyncio.to_thread(self.change_all, servers[0], servers[-1])
        async with asyncio.timeout(60 * PATIENCE):
            await asyncio.gather(*tasks)
        return kib, begun

    def check_told(self, ids, waiters):
        canceled = {f'/status/{process_id}' for process_id in ids[0]}
        for waiter in waiters:
            self.assertEqual(waiter.versions, sorted(set(waiter.versions)), waiter.path)
            self.assertEqual(waiter.versions[0], 1, waiter.path)
            end = (waiter.last['status'], waiter.versions[-1])
            self.assertEqual(end, ('canceled', 2) if waiter.path in canceled else ('completed', 3))

    def judge(self, name, servers):
        count, why = self.wanted
        processes = PROCESSES * count // WAITERS
        count -= count % 4
        ids = self.make_processes(servers[0].client, processes)
        for server in servers:
            for process_id in [*ids[0], *ids[1]]:  # what a process costs is not what a waiter does
                self.status(server.client, process_id)
        both = [*ids[0], *ids[1]]
        waiters = [Waiter(servers[n % len(servers)], both[n // 4 % processes], n // 2 % 2 == 0)
                   for n in range(count)]
        kib, begun = asyncio.run(self.wait_and_change(servers, waiters))
        self.check_told(ids, waiters)
        late = [waiter.times[-1] - begun for waiter in waiters if waiter.last['version'] == 2]
        print(f'{name}: {count} waiters ({why}) on {processes} processes: {kib / count:.1f} KiB of '
              f'resident memory each; half of them canceled at once: told within '
              f'{statistics.median(late):.2f} s in the median, {max(late):.2f} s at most', flush=True)
        if PATIENCE == 1 and count > WAITERS // 2:
            self.assertLess(kib / count, MAX_KIB)
        for server in servers:
            def all_left(server=server):
                stats = server.client.get('/stats').json['http']
                return (stats['waiting'], stats['streams']) == (0, 0)
            eventually(all_left, what='nobody waits any more')

    def settings(self, **more):
        # All of them at once are more than a small machine answers in time, but that is the test.
        return {'MAX_CONNECTIONS': CONNECTIONS, 'SHED_WAIT_MS': 0, 'IO_THREADS': 1,
                'MAX_WAITERS': WAITERS, **more}

    def test_on_memory(self):
        self.judge('memory', [self.start_server(self.settings())])

    def test_on_redis_with_two_instances(self):
        redis = self.start_redis('--maxclients', '1000')
        settings = self.settings(REDIS_URL=redis.url, REDIS_REQUIRED='true')
        self.judge('Redis', [self.start_server({**settings, 'INSTANCE': name})
                             for name in ('one', 'two')])


if __name__ == '__main__':
    unittest.main()
