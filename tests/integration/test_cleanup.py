"""DELETE /cleanup: finished processes only, by the time they finished."""

from harness import Case, on_each_repository


@on_each_repository(Case)
class Cleanup:
    def setUp(self):
        settings = {}
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        self.client = self.start_server(
            settings, ['--analyzer', 'ok=/bin/cat', '--analyzer', 'bad=/bin/false']).client
        self.completed = self.finish({'type': 'ok', 'input': 1})
        self.failed = self.finish({'type': 'bad', 'input': 1, 'max_attempts': 1})
        self.canceled = self.make({'type': 'other', 'input': 1})
        self.client.post(f'/processes/{self.canceled}/cancel')
        self.waiting = self.make({'type': 'other', 'input': 1})

    def make(self, document):
        return self.submit(self.client, document)['process_id']

    def finish(self, document):
        process_id = self.make(document)
        self.wait_for_status(self.client, process_id)
        return process_id

    def cleanup(self, query=''):
        answer = self.client.delete(f'/cleanup{query}')
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def known(self):
        return {one for one in (self.completed, self.failed, self.canceled, self.waiting)
                if self.client.get(f'/status/{one}').status == 200}

    def test_default_is_a_day_so_that_nothing_fresh_goes(self):
        answer = self.cleanup()
        self.assertEqual((answer['cleaned'], answer['remaining']), (0, 4), answer)
        self.assertIs(answer['complete'], True)
        self.assertEqual(len(self.known()), 4)

    def test_everything_finished(self):
        answer = self.cleanup('?older_than_hours=0')
        self.assertEqual(answer, {
            'cleaned': 3, 'by_status': {'completed': 1, 'failed': 1, 'canceled': 1},
            'remaining': 1, 'dry_run': False, 'complete': True})
        self.assertEqual(self.known(), {self.waiting})
        for process_id in (self.completed, self.failed, self.canceled):
            self.assert_problem(self.client.get(f'/status/{process_id}'), 410)
        self.assertEqual(self.cleanup('?older_than_hours=0')['cleaned'], 0)

    def test_dry_run_only_counts(self):
        answer = self.cleanup('?older_than_hours=0&dry_run=true')
        self.assertEqual((answer['cleaned'], answer['dry_run'], answer['remaining']), (3, True, 4))
        self.assertEqual(len(self.known()), 4)
        self.assertIs(self.cleanup('?older_than_hours=0&dry_run=false')['dry_run'], False)

    def test_by_status(self):
        self.assertEqual(self.cleanup('?older_than_hours=0&status=failed')['by_status'],
                         {'completed': 0, 'failed': 1, 'canceled': 0})
        self.assertEqual(self.known(), {self.completed, self.canceled, self.waiting})

    def test_by_type(self):
        self.assertEqual(self.cleanup('?older_than_hours=0&type=other')['cleaned'], 1)
        self.assertEqual(self.known(), {self.completed, self.failed, self.waiting})

    def test_by_status_and_type(self):
        self.assertEqual(self.cleanup('?older_than_hours=0&status=failed&type=ok')['cleaned'], 0)
        self.assertEqual(self.cleanup('?older_than_hours=0&status=completed&type=ok')['cleaned'], 1)

    def test_fractions_of_hours(self):
        self.assertEqual(self.cleanup('?older_than_hours=0.5')['cleaned'], 0)
        self.assertEqual(self.cleanup('?older_than_hours=8760')['cleaned'], 0)

    def test_more_than_one_step(self):
        ids = [self.make({'type': 'many', 'input': 1}) for _ in range(1100)]
        for process_id in ids:
            self.client.post(f'/processes/{process_id}/cancel')
        answer = self.cleanup('?older_than_hours=0&type=many')
        self.assertEqual((answer['cleaned'], answer['complete']), (1100, True), answer)
        self.assertEqual(answer['remaining'], 4)
