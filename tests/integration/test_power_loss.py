"""The power is lost below a real server, or a real Redis: the files are put back to what was synced
by then, and all is started on them. The long form is scripts/power_loss."""

import secrets

from harness import Case
from power_campaign import lose_power


class PowerLost(Case):
    def check(self, row, cuts, loses):
        figures = lose_power(row, cuts, secrets.token_hex(4))
        self.assertGreaterEqual(figures['cuts'], 2)
        # Where something may be lost it is, in the worst case: else nothing would be shown here.
        self.assertEqual(figures['lost'] > 0, loses, figures)

    def test_memory_always(self):
        self.check('memory-always', 10, loses=False)

    def test_memory_everysec(self):
        self.check('memory-everysec', 3, loses=True)

    def test_memory_no(self):
        self.check('memory-no', 5, loses=True)

    def test_redis_always(self):
        self.check('redis-always', 2, loses=False)

    def test_redis_everysec(self):
        self.check('redis-everysec', 1, loses=True)

    def test_redis_snapshots(self):
        self.check('redis-snapshots', 2, loses=True)
