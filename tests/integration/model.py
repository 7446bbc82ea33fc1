#!/usr/bin/env python3
"""The model test: clients and workers do at random what the service offers, on memory with one
instance, on Redis with two that are killed and started again; then the history is judged.

    PROCTRACK_BUILD=build tests/integration/model.py --repository redis --operations 100000
"""

import argparse
import os
import secrets
import sys
import threading
import time
from collections import Counter
from multiprocessing.pool import ThreadPool

from model_checker import Checker
from model_actor import Actor, World
from model_client import GROUPS, TYPES, Client, Operator, Worker
from model_end import End, check_end
from polling import PATIENCE, eventually
from redis_process import Redis
from server_process import Server

CLIENTS, WORKERS, MAX_STALLS, GRACE_SECONDS = 6, 10, 2, 1
SETTINGS = {'EVENTS_MAX': 1000, 'CANCEL_GRACE_SECONDS': GRACE_SECONDS, 'MAX_STALLS': MAX_STALLS,
            'RETRY_BASE_MS': 50, 'RETRY_CAP_MS': 500, 'REDIS_COMMAND_TIMEOUT_MS': 60000}
FINISHING_SECONDS = 8  # longer than the usual lease: what was forgotten comes back in it
STATUSES = ('pending', 'running', 'completed', 'failed', 'canceled')


class Instances:
    """The servers; kill() ends one as kill -9 does, and starts it again."""

    def __init__(self, count, settings):
        self.settings = settings
        self.servers = []
        self.ports = []
        try:
            for index in range(count):
                self.servers.append(self.start(index))
                self.ports.append(self.servers[index].port)
        except BaseException:
            self.destroy()
            raise

    def start(self, index):
        return Server({**self.settings, 'INSTANCE': f'instance-{index}'})

    def kill(self, index, down_seconds):
        self.ports[index] = None
        self.end(self.servers[index])
        time.sleep(down_seconds)
        self.servers[index] = self.start(index)
        self.ports[index] = self.servers[index].port

    @staticmethod
    def end(server):
        server.kill()
        server.check_sanitizers()
        server.destroy()

    def stop(self):
        for server in self.servers:
            server.stop()

    def destroy(self):
        for server in self.servers:
            server.destroy()


class Finisher(Actor):
    """Does what is left to do."""

    def step(self):
        operation = self.call('claim', 'POST', '/claim', {
            'types': list(TYPES), 'worker': self.name, 'max': 64, 'wait_seconds': 1},
            actor=self.name)
        for one in operation.answer['processes'] if operation.status == 200 else ():
            path = f'/processes/{one["process_id"]}/complete'
            self.number += 1
            self.call('complete', 'POST', path, {
                'lease_token': one['lease_token'], 'result': {'by': self.name, 'n': self.number}},
                one['process_id'])


def run_all(world, actors):
    threads = [threading.Thread(target=actor.run, daemon=True) for actor in actors]
    for thread in threads:
        thread.start()
    return threads


def join(world, threads):
    for thread in threads:
        thread.join(300 * PATIENCE)
        if thread.is_alive():
            raise AssertionError('an actor hangs')
    if world.failures:
        raise AssertionError('\n'.join(world.failures))


def work(world, kill, kills):
    actors = [Client(world, f'client-{n}') for n in range(CLIENTS)]
    actors += [Worker(world, f'worker-{n}') for n in range(WORKERS)]
    actors.append(Operator(world, 'operator', kill, kills))
    join(world, run_all(world, actors))


def unfinished(caller):
    stats = caller.call('stats', 'GET', '/stats', sent={}).answer
    return stats['pending'] + stats['running']


def finish(world):
    """Workers do what they can within FINISHING_SECONDS; the rest is canceled."""
    world.stop.clear()
    world.operations = float('inf')
    caller = Actor(world, 'drain')
    threads = run_all(world, [Finisher(world, f'finisher-{n}') for n in range(4)])
    deadline = time.monotonic() + FINISHING_SECONDS * PATIENCE
    while unfinished(caller) and time.monotonic() < deadline and not world.failures:
        time.sleep(0.1)
    world.stop.set()
    join(world, threads)

    def all_ended():
        for group in GROUPS:
            caller.call('bulk_cancel', 'POST', f'/groups/{group}/cancel', sent={'group': group})
        caller.call('bulk_cancel', 'POST', '/processes/cancel?status=pending,running',
                    sent={'group': None})
        return not unfinished(caller)
    eventually(all_ended, 30, what='every process has ended')
    caller.close()


def listed(caller, query):
    """All that the pages of a list give."""
    found, cursor = [], ''
    while cursor is not None:
        page = caller.call('list', 'GET', f'/processes?limit=200{query}' +
                           (f'&cursor={cursor}' if cursor else ''), sent={}).answer
        found += [document['process_id'] for document in page['processes']]
        cursor = page['next_cursor']
    return found


def look_at(world, ids):
    """Status and timeline of each, whoever must have been told of it."""
    caller, found = Actor(world, 'end'), {}
    for process_id in ids:
        status = caller.about('status', 'GET', f'/status/{process_id}', process_id)
        caller.about('events', 'GET', f'/processes/{process_id}/events', process_id)
        if status.status == 200:
            found[process_id] = status.answer
    caller.close()
    return found


def redis_members(redis):
    """name -> members, of every key that is a set or in order; of the others an empty set."""
    members = {}
    for name in redis.texts('KEYS', '*'):
        kind = redis.command('TYPE', name)
        members[name] = set(redis.texts('ZRANGE', name, 0, -1) if kind == 'zset' else
                            redis.texts('SMEMBERS', name) if kind == 'set' else ())
    return members


def look_at_all(world, redis):
    caller = Actor(world, 'end')
    ids = sorted({*world.ids, *listed(caller, '')})
    processes = {}
    with ThreadPool(4) as pool:
        for part in pool.map(lambda n: look_at(world, ids[n::4]), range(4)):
            processes.update(part)
    answers = {name: caller.call(name, 'GET', f'/{name}', sent={}).answer
               for name in ('stats', 'types', 'workers')}
    groups = {}
    for group in GROUPS:
        answer = caller.call('group', 'GET', f'/groups/{group}?limit=1', sent={'group': group})
        if answer.status == 200:
            groups[group] = answer.answer
    end = End(processes, {status: listed(caller, f'&status={status}') for status in STATUSES},
              answers['stats'], groups, answers['types'], answers['workers'],
              redis_members(redis) if redis else None)
    caller.close()
    return end


def run(repository, operations, seed, kills=0):
    """One run; (history, violations)."""
    redis = instances = None
    try:
        settings = dict(SETTINGS)
        if repository == 'redis':
            redis = Redis()
            settings.update(REDIS_URL=redis.url, REDIS_REQUIRED='true')
        instances = Instances(2 if redis else 1, settings)
        world = World(seed, operations, instances.ports)
        work(world, instances.kill, kills if redis else 0)
        finish(world)
        end = look_at_all(world, redis)
        violations = Checker(world.history, MAX_STALLS, GRACE_SECONDS * 1000).check()
        violations += check_end(end)
        instances.stop()
        return world.history, violations
    finally:
        if instances:
            instances.destroy()
        if redis:
            redis.destroy()


def summary(history):
    """What has happened, so that one sees whether a run went to all corners."""
    counts = Counter(f'{operation.kind} {operation.status or "unknown"}' for operation in history)
    return ', '.join(f'{name}: {count}' for name, count in sorted(counts.items()))


def new_seed():
    return os.environ.get('PROCTRACK_MODEL_SEED') or secrets.token_hex(8)


def report(violations, limit=20):
    rules = Counter(rule for rule, _ in violations)
    return '\n'.join([f'{len(violations)} violations: {dict(rules)}',
                      *(f'{rule}: {text}' for rule, text in violations[:limit])])


def main():
    parser = argparse.ArgumentParser(prog='scripts/model', description=(
        'Random operations of many clients and workers, whose history is then judged. A seed gives '
        'every actor the same decisions again; how they interleave depends on the machine.'))
    parser.add_argument('--repository', choices=('memory', 'redis', 'both'), default='both')
    parser.add_argument('--operations', type=int, default=100_000,
                        help='requests of the random part, for each repository (default 100000)')
    parser.add_argument('--seed', help='of an earlier run (default: a new one)')
    parser.add_argument('--kills', type=int, help='of instances on Redis (default: one in 4000 '
                        'operations)')
    options = parser.parse_args()
    seed = options.seed or new_seed()
    kills = max(1, options.operations // 4000) if options.kills is None else options.kills
    print(f'seed {seed}', flush=True)
    failed = False
    both = options.repository == 'both'
    for repository in ('memory', 'redis') if both else (options.repository,):
        start = time.monotonic()
        history, violations = run(repository, options.operations, seed, kills)
        print(f'{repository}: {len(history)} operations in {time.monotonic() - start:.0f} s\n'
              f'{summary(history)}\n{report(violations)}', flush=True)
        failed = failed or bool(violations)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
