"""POST /processes/cancel and /processes/retry: many at once, by a filter."""

from working import WorkCase, on_each_repository


@on_each_repository(WorkCase)
class Bulk:
    def statuses(self, ids):
        return [self.status(self.client, one)['status'] for one in ids]

    def fail_all(self, kind):
        while claimed := self.claim(kind, max=64):
            for one in claimed:
                self.say(one, 'fail', retryable=False, code='broken')

    def test_cancel_by_type_and_group(self):
        red, blue = self.make('a', group='red'), self.make('a', group='blue')
        other = self.make('b', group='red')
        answer = self.client.post('/processes/cancel?status=pending&type=a&group=red')
        self.assertEqual((answer.status, answer.json), (200, {'canceled': 1, 'complete': True}))
        self.assertEqual(self.statuses((red, blue, other)), ['canceled', 'pending', 'pending'])
        self.assertEqual(self.client.post('/processes/cancel?status=pending&group=red').json,
                         {'canceled': 1, 'complete': True})
        self.assertEqual(self.statuses((red, blue, other)), ['canceled', 'pending', 'canceled'])

    def test_cancel_asks_the_running_ones(self):
        self.make_many(3)
        running = self.claim_one()
        self.assertEqual(self.client.post('/processes/cancel?status=pending').json,
                         {'canceled': 2, 'complete': True})
        self.assertFalse(self.say(running, 'heartbeat')['cancel_requested'])
        self.assertEqual(self.client.post('/processes/cancel?status=pending,running').json,
                         {'canceled': 1, 'complete': True})
        self.assertTrue(self.say(running, 'heartbeat')['cancel_requested'])

    def test_retry_by_status_and_type(self):
        failed = self.make_many(3, type='a')
        self.fail_all('a')
        others = self.make_many(2, type='b')
        self.fail_all('b')
        canceled = self.make('a')
        self.cancel(canceled)
        answer = self.client.post('/processes/retry?status=failed&type=a')
        self.assertEqual((answer.status, answer.json), (200, {'retried': 3, 'complete': True}))
        self.assertEqual(self.statuses(failed + others + [canceled]),
                         ['pending'] * 3 + ['failed'] * 2 + ['canceled'])
        first = self.status(self.client, failed[0])
        self.assertEqual((first['error'], first['attempt'], first['version']), (None, 1, 4))
        self.assertEqual(self.client.post('/processes/retry?status=canceled,failed').json,
                         {'retried': 3, 'complete': True})
        self.assertEqual(set(self.statuses(failed + others + [canceled])), {'pending'})

    def test_more_than_one_step(self):
        for _ in range(3):
            self.make_many(1000)
        self.assertEqual(self.client.post('/processes/cancel?status=pending').json,
                         {'canceled': 3000, 'complete': True})
        self.assertEqual(self.client.get('/stats').json['canceled'], 3000)
        self.assertEqual(self.client.post('/processes/retry?status=canceled').json,
                         {'retried': 3000, 'complete': True})
        self.assertEqual(self.client.get('/stats').json['pending'], 3000)

    def test_bad_filters(self):
        waiting = self.make()
        canceled = self.make()
        self.cancel(canceled)
        for query, parameter in (
                ('', 'status'), ('type=a', 'status'), ('status=', 'status'),
                ('status=completed', 'status'), ('status=pending,x', 'status'),
                ('status=pending,', 'status'), ('status=pending&type=a%20b', 'type'),
                ('status=pending&type=', 'type'), ('status=pending&group=%2F', 'group'),
                ('status=pending&age=3', 'age'), ('status=pending&status=pending', 'status')):
            with self.subTest(query):
                self.assert_problem(self.client.post(f'/processes/cancel?{query}'), 400,
                                    type='/problems/bad-query', parameter=parameter)
        for query in ('', 'status=pending', 'status=running', 'status=failed,completed'):
            with self.subTest(retry=query):
                self.assert_problem(self.client.post(f'/processes/retry?{query}'), 400,
                                    type='/problems/bad-query', parameter='status')
        self.assert_problem(self.client.post('/processes/cancel?status=failed'), 400)
        self.assert_problem(self.client.post('/processes/cancel?status=pending', {'a': 1}), 422)
        self.assert_problem(self.client.post('/processes/retry?status=failed', body='{'), 400)
        self.assert_problem(self.client.get('/processes/retry'), 405)
        self.assertEqual(self.statuses((waiting, canceled)), ['pending', 'canceled'])
