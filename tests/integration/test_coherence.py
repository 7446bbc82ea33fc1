"""The short form of the coherence test (the long one is scripts/coherence), see coherence.py.

PROCTRACK_COHERENCE_SEED gives everybody the same decisions as in the run that printed that seed.
"""

import time
import unittest

import coherence
from coherence_history import GONE
from harness import Case, eventually
from polling import PATIENCE

OPERATIONS = 10_000
MASS = 2000 if PATIENCE == 1 else 1000  # sanitizers make each of them slower


class Coherence(unittest.TestCase):
    def judge(self, operations=OPERATIONS, **how):
        seed = coherence.new_seed()
        print(f'PROCTRACK_COHERENCE_SEED={seed}', flush=True)
        outcome = coherence.run(operations, seed, **how)
        print(outcome.summary(), flush=True)
        self.assertFalse(outcome.failed, f'seed {seed}: {outcome.report()}')
        self.check_reach(outcome.history)
        for feed in outcome.feeds:
            self.assertGreater(feed.events, 100)
        return outcome

    def check_reach(self, history):
        """A run in which hardly anything happened shows nothing."""
        shown = {(read.how, read.code) for read in history.reads}
        for how in ('poll', 'wait', 'stream', 'many-wait', 'many-stream', 'glance', 'feed'):
            self.assertIn((how, 200), shown)
        self.assertIn(('poll', 304), shown)
        done = {write.what for write in history.writes}
        self.assertLessEqual({'create', 'claim', 'progress', 'complete', 'cancel'}, done)

    def test_two_instances_and_every_fault(self):
        outcome = self.judge(mass=MASS)
        self.assertLessEqual(set(coherence.FAULTS), {one.kind for one in outcome.history.faults})
        done = {write.what for write in outcome.history.writes if write.end < float('inf')}
        self.assertLessEqual({'retry', 'delete', 'release', 'DEL', 'PEXPIRE'}, done)
        for how in ('poll', 'wait', 'stream'):
            self.assertTrue(any(read.how == how and read.version == GONE
                                for read in outcome.history.reads), how)

    def test_what_redis_says_arrives_late(self):
        self.judge(OPERATIONS // 2, faults=('kill_both',), late=True)

    def test_instances_that_tell_each_other(self):
        self.judge(OPERATIONS // 2, faults=('kill_invalidations', 'kill_data', 'restart'),
                   watching='publish')

    def test_an_instance_without_a_cache_tells_the_same(self):
        self.judge(OPERATIONS // 3, faults=('kill_both',), more={'STATUS_CACHE_BYTES': 0})

    def test_one_instance_on_memory(self):
        self.judge(OPERATIONS // 3, faults=(), watching='local')


class Expiry(Case):
    OTHERS = 3000  # keys that will expire as well: Redis looks at some of them at a time

    def test_a_record_that_expires_is_gone_within_a_second(self):
        redis = self.start_redis()
        for number in range(self.OTHERS):
            redis.command('SET', f'other:{number}', 'x', 'EX', 3600)
        settings = {'REDIS_URL': redis.url, 'REDIS_REQUIRED': 'true', 'AUDIT_INTERVAL_MS': 0}
        servers = [self.start_server({**settings, 'INSTANCE': name}) for name in ('one', 'two')]
        ids = [self.submit(servers[0].client, {'type': 'a', 'input': 1})['process_id']
               for _ in range(5)]
        for process_id in ids:
            for server in servers:
                for _ in range(5):  # on whatever it keeps
                    self.status(server.client, process_id)
            self.assertEqual(redis.command('PEXPIRE', f'process:{process_id}', 50), 1)
            expires = time.monotonic() + 0.05
            for server in servers:
                eventually(lambda of=server, one=process_id:
                           of.client.get(f'/status/{one}').status == 404, 60)
            self.assertLess(time.monotonic() - expires, 1.0 * PATIENCE)


if __name__ == '__main__':
    unittest.main()
