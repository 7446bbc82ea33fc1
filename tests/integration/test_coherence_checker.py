"""The coherence test's checker can fail: each test forges a history in which one thing is wrong."""

import unittest

from coherence_checker import Checker
from coherence_history import GONE, Fault, Follower, History, Read, Wait, Write

ID = 'one'
NEVER = float('inf')


class Forgery:
    """Times are in seconds; each write and each read takes a hundredth."""

    def __init__(self):
        self.history = History()

    def write(self, at, version, instance=0, process_id=ID, what='progress'):
        self.history.writes.append(Write(process_id, instance, what, at, at + 0.01, version))
        return self

    def read(self, at, version, instance=0, end=None, content='same', process_id=ID, reader='r',
             code=200):
        self.history.reads.append(Read(process_id, instance, reader, 'poll', at,
                                       at + 0.01 if end is None else end, version,
                                       content if code == 200 else None, code))
        return self

    def wait(self, start, end, after, told, until=NEVER, process_id=ID):
        self.history.waits.append(Wait(process_id, 0, 'w', start, end, after, told, until))
        return self

    def fault(self, start, end):
        self.history.faults.append(Fault('restart', start, end))
        return self

    def follower(self, end):
        follower = Follower(ID, 0, 'f')
        follower.end = end
        self.history.followers.append(follower)
        return self

    def rules(self):
        return sorted(rule for rule, _ in Checker(self.history, 1.0, 5.0).check())


def usual():
    """A little of everything, all of it right."""
    forgery = Forgery().write(0, 1, what='create').read(0.1, 1).read(0.2, 1, instance=1)
    forgery.wait(0.1, 1.3, 1, 2).write(1, 2, instance=1).read(1.05, 2, instance=1, content='two')
    forgery.read(1.1, 1).read(1.2, 2, content='two')  # on the other instance, a little late
    forgery.wait(1.3, 3.3, 2, 2, until=3.3)           # its time was over
    forgery.fault(4, 6).write(4.1, 3).read(5, None, code=503).read(6.5, 2, instance=1, content='two')
    forgery.wait(3.3, 6.9, 2, 3).read(7.2, 3, instance=1, content='three')
    forgery.write(8, GONE, instance=None, what='DEL').read(8.5, 3, content='three')
    return forgery.read(9.2, GONE, code=404).follower(9.3)


class Right(unittest.TestCase):
    def test_the_usual_history_is_right(self):
        self.assertEqual(usual().rules(), [])

    def test_what_overlaps_proves_nothing(self):
        forgery = usual().read(20, GONE, end=20.5, code=404).read(20.2, GONE, end=20.3, code=404)
        self.assertEqual(forgery.rules(), [])
        forgery = Forgery().write(0, 1).write(1, 2)
        forgery.read(0.99, 2, end=1.5, content='two').read(1.0, 1, end=1.6)
        self.assertEqual(forgery.rules(), [])

    def test_processes_are_apart(self):
        forgery = usual().write(7, 1, process_id='two').read(7.5, 1, process_id='two')
        self.assertEqual(forgery.rules(), [])

    def test_a_write_of_unknown_end_binds_nobody(self):
        forgery = Forgery().write(0, 1)
        forgery.write(1, GONE, instance=None).history.writes[-1].end = NEVER
        forgery.read(5, 1).read(6, GONE, code=404).wait(0.5, 60, 1, GONE)
        self.assertEqual(forgery.rules(), [])


class Wrong(unittest.TestCase):
    def expect(self, forgery, *rules):
        self.assertEqual(forgery.rules(), sorted(rules))

    def test_backwards_on_one_instance(self):
        self.expect(Forgery().write(0, 1).write(1, 2, instance=1)
                    .read(1.1, 2, content='two').read(1.2, 1), 'backwards')

    def test_backwards_by_another_reader(self):
        self.expect(Forgery().write(0, 1).write(1, 2, instance=1)
                    .read(1.1, 2, content='two', reader='a').read(1.2, 1, reader='b'), 'backwards')

    def test_not_backwards_on_another_instance(self):
        self.expect(Forgery().write(0, 1).write(1, 2).read(1.1, 2, content='two')
                    .read(1.2, 1, instance=1))

    def test_it_came_back(self):
        self.expect(Forgery().write(0, 1).write(1, GONE, instance=None)
                    .read(1.1, GONE, code=410).read(1.2, 1), 'backwards')

    def test_an_own_write_is_not_shown(self):
        self.expect(Forgery().write(0, 1).write(1, 2).read(1.02, 1), 'own-write')

    def test_an_own_removal_is_not_shown(self):
        self.expect(Forgery().write(0, 1).write(1, GONE).read(1.02, 1), 'own-write')

    def test_stale(self):
        self.expect(Forgery().write(0, 1).write(1, 2).read(2.1, 1, instance=1), 'stale')

    def test_stale_after_a_removal_by_hand(self):
        self.expect(Forgery().write(0, 1).write(1, GONE, instance=None).read(2.1, 1), 'stale')

    def test_stale_after_a_fault(self):
        forgery = Forgery().write(0, 1).fault(0.5, 3).write(1, 2)
        self.expect(forgery.read(3.9, 1, instance=1))
        self.expect(forgery.read(4.1, 1, instance=1), 'stale')

    def test_faults_one_after_the_other(self):
        forgery = Forgery().write(0, 1).fault(1.5, 3).fault(3.5, 5).write(1, 2)
        self.expect(forgery.read(5.9, 1, instance=1))
        self.expect(forgery.read(6.1, 1, instance=1), 'stale')

    def test_a_fault_later_on_excuses_nothing(self):
        self.expect(Forgery().write(0, 1).write(1, 2).fault(2.5, 3).read(2.6, 1, instance=1),
                    'stale')

    def test_two_contents(self):
        self.expect(Forgery().write(0, 1).read(1, 1).read(2, 1, instance=1, content='other'),
                    'content')

    def test_lost(self):
        self.expect(Forgery().write(0, 1).read(1, GONE, code=404), 'lost')

    def test_gone_before_it_was_removed(self):
        self.expect(Forgery().write(0, 1).read(1, GONE, code=404).write(2, GONE, instance=None),
                    'lost')

    def test_unavailable(self):
        self.expect(Forgery().write(0, 1).read(1, None, code=503), 'unavailable')

    def test_unavailable_for_too_long(self):
        self.expect(Forgery().fault(0, 1).read(5.9, None, code=503))
        self.expect(Forgery().fault(0, 1).read(6.1, None, code=503), 'unavailable')

    def test_told_late(self):
        self.expect(Forgery().write(0, 1).write(1, 2).wait(0.5, 2.2, 1, 2), 'late')

    def test_not_told_at_all(self):
        self.expect(Forgery().write(0, 1).write(1, 2).wait(0.5, 30, 1, None, until=30), 'late')

    def test_told_late_of_what_was_there_before(self):
        self.expect(Forgery().write(0, 1).write(1, 2).wait(5, 6.2, 1, 2), 'late')

    def test_told_late_after_a_fault(self):
        forgery = Forgery().fault(0.5, 3).write(1, 2)
        self.expect(forgery.wait(0.6, 3.9, 1, 2))
        self.expect(forgery.wait(0.6, 4.1, 1, 2), 'late')

    def test_told_late_of_its_removal(self):
        self.expect(Forgery().write(0, 1).write(1, GONE, instance=None).wait(0.5, 2.2, 1, GONE),
                    'late')

    def test_answered_for_nothing(self):
        self.expect(Forgery().write(0, 1).wait(0.5, 1, 1, 1, until=20), 'idle')

    def test_an_event_comes_twice(self):
        self.expect(Forgery().write(0, 1).wait(0.5, 1, 1, 1), 'stream')

    def test_an_event_goes_backwards(self):
        self.expect(Forgery().write(0, 1).wait(0.5, 1, 2, 1), 'stream')

    def test_the_end_is_missed(self):
        self.expect(Forgery().follower(None), 'missed')


if __name__ == '__main__':
    unittest.main()
