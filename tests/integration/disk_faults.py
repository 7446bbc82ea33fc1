#!/usr/bin/env python3
"""The disk of a real server fails under load: full, full in the middle of a line, or with errors of
write and fdatasync; then it works again, or the server is killed and started again. Meanwhile
nothing may be acknowledged, and what was acknowledged is there.

    PROCTRACK_BUILD=build tests/integration/disk_faults.py --rounds 20
"""

import argparse
import glob
import http.client
import os
import random
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from polling import PATIENCE, eventually
from server_process import Server
from small_disk import SmallDisk

HEAL_SECONDS = 2
ORDER = {'pending': 0, 'running': 1, 'completed': 2}
CLIENTS = 4


class Injected:
    """System calls on the journal's files fail, as long as strace looks on."""

    def __init__(self, status, calls, error, names=('journal',)):
        self.status, self.calls, self.error, self.names = status, calls, error, names
        self.tracer = None

    def __str__(self):
        return f'{self.calls}: {self.error}'

    def begin(self, place, server):
        paths = [f'{name}.{number}' if name == 'journal' else name
                 for name in self.names for number in range(1, 20)]
        self.tracer = subprocess.Popen(
            ['strace', '-f', '-qq', '-o', '/dev/null', '-p', str(server.process.pid),
             *(f'-P{way}' for path in dict.fromkeys(paths)
               for way in (path, os.path.join(place.data, path))),
             '-e', f'trace={self.calls}', '-e', f'inject={self.calls}:error={self.error}'],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: self.is_on(server), what='strace looks on')

    def is_on(self, server):
        if self.tracer.poll() is not None:
            raise OSError(f'strace ended with {self.tracer.returncode}')
        tasks = f'/proc/{server.process.pid}/task'
        for task in os.listdir(tasks):
            with open(f'{tasks}/{task}/status', encoding='ascii') as status:
                if f'TracerPid:\t{self.tracer.pid}\n' not in status.read():
                    return False
        return True

    def end(self, killed):
        """strace ends by itself with the last thread that it looks at."""
        if not killed:
            self.tracer.send_signal(signal.SIGTERM)
        try:
            self.tracer.wait(10 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.tracer.kill()
            self.tracer.wait()
            raise


class Limited:
    """A line is written in part, up to a limit on the size of files, and then no more."""

    status = 507

    def __str__(self):
        return 'short writes'

    def begin(self, place, server):
        self.pid = server.process.pid
        size = max(os.path.getsize(path) for path in glob.glob(place.seen('journal.*')))
        self.hard = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (size + 3000, self.hard))

    def end(self, killed):
        if killed:
            return
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (self.hard, self.hard))


class Full:
    """Something else has taken what room there was."""

    status = 507

    def __str__(self):
        return 'full'

    def begin(self, place, server):
        self.place = place
        place.disk.put('ballast')

    def end(self, killed):
        os.unlink(self.place.disk.path('ballast'))


def faults():
    return {
        'full': Full(),
        'short': Limited(),
        'sync': Injected(503, 'fdatasync', 'EIO'),
        'write': Injected(503, 'write', 'EIO'),
        'no-space': Injected(507, 'write', 'ENOSPC'),
        'quota': Injected(507, 'write', 'EDQUOT'),
    }


class Place:
    """A data directory; on a disk of its own where one is needed."""

    def __init__(self, small=False):
        self.directory = tempfile.mkdtemp(prefix='proctrack-test-')
        self.data = os.path.join(self.directory, 'data')
        os.mkdir(self.data)
        self.disk = SmallDisk(self.data, '8m') if small else None

    def seen(self, name):
        return self.disk.path(name) if self.disk else os.path.join(self.data, name)

    def start(self):
        return Server({'DATA_DIR': self.data}, within=self.disk.entering() if self.disk else ())

    def destroy(self):
        if self.disk:
            self.disk.destroy()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.destroy()


class Load(threading.Thread):
    """Creates, takes and completes, tries again what is refused, and keeps book of what was
    acknowledged: by name, the id and the least state."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.client, self.name = server.new_client(), name
        self.told, self.begun = {}, set()
        self.acknowledged, self.refused = [], []  # moments; the second with the answer
        self.stopping, self.failure = False, None

    def run(self):
        try:
            for count in range(1_000_000):
                if self.stopping:
                    break
                self.step(f'{self.name}-{count}')
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        except Exception as failure:  # told by the thread that looks after this one
            self.failure = failure
        self.client.close()

    def until_done(self, path, document, headers=None):
        while True:
            answer = self.client.post(path, document, headers)
            now = time.monotonic()
            if answer.status < 500:
                self.acknowledged.append(now)
                return answer
            self.refused.append((now, answer))
            time.sleep(0.01)

    def step(self, name):
        self.begun.add(name)
        answer = self.until_done('/analyze', {'type': name, 'input': name * 5},
                                 {'Idempotency-Key': name})
        self.told[name] = (answer.json['process_id'], 'pending')
        answer = self.client.post('/claim', {'types': [name], 'worker': 'w'})
        if answer.status != 200:
            self.refused.append((time.monotonic(), answer))
            return  # it may be taken all the same
        self.acknowledged.append(time.monotonic())
        claimed = answer.json['processes'][0]
        self.told[name] = (claimed['process_id'], 'running')
        answer = self.until_done(f'/processes/{claimed["process_id"]}/complete',
                                 {'lease_token': claimed['lease_token'], 'result': name})
        if answer.status != 200:
            raise AssertionError(f'{name}: {answer}')
        self.told[name] = (claimed['process_id'], 'completed')


class Round:
    """One fault, on what the rounds before have left."""

    def __init__(self, place, fault, kill, chance):
        self.place, self.fault, self.kill, self.chance = place, fault, kill, chance
        self.healed = None  # seconds
        self.answers = 0    # while it failed
        self.loads = []

    def run(self, told):
        """told: by name what was acknowledged before; what was since is added."""
        with self.place.start() as server:
            check(server.client, told)
            self.loads = [Load(server, f'{secrets.token_hex(3)}-{n}') for n in range(CLIENTS)]
            for load in self.loads:
                load.start()
            goal = self.chance.randrange(20, 100)
            eventually(lambda: self.count() > goal, what='work is done')
            self.fail(server)
            self.join(server)
            if not self.kill:
                self.collect(server.client, told)
            server.kill()
            server.check_sanitizers()
        with self.place.start() as server:
            if self.kill:
                self.collect(server.client, told)
            check(server.client, told)

    def count(self):
        return sum(len(load.acknowledged) for load in self.loads)

    def refusals(self, since=0.0):
        return [one for load in self.loads for one in load.refused if one[0] > since]

    def fail(self, server):
        self.fault.begin(self.place, server)
        try:
            eventually(lambda: len(self.refusals()) > 10 * CLIENTS, what='changes are refused')
            self.check_reads(server.client)
            if self.kill:
                server.process.kill()
            end = time.monotonic()
        finally:
            self.fault.end(server.process.poll() is not None or self.kill)
        self.check_refusals(end)
        if self.kill:
            return
        began = time.monotonic()
        eventually(lambda: any(load.acknowledged[-1] > began for load in self.loads),
                   interval=0.002, what='changes are accepted again')
        self.healed = min(at for load in self.loads for at in load.acknowledged if at > began) - began

    def check_reads(self, client):
        """Of all but what each client is just trying to change."""
        known = [one for load in self.loads for one in list(load.told.values())[-4:-1]]
        for process_id, _ in known:
            answer = client.get(f'/status/{process_id}')
            if answer.status != 200:
                raise AssertionError(f'a read: {answer}')
        for path in ('/stats', '/readyz', '/healthz'):
            answer = client.get(path)
            if answer.status != 200 or answer.json['writes'] == 'ok':
                raise AssertionError(f'{path}: {answer}')

    def check_refusals(self, end):
        """From the first refusal on, until the fault ended, nothing was acknowledged."""
        refused = [one for one in self.refusals() if one[0] < end]
        self.answers = len(refused)
        first = min(at for at, _ in refused)
        false = [at for load in self.loads for at in load.acknowledged if first < at < end]
        # Answers that were on their way already may be read a moment later.
        false = [at for at in false if at > first + 0.05]
        if false:
            raise AssertionError(f'{self.fault}: {len(false)} acknowledged while it failed')
        for _, answer in refused:
            if answer.status != self.fault.status or int(answer.header('Retry-After') or 0) < 1:
                raise AssertionError(f'{self.fault}: {answer}')

    def join(self, server):
        for load in self.loads:
            load.stopping = True
        for load in self.loads:
            load.join(30 * PATIENCE)
            if load.is_alive() or load.failure:
                raise AssertionError(f'a client hangs: {load.failure}\n{server.log()}')

    def collect(self, client, told):
        """What was not acknowledged is there once or not at all: sent again it is there once."""
        for load in self.loads:
            told.update(load.told)
            for name in load.begun - set(load.told):
                answer = client.post('/analyze', {'type': name, 'input': name * 5},
                                     {'Idempotency-Key': name})
                if answer.status != 202:
                    raise AssertionError(f'{name}: {answer}')
                told[name] = (answer.json['process_id'], 'pending')


def check(client, told):
    """All that was acknowledged is there, as far as that or further, and nothing else."""
    for name, (process_id, least) in told.items():
        answer = client.get(f'/status/{process_id}')
        if answer.status != 200 or ORDER[answer.json['status']] < ORDER[least]:
            raise AssertionError(f'{name}, {least}: {answer}')
    total = client.get('/stats').json['total']
    if total != len(told):
        raise AssertionError(f'{total} are there, {len(told)} were asked for')


def run(rounds, seed, names, show=None):
    """(fault, kill, seconds until healed, refusals) of each round."""
    chance, outcome = random.Random(seed), []
    known = faults()
    for name in names:
        with Place(small=name == 'full') as place:
            told = {}
            for number in range(rounds):
                one = Round(place, known[name], number % 2 == 1, chance)
                one.run(told)
                outcome.append((name, one.kill, one.healed, one.answers))
        if show:
            show(name, outcome, len(told))
    return outcome


def show(name, outcome, processes):
    mine = [one for one in outcome if one[0] == name]
    healed = [one[2] for one in mine if one[2] is not None]
    print(f'{name}: {len(mine)} rounds, {sum(one[1] for one in mine)} of them killed, '
          f'{sum(one[3] for one in mine)} refusals, {processes} processes, none missing; '
          f'healed within {max(healed):.2f} s', flush=True)


def main():
    parser = argparse.ArgumentParser(prog='scripts/disk_faults', description=(
        'The disk fails under load, in each of several ways, and works again or the server is '
        'killed. Nothing may be acknowledged meanwhile, what was is there afterwards, and changes '
        f'are accepted again within {HEAL_SECONDS} s. Needs root.'))
    parser.add_argument('--rounds', type=int, default=10, help='of each fault (default 10)')
    parser.add_argument('--fault', choices=sorted(faults()), help='only this one')
    parser.add_argument('--seed', default=secrets.token_hex(8))
    options = parser.parse_args()
    print(f'seed {options.seed}', flush=True)
    outcome = run(options.rounds, options.seed,
                  [options.fault] if options.fault else list(faults()), show)
    late = [one for one in outcome if one[2] is not None and one[2] > HEAL_SECONDS]
    print(f'FAILED: {len(late)} healed later' if late else 'passed')
    return 1 if late else 0


if __name__ == '__main__':
    sys.exit(main())
