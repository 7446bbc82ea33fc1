"""The memory repository on DATA_DIR: what was answered is there after any end of the server."""

import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import stat
import threading

from harness import PATIENCE, Case, eventually, run_once, unpaced
from small_disk import SmallDisk

ROUNDS = 6  # of kills
KNOWN = {'pending': 0, 'running': 1, 'completed': 2}


class OnDisk(Case):
    def setUp(self):
        self.data = os.path.join(self.directory(), 'data')

    def start(self, *arguments, within=(), **settings):
        return self.start_server({'DATA_DIR': self.data, **settings}, arguments, within)

    def path(self, name):
        return os.path.join(self.data, name)

    def journals(self):
        """Oldest first."""
        return sorted(glob.glob(self.path('journal.[0-9]*')),
                      key=lambda name: int(name.rpartition('.')[2]))

    def claim(self, client, kind='x'):
        answer = client.post('/claim', {'types': [kind], 'worker': 'w-1'})
        self.assertEqual(answer.status, 200, answer)
        return answer.json['processes'][0]

    def report(self, client, claimed, what, **members):
        answer = client.post(f'/processes/{claimed["process_id"]}/{what}',
                             {'lease_token': claimed['lease_token'], **members})
        self.assertEqual(answer.status, 200, answer)


class Restart(OnDisk):
    def a_bit_of_everything(self, client):
        """The ids of processes in every state, with what goes with them."""
        made = [self.submit(client, {
            'type': 'x', 'input': {'n': number, 'text': 'a "b"\n\u2028'}, 'metadata': {'m': [1.50]},
            'group': 'g', 'max_attempts': 2})['process_id'] for number in range(5)]
        completed, failed, running = (self.claim(client) for _ in range(3))
        self.report(client, completed, 'progress', percent=12.5, message='so far')
        self.report(client, completed, 'complete', result={'words': 1e3})
        self.report(client, failed, 'fail', code='broken', message='it broke', retryable=False)
        self.report(client, running, 'heartbeat')
        canceled = self.submit(client, {'type': 'y', 'input': 1})['process_id']
        self.assertEqual(client.post(f'/processes/{canceled}/cancel').status, 200)
        made.append(self.submit(client, {'type': 'y', 'input': 2,
                                         'run_at': '2999-01-01T00:00:00Z'})['process_id'])
        batch = client.post('/analyze/batch', {'processes': [{'type': 'z', 'input': 1}] * 3})
        self.assertEqual(batch.status, 202, batch)
        return made + [canceled]

    def seen(self, client, ids):
        return [[unpaced(client.get(f'/status/{one}?fields=%2Binput').json),
                 client.get(f'/processes/{one}/events').json] for one in ids]

    def check_restart(self, end, **settings):
        server = self.start(**settings)
        ids = self.a_bit_of_everything(server.client)
        key = {'Idempotency-Key': 'key-1'}
        keyed = self.submit(server.client, {'type': 'k', 'input': 1}, key)['process_id']
        removed = self.submit(server.client, {'type': 'k', 'input': 2})['process_id']
        server.client.post(f'/processes/{removed}/cancel')
        self.assertEqual(server.client.delete(f'/processes/{removed}').status, 200)
        self.assertEqual(server.client.post('/types/z/pause').status, 200)
        before, stats = self.seen(server.client, ids), server.client.get('/stats').json
        end(server)
        server = self.start(**settings)
        client = server.client
        self.assertEqual(self.seen(client, ids), before)
        for status in ('total', 'pending', 'running', 'completed', 'failed', 'canceled'):
            self.assertEqual(client.get('/stats').json[status], stats[status], status)
            self.assertRegex(server.log(), rf'replayed .*\b{status}={stats[status]}\b')
        self.assertEqual(self.submit(client, {'type': 'k', 'input': 1}, key)['process_id'], keyed)
        self.assert_problem(client.get(f'/status/{removed}'), 410)
        paused = {one['type']: one['paused'] for one in client.get('/types').json['types']}
        self.assertEqual((paused['z'], paused['x']), (True, False))
        self.assertEqual(client.post('/claim', {'types': ['z'], 'worker': 'w'}).status, 204)

    def test_after_a_stop(self):
        self.check_restart(lambda server: server.stop())

    def test_after_a_kill(self):
        for mode in ('always', 'everysec', 'no'):
            with self.subTest(mode):
                self.check_restart(lambda server: server.kill(), JOURNAL_FSYNC=mode)
                shutil.rmtree(self.data)

    def test_after_a_snapshot(self):
        def end(server):
            answer = server.client.post('/admin/snapshot')
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(answer.json, {'bytes': os.path.getsize(self.path('snapshot.json'))})
            numbers = server.client.get('/stats').json['journal']
            self.assertEqual(numbers['snapshot_bytes'], answer.json['bytes'])
            self.assertIsNotNone(numbers['snapshot_at'])
            with open(self.path('snapshot.json'), encoding='utf-8') as file:
                self.assertEqual(json.load(file)['format'], 'proctrackd snapshot')
            self.assertEqual(len(self.journals()), 1)
            server.kill()
        self.check_restart(end)

    def test_nobody_else_may_look(self):
        self.start()
        self.assertEqual(stat.S_IMODE(os.stat(self.data).st_mode), 0o700)
        for name in os.listdir(self.data):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600, name)

    def test_what_is_in_force_is_told(self):
        for mode, risk in (('always', None), ('everysec', 'last second'), ('no', 'half a minute')):
            with self.subTest(mode):
                server = self.start(JOURNAL_FSYNC=mode)
                for path in ('/healthz', '/readyz', '/stats'):
                    told = server.client.get(path).json
                    self.assertEqual((told['durable'], told['durability'], told['writes']),
                                     (True, mode, 'ok'))
                warnings = [line for line in server.lines if re.search(r'\bwarn', line, re.I)]
                self.assertEqual([risk in line for line in warnings], [True] if risk else [],
                                 server.log())
                server.stop()

    def test_without_a_directory_nothing_is_kept_and_that_is_said(self):
        server = self.start(DATA_DIR='')
        self.assertRegex(server.log(), r'(?i)warn.*lost when the program ends')
        told = server.client.get('/stats').json
        self.assertEqual((told['durable'], told['durability'], told['journal']),
                         (False, 'none', None))
        self.assert_problem(server.client.post('/admin/snapshot'), 501,
                            type='/problems/unsupported')
        self.assertEqual(os.listdir(server.directory), [])


class Load(threading.Thread):
    """Creates, takes and completes, and remembers what was answered: id -> the least state."""

    def __init__(self, server, number):
        super().__init__()
        self.client, self.number = server.new_client(), number
        self.least, self.unknown = {}, []  # unknown: the key of a creation that was not answered

    def run(self):
        try:
            for count in range(1_000_000):
                self.step(f'{self.number}-{count}')
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        self.client.close()

    def step(self, name):
        self.unknown = [name]
        made = self.client.post('/analyze', {'type': name, 'input': name},
                                {'Idempotency-Key': name}).json['process_id']
        self.least[made] = 'pending'
        self.unknown = []
        claimed = self.client.post('/claim', {'types': [name], 'worker': 'w'}).json['processes'][0]
        self.least[made] = 'running'
        self.client.post(f'/processes/{made}/complete',
                         {'lease_token': claimed['lease_token'], 'result': name})
        self.least[made] = 'completed'


class Killed(OnDisk):
    def test_under_load(self):
        """A short form: each round on what the rounds before have left."""
        chance = random.Random(5)
        least, unknown = {}, []
        for number in range(ROUNDS):
            mode = ('always', 'everysec', 'no')[number % 3]
            server = self.start(JOURNAL_FSYNC=mode)
            self.check(server.client, least)
            loads = [Load(server, f'{number}-{one}') for one in range(6)]
            for load in loads:
                load.start()
            goal = chance.randrange(20, 400)
            eventually(lambda: sum(len(load.least) for load in loads) > goal)
            if chance.random() < 0.5:
                server.client.post('/admin/snapshot')
            server.kill()
            for load in loads:
                load.join()
                least.update(load.least)
                unknown += load.unknown
        server = self.start()
        self.check(server.client, least)
        self.check_unknown(server.client, unknown, least)

    def check(self, client, least):
        for process_id, status in least.items():
            state = self.status(client, process_id)
            self.assertGreaterEqual(KNOWN[state['status']], KNOWN[status], state)

    @staticmethod
    def ids_of(client, name):
        """A page may be empty, and not be the last."""
        ids, cursor = [], ''
        while cursor is not None:
            page = client.get(f'/processes?type={name}{cursor}').json
            ids += [one['process_id'] for one in page['processes']]
            cursor = page['next_cursor'] and f'&cursor={page["next_cursor"]}'
        return ids

    def check_unknown(self, client, unknown, least):
        """What was not answered is there wholly, or not at all: sent again it is there once."""
        for name in unknown:
            answer = client.post('/analyze', {'type': name, 'input': name},
                                 {'Idempotency-Key': name})
            self.assertEqual(answer.status, 202, answer)
            self.assertEqual(self.ids_of(client, name), [answer.json['process_id']])
            least[answer.json['process_id']] = 'pending'
        self.assertEqual(client.get('/stats').json['total'], len(least))


class Damage(OnDisk):
    def setUp(self):
        super().setUp()
        server = self.start()
        self.ids = [self.submit(server.client, {'type': 'x', 'input': 'word' * 20})['process_id']
                    for _ in range(10)]
        server.kill()
        (self.journal,) = self.journals()

    def contents(self):
        found = {}
        for name in os.listdir(self.data):
            with open(self.path(name), 'rb') as file:
                found[name] = file.read()
        found.pop('lock')
        return found

    def change(self, how):
        with open(self.journal, 'r+b') as file:
            text = how(file.read())
            file.seek(0)
            file.write(text)
            file.truncate()

    def statuses(self, client):
        return [client.get(f'/status/{one}').status for one in self.ids]

    def test_a_second_server_is_refused(self):
        server = self.start()
        result = run_once(settings={'DATA_DIR': self.data, 'PORT': '0'})
        self.assertEqual(result.returncode, 73, result)
        self.assertIn(str(server.process.pid), result.stderr)
        self.assertIn(self.data, result.stderr)
        self.assertEqual(self.statuses(server.client), [200] * 10)

    def test_a_torn_last_line_is_cut_off(self):
        line = b'{"crc":"01234567","seq":99,"changes":[{"proc'
        self.change(lambda text: text + line)
        server = self.start()
        self.assertRegex(server.log(), r'(?i)warn.*' + re.escape(os.path.basename(self.journal)))
        self.assertEqual(self.statuses(server.client), [200] * 10)
        self.submit(server.client, {'type': 'x', 'input': 1})
        server.kill()
        server = self.start()
        self.assertEqual(server.client.get('/stats').json['total'], 11)
        self.assertNotRegex(server.log(), '(?i)warn')

    def test_other_damage_ends_the_start_and_changes_nothing(self):
        self.change(lambda text: text.replace(b'wordword', b'wordwore', 1))
        before = self.contents()
        result = run_once(settings={'DATA_DIR': self.data, 'PORT': '0'})
        self.assertEqual(result.returncode, 65, result)
        self.assertIn(os.path.basename(self.journal), result.stderr)
        self.assertRegex(result.stderr, r'\b\d+\b')
        self.assertIn('--repair', result.stderr)
        self.assertEqual(self.contents(), before)

    def test_repair_takes_what_is_intact_and_keeps_the_rest(self):
        place = self.ids[4].encode()
        self.change(lambda text: text.replace(place, place.replace(place[:1], b'#', 1), 1))
        with open(self.journal, 'rb') as file:
            damaged = file.read()
        server = self.start('--repair')
        self.assertRegex(server.log(), r'(?i)warn.*left out')
        self.assertEqual(self.statuses(server.client), [200] * 4 + [404] + [200] * 5)
        self.assertIn(damaged, [text for name, text in self.contents().items()
                                if '.damaged-' in name])
        server.kill()
        server = self.start()
        self.assertEqual(self.statuses(server.client), [200] * 4 + [404] + [200] * 5)

    def test_a_directory_that_cannot_be_used_ends_the_start(self):
        result = run_once(settings={'DATA_DIR': self.journal + '/data', 'PORT': '0'})
        self.assertEqual(result.returncode, 74, result)
        self.assertIn(self.journal, result.stderr)


class Full(OnDisk):
    """On a small disk of its own, which only the server and its keeper see."""

    def setUp(self):
        super().setUp()
        os.mkdir(self.data)
        try:
            self.disk = SmallDisk(self.data)
        except OSError as failure:
            self.skipTest(str(failure))
        self.addCleanup(self.disk.destroy)

    def start(self, *arguments, **settings):
        return super().start(*arguments, within=self.disk.entering(), **settings)

    def fill(self, ids, client):
        """Creates until there is no more room; the refusal."""
        for _ in range(1000):
            answer = client.post('/analyze', {'type': 'x', 'input': 'word' * 10_000})
            if answer.status != 202:
                return answer
            ids.append(answer.json['process_id'])
        raise AssertionError('the disk does not become full')

    def check_all(self, client, ids):
        for process_id in ids:
            self.assertEqual(self.status(client, process_id)['status'], 'pending')

    def check_refusal(self, answer):
        self.assert_problem(answer, 507, type='/problems/storage-full')
        self.assertGreaterEqual(int(answer.header('Retry-After')), 1)

    def check_every_change(self, client, held, ended):
        token, path = {'lease_token': held['lease_token']}, f'/processes/{held["process_id"]}'
        for call, document in (
                ('/analyze', {'type': 'x', 'input': 1}),
                ('/analyze/batch', {'processes': [{'type': 'x', 'input': 1}]}),
                ('/claim', {'types': ['w'], 'worker': 'w'}), (f'{path}/heartbeat', token),
                (f'{path}/progress', {**token, 'percent': 1}), (f'{path}/release', token),
                (f'{path}/complete', {**token, 'result': 1}), (f'{path}/cancel', None),
                (f'{path}/fail', {**token, 'code': 'c', 'message': 'm'}),
                (f'/processes/{ended}/retry', None), ('/processes/cancel?status=pending', None),
                ('/types/w/pause', None)):
            with self.subTest(call):
                self.check_refusal(client.post(call, document))
        for call in (f'/processes/{ended}', '/cleanup?older_than_hours=0'):
            with self.subTest(call):
                self.check_refusal(client.delete(call))
        self.assertEqual(self.status(client, held['process_id'])['version'], held['version'])

    def test_changes_are_refused_reads_go_on_and_it_heals(self):
        self.disk.put('ballast', 1_000_000)
        server, ids = self.start(), []
        client = server.client
        for _ in range(3):
            self.submit(client, {'type': 'w', 'input': 1})
        held, ended = self.claim(client, 'w'), self.claim(client, 'w')
        self.report(client, ended, 'fail', code='broken', message='it broke', retryable=False)
        self.check_refusal(self.fill(ids, client))
        self.assertGreater(len(ids), 3)
        self.check_all(client, ids)
        self.check_every_change(client, held, ended['process_id'])
        for path in ('/healthz', '/readyz', '/stats'):
            answer = client.get(path)
            self.assertEqual((answer.status, answer.json['writes']), (200, 'full'), answer)
        self.assertGreater(client.get('/stats').json['journal']['failures'], 0)
        os.unlink(self.disk.path('ballast'))
        eventually(lambda: client.get('/stats').json['writes'] == 'ok', timeout=2)
        ids.append(self.submit(client, {'type': 'x', 'input': 1})['process_id'])
        self.check_refusal(self.fill(ids, client))
        server.kill()
        again = self.start()
        self.check_all(again.client, ids)

    def test_a_stop_ends_cleanly(self):
        server, ids = self.start(), []
        self.fill(ids, server.client)
        server.client.close()
        server.signal(signal.SIGTERM)
        self.assertIn(server.wait(30 * PATIENCE), (0, 70), server.log())
        again = self.start()
        self.check_all(again.client, ids)
