"""What Redis is for: a restart keeps everything, instances share it, nothing acknowledged is
lost, and a person with redis-cli finds exactly the documented keys."""

import http.client
import re
import threading

from harness import Analyzers, Case, eventually


class SharedRedis(Case):
    redis_options = ()

    def setUp(self):
        self.redis = self.start_redis(*self.redis_options)
        self.settings = {'REDIS_URL': self.redis.url, 'RETRY_BASE_MS': 1}
        self.analyzers = Analyzers(self.directory()).add_gated().add(
            'echo', '#!/bin/sh\nexec cat\n')

    def start(self, **settings):
        return self.start_server({**self.settings, **settings}, self.analyzers.arguments())


def body_of(client, path):
    """Without when to ask again, which differs from one answer to the next."""
    return re.sub(rb'("retry_after_ms":)\d+', rb'\1', client.get(path).body)


class Restart(SharedRedis):
    def test_everything_is_still_there(self):
        first = self.start()
        done = self.submit(first.client, {'type': 'echo', 'input': {'a': [1, 2]},
                                          'metadata': {'k': 'v'}, 'group': 'g:1', 'priority': 7})
        self.wait_for_status(first.client, done['process_id'], 'completed')
        waiting = self.submit(first.client, {'type': 'other', 'input': 'waits'})
        ids = (done['process_id'], waiting['process_id'])
        before = [body_of(first.client, f'/status/{one}?fields=%2Binput') for one in ids]
        first.stop()

        second = self.start()
        after = [body_of(second.client, f'/status/{one}?fields=%2Binput') for one in ids]
        self.assertEqual(after, before)
        self.assertEqual(second.client.get('/stats').json['total'], 2)

    def test_a_running_process_is_handed_back_and_ends_after_the_restart(self):
        first = self.start(INSTANCE='first')
        process_id = self.submit(first.client, {'type': 'gated', 'input': 1})['process_id']
        self.wait_for_status(first.client, process_id, 'running')
        first.stop()
        self.assertEqual(self.redis.hash(f'process:{process_id}')['status'], 'pending')

        second = self.start(INSTANCE='second')
        self.wait_for_status(second.client, process_id, 'running')
        self.analyzers.order(process_id, 'ok')
        resource = self.wait_for_status(second.client, process_id)
        self.assertEqual(resource['status'], 'completed', resource)
        self.assertTrue(resource['worker'].startswith('second/'), resource)

    def test_redis_restart_with_append_only_file(self):
        self.redis.destroy()
        self.redis = self.start_redis('--appendonly', 'yes', '--appendfsync', 'always')
        self.settings['REDIS_URL'] = self.redis.url
        server = self.start()
        process_id = self.submit(server.client, {'type': 'other', 'input': 1})['process_id']
        self.redis.kill()
        self.redis.start()

        def back():
            return server.client.get(f'/status/{process_id}').status == 200
        eventually(back, what='service resumes by itself')


class TwoInstances(SharedRedis):
    def test_each_serves_the_other_ones_ids(self):
        one, two = self.start(INSTANCE='one'), self.start(INSTANCE='two')
        for here, there in ((one, two), (two, one)):
            created = self.submit(here.client, {'type': 'other', 'input': {'n': 1}})
            path = f'/status/{created["process_id"]}'
            self.assertEqual(body_of(there.client, path), body_of(here.client, path))
            answer = there.client.post(f'/processes/{created["process_id"]}/cancel')
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(here.client.get(path).json['status'], 'canceled')
        listed = two.client.get('/processes').json['processes']
        self.assertEqual(len(listed), 2)

    def test_an_instance_without_analyzers_leaves_the_work_to_the_other(self):
        web = self.start_server({**self.settings, 'INSTANCE': 'web'})
        self.start(INSTANCE='back', ANALYZER_POLL_MS=20)
        process_id = self.submit(web.client, {'type': 'echo', 'input': {'x': 1}})['process_id']
        resource = self.wait_for_status(web.client, process_id)
        self.assertEqual(resource['result'], {'x': 1}, resource)
        self.assertTrue(resource['worker'].startswith('back/'), resource)

    def test_a_key_prefix_keeps_deployments_apart(self):
        self.redis.allow_prefixes('one:', 'two:')
        one, two = self.start(REDIS_KEY_PREFIX='one:'), self.start(REDIS_KEY_PREFIX='two:')
        process_id = self.submit(one.client, {'type': 'other', 'input': 1})['process_id']
        self.assert_problem(two.client.get(f'/status/{process_id}'), 404)
        self.assertTrue(all(key.startswith(('one:', 'two:')) for key in self.redis.keys()))
        self.assertIn(f'one:process:{process_id}', self.redis.keys())

    def test_a_process_of_a_killed_instance_is_taken_over(self):
        short = {'ANALYZER_LEASE_SECONDS': 1, 'ANALYZER_POLL_MS': 50}
        one = self.start(INSTANCE='one', **short)
        process_id = self.submit(one.client, {'type': 'gated', 'input': 1})['process_id']
        self.wait_for_status(one.client, process_id, 'running')
        two = self.start(INSTANCE='two', **short)
        one.kill()

        def taken_over():
            resource = self.status(two.client, process_id)
            return resource['status'] == 'running' and resource['worker'].startswith('two/')
        eventually(taken_over, 30)
        self.analyzers.order(process_id, 'ok')
        resource = self.wait_for_status(two.client, process_id)
        self.assertEqual((resource['status'], resource['attempt']), ('completed', 2), resource)


class Kill(SharedRedis):
    def test_no_acknowledged_process_is_lost(self):
        server, acknowledged, lock = self.start(), [], threading.Lock()
        enough = threading.Event()

        def submit_until_killed():
            client = server.new_client()
            try:
                while True:
                    answer = client.post('/analyze', {'type': 'other', 'input': {'n': 1}})
                    if answer.status == 202:
                        with lock:
                            acknowledged.append(answer.json['process_id'])
                            if len(acknowledged) > 400:
                                enough.set()
            except (OSError, http.client.HTTPException):
                pass  # it was killed
        threads = [threading.Thread(target=submit_until_killed) for _ in range(8)]
        for thread in threads:
            thread.start()
        self.assertTrue(enough.wait(60))
        server.kill()
        for thread in threads:
            thread.join(30)
        self.assertGreater(len(acknowledged), 400)

        after = self.start()
        for process_id in acknowledged:
            self.assertEqual(self.status(after.client, process_id)['status'], 'pending')
        self.assertEqual(self.redis.command('SCARD', 'process_ids'),
                         after.client.get('/stats').json['total'])


class Keys(SharedRedis):
    """The names and types that the documentation promises to people with redis-cli."""

    def test_one_process_in_each_state(self):
        server = self.start(TOMBSTONE_SECONDS=3600)
        client = server.client

        def make(document, headers=None):
            return self.submit(client, document, headers)['process_id']
        waiting = make({'type': 'other', 'input': 1}, {'Idempotency-Key': 'key-1'})
        later = make({'type': 'echo', 'input': 1, 'run_at': '2999-01-01T00:00:00Z', 'group': 'g',
                      'deadline': '2999-01-02T00:00:00Z'})
        self.assertEqual(client.post('/types/other/pause').status, 200)
        running = make({'type': 'gated', 'input': 1})
        self.wait_for_status(client, running, 'running')
        completed = make({'type': 'echo', 'input': 1})
        self.wait_for_status(client, completed, 'completed')
        canceled = make({'type': 'other', 'input': 1})
        client.post(f'/processes/{canceled}/cancel')
        removed = make({'type': 'other', 'input': 1})
        client.post(f'/processes/{removed}/cancel')
        self.assertIn(client.delete(f'/processes/{removed}').status, (200, 204))
        failed = make({'type': 'gated', 'input': 1, 'max_attempts': 1})

        def fail():
            resource = self.status(client, failed)
            return resource['status'] != 'pending'
        self.analyzers.order(running, 'ok')
        self.wait_for_status(client, running, 'completed')
        eventually(fail)
        self.analyzers.order(failed, 'fail')
        self.wait_for_status(client, failed, 'failed')
        busy = make({'type': 'gated', 'input': 1})
        self.wait_for_status(client, busy, 'running')

        present = (waiting, later, running, completed, canceled, failed, busy)
        expected = {f'process:{one}': 'hash' for one in present}
        expected.update({
            'process_ids': 'set', 'process_times': 'zset',
            'process_status:pending': 'zset', 'process_status:running': 'zset',
            'process_status:completed': 'zset', 'process_status:failed': 'zset',
            'process_status:canceled': 'zset', 'process_queue:other': 'zset',
            'process_schedule': 'zset', 'process_leases': 'zset', 'process_retention': 'zset',
            f'process_gone:{removed}': 'string', 'process_idempotency:key-1': 'string',
            'process_types': 'zset', 'process_workers': 'zset', 'process_running:gated': 'zset',
            f'process_held:{self.status(client, busy)["worker"]}': 'zset',
            'process_deadlines': 'zset', 'process_group:all:g': 'zset',
            'process_group:pending:g': 'zset', 'process_paused': 'set',
            'process_schema': 'string'})
        expected.update({f'process_events:{one}': 'list'
                         for one in (running, completed, canceled, failed, busy)})
        found = self.redis.keys()
        looked_for = {name for name in found if name.startswith('process_type_workers:')}
        self.assertLessEqual({'process_type_workers:gated', 'process_type_workers:echo'}, looked_for)
        self.assertEqual({found.pop(name) for name in looked_for}, {'zset'})
        self.assertEqual(found, expected)
        self.check_members(present, waiting, later, busy, (running, completed, canceled, failed))
        self.check_times_to_live(removed, present)
        self.analyzers.order(busy, 'ok')
        self.wait_for_status(client, busy, 'completed')

    def check_members(self, present, waiting, later, busy, finished):
        zset = {name: set(self.redis.texts('ZRANGE', name, 0, -1)) for name in (
            'process_times', 'process_queue:other', 'process_schedule', 'process_leases',
            'process_retention', 'process_status:pending', 'process_running:gated',
            'process_deadlines', 'process_group:all:g', 'process_group:pending:g')}
        self.assertEqual(set(self.redis.texts('SMEMBERS', 'process_ids')), set(present))
        self.assertEqual(zset['process_times'], set(present))
        self.assertEqual(zset['process_queue:other'], {waiting})
        self.assertEqual(zset['process_schedule'], {later})
        self.assertEqual(zset['process_leases'], {busy})
        self.assertEqual(zset['process_retention'], set(finished))
        self.assertEqual(zset['process_status:pending'], {waiting, later})
        self.assertEqual(zset['process_running:gated'], {busy})
        self.assertEqual(zset['process_deadlines'], {later})
        self.assertEqual(zset['process_group:all:g'], {later})
        self.assertEqual(zset['process_group:pending:g'], {later})

    def check_times_to_live(self, removed, present):
        self.assertLessEqual(self.redis.command('TTL', f'process_gone:{removed}'), 3600)
        self.assertGreater(self.redis.command('TTL', f'process_gone:{removed}'), 3500)
        self.assertGreater(self.redis.command('TTL', 'process_idempotency:key-1'), 86000)
        self.assertEqual(self.redis.command('TTL', f'process:{present[0]}'), -1)

    def test_values_are_readable_text(self):
        server = self.start()
        process_id = self.submit(server.client, {
            'type': 'other', 'input': {'text': 'grüß'}, 'metadata': {'a': 0.1}})['process_id']
        fields = self.redis.hash(f'process:{process_id}')
        self.assertEqual(fields['status'], 'pending')
        self.assertEqual(fields['type'], 'other')
        self.assertEqual(fields['metadata'], '{"a": 0.1}')
        self.assertIn('gr\\u00fc\\u00df', fields['input'])
        self.assertEqual(fields['version'], '1')

    def test_nothing_is_left_after_clean_up(self):
        server = self.start(TOMBSTONE_SECONDS=1)
        for _ in range(5):
            self.wait_for_status(server.client, self.submit(
                server.client, {'type': 'echo', 'input': 1})['process_id'])
        self.assertEqual(server.client.delete('/cleanup?older_than_hours=0').json['cleaned'], 5)
        eventually(lambda: {name for name in self.redis.keys()
                            if not name.startswith('process_type_workers:')} ==
                   {'process_schema', 'process_types', 'process_workers'},
                   what='only the layout version, and who was there, is left')


class Unreadable(SharedRedis):
    def test_index_entries_without_a_record_are_dropped(self):
        server = self.start()
        ids = [self.submit(server.client, {'type': 'other', 'input': 1})['process_id']
               for _ in range(3)]
        self.redis.command('DEL', f'process:{ids[1]}')
        self.assert_problem(server.client.get(f'/status/{ids[1]}'), 404)

        def healed():
            listed = server.client.get('/processes').json['processes']
            self.assertCountEqual([one['process_id'] for one in listed], [ids[2], ids[0]])
            return ids[1] not in self.redis.texts('ZRANGE', 'process_times', 0, -1)
        eventually(healed)
