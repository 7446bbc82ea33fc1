"""Who changes things in the coherence test: writers over HTTP, hands in Redis, and faults."""

import asyncio

from coherence_history import GONE, NEVER, Fault
from coherence_readers import LongPoller, ManyReader, Poller, Streamer
from coherence_world import Known, Party, now

TYPE, MASS_TYPE = 'coherence', 'coherence.mass'
LIVE_MAX = 40


class Crowd:
    """Starts the readers of each new process, and knows which are still at it."""

    WAYS = {'poll': Poller, 'wait': LongPoller, 'stream': Streamer}

    def __init__(self, world):
        self.world, self.tasks = world, set()
        self.random = world.random('crowd')
        self.number = 0
        self.recent = []

    def start(self, reader):
        task = asyncio.create_task(reader.run(), name=reader.name)
        self.tasks.add(task)
        task.add_done_callback(self.ended)

    def ended(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.world.wrong.append(f'{task.get_name()}: {task.exception()!r}')

    def follow(self, process_id):
        """Readers of all kinds on all instances; each fourth time a reader of many as well."""
        for instance in range(len(self.world.ports)):
            for how in self.random.sample(('poll', 'wait', 'stream'), 2):
                self.number += 1
                self.start(self.WAYS[how](self.world, process_id, instance, self.number))
        self.recent = [*self.recent, process_id][-5:]
        if self.random.random() < 0.25:
            self.number += 1
            self.start(ManyReader(self.world, self.recent, self.random.randrange(
                len(self.world.ports)), self.number, self.random.random() < 0.5))


class Writer(Party):
    WEIGHTS = {'create': 14, 'claim': 14, 'progress': 30, 'complete': 8, 'release': 4, 'cancel': 5,
               'retry': 10, 'delete': 4, 'forget': 2, 'expire': 2}

    def __init__(self, world, name, crowd, redis):
        super().__init__(world, name)
        self.crowd, self.redis = crowd, redis
        self.number = 0

    async def run(self):
        names, weights = zip(*self.WEIGHTS.items())
        try:
            while not self.world.enough():
                await getattr(self, self.random.choices(names, weights)[0])()
                await asyncio.sleep(self.random.random() * 0.01)
        finally:
            self.close()

    def some(self, condition):
        """One of the latest processes for which that holds."""
        latest = list(self.world.processes.values())[-4 * LIVE_MAX:]
        return self.lot([one for one in latest
                         if not one.doomed and not one.removed and condition(one)])

    async def change(self, what, known, method, path, document=None):
        """A request about one process; its answer tells the version."""
        instance, start = self.instance(), now()
        known.busy += 1
        try:
            reply = await self.request(instance, method, path, document=document)
        finally:
            known.busy -= 1
        if reply is None or reply.status != 200:
            if what == 'delete' and reply is not None and reply.status == 503:
                self.write(known.process_id, instance, what, start, GONE, NEVER)  # or it was not
            return None
        answer = reply.json
        self.write(known.process_id, instance, what, start,
                   GONE if what == 'delete' else answer['version'])
        known.status = answer['status']
        return answer

    async def create(self):
        alive = sum(not one.final and not one.removed and not one.doomed
                    for one in self.world.processes.values())
        if alive >= LIVE_MAX:
            return
        self.number += 1
        instance, start = self.instance(), now()
        reply = await self.request(instance, 'POST', '/analyze', document={
            'type': TYPE, 'input': {'n': self.number}, 'metadata': {'by': self.name}})
        if reply is not None and reply.status == 202:
            answer = reply.json
            self.write(answer['process_id'], instance, 'create', start, answer['version'])
            self.world.processes[answer['process_id']] = Known(answer['process_id'])
            self.crowd.follow(answer['process_id'])

    async def claim(self):
        instance, start = self.instance(), now()
        reply = await self.request(instance, 'POST', '/claim', document={
            'types': [TYPE], 'worker': self.name, 'max': self.random.randint(1, 3),
            'lease_seconds': 3600})
        if reply is None or reply.status != 200:
            return
        for document in reply.json['processes']:
            known = self.world.processes.get(document['process_id'])
            if known is not None:  # else its creation was not acknowledged
                self.write(known.process_id, instance, 'claim', start, document['version'])
                known.token, known.status = document['lease_token'], document['status']

    async def report(self, what, **members):
        known = self.some(lambda one: one.token is not None)
        if known is None:
            return
        token = known.token
        if what != 'progress':
            known.token = None
        await self.change(what, known, 'POST', f'/processes/{known.process_id}/{what}',
                          {'lease_token': token, **members})

    async def progress(self):
        self.number += 1
        await self.report('progress', percent=self.random.randint(0, 99),
                          message=f'{self.name} {self.number}')

    async def complete(self):
        self.number += 1
        await self.report('complete', result={'by': self.name, 'n': self.number})

    async def release(self):
        await self.report('release')

    async def cancel(self):
        known = self.some(lambda one: not one.final)
        if known is not None:
            known.ending = True
            await self.change('cancel', known, 'POST', f'/processes/{known.process_id}/cancel')

    async def retry(self):
        known = self.some(lambda one: one.status == 'canceled')
        if known is None:
            return
        known.token = None
        if await self.change('retry', known, 'POST', f'/processes/{known.process_id}/retry'):
            self.crowd.follow(known.process_id)

    async def delete(self):
        known = self.some(lambda one: one.final)
        if known is not None and await self.change('delete', known, 'DELETE',
                                                   f'/processes/{known.process_id}'):
            known.removed = True

    # --- by hand ---------------------------------------------------------------------------------

    async def by_hand(self, *words):
        async with self.world.hand:
            try:
                return await asyncio.to_thread(self.redis.command, *words)
            except OSError:
                return None  # it is being started again

    async def forget(self):
        """Its record is deleted in Redis, whatever else goes on with it."""
        known = self.some(lambda one: True)
        if known is None or self.redis is None:
            return
        known.removed, start = True, now()
        written = self.write(known.process_id, None, 'DEL', start, GONE, NEVER)
        if await self.by_hand('DEL', f'process:{known.process_id}') == 1:
            written.end = now()

    async def expire(self):
        """Its record expires. Only where nothing is under way that would make it stay."""
        known = self.some(lambda one: not one.busy and
                          (one.final or (one.token is not None and not one.ending)))
        if known is None or self.redis is None:
            return
        known.doomed, known.token = True, None
        seconds, start = self.random.uniform(0.001, 0.3), now()
        written = self.write(known.process_id, None, 'PEXPIRE', start, GONE, NEVER)
        if await self.by_hand('PEXPIRE', f'process:{known.process_id}', round(seconds * 1000)) == 1:
            written.start, written.end = start + seconds - 0.002, now() + seconds
            await asyncio.sleep(max(written.end - now(), 0))
            known.removed = True


class Faults(Party):
    """One fault after the other, evenly over the run."""

    def __init__(self, world, crowd, redis, kinds, mass):
        super().__init__(world, 'faults')
        self.crowd, self.redis, self.kinds, self.mass = crowd, redis, kinds, mass
        self.fault = None

    async def run(self):
        try:
            for number, kind in enumerate(self.kinds, 1):
                begin = self.world.operations * number / (len(self.kinds) + 1)
                while self.world.done < begin and not self.world.wrong:
                    await asyncio.sleep(0.02)
                self.fault = Fault(kind, now(), NEVER)
                self.world.history.faults.append(self.fault)
                await getattr(self, kind)()
                self.fault.end = now()
        finally:
            self.close()

    async def kill_clients(self, *kinds):
        async with self.world.hand:
            for kind in kinds:
                await asyncio.to_thread(self.redis.command, 'CLIENT', 'KILL', 'TYPE', kind,
                                        'SKIPME', 'yes')

    async def kill_invalidations(self):
        await self.kill_clients('pubsub')

    async def kill_data(self):
        await self.kill_clients('normal')

    async def kill_both(self):
        await self.kill_clients('pubsub', 'normal')

    async def restart(self):
        """What it has acknowledged is in its append-only file."""
        async with self.world.hand:
            await asyncio.to_thread(self.redis.kill)
            await asyncio.to_thread(self.redis.start)

    async def many_at_once(self):
        """Thousands of processes that all are followed are canceled at once."""
        ids = await self.create_many()
        readers = [ManyReader(self.world, ids[at:at + 200], instance, f'mass-{at}', at % 400 == 0)
                   for at in range(0, len(ids), 200) for instance in range(len(self.world.ports))]
        for reader in readers:
            reader.counts = 0
            self.crowd.start(reader)
        while not self.world.wrong and any(0 in reader.last.values() for reader in readers):
            await asyncio.sleep(0.02)  # until each has been shown each
        instance = self.instance()
        self.fault.start = start = now()
        reply = await self.request(instance, 'POST',
                                   f'/processes/cancel?status=pending&type={MASS_TYPE}')
        if reply is None or reply.status != 200 or reply.json['canceled'] != len(ids):
            self.world.wrong.append(f'canceled {reply} of {len(ids)}')
        for process_id in ids:
            self.write(process_id, instance, 'bulk cancel', start, 2)

    async def create_many(self):
        ids = []
        while len(ids) < self.mass:
            count = min(1000, self.mass - len(ids))
            reply = await self.request(0, 'POST', '/analyze/batch', document={
                'processes': [{'type': MASS_TYPE, 'input': 1}] * count})
            if reply is None or reply.status == 503:
                if self.world.wrong:
                    break
                continue
            ids += [one['process_id'] for one in reply.json['processes']]
        self.world.mass += ids
        return ids
