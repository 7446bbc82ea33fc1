"""Back up and restore with the very commands of README.md."""

import os
import shutil
import subprocess

import readme
from harness import PATIENCE, Case, Server, eventually
from redis_process import CONF
from server_process import proctrackd


class Backup(Case):
    def setUp(self):
        """A directory as the source tree is, in which the commands run."""
        self.work = self.directory()
        os.makedirs(os.path.join(self.work, 'deploy', 'redis'))
        os.makedirs(os.path.join(self.work, 'bin'))
        shutil.copy(CONF, os.path.join(self.work, 'deploy', 'redis'))
        os.symlink(proctrackd(), os.path.join(self.work, 'bin', 'proctrackd'))
        chapter = readme.sections()['Where the data is'].split('### Back up and restore')[1]
        self.blocks = readme.blocks(chapter.split('\n### ')[0], 'sh')
        self.assertEqual(len(self.blocks), 6)

    def run_block(self, block, *replacements, **variables):
        for old, new in replacements:
            self.assertIn(old, block)
            block = block.replace(old, new)
        path = f'{self.work}/bin:{os.environ["PATH"]}'
        ran = subprocess.run(['bash', '-euo', 'pipefail', '-c', block], cwd=self.work,
                             env={**os.environ, 'PATH': path, **variables},
                             stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             timeout=60 * PATIENCE, check=False)
        self.assertEqual(ran.returncode, 0, f'{block}\n{ran.stdout}{ran.stderr}')

    def fill(self, client):
        """One that has ended, one that runs, one that waits: id -> status."""
        for kind in ('ends', 'runs', 'waits'):
            self.submit(client, {'type': kind, 'input': {'number': 1.0}, 'metadata': {'a': 'b'}})
        for kind in ('ends', 'runs'):
            (process,) = client.post('/claim', {'types': [kind], 'worker': 'w',
                                                'lease_seconds': 3600}).json['processes']
            if kind == 'ends':
                client.post(f'/processes/{process["process_id"]}/complete',
                            {'lease_token': process['lease_token'], 'result': {'r': 1}})
        kept = self.all_of(client)
        self.assertEqual(sorted(one['status'] for one in kept.values()),
                         ['completed', 'pending', 'running'])
        return kept

    def all_of(self, client):
        listed = client.get('/processes').json['processes']
        return {one['process_id']: {name: one[name] for name in (
            'type', 'status', 'version', 'attempt', 'created_at', 'metadata', 'result')}
            for one in listed}

    def change_after(self, client):
        self.submit(client, {'type': 'later', 'input': 1})
        client.delete('/cleanup?older_than_hours=0')


class OfMemory(Backup):
    def test_a_snapshot(self):
        data, restored = (os.path.join(self.work, name) for name in ('data', 'restored'))
        with Server({'DATA_DIR': data}) as server:
            kept = self.fill(server.client)
            self.run_block(self.blocks[0], ('127.0.0.1:8080', f'127.0.0.1:{server.port}'),
                           DATA_DIR=data)
            self.change_after(server.client)
        self.run_block(self.blocks[1], DATA_DIR=restored)
        self.assertEqual(os.stat(restored).st_mode & 0o777, 0o700)
        with Server({'DATA_DIR': restored}) as server:
            self.assertEqual(self.all_of(server.client), kept)


class OfRedis(Backup):
    def setUp(self):
        super().setUp()
        if shutil.which('redis-cli') is None:
            self.skipTest('no redis-cli here')
        self.redis = self.start_redis('--appendonly', 'yes')
        self.restored = os.path.join(self.work, 'restored')
        os.mkdir(self.restored)

    def cli(self):
        return 'redis-cli', f'redis-cli -s {self.redis.path}'

    def back_up(self, block, **variables):
        with Server({'REDIS_URL': self.redis.url, 'REDIS_REQUIRED': 'true'}) as server:
            kept = self.fill(server.client)
            self.run_block(block, self.cli(), **variables)
            self.change_after(server.client)
        return kept

    def serve_restored(self):
        """A redis-server as ever, but on what was restored."""
        self.redis.stop()
        self.redis.options = ('--appendonly', 'yes', '--dir', self.restored)
        self.redis.start()
        return self.start_server({'REDIS_URL': self.redis.url, 'REDIS_REQUIRED': 'true'})

    def test_a_snapshot(self):
        kept = self.back_up(self.blocks[2])
        path = os.path.join(self.work, 'own')
        started = f'redis-server deploy/redis/redis.conf --port 0 --unixsocket {path}'
        self.run_block(self.blocks[3], ('redis-cli', f'redis-cli -s {path}'),
                       ('redis-server deploy/redis/redis.conf', started), REDIS_DIR=self.restored)
        eventually(lambda: not os.path.exists(path), what='it has ended')
        self.assertEqual(self.all_of(self.serve_restored().client), kept)

    def test_the_append_only_files(self):
        kept = self.back_up(self.blocks[4], REDIS_DIR=self.redis.directory)
        percentage = self.redis.texts('CONFIG', 'GET', 'auto-aof-rewrite-percentage')
        self.assertEqual(percentage[1], '100')
        self.run_block(self.blocks[5], REDIS_DIR=self.restored)
        self.assertEqual(self.all_of(self.serve_restored().client), kept)
