"""What the coherence test records of one run. Times are of one monotonic clock, in seconds.

A version is a number; GONE (404 and 410) is later than every number, as nothing comes back.
"""

import hashlib
import json

from model_history import VOLATILE

GONE = float('inf')
NEVER = float('inf')


class Read:
    """A state that somebody was shown: between start and end it was the present one, so far as that
    instance told. Of an event in a stream, start is that of the stream."""

    __slots__ = ('process_id', 'instance', 'reader', 'how', 'start', 'end', 'version', 'content',
                 'code')

    def __init__(self, process_id, instance, reader, how, start, end, version, content=None,
                 code=200):
        self.process_id, self.instance, self.reader, self.how = process_id, instance, reader, how
        self.start, self.end, self.version = start, end, version  # None: it could not be told (503)
        self.content, self.code = content, code

    def __repr__(self):
        return (f'<{self.how} by {self.reader} on instance {self.instance} of {self.process_id}: '
                f'version {self.version} ({self.code}) [{self.start:.3f}, {self.end:.3f}]>')


class Write:
    """A change that was acknowledged at `end`; instance None when it was made in Redis itself. One
    that expires there is made at that moment."""

    __slots__ = ('process_id', 'instance', 'what', 'start', 'end', 'version')

    def __init__(self, process_id, instance, what, start, end, version):
        self.process_id, self.instance, self.what = process_id, instance, what
        self.start, self.end, self.version = start, end, version

    def __repr__(self):
        return (f'<{self.what} on instance {self.instance} of {self.process_id}: version '
                f'{self.version} [{self.start:.3f}, {self.end:.3f}]>')


class Wait:
    """From start to end a long poll or a stream was waiting for something else than `after`; it
    was told of `told` (None: of nothing). `until` is when it was to be answered in any case."""

    __slots__ = ('process_id', 'instance', 'reader', 'start', 'end', 'after', 'told', 'until')

    def __init__(self, process_id, instance, reader, start, end, after, told, until=NEVER):
        self.process_id, self.instance, self.reader = process_id, instance, reader
        self.start, self.end, self.after, self.told, self.until = start, end, after, told, until

    def __repr__(self):
        return (f'<{self.reader} waits on instance {self.instance} for {self.process_id} beyond '
                f'{self.after}, told {self.told} [{self.start:.3f}, {self.end:.3f}]>')


class Follower:
    """One who follows a process until it has ended; end None: it never learned of that."""

    __slots__ = ('process_id', 'instance', 'name', 'end')

    def __init__(self, process_id, instance, name):
        self.process_id, self.instance, self.name, self.end = process_id, instance, name, None

    def __repr__(self):
        return f'<{self.name} on instance {self.instance} follows {self.process_id}>'


class Fault:
    """Something that may delay what is told: from start to end. `kind` is for the reader of the
    report."""

    __slots__ = ('kind', 'start', 'end')

    def __init__(self, kind, start, end):
        self.kind, self.start, self.end = kind, start, end

    def __repr__(self):
        return f'<{self.kind} [{self.start:.3f}, {self.end:.3f}]>'


class History:
    def __init__(self):
        self.reads, self.writes, self.waits, self.followers, self.faults = [], [], [], [], []


def content_of(document):
    """What must be the same wherever that version is shown."""
    stable = {name: value for name, value in document.items() if name not in VOLATILE}
    return hashlib.sha1(json.dumps(stable, sort_keys=True).encode()).hexdigest()
