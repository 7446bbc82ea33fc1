"""What one client was told, and what may therefore be there after its server was killed.

A process is known by its name, which is in its metadata. `state` is what was acknowledged last,
`coming` what the call under way would make of it: after a kill it is one or the other, as a whole.
"""

from collections import namedtuple

State = namedtuple('State', 'status version attempt percent result error')
ABSENT, GONE = 'absent', 'gone'
CREATED = State('pending', 1, 0, None, None, None)
FINAL = ('completed', 'failed', 'canceled')


def seen(resource):
    """The state that a resource shows."""
    progress, error = resource['progress'], resource['error']
    return State(resource['status'], resource['version'], resource['attempt'],
                 progress and progress['percent'], resource['result'], error and error['code'])


class Entry:
    def __init__(self, name, key=None):
        self.name, self.key = name, key
        self.id = self.token = self.event = None
        self.state, self.coming = ABSENT, CREATED
        self.timeline = [('created', 1)]

    def begin(self, event, **changes):
        """A change that is sent now; event: its entry in the timeline, if it gets one."""
        self.coming = self.state._replace(version=self.state.version + 1, **changes)
        self.event = event

    def begin_removal(self):
        self.coming, self.event = GONE, None

    def settle(self, state):
        """It is in the one state or the other; whether it had changed."""
        changed = self.coming is not None and state == self.coming
        if changed and self.event:
            self.timeline.append((self.event, state.version))
        self.state, self.coming, self.event = state, None, None
        if not self.alive or state.status in FINAL:
            self.token = None
        return changed

    def acknowledge(self, version=None):
        if version is not None and version != self.coming.version:
            raise AssertionError(f'{self.name}: version {version}, not {self.coming.version}')
        self.settle(self.coming)

    @property
    def alive(self):
        return isinstance(self.state, State)


class Book:
    """Of one client, which alone makes and takes the processes of the type `kind`."""

    def __init__(self, kind):
        self.kind = kind
        self.entries = {}
        self.named = 0
        self.batch = None  # of the batch under way: its key and entries
        self.claiming = 0  # how many the claim under way may take
        self.acknowledged = 0         # calls
        self.there = self.absent = 0  # what became of the calls that were not

    def new(self, with_key):
        self.named += 1
        name = f'{self.kind}-{self.named}'
        entry = self.entries[name] = Entry(name, name if with_key else None)
        return entry

    def find(self, wanted):
        return [entry for entry in self.entries.values() if entry.alive and wanted(entry)]

    def document(self, entry):
        return {'type': self.kind, 'input': [entry.name] * 3, 'metadata': {'name': entry.name}}


class Check:
    """Compares a book with what a server that was started again holds."""

    def __init__(self, book, client, found):
        self.book, self.client, self.found = book, client, found
        self.faults = []

    def run(self, gone_too=False):
        """found: all resources by name. What is in the book is taken out of it."""
        book = self.book
        under_way = [entry for entry in book.entries.values() if entry.coming is not None]
        changed = [entry for entry in under_way if self.check_state(entry)]
        for entry in book.entries.values():
            if entry not in under_way:
                self.check_state(entry)
        self.check_call_under_way(under_way, changed)
        for entry in changed:
            self.check_whole(entry)
        self.send_again(under_way, changed)
        self.check_gone(book.entries.values() if gone_too else under_way)
        book.batch, book.claiming = None, 0
        for entry in under_way:
            if entry.state == ABSENT:
                del book.entries[entry.name]
        return self.faults

    def check_state(self, entry):
        """Whether the call under way has changed it."""
        resource = self.found.pop(entry.name, None)
        if resource is None:
            state = ABSENT if entry.state == ABSENT else GONE
        else:
            state = seen(resource)
            if entry.id not in (None, resource['process_id']):
                self.faults.append(f'{entry.name}: now {resource["process_id"]}, was {entry.id}')
            entry.id = resource['process_id']
        if state not in (entry.state, entry.coming):
            self.faults.append(f'{entry.name}: is {state}, told {entry.state},'
                               f' under way {entry.coming}')
        return entry.settle(state)

    def check_call_under_way(self, under_way, changed):
        """It has come about as a whole, or not at all."""
        book = self.book
        if book.batch and len(changed) not in (0, len(book.batch[1])):
            self.faults.append(f'{len(changed)} of a batch of {len(book.batch[1])}')
        if book.claiming and len(changed) > book.claiming:
            self.faults.append(f'{len(changed)} claimed by one call for {book.claiming}')
        if not book.batch and not book.claiming and len(under_way) > 1:
            raise AssertionError('a client has one call under way')
        if changed:
            book.there += 1
        elif under_way:
            book.absent += 1

    def check_whole(self, entry):
        """Record and timeline agree."""
        if entry.state == GONE:
            return
        resource = self.client.get(f'/status/{entry.id}?fields=%2Binput').json
        if resource['input'] != self.book.document(entry)['input'] or \
                resource['type'] != self.book.kind:
            self.faults.append(f'{entry.name}: is not what was sent: {resource}')
        events = self.client.get(f'/processes/{entry.id}/events').json['events']
        timeline = [(one['event'], one['version']) for one in events]
        if timeline != entry.timeline:
            self.faults.append(f'{entry.name}: timeline {timeline}, not {entry.timeline}')

    def send_again(self, under_way, changed):
        """A creation whose answer did not come: its key finds it if it is there."""
        if self.book.batch:
            key, entries = self.book.batch
            answer = self.client.post('/analyze/batch', {
                'processes': [self.book.document(one) for one in entries]},
                {'Idempotency-Key': key})
            self.take_again(answer, entries, changed)
            return
        for entry in under_way:
            if entry.key and (entry.state == ABSENT or entry in changed and
                              entry.state == CREATED):
                answer = self.client.post('/analyze', self.book.document(entry),
                                          {'Idempotency-Key': entry.key})
                self.take_again(answer, [entry], changed)

    def take_again(self, answer, entries, changed):
        name = entries[0].name
        if answer.status != 202:
            self.faults.append(f'{name}: sent again: {answer}')
            return
        replayed = answer.header('Idempotent-Replayed') == 'true'
        if replayed != bool(changed):
            self.faults.append(f'{name}: sent again: replayed {replayed}, there {bool(changed)}')
        given = answer.json.get('processes', [answer.json])
        for entry, one in zip(entries, given):
            if changed and one['process_id'] != entry.id:
                self.faults.append(f'{entry.name}: there are two: {one["process_id"]}, {entry.id}')
            entry.id, entry.state = one['process_id'], CREATED

    def check_gone(self, entries):
        gone = {entry.id for entry in entries if entry.state == GONE}
        ids = sorted(gone)
        for first in range(0, len(ids), 200):
            answer = self.client.get('/status?ids=' + ','.join(ids[first:first + 200]))
            gone -= set(answer.json['gone'])
        self.faults += [f'{one} was removed and is not known as gone' for one in gone]
