#!/usr/bin/env python3
"""The coherence test: two instances on one Redis, writers that change processes at random through
both, readers that follow them in every way, and faults; then what was seen is judged.

    PROCTRACK_BUILD=build tests/integration/coherence.py --operations 200000
"""

import argparse
import asyncio
import os
import secrets
import sys
import time
from collections import Counter

from coherence_checker import Checker
from coherence_history import GONE
from coherence_readers import Feed, Glancer
from coherence_world import Party, World, note_lag, now
from coherence_writers import Crowd, Faults, Writer
from polling import PATIENCE, eventually
from redis_process import Redis, user_rules
from redis_proxy import LateRedis
from server_process import Server

WRITERS, GLANCERS = 8, 3
SETTINGS = {'CANCEL_GRACE_SECONDS': 1, 'EVENTS_MAX': 5, 'MAX_CONNECTIONS': 4000,
            'MAX_WAITERS': 20000, 'REDIS_COMMAND_TIMEOUT_MS': 20000,
            'AUDIT_INTERVAL_MS': 0}  # an audit takes off the expiry that is set here
# One instance has one loop, the other several, which must agree with each other as well.
LOOPS = (1, 3)
FAULTS = ('kill_invalidations', 'kill_data', 'many_at_once', 'kill_both', 'restart')
FINISHING_SECONDS = 30


async def until(condition, seconds):
    """False when it did not become true in time."""
    deadline = now() + seconds * PATIENCE
    while not condition():
        if now() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True


async def finish(world):
    """Brings every process to its end; the ids that are still there."""
    party, left = Party(world, 'end'), {}
    try:
        for process_id, known in world.processes.items():
            start, reply = now(), None
            while reply is None or reply.status == 503:
                reply = await party.request(0, 'POST', f'/processes/{process_id}/cancel')
                if world.wrong:
                    return left
            if reply.status == 200 and not known.doomed:
                party.write(process_id, 0, 'cancel', start, reply.json['version'])
            if reply.status in (200, 409):
                left[process_id] = None
        for process_id in [*left, *world.mass]:
            left[process_id] = await ended(party, process_id)
    finally:
        party.close()
    return left


async def ended(party, process_id):
    """The final state; None when it is not there any more, or does not end."""
    deadline = now() + FINISHING_SECONDS * PATIENCE
    while now() < deadline and not party.world.wrong:
        start = now()
        reply = await party.request(0, 'GET', f'/status/{process_id}?wait=2')
        if reply is None or party.read_reply('glance', process_id, 0, start, reply).version == GONE:
            return None
        if reply.status == 200 and reply.json['done']:
            return reply.json
    party.world.wrong.append(f'{process_id} does not end')
    return None


async def take_part(world, redis, faults, mass, by_hand):
    """Everybody does what he does, until all has ended; the feeds."""
    crowd, seconds = Crowd(world), (80 + world.operations / 100) * PATIENCE
    feeds = [Feed(world, instance) for instance in range(len(world.ports))]
    beside = [asyncio.create_task(one) for one in (note_lag(world), *(feed.run()
                                                                      for feed in feeds))]
    parties = [Writer(world, f'writer-{n}', crowd, redis if by_hand else None) for n in range(WRITERS)]
    parties += [Glancer(world, f'glancer-{n}') for n in range(GLANCERS)]
    parties.append(Faults(world, crowd, redis, faults, mass))
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*(party.run() for party in parties))
            left = await finish(world)
    except TimeoutError:
        world.wrong.append(f'only {world.done} operations in {seconds:.0f} s')
        left = {}
    await until(lambda: not crowd.tasks or world.wrong, 5)
    there = [process_id for process_id, document in left.items() if document]
    for feed in feeds:
        if not world.wrong and not await until(
                lambda: all(feed.has_ended(one) for one in there), 5):
            missing = [one for one in there if not feed.has_ended(one)]
            world.wrong.append(f'{feed.name} was never told that {len(missing)} ended: {missing[:3]}')
    for task in (*beside, *crowd.tasks):
        task.cancel()
    await asyncio.gather(*beside, *crowd.tasks, return_exceptions=True)
    return feeds


class Outcome:
    def __init__(self, world, violations, feeds, seconds):
        self.world, self.history, self.violations = world, world.history, violations
        self.feeds, self.seconds = feeds, seconds

    def summary(self):
        """What has happened, so that one sees whether a run went to all corners."""
        reads = Counter(f'{read.how} {read.code}' for read in self.history.reads)
        writes = Counter(write.what for write in self.history.writes)
        faults = [fault for fault in self.history.faults if fault.kind in FAULTS]
        lag = sum(fault.end - fault.start for fault in self.history.faults if fault not in faults)
        lines = [f'{self.world.done} operations in {self.seconds:.0f} s, of which the test itself '
                 f'lagged {lag:.1f} s',
                 'reads: ' + listed(reads), 'writes: ' + listed(writes),
                 f'{len(self.history.followers)} followed, {len(self.history.waits)} waited']
        lines += [f'{fault.kind} {fault.end - fault.start:.2f} s, last refusal after '
                  f'{self.recovery(fault)}' for fault in faults]
        lines += [f'{feed.name}: {feed.events} events, {feed.missed} times something missed, opened '
                  f'{feed.opened} times' for feed in self.feeds]
        return '\n'.join(lines)

    def recovery(self, fault):
        """When the last refusal after the fault came, and before the next."""
        end = min((other.start for other in self.history.faults
                   if other.kind in FAULTS and other.start > fault.start), default=float('inf'))
        late = [read.end - fault.end for read in self.history.reads
                if read.version is None and fault.end < read.end < end]
        return f'{max(late, default=0):.2f} s'

    def report(self, limit=20):
        rules = Counter(rule for rule, _ in self.violations)
        return '\n'.join([f'{len(self.violations)} violations: {dict(rules)}',
                          *(f'{rule}: {text}' for rule, text in self.violations[:limit]),
                          *list(dict.fromkeys(self.world.wrong))[:limit]])

    @property
    def failed(self):
        return bool(self.violations or self.world.wrong)


def listed(counts):
    return ', '.join(f'{name}: {count}' for name, count in sorted(counts.items()))


# The user may not ask to be told of changes: the instances then tell each other. Redis looks for what
# has expired so often that it finds it in time among the other keys that will.
REDIS_OPTIONS = ('--appendonly', 'yes', '--appendfsync', 'always', '--hz', '100', '--user', 'untold',
                 'on', '>secret', *user_rules(), '-client|tracking')


def settings_of(instance, redis, watching, more):
    settings = {**SETTINGS, 'INSTANCE': f'instance-{instance}'}
    if redis is not None:
        url = redis.url if watching == 'tracking' else f'unix://untold:secret@{redis.path}'
        settings.update(REDIS_URL=url, REDIS_REQUIRED='true', IO_THREADS=LOOPS[instance])
    return {**settings, **more}


def start(redis, watching, more):
    """The servers, each watching Redis in this way ("local": there is none)."""
    servers = []
    try:
        for instance in range(len(LOOPS) if redis else 1):
            servers.append(Server(settings_of(instance, redis, watching, more)))
            client = servers[-1].client
            eventually(lambda of=client: of.get('/version').json['watching'] == watching,
                       what=f'it watches by {watching}')
        return servers
    except BaseException:
        for server in servers:
            server.destroy()
        raise


def run(operations, seed, faults=FAULTS, mass=2000, watching='tracking', late=False, more=None):
    """One run; late: what Redis says arrives late, see redis_proxy.py; `more` are settings of the
    instances. What is done by hand in Redis can be noticed by tracking alone."""
    redis, proxy, servers, begun, more = None, None, [], time.monotonic(), dict(more or {})
    try:
        if watching != 'local':
            redis = Redis(*REDIS_OPTIONS)
        if late:
            proxy = LateRedis(redis.path, seed)
            more['REDIS_URL'] = proxy.url
        servers = start(redis, watching, more)
        world = World(seed, operations, [server.port for server in servers])
        feeds = asyncio.run(take_part(world, redis, faults, mass, watching == 'tracking'))
        violations = Checker(world.history, 1.0 * PATIENCE, 5.0 * PATIENCE).check()
        for server in servers:
            if server.process.poll() is None:
                server.stop()
            else:
                world.wrong.append(f'an instance ended:\n{server.log()[-4000:]}')
        return Outcome(world, violations, feeds, time.monotonic() - begun)
    finally:
        for server in servers:
            server.destroy()
        if proxy is not None:
            proxy.destroy()
        if redis is not None:
            redis.destroy()


def new_seed():
    return os.environ.get('PROCTRACK_COHERENCE_SEED') or secrets.token_hex(8)


def main():
    parser = argparse.ArgumentParser(prog='scripts/coherence', description=(
        'Random changes through two instances on one Redis, followed in every way that there is, '
        'with faults; then what was seen is judged. A seed gives everybody the same decisions '
        'again; how they interleave depends on the machine.'))
    parser.add_argument('--operations', type=int, default=200_000,
                        help='answers and events of one run (default 200000)')
    parser.add_argument('--seed', help='of an earlier run (default: a new one)')
    parser.add_argument('--faults', type=int, help='how many (default: one in 5000 operations)')
    parser.add_argument('--mass', type=int, default=5000,
                        help='processes that change at once (default 5000)')
    parser.add_argument('--late', action='store_true', help='what Redis says arrives late')
    options = parser.parse_args()
    seed = options.seed or new_seed()
    count = max(1, options.operations // 5000) if options.faults is None else options.faults
    faults = [FAULTS[number % len(FAULTS)] for number in range(count)]
    print(f'seed {seed}', flush=True)
    outcome = run(options.operations, seed, faults, options.mass, late=options.late)
    print(f'{outcome.summary()}\n{outcome.report()}', flush=True)
    return 1 if outcome.failed else 0


if __name__ == '__main__':
    sys.exit(main())
