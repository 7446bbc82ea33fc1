"""What a finished process takes, in bytes: in Redis with its default settings and with ours, and in
the memory repository. Each has 100 bytes of input and a result of 350; they are made, claimed and
completed over HTTP, as workers do it.

    scripts/record_bytes [--processes 20000]
"""

import argparse
import concurrent.futures
import os
import tempfile
from dataclasses import dataclass

from redis_process import CONF, Redis
from server_process import Server

INPUT = {'text': 'x' * (100 - len('{"text":""}'))}
RESULT = {'text': 'y' * (350 - len('{"text":""}'))}
DEFAULTS = ('--hash-max-listpack-value', '64', '--hash-max-listpack-entries', '128')
TYPE = 'measured'


@dataclass
class InRedis:
    encoding: str
    record: float   # MEMORY USAGE of process:<id>
    process: float  # used_memory, with its entries in the indexes and its timeline
    hmget_us: float # of Redis' processor time
    hset_us: float


@dataclass
class InMemory:
    process: float # of resident memory
    journal: float
    snapshot: float


def complete_some(server):
    client = server.new_client()
    count = 0
    while True:
        answer = client.post('/claim', {'types': [TYPE], 'worker': 'w', 'max': 64})
        if answer.status == 204:
            client.close()
            return count
        for process in answer.json['processes']:
            path = f'/processes/{process["process_id"]}/complete'
            done = client.post(path, {'lease_token': process['lease_token'], 'result': RESULT})
            assert done.status == 200, done
            count += 1


def make(server, count):
    for first in range(0, count, 1000):
        processes = [{'type': TYPE, 'input': INPUT}] * min(1000, count - first)
        answer = server.client.post('/analyze/batch', {'processes': processes})
        assert answer.status == 202, answer
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = sum(pool.map(complete_some, [server] * 4))
    assert done == count, done


def used_memory(redis):
    return int(redis.command('INFO', 'memory').decode().split('used_memory:')[1].split()[0])


def call_us(redis, name):
    line = next(line for line in redis.command('INFO', 'commandstats').decode().splitlines()
                if line.startswith(f'cmdstat_{name}:'))
    return float(line.split('usec_per_call=')[1].split(',')[0])


def ask_for_each(redis, keys):
    """HMGET of all that status shows, and HSET of what progress changes."""
    shown = [field for field in redis.hash(keys[0]) if field != 'input']
    redis.command('CONFIG', 'RESETSTAT')
    for key in keys:
        redis.command('HMGET', key, *shown)
        redis.command('HSET', key, 'version', '4', 'updated_at', '2025-11-08T10:00:00.000Z',
                      'progress', '{"percent":42.5,"message":null,"step":17,"steps":40}')
    return call_us(redis, 'hmget'), call_us(redis, 'hset')


def in_redis(count, *options):
    redis = Redis(*options)
    try:
        with Server({'REDIS_URL': redis.url, 'REDIS_REQUIRED': 'true', 'IO_THREADS': 1}) as server:
            make(server, 1000) # what is there once, such as scripts
            before = used_memory(redis)
            make(server, count)
            taken = used_memory(redis) - before
        keys = [f'process:{one.decode()}'
                for one in redis.command('ZRANGE', 'process_times', 1000, 1999)]
        sizes = [redis.command('MEMORY', 'USAGE', key, 'SAMPLES', 0) for key in keys]
        record = sum(sizes) / len(sizes)
        encoding = redis.command('OBJECT', 'ENCODING', keys[0]).decode()
        return InRedis(encoding, record, taken / count, *ask_for_each(redis, keys))
    finally:
        redis.destroy()


def resident_bytes(server):
    with open(f'/proc/{server.process.pid}/statm', encoding='ascii') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def in_memory(count):
    with tempfile.TemporaryDirectory(prefix='proctrack-test-') as data, \
            Server({'DATA_DIR': data, 'JOURNAL_FSYNC': 'everysec'}) as server:
        def journal():
            return server.client.get('/stats').json['journal']
        make(server, 100) # so few that no snapshot is written meanwhile
        few = journal()['bytes']
        make(server, 1000)
        written = journal()['bytes'] - few
        server.client.post('/admin/snapshot')
        before, small = resident_bytes(server), journal()['snapshot_bytes']
        make(server, count)
        taken = resident_bytes(server) - before
        server.client.post('/admin/snapshot')
        return InMemory(taken / count, written / 1000,
                        (journal()['snapshot_bytes'] - small) / count)


def main():
    parser = argparse.ArgumentParser(description='Bytes that a finished process takes.')
    parser.add_argument('--processes', type=int, default=20000, help='how many (20000)')
    count = parser.parse_args().processes
    print(f'{count} finished processes, 100 bytes of input and 350 of result each\n')
    print('Redis settings    | encoding  | bytes of the hash | bytes in all | HMGET us |'
          ' HSET us')
    for name, options in (('default', DEFAULTS), (os.path.relpath(CONF), ())):
        found = in_redis(count, *options)
        print(f'{os.path.basename(name):17} | {found.encoding:9} | {found.record:17.0f} |'
              f' {found.process:12.0f} | {found.hmget_us:8.2f} | {found.hset_us:7.2f}', flush=True)
    found = in_memory(count)
    print(f'\nmemory repository: {found.process:.0f} of memory, {found.journal:.0f} in the journal, '
          f'{found.snapshot:.0f} in the snapshot')


if __name__ == '__main__':
    main()
