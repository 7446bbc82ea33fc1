"""The short form of the test of a disk that fails (the long one is scripts/disk_faults), and what
snapshots make of one."""

import os
import secrets
import shutil

import disk_faults
from disk_faults import HEAL_SECONDS, Injected, Place
from harness import PATIENCE, Case, eventually

LONG = 6  # attempts to write: by then they are as rare as they become


class DiskFaults(Case):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest('needs root')

    def place(self, small=False):
        try:
            place = Place(small)
        except OSError as failure:
            self.skipTest(str(failure))
        self.addCleanup(place.destroy)
        return place

    def check(self, fault):
        if isinstance(disk_faults.faults()[fault], Injected) and not shutil.which('strace'):
            self.skipTest('needs strace')
        self.place(small=fault == 'full').destroy()
        seed = secrets.token_hex(8)
        print(f'seed {seed}', flush=True)
        outcome = disk_faults.run(2, seed, [fault], disk_faults.show)
        self.assertEqual([one[1] for one in outcome], [False, True])
        self.assertLess(outcome[0][2], HEAL_SECONDS * PATIENCE)

    def test_full(self):
        self.check('full')

    def test_short_writes(self):
        self.check('short')

    def test_errors_of_fdatasync(self):
        self.check('sync')

    def test_errors_of_write(self):
        self.check('write')

    def test_no_space_for_a_while_heals_soon(self):
        """However long there was none."""
        place = self.place(small=True)
        with place.start() as server:
            place.disk.put('ballast')
            answers = [server.client.post('/analyze', {'type': 'x', 'input': 'word' * 2000})
                       for _ in range(3)]
            self.assertEqual([one.status for one in answers], [507] * 3)
            eventually(lambda: server.client.get('/stats').json['journal']['failures'] >= LONG)
            os.unlink(place.disk.path('ballast'))
            eventually(lambda: server.client.post('/analyze', {'type': 'x', 'input': 1}).status ==
                       202, timeout=HEAL_SECONDS)

    def test_a_snapshot_that_cannot_be_written_costs_nothing(self):
        if not shutil.which('strace'):
            self.skipTest('needs strace')
        place = self.place()
        new = ('snapshot.json.new',)
        with place.start() as server:
            client = server.client
            ids = [self.submit(client, {'type': 'x', 'input': 1})['process_id']]
            for calls, error, status, names in (
                    ('openat', 'EIO', 503, new), ('write', 'ENOSPC', 507, new),
                    ('fdatasync', 'EIO', 503, new), ('renameat', 'EIO', 503, new),
                    ('fsync', 'EIO', 503, ('.',))):
                with self.subTest(calls):
                    fault = Injected(status, calls, error, names)
                    fault.begin(place, server)
                    try:
                        self.assert_problem(client.post('/admin/snapshot'), status)
                    finally:
                        fault.end(killed=False)
                    ids.append(eventually(lambda: self.submit(client, {'type': 'x', 'input': 1}),
                                          timeout=HEAL_SECONDS)['process_id'])
            self.assertEqual(client.post('/admin/snapshot').status, 200)
            server.kill()
        with place.start() as server:
            self.assertEqual([server.client.get(f'/status/{one}').status for one in ids],
                             [200] * len(ids))

