"""Who reads in the coherence test. Each follows one process (or many) until that has ended."""

import asyncio

from async_http import Closed, Reply
from coherence_history import GONE, Follower
from coherence_world import LANES, Party, now

WAIT_SECONDS = 20


async def open_stream(party, path):
    """A stream at its home; None when it is refused for now, or that went wrong."""
    try:
        stream = await party.connection(party.home).open_stream(path)
    except (Closed, TimeoutError) as error:
        party.world.wrong.append(f'{party.name}: {error!r}')
        return None
    if not isinstance(stream, Reply):
        return stream
    if stream.status != 503:
        party.world.wrong.append(f'{party.name}: {stream}')
    return None


class OneReader(Party):
    """Follows one process on one instance; `last` is the version that it was shown last."""

    how = ''

    def __init__(self, world, process_id, instance, number):
        super().__init__(world, f'{self.how}-{number}')
        self.process_id, self.home = process_id, instance
        self.path = f'/status/{process_id}'
        self.last = -1
        self.follower = Follower(process_id, instance, self.name)
        world.history.followers.append(self.follower)

    async def run(self):
        try:
            while not await self.step():
                pass
            self.follower.end = now()
        finally:
            self.close()

    async def step(self):
        """True at the end of what is followed."""
        raise NotImplementedError

    def note(self, read, reply=None):
        """True when it has ended."""
        if read.version is not None:
            self.last = read.version
        return read.version == GONE or (reply is not None and reply.status == 200 and
                                        reply.json['done'])


class Poller(OneReader):
    """Plain polls over several connections, each second one with the last ETag."""

    how = 'poll'

    async def step(self):
        known = self.last if self.last > 0 and self.random.random() < 0.5 else None
        headers = () if known is None else (f'If-None-Match: "{known}"',)
        start = now()
        reply = await self.request(self.home, 'GET', self.path, headers,
                                   lane=self.random.randrange(LANES))
        if reply is None:
            return True
        ended = self.note(self.read_reply('poll', self.process_id, self.home, start, reply, known),
                          reply)
        if self.random.random() < 0.8:
            await asyncio.sleep(self.random.random() * 0.15)
        return ended


class LongPoller(OneReader):
    """Waits for the next state, saying in one of the ways which it knows."""

    how = 'wait'

    async def step(self):
        path, headers, known = self.path, (), None
        way = self.lot(('version', 'tag', 'prefer')) if self.last > 0 else 'version'
        if way == 'version':
            path += f'?wait={WAIT_SECONDS}&after_version={max(self.last, 0)}'
        else:
            known = self.last
            headers = (f'If-None-Match: "{known}"',)
            if way == 'tag':
                path += f'?wait={WAIT_SECONDS}'
            else:
                headers += (f'Prefer: wait={WAIT_SECONDS}',)
        start, after = now(), self.last
        reply = await self.request(self.home, 'GET', path, headers,
                                   lane=self.random.randrange(LANES))
        if reply is None:
            return True
        read = self.read_reply('wait', self.process_id, self.home, start, reply, known)
        # Its time is counted by the server's clock, which ticks in milliseconds.
        self.wait(self.process_id, self.home, start, after, read.version,
                  start + WAIT_SECONDS - 0.1)
        return self.note(read, reply)


class Streamer(OneReader):
    """Server-sent events; opens the stream again with Last-Event-ID as a browser does."""

    how = 'stream'

    async def step(self):
        headers = (f'Last-Event-ID: {self.last}',) if self.last > 0 else ()
        start = now()
        try:
            stream = await self.connection(self.home).open_stream(self.path, headers)
        except (Closed, TimeoutError) as error:
            self.world.wrong.append(f'{self.name}: {self.path}: {error!r}')
            return True
        if isinstance(stream, Reply):
            return await self.no_stream(start, stream)
        since, told = start, False
        async for event in stream:
            told = True
            self.world.done += self.counts
            ended = self.take(start, since, event)
            since = now()
            if ended:
                return True
            if self.random.random() < 0.02:
                break  # leaves, and comes back
        else:
            await self.ended(start, told or not headers or stream.broken)
        stream.close()
        return False

    async def ended(self, start, wrongly):
        """One that comes again while the state cannot be read is let in and sent away, as a browser
        would not come again after an error."""
        if wrongly:
            self.world.wrong.append(f'{self.name}: {self.path}: the stream ended at version '
                                    f'{self.last}')
        else:
            self.read('stream', self.process_id, self.home, start, None, code=503)
            await asyncio.sleep(0.02)

    async def no_stream(self, start, reply):
        if reply.status == 204:
            self.world.wrong.append(f'{self.name}: {self.path}: 204 after version {self.last}')
            return True
        if reply.status == 503:
            await asyncio.sleep(0.02)
        return self.note(self.read_reply('stream', self.process_id, self.home, start, reply))

    def take(self, start, since, event):
        if event.name == 'removed':
            read = self.read('stream', self.process_id, self.home, start, GONE,
                             code=event.json['status_code'])
            self.wait(self.process_id, self.home, since, self.last, GONE)
            return self.note(read)
        document = event.json
        if event.id != str(document['version']):
            self.world.wrong.append(f'{self.name}: the id of another version: {event}')
        read = self.read_document('stream', self.home, start, document)
        self.wait(self.process_id, self.home, since, self.last, read.version)
        return self.note(read) or document['done']


class ManyReader(Party):
    """Follows several processes by GET /status?ids=, by long polls or by streams."""

    def __init__(self, world, ids, instance, number, streams):
        super().__init__(world, f'{"many-stream" if streams else "many-wait"}-{number}')
        self.home, self.streams = instance, streams
        self.last = {process_id: 0 for process_id in ids}
        self.followers = {one: Follower(one, instance, self.name) for one in ids}
        self.opened = 0.0
        self.since = {}
        world.history.followers += self.followers.values()

    def left(self):
        return [one for one, follower in self.followers.items() if follower.end is None]

    def path(self, ids):
        return (f'/status?ids={",".join(ids)}'
                f'&after_version={",".join(str(self.last[one]) for one in ids)}')

    async def run(self):
        try:
            while ids := self.left():
                await (self.stream(ids) if self.streams else self.poll(ids))
                if self.world.wrong:
                    return
        finally:
            self.close()

    def shown(self, how, document):
        process_id = document['process_id']
        if process_id not in self.last:
            self.world.wrong.append(f'{self.name}: nobody asked for it: {document}')
            return
        self.read_document(how, self.home, self.opened, document)
        self.learn(process_id, document['version'], document['done'])

    def removed(self, how, process_id, code):
        self.read(how, process_id, self.home, self.opened, GONE, code=code)
        self.learn(process_id, GONE, True)

    def learn(self, process_id, version, ended):
        self.wait(process_id, self.home, self.since[process_id], self.last[process_id] or -1,
                  version)
        self.last[process_id], self.since[process_id] = version, now()
        if ended:
            self.followers[process_id].end = now()

    async def poll(self, ids):
        waits = self.random.random() < 0.8
        self.opened = now()
        self.since = dict.fromkeys(ids, self.opened)
        reply = await self.request(
            self.home, 'GET', self.path(ids) + (f'&wait={WAIT_SECONDS}' if waits else ''),
            lane=self.random.randrange(LANES))
        if reply is None or reply.status == 503:
            return
        if reply.status != 200:
            self.world.wrong.append(f'{self.name}: {reply}')
            return
        answer, told = reply.json, set()
        for document in answer['processes']:
            self.shown('many-wait', document)
            told.add(document['process_id'])
        for member, code in (('missing', 404), ('gone', 410)):
            for process_id in answer[member]:
                self.removed('many-wait', process_id, code)
                told.add(process_id)
        if answer['unchanged'] + len(told) != len(ids):
            self.world.wrong.append(f'{self.name}: {len(ids)} were asked for: {reply}')
        for process_id in set(ids) - told:
            self.read('many-wait', process_id, self.home, self.opened,
                      self.last[process_id] or None)
            self.wait(process_id, self.home, self.opened, self.last[process_id] or -1, None)

    async def stream(self, ids):
        self.opened = now()
        self.since = dict.fromkeys(ids, self.opened)
        stream = await open_stream(self, self.path(ids))
        if stream is None:
            await asyncio.sleep(0.02)
            return
        async for event in stream:
            self.world.done += self.counts
            if event.name == 'removed':
                self.removed('many-stream', event.json['process_id'], event.json['status_code'])
            else:
                self.shown('many-stream', event.json)
        if self.left():
            self.world.wrong.append(f'{self.name}: the stream ended, {len(self.left())} are left, '
                                    f'broken: {stream.broken}')


class Glancer(Party):
    """Looks at whatever there is, also long after it has ended or was removed."""

    how = 'glance'

    async def run(self):
        try:
            while not self.world.enough():
                of_mass = self.world.mass and self.random.random() < 0.3
                ids = self.world.mass if of_mass else list(self.world.processes)[-300:]
                if ids:
                    await self.step(self.lot(ids), self.instance())
                await asyncio.sleep(self.random.random() * 0.01)
        finally:
            self.close()

    async def step(self, process_id, instance):
        start = now()
        reply = await self.request(instance, 'GET', f'/status/{process_id}',
                                   lane=self.random.randrange(LANES))
        if reply is not None:
            self.read_reply('glance', process_id, instance, start, reply)


class Feed(Party):
    """GET /events of one instance from beginning to end. When it is told that something was missed,
    or is cut off because it reads too slowly, it looks at all that it knows, as a client has to."""

    OPENED_MAX = 5
    counts = 0

    def __init__(self, world, instance):
        super().__init__(world, f'feed-{instance}')
        self.home = instance
        self.told = {}   # by events, the version of each
        self.known = {}  # also by looking: version and whether it has ended
        self.opened = self.events = self.missed = 0
        self.looking = set()

    async def run(self):
        try:
            while self.opened < self.OPENED_MAX and not self.world.wrong:
                await self.follow()
            self.world.wrong.append(f'{self.name}: cut off {self.opened} times')
        finally:
            self.close()

    def has_ended(self, process_id):
        return self.known.get(process_id, (0, False))[1]

    async def follow(self):
        start = now()
        stream = await open_stream(self, '/events')
        if stream is None:
            await asyncio.sleep(0.1)
            return
        self.opened += 1
        self.told.clear()
        if self.opened > 1:
            self.look_again()
        async for event in stream:
            self.events += 1
            if event.name == 'missed':
                self.missed += 1
                self.look_again()
            elif event.name == 'removed':
                self.learn(event.json['process_id'], GONE, True)
            else:
                self.take(start, event.json)

    def take(self, start, document):
        process_id, version = document['process_id'], document['version']
        self.read_document('feed', self.home, start, document)
        if version < self.told.get(process_id, 0):
            self.world.wrong.append(f'{self.name}: back from version {self.told[process_id]} to '
                                    f'{document}')
        self.told[process_id] = version
        self.learn(process_id, version, document['done'])

    def learn(self, process_id, version, ended):
        if version >= self.known.get(process_id, (0, False))[0]:
            self.known[process_id] = (version, ended)

    def look_again(self):
        """Beside the stream, which goes on meanwhile."""
        task = asyncio.create_task(self.look())
        self.looking.add(task)
        task.add_done_callback(self.looking.discard)

    async def look(self):
        looker = Party(self.world, f'{self.name}-looks')
        looker.counts = 0
        try:
            for process_id in [*self.world.processes, *self.world.mass]:
                if not self.has_ended(process_id):
                    await self.look_at(looker, process_id)
        finally:
            looker.close()

    async def look_at(self, looker, process_id):
        while not self.world.wrong:
            start = now()
            reply = await looker.request(self.home, 'GET', f'/status/{process_id}')
            if reply is None or reply.status == 503:
                continue
            read = looker.read_reply('glance', process_id, self.home, start, reply)
            if read.version is not None:
                self.learn(process_id, read.version, read.version == GONE or reply.json['done'])
            return
