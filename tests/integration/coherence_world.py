"""What all who take part in the coherence test share: the instances, the record, and how to call."""

import asyncio
import random
import time

from async_http import AsyncConnection, Closed
from coherence_history import GONE, NEVER, Fault, History, Read, Wait, Write, content_of
from model_history import FINAL

LANES = 3  # connections of one reader to one instance: they reach different loops of it
LAG_SECONDS = 0.05


def now():
    return time.monotonic()


class World:
    def __init__(self, seed, operations, ports):
        self.seed, self.operations, self.ports = seed, operations, ports
        self.history = History()
        self.wrong = []       # what no history is needed for
        self.processes = {}   # id -> Known, of all that the writers ever made
        self.mass = []        # ids of those that are made and canceled all at once
        self.hand = asyncio.Lock()  # for commands by hand: one connection has them all
        self.done = 0         # operations that were answered

    def random(self, name):
        return random.Random(f'{self.seed}/{name}')

    def enough(self):
        return self.done >= self.operations or bool(self.wrong)


class Known:
    """What the writers know of a process."""

    __slots__ = ('process_id', 'token', 'status', 'busy', 'ending', 'doomed', 'removed')

    def __init__(self, process_id):
        self.process_id = process_id
        self.token = None      # while a writer holds it
        self.status = 'pending'
        self.busy = 0          # requests about it that are under way
        self.ending = False    # a cancel was asked for: the server ends it when its time has come
        self.doomed = False    # it will expire: nobody touches it any more
        self.removed = False

    @property
    def final(self):
        return self.status in FINAL


class Party:
    """One who calls. Has connections of its own to each instance, opened as needed."""

    counts = 1  # 0: the run's length is counted without it

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.random = world.random(name)
        self.connections = {}

    def connection(self, instance, lane=0):
        found = self.connections.get((instance, lane))
        if found is None:
            found = AsyncConnection(self.world.ports[instance])
            self.connections[instance, lane] = found
        return found

    def lot(self, items):
        return items[int(self.random.random() * len(items))] if items else None

    def instance(self):
        return self.random.randrange(len(self.world.ports))

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    async def request(self, instance, method, path, headers=(), document=None, lane=0):
        """The reply; None when the connection broke, which no fault of this test explains."""
        try:
            reply = await self.connection(instance, lane).request(method, path, headers, document)
        except Closed as error:
            self.world.wrong.append(f'{self.name}: {method} {path}: {error}')
            return None
        except TimeoutError:
            self.world.wrong.append(f'{self.name}: {method} {path}: no answer')
            return None
        if reply.status == 503:
            await asyncio.sleep(0.02)  # not to ask in a circle while Redis is away
        else:
            self.world.done += self.counts
        return reply

    # --- what is written down --------------------------------------------------------------------

    def read(self, how, process_id, instance, start, version, content=None, code=200):
        read = Read(process_id, instance, self.name, how, start, now(), version, content, code)
        self.world.history.reads.append(read)
        return read

    def read_document(self, how, instance, start, document):
        return self.read(how, document['process_id'], instance, start, document['version'],
                         content_of(document))

    def read_reply(self, how, process_id, instance, start, reply, known=None):
        """Of GET /status/<id>; known: the version that a 304 confirms."""
        if reply.status in (404, 410):
            return self.read(how, process_id, instance, start, GONE, code=reply.status)
        if reply.status == 503:
            return self.read(how, process_id, instance, start, None, code=503)
        if reply.status == 304 and known is not None:
            self.expect_tag(reply, known)
            return self.read(how, process_id, instance, start, known, code=304)
        if reply.status != 200:
            self.world.wrong.append(f'{self.name}: {how} of {process_id}: {reply}')
            return self.read(how, process_id, instance, start, None, code=reply.status)
        self.expect_tag(reply, reply.json['version'])
        return self.read_document(how, instance, start, reply.json)

    def expect_tag(self, reply, version):
        if reply.get('etag') != f'"{version}"':
            self.world.wrong.append(f'{self.name}: not the ETag of version {version}: {reply}')

    def wait(self, process_id, instance, start, after, told, until=NEVER):
        self.world.history.waits.append(
            Wait(process_id, instance, self.name, start, now(), after, told, until))

    def write(self, process_id, instance, what, start, version, end=None):
        write = Write(process_id, instance, what, start, now() if end is None else end, version)
        self.world.history.writes.append(write)
        return write


async def note_lag(world):
    """Where this thread itself was late, nobody else is blamed for it."""
    while True:
        start = now()
        await asyncio.sleep(LAG_SECONDS)
        end = now()
        if end - start > 2 * LAG_SECONDS:
            world.history.faults.append(Fault('lag of the test itself', start, end))
