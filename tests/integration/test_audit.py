"""The audit: POST /admin/audit and the walk that goes on by itself. While work goes on it finds
nothing; what a person with redis-cli has spoilt it finds, mends, and touches nothing else."""

import queue
import random
import threading
import uuid

from harness import eventually
from working import WorkCase, on_each_repository

LATER = 4_000_000_000_000  # ms: what is due by its score is looked at by others than the audit
NOTHING = {'missing': 0, 'stray': 0, 'moved': 0, 'damaged': 0}


class Load:
    """Clients and workers of type "load" at everything that changes processes, until it is left."""

    def __init__(self, server, clients=3):
        self.server, self.failed, self.rounds = server, [], 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        client, chance = self.server.new_client(), random.Random(number)
        try:
            while not self.over.is_set():
                self.round(client, chance, f'w{number}')
                self.rounds += 1
        except Exception as error:  # told by the test that began it
            self.failed.append(error)
        finally:
            client.close()

    def round(self, client, chance, worker):
        item = {'type': 'load', 'input': 1, 'group': f'g{chance.randrange(3)}',
                'priority': chance.randrange(5), 'max_attempts': 3, 'retention_seconds': 0,
                'queue_timeout_seconds': 60}
        answer = client.post('/analyze/batch', {'processes': [item] * 4})
        first = answer.json['processes'][0]['process_id']
        client.post(f'/processes/{first}/cancel')
        if chance.random() < 0.5:
            client.post(f'/processes/{first}/retry')
        claimed = client.post('/claim', {'types': ['load'], 'worker': worker, 'max': 4})
        for process in claimed.json['processes'] if claimed.status == 200 else []:
            what = chance.choice(('complete', 'complete', 'fail', 'release', 'progress'))
            members = {'fail': {'error': {'message': 'no'}}, 'progress': {'percent': 5}}
            client.post(f'/processes/{process["process_id"]}/{what}',
                        {'lease_token': process['lease_token'], **members.get(what, {})})
        client.delete(f'/processes/{first}')


class AuditCase(WorkCase):
    def audit(self):
        answer = self.client.post('/admin/audit')
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json['complete'], answer)
        return answer.json

    def assert_clean(self):
        found = self.audit()
        self.assertEqual(found['found'], NOTHING)
        self.assertEqual(found['mended'], 0)
        return found


@on_each_repository(AuditCase)
class Clean:
    settings = {'AUDIT_INTERVAL_MS': 1, 'RETRY_BASE_MS': 1}

    def test_work_under_way_is_no_finding(self):
        with Load(self.server) as load:
            eventually(lambda: load.failed or load.rounds > 20, what='work goes on')
            for _ in range(5):
                self.assert_clean()
        self.assertEqual(load.failed, [])
        self.assertGreater(self.assert_clean()['examined'], 0)
        stats = self.get('/stats')
        self.assertEqual(stats['audit']['found'], NOTHING)
        self.assertEqual(stats['storage']['healed'], 0)

    def test_the_numbers_stand_in_stats(self):
        self.make_many(30)
        eventually(lambda: self.get('/stats')['audit']['walks'] >= 2, what='it walks by itself')
        before = self.get('/stats')['audit']
        self.assertGreaterEqual(before['examined'], 30)
        self.assertIsNotNone(before['walked_at'])
        self.audit()
        self.assertGreater(self.get('/stats')['audit']['examined'], before['examined'])

    def test_it_is_for_operators(self):
        self.assert_problem(self.client.post('/admin/audit', headers={'Via': '1.1 proxy'}), 403,
                            type='/problems/operators-only')
        self.assert_problem(self.client.post('/admin/audit?fast=1'), 400)


class SpoiltCase(AuditCase):
    def all_settings(self):
        self.redis = self.start_redis()
        return {**super().all_settings(), 'REDIS_URL': self.redis.url}

    def score(self, index, process_id):
        return self.redis.command('ZSCORE', index, process_id)


class Spoilt(SpoiltCase):
    """Each kind of disagreement, planted while work goes on."""

    settings = {'AUDIT_INTERVAL_MS': 0}

    def cast(self):
        """One pending, one scheduled, one running, one finished, and where each stands."""
        done = self.make('done', group='g')
        self.say(self.claim_one('done'), 'complete', result=1)
        running = self.make('runs', group='g')
        self.claim_one('runs')
        waiting = self.make('waits', group='g')
        scheduled = self.make('waits', run_at='2100-01-01T00:00:00Z')
        common = ('process_times',)
        return {waiting: (*common, 'process_queue:waits', 'process_status:pending',
                          'process_group:all:g', 'process_group:pending:g'),
                scheduled: (*common, 'process_schedule', 'process_status:pending'),
                running: (*common, 'process_leases', 'process_status:running',
                          'process_running:runs', 'process_held:w', 'process_group:all:g',
                          'process_group:running:g'),
                done: (*common, 'process_retention', 'process_status:completed',
                       'process_group:all:g', 'process_group:completed:g')}

    def test_whatever_was_spoilt_is_as_before(self):
        cast = self.cast()
        before = {(one, index): self.score(index, one) for one in cast for index in cast[one]}
        self.assertNotIn(None, before.values())
        shown = [self.client.get(f'/status/{one}?fields=%2Binput').json['version'] for one in cast]
        with Load(self.server) as load:
            for one, index in before:
                self.redis.command('ZREM', index, one)
            self.assertEqual(self.audit()['found'], {**NOTHING, 'missing': len(before)})
            for one, index in before:
                self.redis.command('ZADD', index, LATER, one)
            self.assertEqual(self.audit()['found'], {**NOTHING, 'moved': len(before)})
            strays = {(one, index) for one in cast for _, index in before
                      if index not in cast[one]}
            for one, index in strays:
                self.redis.command('ZADD', index, LATER, one)
            found = self.audit()
            self.assertEqual(found['found'], {**NOTHING, 'stray': len(strays)})
            self.assertEqual(found['mended'], len(strays))
            for one in cast:
                self.redis.command('SREM', 'process_ids', one)
            self.assertEqual(self.audit()['found'], {**NOTHING, 'missing': len(cast)})
            self.assert_clean()
        self.assertEqual(load.failed, [])
        self.assertEqual({key: self.score(key[1], key[0]) for key in before}, before)
        for one, index in strays:
            self.assertIsNone(self.score(index, one), (one, index))
        self.assertEqual([self.client.get(f'/status/{one}').json['version'] for one in cast],
                         shown)

    def test_what_leads_nowhere_goes(self):
        lost = [str(uuid.uuid4()) for _ in range(3)]
        gone = self.make('gone', group='g')
        self.claim_one('gone')
        indexes = ('process_times', 'process_status:failed', 'process_queue:none',
                   'process_schedule', 'process_leases', 'process_retention',
                   'process_deadlines', 'process_running:x', 'process_held:nobody',
                   'process_group:all:none', 'process_group:failed:none')
        with Load(self.server) as load:
            for index in indexes:
                for one in lost:
                    self.redis.command('ZADD', index, 4, one)
                self.assertEqual(self.audit()['found'], {**NOTHING, 'stray': 3}, index)
            self.redis.command('DEL', f'process:{gone}')
            self.assertGreaterEqual(self.audit()['found']['stray'], 1)
            self.assert_clean()
        self.assertEqual(load.failed, [])
        self.assertEqual(self.redis.texts('KEYS', '*none*') + self.redis.texts('KEYS', f'*{gone}'),
                         [])
        self.assertEqual(self.redis.command('EXISTS', 'process_running:gone', 'process_held:w'), 0)
        self.assert_problem(self.client.get(f'/status/{gone}'), 404)

    def test_what_cannot_be_read_is_counted_and_left_alone(self):
        one = self.make('torn')
        self.redis.command('HDEL', f'process:{one}', 'type')
        before = self.redis.hash(f'process:{one}')
        with Load(self.server) as load:
            for _ in range(2):
                found = self.audit()
                self.assertEqual(found['found'], {**NOTHING, 'damaged': 1})
                self.assertEqual(found['mended'], 0)
        self.assertEqual(load.failed, [])
        self.assertEqual(self.redis.hash(f'process:{one}'), before)
        self.assertIsNotNone(self.score('process_queue:torn', one))


class OneAtATime(SpoiltCase):
    settings = {'IO_THREADS': 1, 'REDIS_COMMAND_TIMEOUT_MS': 60000}

    def test_another_is_told_to_come_back(self):
        answers = queue.Queue()

        def ask():
            client = self.server.new_client()
            answers.put(client.post('/admin/audit'))
            client.close()
        askers = [threading.Thread(target=ask) for _ in range(2)]
        self.redis.pause()
        self.addCleanup(self.redis.resume)
        for asker in askers:
            asker.start()
        self.assert_problem(answers.get(timeout=30), 503, type='/problems/overloaded')
        self.redis.resume()
        self.assertEqual(answers.get(timeout=30).status, 200)
        for asker in askers:
            asker.join()
        self.assert_clean()


class ByItself(SpoiltCase):
    settings = {'AUDIT_INTERVAL_MS': 1, 'IO_THREADS': 2}

    def test_a_process_that_nobody_could_find_is_worked_on(self):
        """A worker that waits hears of it; both threads tell the same numbers."""
        one = self.make('lost')
        self.redis.command('ZREM', 'process_queue:lost', one)
        self.assertEqual(self.claim_one('lost', wait_seconds=20)['process_id'], one)
        for _ in range(4):
            client = self.server.new_client()
            self.addCleanup(client.close)
            audit = client.get('/stats').json['audit']
            self.assertEqual(audit['found'], {**NOTHING, 'missing': 1})
            self.assertEqual(audit['mended'], 1)
