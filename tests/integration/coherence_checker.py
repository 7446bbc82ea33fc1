"""Judges a history of the coherence test: whether what instances told could have been one truth.

backwards     a read shows less than an earlier read on that instance had shown, whoever made it
own-write     a read shows less than an earlier write through that instance had made
stale         a read shows less than what was written, by anybody, longer ago than allowed
late          one who waits is not told of a write in the time allowed
idle          a long poll is answered before its time, with what it knew
stream        an event tells of what the stream had told of before, or of less
content       one version is shown in two ways
lost          404 or 410 for a process that nobody removed
unavailable   503 though everything works
missed        a follower never learned of the end

Reads and writes that overlap prove nothing: only what ended before the other began is compared.
"""

from bisect import bisect_left
from collections import defaultdict

from coherence_history import GONE, NEVER


class Checker:
    """stale_seconds: how long after a write, or after the end of a fault, somebody may still be
    shown what was before; down_seconds: how long an instance may answer 503 after a fault."""

    def __init__(self, history, stale_seconds=1.0, down_seconds=5.0):
        self.history = history
        self.stale_seconds, self.down_seconds = stale_seconds, down_seconds
        self.faults = sorted(history.faults, key=lambda fault: fault.start)
        self.violations = []

    def fault(self, rule, text, *evidence):
        self.violations.append((rule, ' '.join([text, *map(str, evidence)])))

    def check(self):
        """Violations as (rule, text)."""
        reads, writes, waits = (self.by_process(getattr(self.history, name))
                                for name in ('reads', 'writes', 'waits'))
        for process_id, seen in reads.items():
            told = [read for read in seen if read.version is not None]
            self.check_order(told, writes[process_id])
            self.check_stale(told, writes[process_id])
            self.check_content(told)
            self.check_lost(told, writes[process_id])
        self.check_available()
        for process_id, of_process in waits.items():
            self.check_waits(of_process, writes[process_id])
        for follower in self.history.followers:
            if follower.end is None:
                self.fault('missed', 'never learned of the end:', follower)
        return self.violations

    @staticmethod
    def by_process(items):
        found = defaultdict(list)
        for item in items:
            found[item.process_id].append(item)
        return found

    def deadline(self, moment, seconds=None):
        """By when something that happened at this moment must be known to all."""
        seconds = self.stale_seconds if seconds is None else seconds
        end = moment + seconds
        for fault in self.faults:
            if fault.start > end:
                break
            if fault.end >= moment:
                end = max(end, fault.end + seconds)
        return end

    # --- reads -----------------------------------------------------------------------------------

    def check_order(self, reads, writes):
        for instance in {read.instance for read in reads}:
            here = [read for read in reads if read.instance == instance]
            self.check_after('backwards', 'shows less than was shown:', here,
                             [(read.end, read) for read in here])
            self.check_after('own-write', 'shows less than was acknowledged:', here,
                             [(write.end, write) for write in writes
                              if write.instance == instance])

    def check_stale(self, reads, writes):
        self.check_after('stale', 'shows less than was long known:', reads,
                         [(self.deadline(write.end), write) for write in writes])

    def check_after(self, rule, text, reads, known):
        """known: (since when, what had that version); later reads must show that version, or more."""
        known = sorted(known, key=lambda pair: pair[0])
        highest = []
        for _, one in known:
            top = highest[-1] if highest else one
            highest.append(one if one.version > top.version else top)
        times = [time for time, _ in known]
        for read in reads:
            before = bisect_left(times, read.start)
            if before and highest[before - 1].version > read.version:
                self.fault(rule, text, read, 'but', highest[before - 1])

    def check_content(self, reads):
        shown = {}
        for read in reads:
            if read.content is None or read.version == GONE:
                continue
            first = shown.setdefault(read.version, read)
            if first.content != read.content:
                self.fault('content', 'one version, two contents:', first, read)

    def check_lost(self, reads, writes):
        removed = min((write.start for write in writes if write.version == GONE), default=None)
        for read in reads:
            if read.version == GONE and (removed is None or read.end < removed):
                self.fault('lost', 'nobody had removed it:', read)

    def check_available(self):
        for read in self.history.reads:
            if read.version is None and not any(
                    fault.start <= read.end and
                    read.start <= fault.end + self.down_seconds for fault in self.faults):
                self.fault('unavailable', 'no fault explains it:', read)

    # --- those who wait --------------------------------------------------------------------------

    def check_waits(self, waits, writes):
        for wait in waits:
            self.check_late(wait, writes)
            if wait.told == wait.after and wait.until != NEVER and wait.end < wait.until:
                self.fault('idle', 'answered for nothing:', wait)
            if wait.until == NEVER and wait.told is not None and wait.told <= wait.after:
                self.fault('stream', 'told of no later version:', wait)

    def check_late(self, wait, writes):
        news = [write for write in writes if write.version > wait.after and write.end < wait.end]
        for write in sorted(news, key=lambda one: one.end)[:1]:
            if wait.end > self.deadline(max(write.end, wait.start)):
                self.fault('late', 'was not told in time of', write, wait)
