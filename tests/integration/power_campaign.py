#!/usr/bin/env python3
"""The long form of test_power_loss, and what that does: a real server or a real Redis stores, and
the power is lost, at many moments of what it did; see --help."""

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import time

from polling import PATIENCE, eventually
from power_load import LONG_PAUSE_S, PAUSE_S, REMOVED, Left, Loads, told_in
from power_loss import Disk
from redis_process import Redis
from server_process import Server
from system_calls import Trace


class Row:
    """A row of the table. record() has a program store, under strace, what `loads` were told of;
    start() starts all there is on what is left, and gives a client."""

    pause_s = PAUSE_S  # of each client
    gentle = False     # the disk: see power_loss.py
    may_lose_s = 0.0   # None: all since the snapshot

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.ends = []
        self.directory = tempfile.mkdtemp(prefix='proctrack-power-')
        self.root = os.path.join(self.directory, 'root')
        self.snapshot = (0.0, float('inf'))  # begun, done
        self.figures = {'cuts': 0, 'acknowledged': 0, 'lost': 0, 'lost_ms': 0}
        os.mkdir(self.root)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.end_all()
        shutil.rmtree(self.directory, ignore_errors=True)

    def end_all(self):
        while self.ends:
            self.ends.pop()()

    def add(self, started):
        """A server or a Redis, which is ended when all are."""
        self.ends.append(started.destroy)
        return started

    def take_snapshot(self, take):
        begun = time.time()
        take()
        self.snapshot = (begun, time.time())

    def run(self, cuts):
        """Loses power at so many moments; what was found. Raises AssertionError."""
        self.record()
        self.loads.join()
        self.end_all()
        moments = self.trace.moments()
        told = self.told(moments)
        self.slack_s = max(b.at - a.at for a, b in zip(moments, moments[1:]))
        chosen = self.choose(moments, told, cuts)
        for number, moment in enumerate(moments):
            while chosen and chosen[0][0] == number:
                self.lose_power(moment, [one for one in told if one[0] < moment.at],
                                chosen.pop(0)[1])
            self.disk.take(moment)
        self.check_model()
        self.figures['acknowledged'] = len(told)
        return self.figures

    def choose(self, moments, told, cuts):
        """[(number, seed of what is kept by chance, None: nothing)]. Any; and always, with nothing
        kept, the last of all and the one when most was waiting to be synced; and right after the
        latest changes of names."""
        first = told[len(told) // 10][0]
        late = [number for number, one in enumerate(moments) if one.at > first]
        syncs = [number for number in late if moments[number].begins
                 and moments[number].call.name in ('fsync', 'fdatasync')]
        renamed = [number + 1 for number in late[:-1] if not moments[number].begins
                   and moments[number].call.name.startswith(('rename', 'unlink'))]
        chosen = [(number, None) for number in (late[-1], *syncs[-1:], *renamed[-4:])]
        chosen += [(number, self.chance.getrandbits(32)) for number in renamed[-4:]]
        chosen += [(number, self.chance.choice((None, self.chance.getrandbits(32))))
                   for number in self.chance.sample(late, min(len(late), cuts))]
        return sorted(chosen, key=lambda one: one[0])

    def lose_power(self, moment, told, seed):
        what = f'{moment.call.name} at {moment.at:.6f}, more by chance {seed}'
        left = os.path.join(self.directory, 'left')
        self.disk.write_left(left, seed, self.gentle)
        try:
            self.judge(Left(self.start(left), self.loads), moment, told)
        except AssertionError as failure:
            kept = shutil.move(left, tempfile.mkdtemp(prefix='proctrack-left-'))
            raise AssertionError(f'{what}: {failure}; what was left is in {kept}') from failure
        finally:
            self.end_all()
            shutil.rmtree(left, ignore_errors=True)

    def judge(self, left, moment, told):
        lost = left.missing(told)
        too_much = [one for one in lost if self.must_be_there(one[0], moment.at)]
        assert not too_much, f'lost {len(too_much)} of {len(told)}, such as {too_much[:3]}'
        left.check_is_a_beginning(lost)
        left.check_whole()
        left.check_keys(self.chance)
        figures = self.figures
        figures['cuts'] += 1
        figures['lost'] += len(lost)
        if lost:
            figures['lost_ms'] = max(figures['lost_ms'], round((moment.at - lost[0][0]) * 1000))

    def must_be_there(self, told_at, now):
        if self.may_lose_s is None:
            begun, done = self.snapshot
            return now > done and told_at < begun
        allowed = self.may_lose_s and self.may_lose_s * PATIENCE + self.slack_s
        return told_at < now - allowed

    def check_model(self):
        """What the trace says must be what is there: then nothing has escaped it."""
        all_of_it = os.path.join(self.directory, 'all')
        self.disk.write_all(all_of_it)
        noted, real = tree(all_of_it), tree(self.root)
        for path in {*noted, *real}:
            assert (noted.get(path) == real.get(path)
                    or self.disk.is_uncertain(os.path.basename(path))), f'{path} is not as noted'


def tree(root):
    found = {}
    for path, directories, files in os.walk(root):
        found.update({os.path.relpath(os.path.join(path, one), root): None for one in directories})
        for name in files:
            with open(os.path.join(path, name), 'rb') as file:
                found[os.path.relpath(os.path.join(path, name), root)] = file.read()
    return found


class Memory(Row):
    def record(self):
        self.trace, self.disk = Trace(self.directory), Disk(self.root)
        server = self.add(Server({'DATA_DIR': os.path.join(self.root, 'data'),
                                  'JOURNAL_FSYNC': self.fsync}, within=self.trace.command()))
        self.loads = Loads(server, self.pause_s)
        self.wait()
        self.take_snapshot(lambda: self.check_snapshot(server.client.post('/admin/snapshot')))
        self.wait()
        server.kill()

    @staticmethod
    def check_snapshot(answer):
        assert answer.status == 200, answer

    def wait(self):
        self.loads.wait_for(len(self.loads.told()) + 100)

    def told(self, moments):
        """What was sent, at the moment at which it was; of removals, what the clients know."""
        return sorted(told_in(moments) + [one for one in self.loads.told() if one[2] == REMOVED])

    def start(self, left):
        return self.add(Server({'DATA_DIR': os.path.join(left, 'data')})).client


class Always(Memory):
    fsync = 'always'


class EverySecond(Memory):
    fsync = 'everysec'
    pause_s = LONG_PAUSE_S
    may_lose_s = 1.0

    def wait(self):
        self.loads.wait_for_seconds(1.5)


class Never(Memory):
    fsync = 'no'
    may_lose_s = None


class OnRedis(Row):
    gentle = True
    options = ()

    def record(self):
        options = ('--dir', self.root, *self.options)
        redis = self.add(Redis(*options))
        redis.stop()
        self.trace, self.disk = Trace(self.directory), Disk(self.root)
        redis.before = self.trace.command()
        redis.start()
        server = self.add(Server({'REDIS_URL': redis.url, 'REDIS_REQUIRED': 'true'}))
        self.loads = Loads(server, self.pause_s)
        self.store(redis)
        redis.kill()

    def store(self, redis):
        self.loads.wait_for(200)

    def told(self, moments):
        return self.loads.told()

    def start(self, left):
        redis = self.add(Redis('--dir', left, *self.options))
        return self.add(Server({'REDIS_URL': redis.url, 'REDIS_REQUIRED': 'true'})).client


class RedisAlways(OnRedis):
    options = ('--appendonly', 'yes', '--appendfsync', 'always')


class RedisEverySecond(OnRedis):
    options = ('--appendonly', 'yes', '--appendfsync', 'everysec')
    pause_s = LONG_PAUSE_S
    may_lose_s = 2.0

    def store(self, redis):
        self.loads.wait_for_seconds(3)


class RedisSnapshots(OnRedis):
    may_lose_s = None

    def store(self, redis):
        self.loads.wait_for(100)
        self.take_snapshot(lambda: self.save(redis))
        self.loads.wait_for(len(self.loads.told()) + 100)

    @staticmethod
    def save(redis):
        """In the background."""
        redis.command('BGSAVE')
        eventually(lambda: b'rdb_bgsave_in_progress:0' in redis.command('INFO', 'persistence'))


ROWS = {'memory-always': Always, 'memory-everysec': EverySecond, 'memory-no': Never,
        'redis-always': RedisAlways, 'redis-everysec': RedisEverySecond,
        'redis-snapshots': RedisSnapshots}


def lose_power(row, cuts, seed):
    with ROWS[row](seed) as running:
        return running.run(cuts)


def main():
    parser = argparse.ArgumentParser(prog='scripts/power_loss', description=(
        'For each row of the table of guarantees: a real server, or a real Redis below one, stores '
        'under load while strace notes what it does to its files. Then the power is lost at many '
        'moments of that: the files are put back to what was synced, or to that and some more by '
        'chance, all is started on them, and what was acknowledged is looked for.'))
    parser.add_argument('--cuts', type=int, default=200, help='moments for each row (default 200)')
    parser.add_argument('--row', choices=ROWS, action='append', help='only this one')
    parser.add_argument('--seed', default=secrets.token_hex(4), help='of an earlier run: the same '
                        'decisions again; what happens meanwhile depends on the machine')
    options = parser.parse_args()
    print(f'seed {options.seed}', flush=True)
    for row in options.row or ROWS:
        try:
            figures = lose_power(row, options.cuts, f'{options.seed}-{row}')
        except AssertionError as failure:
            print(f'{row}: FAILED: {failure}', flush=True)
            return 1
        print(f'{row}: ' + ' '.join(f'{name}={value}' for name, value in figures.items()),
              flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
