"""What workers do over HTTP, for tests that are about something else."""

from harness import Case, on_each_repository

__all__ = ['WorkCase', 'on_each_repository']


class WorkCase(Case):
    """One server for each test; tests are workers by hand."""

    repository = 'memory'
    settings = {}

    def setUp(self):
        self.server = self.start_server(self.all_settings(), self.arguments())
        self.client = self.server.client

    def all_settings(self):
        settings = {'RETRY_BASE_MS': 1, **self.settings}
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        return settings

    def arguments(self):
        return []

    def make(self, kind='a', **members):
        return self.submit(self.client, {'type': kind, 'input': 1, **members})['process_id']

    def make_many(self, count, **members):
        item = {'type': 'a', 'input': 1, **members}
        answer = self.client.post('/analyze/batch', {'processes': [item] * count})
        self.assertEqual(answer.status, 202, answer)
        return [one['process_id'] for one in answer.json['processes']]

    def claim(self, kind='a', worker='w', **more):
        """Processes that were claimed; [] when there was nothing."""
        types = [kind] if isinstance(kind, str) else kind
        answer = self.client.post('/claim', {'types': types, 'worker': worker, **more})
        self.assertIn(answer.status, (200, 204), answer)
        return answer.json['processes'] if answer.status == 200 else []

    def claim_one(self, kind='a', worker='w', **more):
        claimed = self.claim(kind, worker, **more)
        self.assertEqual(len(claimed), 1)
        return claimed[0]

    def report(self, process, what, **members):
        """POST /processes/<id>/<what> by the holder of the process."""
        return self.client.post(f'/processes/{process["process_id"]}/{what}',
                                {'lease_token': process['lease_token'], **members})

    def say(self, process, what, **members):
        answer = self.report(process, what, **members)
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def cancel(self, process_id):
        answer = self.client.post(f'/processes/{process_id}/cancel')
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def get(self, path):
        answer = self.client.get(path)
        self.assertEqual(answer.status, 200, answer)
        return answer.json
