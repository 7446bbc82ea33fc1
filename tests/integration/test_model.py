"""The short form of the model test (the long one is scripts/model), see model.py.

PROCTRACK_MODEL_SEED gives the actors the same decisions as in the run that printed that seed.
"""

import unittest

import model

OPERATIONS = 5000


class Model(unittest.TestCase):
    def judge(self, repository, kills):
        seed = model.new_seed()
        print(f'PROCTRACK_MODEL_SEED={seed}', flush=True)
        history, violations = model.run(repository, OPERATIONS, seed, kills)
        print(model.summary(history), flush=True)
        self.assertFalse(violations, f'seed {seed}: {model.report(violations)}')
        self.check_reach(history)

    def check_reach(self, history):
        """A run in which hardly anything happened shows nothing."""
        self.assertGreaterEqual(len(history), OPERATIONS)
        for kind in ('submit', 'batch', 'claim', 'complete', 'fail', 'release', 'progress',
                     'heartbeat', 'cancel', 'retry', 'bulk_cancel', 'bulk_retry', 'delete'):
            self.assertTrue(any(one.kind == kind and one.accepted for one in history), kind)
        for kind in ('heartbeat', 'complete', 'fail', 'release', 'cancel', 'retry'):
            self.assertTrue(any(one.kind == kind and one.status == 409 for one in history), kind)

    def test_one_instance_on_memory(self):
        self.judge('memory', 0)

    def test_two_instances_on_redis_that_are_killed(self):
        self.judge('redis', 3)


if __name__ == '__main__':
    unittest.main()
