"""GET /groups/<group>, and cancel and retry of a whole group."""

from harness import unpaced
from working import WorkCase, on_each_repository


@on_each_repository(WorkCase)
class Groups:
    def group(self, name='g', query=''):
        return self.get(f'/groups/{name}{query}')

    def numbers(self, name='g'):
        group = self.group(name)
        return group['total'], group['done'], group['percent'], group['counts']

    def test_counts_and_percent(self):
        for _ in range(4):
            self.make(group='g')
        self.make('b', group='h')
        self.assertEqual(self.numbers(), (4, False, 0, {
            'pending': 4, 'running': 0, 'completed': 0, 'failed': 0, 'canceled': 0}))
        first, second, third = self.claim(max=3)
        self.assertEqual(self.numbers()[2], 0, 'without progress a running one is at 0')
        self.say(first, 'progress', percent=50)
        self.say(second, 'complete', result=1)
        self.say(third, 'fail', retryable=False)
        self.assertEqual(self.numbers(), (4, False, 62.5, {
            'pending': 1, 'running': 1, 'completed': 1, 'failed': 1, 'canceled': 0}))
        self.say(first, 'progress', percent=33.4)
        self.assertEqual(self.group()['percent'], 58.4, 'one decimal')
        self.say(first, 'complete')
        last = self.claim_one()
        self.say(last, 'progress', percent=99.9)
        self.assertEqual(self.numbers()[1:3], (False, 99.9), 'not yet all of it')
        self.cancel(last['process_id'])
        self.say(last, 'release')
        self.assertEqual(self.numbers(), (4, True, 100, {
            'pending': 0, 'running': 0, 'completed': 2, 'failed': 1, 'canceled': 1}))
        self.assertEqual(self.group('h')['total'], 1)

    def test_members_page_by_page(self):
        made = self.make_many(7, group='g')
        self.make_many(3, group='other')
        seen, path, pages = [], '/groups/g?limit=3', 0
        while path:
            answer = self.client.get(path)
            page = answer.json
            self.assertEqual((page['group'], page['total']), ('g', 7))
            seen += [one['process_id'] for one in page['processes']]
            link, pages = answer.header('Link'), pages + 1
            self.assertEqual(page['next_cursor'] is None, link is None)
            path = link and link[1:link.index('>')]
            if path:
                self.assertIn(page['next_cursor'], path)
        self.assertEqual((pages, len(seen), set(seen)), (3, 7, set(made)))
        (first,) = self.group(query='?limit=1')['processes']
        self.assertEqual(unpaced(first), unpaced(self.status(self.client, seen[0])))

    def test_members_of_one_status(self):
        self.make_many(5, group='g')
        running = {one['process_id'] for one in self.claim(max=2)}
        group = self.group(query='?status=running')
        self.assertEqual({one['process_id'] for one in group['processes']}, running)
        self.assertEqual(group['total'], 5, 'the numbers are those of all members')
        self.assertEqual(self.group(query='?status=failed')['processes'], [])
        cursor = self.group(query='?status=running&limit=1')['next_cursor']
        rest = self.group(query=f'?status=running&limit=1&cursor={cursor}')
        self.assertEqual((len(rest['processes']), rest['next_cursor']), (1, None))
        self.assert_problem(self.client.get(f'/groups/g?cursor={cursor}'), 400,
                            type='/problems/bad-query', parameter='cursor')

    def test_the_numbers_come_from_the_members(self):
        ids = self.make_many(3, group='a:b.c_D-9')
        for process_id in ids:
            self.assertEqual(self.group('a:b.c_D-9')['total'], len(ids))
            self.cancel(process_id)
            self.assertEqual(self.client.delete(f'/processes/{process_id}').status, 200)
            ids = ids[1:]
        self.assert_problem(self.client.get('/groups/a:b.c_D-9'), 404,
                            type='/problems/unknown-group')

    def test_a_group_that_is_none(self):
        self.assert_problem(self.client.get('/groups/g'), 404, type='/problems/unknown-group')
        for name in ('a%20b', 'a%2Fb', '%C3%A4', 'x' * 129, '%00'):
            for method, tail in (('GET', ''), ('POST', '/cancel'), ('POST', '/retry')):
                with self.subTest(name=name[:10], tail=tail):
                    self.assert_problem(self.client.request(method, f'/groups/{name}{tail}'), 400,
                                        type='/problems/bad-name')
        for method, path in (('GET', '/groups/'), ('POST', '/groups//cancel'),
                             ('POST', '/groups//retry')):
            with self.subTest(f'{method} {path}'):
                self.assert_problem(self.client.request(method, path), 404,
                                    type='/problems/unknown-path')

    def test_bad_queries(self):
        self.make(group='g')
        for query in ('limit=0', 'limit=201', 'limit=x', 'status=done', 'cursor=x', 'type=a',
                      'group=g', 'limit=1&limit=1'):
            with self.subTest(query):
                self.assert_problem(self.client.get(f'/groups/g?{query}'), 400,
                                    type='/problems/bad-query')
        self.assert_problem(self.client.post('/groups/g/cancel?status=pending'), 400,
                            type='/problems/bad-query')
        self.assert_problem(self.client.post('/groups/g/cancel', {'a': 1}), 422)
        self.assert_problem(self.client.get('/groups/g/cancel'), 405)
        self.assertEqual(self.group()['counts']['pending'], 1)

    def test_cancel_a_group(self):
        self.make_many(2, group='g')
        running = self.claim_one()
        other = self.make(group='h')
        answer = self.client.post('/groups/g/cancel')
        self.assertEqual((answer.status, answer.json), (200, {'canceled': 2, 'complete': True}))
        self.assertEqual(self.group()['counts'], {
            'pending': 0, 'running': 1, 'completed': 0, 'failed': 0, 'canceled': 1})
        self.assertTrue(self.say(running, 'heartbeat')['cancel_requested'])
        self.assertEqual(self.status(self.client, running['process_id'])['reason'],
                         'cancel_requested')
        self.assertEqual(self.client.post('/groups/g/cancel', {}).json,
                         {'canceled': 0, 'complete': True}, 'again it changes nothing')
        self.say(running, 'release')
        self.assertEqual(self.group()['counts']['canceled'], 2)
        self.assertEqual(self.status(self.client, other)['status'], 'pending')

    def test_retry_a_group_of_more_than_a_page(self):
        ids = set(self.make_many(450, group='g'))
        done = self.claim_one()
        self.say(done, 'complete')
        failed = self.claim(max=20)
        for one in failed:
            self.say(one, 'fail', retryable=False)
        self.assertEqual(self.client.post('/groups/g/cancel').json,
                         {'canceled': 429, 'complete': True})
        self.assertEqual(self.numbers()[:3], (450, True, 100))
        answer = self.client.post('/groups/g/retry')
        self.assertEqual((answer.status, answer.json), (200, {'retried': 449, 'complete': True}))
        self.assertEqual(self.numbers(), (450, False, 0.2, {
            'pending': 449, 'running': 0, 'completed': 1, 'failed': 0, 'canceled': 0}))
        again = set()
        while claimed := self.claim(max=64):
            again |= {one['process_id'] for one in claimed}
        self.assertEqual(again, ids - {done['process_id']}, 'every one can be claimed again')

    def test_unknown_groups_have_nothing_to_change(self):
        self.make(group='g')
        self.assertEqual(self.client.post('/groups/none/cancel').json,
                         {'canceled': 0, 'complete': True})
        self.assertEqual(self.client.post('/groups/none/retry').json,
                         {'retried': 0, 'complete': True})
        self.assertEqual(self.group()['counts']['pending'], 1)
