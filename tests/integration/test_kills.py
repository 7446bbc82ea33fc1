"""The short form of the kill campaign (the long one is scripts/kills), see kills.py.

PROCTRACK_KILLS_SEED gives the clients the same decisions as in the run that printed that seed.
"""

import unittest

import kills
from kill_calls import create, snapshot
from kill_campaign import Place
from kill_replay import replay
from polling import PATIENCE

ROUNDS, PROCESSES = 10, 10_000


class Kills(unittest.TestCase):
    def check(self, outcome, least):
        """Seconds of the processor: what else runs here must not matter."""
        print(outcome, flush=True)
        self.assertFalse(outcome.faults)
        self.assertGreaterEqual(len(outcome.ready.seconds), least)
        self.assertLess(max(outcome.ready.cpu_seconds), kills.READY_SECONDS * PATIENCE)

    def check_load(self, repository):
        seed = kills.new_seed()
        print(f'PROCTRACK_KILLS_SEED={seed}', flush=True)
        campaign = kills.under_load(repository, ROUNDS, seed)
        self.check(campaign, ROUNDS)
        self.assertEqual(campaign.kills, ROUNDS)
        self.assertGreater(campaign.acknowledged(), 10 * ROUNDS)
        self.assertGreater(sum(book.there + book.absent for book in campaign.books), 0)

    def test_under_load_in_memory(self):
        self.check_load('memory')

    def test_under_load_in_redis(self):
        self.check_load('redis')

    def check_calls(self, sweep, *names):
        self.check(sweep, 3)
        for name in names:
            self.assertGreater(sweep.points[name], 0, name)

    def test_at_calls_of_a_create_in_memory(self):
        sweep = kills.at_calls(create, 'memory', step=3)
        self.check_calls(sweep, 'write', 'fdatasync')
        self.assertGreater(sweep.book.there, 0)
        self.assertGreater(sweep.book.absent, 0)

    def test_at_calls_of_a_create_in_redis(self):
        self.check_calls(kills.at_calls(create, 'redis', step=2))

    def test_at_calls_of_a_snapshot(self):
        names = ('openat', 'ftruncate', 'fdatasync', 'fsync', 'renameat', 'unlinkat')
        self.check_calls(kills.at_calls(snapshot, 'memory', names), *names)

    def test_at_calls_of_a_start(self):
        self.check_calls(kills.at_calls_of_start(step=2))

    def test_replay(self):
        """As fast as the long form asks of many more, in seconds of the processor."""
        limit = kills.REPLAY_SECONDS * PROCESSES / kills.MANY * PATIENCE
        with Place('memory') as place:
            for figures in replay(place, PROCESSES):
                print(figures, flush=True)
                self.assertEqual(figures.total, PROCESSES)
                self.assertLess(figures.cpu_seconds, limit)


if __name__ == '__main__':
    unittest.main()
