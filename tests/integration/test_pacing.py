"""When the server says to ask again, and when it expects the end."""

import math

from harness import eventually
from working import WorkCase, on_each_repository

LATER = '2999-01-01T00:00:00Z'
LONGEST_MS = 30000


class PaceCase(WorkCase):
    def submit_later(self, client=None):
        return self.submit(client or self.client, {'type': 'a', 'input': 1, 'run_at': LATER})

    def complete_some(self, count):
        for _ in range(count):
            self.make()
            self.say(self.claim_one(), 'complete', result=1)


@on_each_repository(PaceCase)
class Pacing:
    def assert_paced(self, process, answer=None):
        """With an answer: its header is the body's advice in seconds, rounded up."""
        advice = process['retry_after_ms']
        self.assertTrue(250 <= advice <= LONGEST_MS, process)
        if answer is not None:
            self.assertEqual(answer.header('Retry-After'), str(math.ceil(advice / 1000)), answer)

    def test_every_answer_about_an_unfinished_one_says_when(self):
        made = self.client.post('/analyze', {'type': 'a', 'input': 1})
        process_id = made.json['process_id']
        answers = [made, self.client.get(f'/status/{process_id}'),
                   self.client.get(f'/status/{process_id}?fields=%2Binput'),
                   self.client.get(f'/result/{process_id}')]
        for answer in answers:
            self.assert_paced(answer.json, answer)
        listed = self.client.get('/processes')
        self.assertIsNone(listed.header('Retry-After'))
        self.assert_paced(listed.json['processes'][0])

    def test_one_that_has_ended_needs_none(self):
        process_id = self.make()
        self.cancel(process_id)
        ended = self.client.get(f'/status/{process_id}')
        self.assertIsNone(ended.header('Retry-After'))
        self.assertIsNone(ended.json['retry_after_ms'])
        self.assertIsNone(ended.json['eta'])
        self.assertIsNone(
            self.client.get(f'/status/{process_id}', {'If-None-Match': '"2"'}).header('Retry-After'))

    def test_unchanged_says_when_too(self):
        process_id = self.submit_later()['process_id']
        answer = self.client.get(f'/status/{process_id}', {'If-None-Match': '"1"'})
        self.assertEqual(answer.status, 304)
        self.assertIn(int(answer.header('Retry-After')), range(25, 31))

    def test_what_was_completed_is_history(self):
        self.assertIsNone(self.submit_later()['eta'])
        self.complete_some(3)
        eta = self.submit_later()['eta']
        self.assertLessEqual('2999-01-01T00:00:00.000Z', eta['p50'])
        self.assertLessEqual(eta['p50'], eta['p90'])
        self.assertLess(eta['p90'], '2999-01-01T00:01:00.000Z')


class TwoInstances(PaceCase):
    """What one instance has seen completed, the other looks up."""

    repository = 'redis'

    def all_settings(self):
        self.shared = super().all_settings()
        return self.shared

    def test_history_is_found(self):
        self.complete_some(3)
        other = self.start_server(self.shared).client
        self.submit_later(other)
        eventually(lambda: other.get('/processes?status=pending').json['processes'][0]['eta'])
