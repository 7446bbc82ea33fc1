"""Finished processes go when their time is over, without any request coming in; a tombstone then
answers 410 for a while, and after that the id is unknown."""

from harness import Case, eventually, on_each_repository


@on_each_repository(Case)
class Retention:
    def start(self, **settings):
        if self.repository == 'redis':
            self.redis = self.start_redis()
            settings['REDIS_URL'] = self.redis.url
        self.client = self.start_server(
            {'TOMBSTONE_SECONDS': 3600, **settings},
            ['--analyzer', 'ok=/bin/cat', '--analyzer', 'bad=/bin/false']).client

    def finish(self, **document):
        process_id = self.submit(self.client, {'input': 1, 'max_attempts': 1, **document})[
            'process_id']
        return process_id

    def is_gone(self, process_id):
        return self.client.get(f'/status/{process_id}').status == 410

    def test_each_status_has_its_own_retention(self):
        self.start(RETENTION_COMPLETED_SECONDS=1, RETENTION_FAILED_SECONDS=1000)
        completed, failed = self.finish(type='ok'), self.finish(type='bad')
        self.wait_for_status(self.client, failed, 'failed')
        eventually(lambda: self.is_gone(completed), 30)
        resource = self.status(self.client, failed)
        self.assertEqual(resource['status'], 'failed')
        self.assertEqual(self.client.get('/stats').json['total'], 1)

    def test_failed_and_canceled(self):
        self.start(RETENTION_FAILED_SECONDS=1, RETENTION_CANCELED_SECONDS=1,
                   RETENTION_COMPLETED_SECONDS=1000)
        completed, failed = self.finish(type='ok'), self.finish(type='bad')
        canceled = self.finish(type='other')
        self.client.post(f'/processes/{canceled}/cancel')
        eventually(lambda: self.is_gone(failed) and self.is_gone(canceled), 30)
        self.assertEqual(self.status(self.client, completed)['status'], 'completed')

    def test_a_process_may_say_otherwise(self):
        self.start()
        short, default = self.finish(type='ok', retention_seconds=1), self.finish(type='ok')
        self.wait_for_status(self.client, default, 'completed')
        eventually(lambda: self.is_gone(short), 30)
        self.assertEqual(self.status(self.client, default)['status'], 'completed')

    def test_an_unfinished_process_stays(self):
        self.start(RETENTION_COMPLETED_SECONDS=1)
        waiting = self.finish(type='other', retention_seconds=0)
        done = self.finish(type='ok')
        eventually(lambda: self.is_gone(done), 30)
        self.assertEqual(self.status(self.client, waiting)['status'], 'pending')

    def test_tombstone_then_unknown(self):
        self.start(RETENTION_COMPLETED_SECONDS=0, TOMBSTONE_SECONDS=2)
        process_id = self.finish(type='ok')
        eventually(lambda: self.is_gone(process_id), 30)
        eventually(lambda: self.client.get(f'/status/{process_id}').status == 404, 30)

    def test_the_sweep_needs_no_traffic(self):
        if self.repository != 'redis':
            self.skipTest('only Redis can be looked into without a request')
        self.start(RETENTION_COMPLETED_SECONDS=1)
        self.finish(type='ok')
        eventually(lambda: 'process_retention' in self.redis.keys())
        eventually(lambda: self.redis.command('SCARD', 'process_ids') == 0, 30)
        left = {key.split(':')[0] for key in self.redis.keys()}
        who_was_there = {'process_types', 'process_workers', 'process_type_workers'}
        self.assertEqual(left - who_was_there, {'process_gone', 'process_schema'})
