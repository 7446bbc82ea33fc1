"""GET /processes: newest first, filters, pages that neither skip nor repeat while others write."""

import threading
import urllib.parse

from harness import Case, on_each_repository, unpaced


@on_each_repository(Case)
class List:
    def setUp(self):
        settings = {}
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        self.server = self.start_server(settings)
        self.client = self.server.client

    def make(self, **document):
        return self.submit(self.client, {'type': 'a', 'input': 1, **document})['process_id']

    def page(self, **query):
        answer = self.client.get('/processes?' + urllib.parse.urlencode(query))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json['count'], len(answer.json['processes']))
        return answer.json

    def ids(self, **query):
        """All pages."""
        found, cursor = [], None
        for _ in range(1000):
            page = self.page(**query, **({'cursor': cursor} if cursor else {}))
            found += [one['process_id'] for one in page['processes']]
            cursor = page['next_cursor']
            if cursor is None:
                return found
        raise AssertionError('the pages do not end')

    def test_empty(self):
        self.assertEqual(self.page(), {'processes': [], 'next_cursor': None, 'count': 0})

    def test_newest_first_in_pages(self):
        made = [self.make() for _ in range(25)]
        for limit in (1, 7, 25, 200):
            with self.subTest(limit):
                listed = self.ids(limit=limit)
                self.assertEqual(len(set(listed)), 25)
                times = [self.status(self.client, one)['created_at'] for one in listed]
                self.assertEqual(times, sorted(times, reverse=True))
                self.assertEqual(set(listed), set(made))
        self.assertEqual(len(self.page(limit=7)['processes']), 7)

    def test_the_document_is_that_of_the_status(self):
        process_id = self.make(metadata={'a': 0.1}, group='g')
        (listed,) = self.page()['processes']
        self.assertEqual(unpaced(listed), unpaced(self.status(self.client, process_id)))

    def test_filters(self):
        one = self.make(type='a', group='red')
        two = self.make(type='b', group='red')
        three = self.make(type='b', group='blue')
        self.client.post(f'/processes/{three}/cancel')
        self.assertEqual(set(self.ids(type='b')), {two, three})
        self.assertEqual(set(self.ids(group='red')), {one, two})
        self.assertEqual(self.ids(type='b', group='red'), [two])
        self.assertEqual(self.ids(status='canceled'), [three])
        self.assertEqual(set(self.ids(status='pending')), {one, two})
        self.assertEqual(self.ids(status='pending', type='b'), [two])
        self.assertEqual(self.ids(status='running'), [])
        self.assertEqual(self.ids(type='c'), [])

    def test_time_range(self):
        ids = []
        while len({self.status(self.client, one)['created_at'] for one in ids}) < 3:
            ids.append(self.make())
        times = {one: self.status(self.client, one)['created_at'] for one in ids}
        middle = sorted(set(times.values()))[1]
        self.assertEqual(set(self.ids(created_after=middle)),
                         {one for one in ids if times[one] > middle})
        self.assertEqual(set(self.ids(created_before=middle)),
                         {one for one in ids if times[one] < middle})

    def test_pages_while_inserts_go_on(self):
        before = [self.make() for _ in range(60)]
        stop, made = threading.Event(), []

        def insert():
            client = self.server.new_client()
            while not stop.is_set():
                made.append(client.post('/analyze', {'type': 'a', 'input': 1}).json['process_id'])
            client.close()
        thread = threading.Thread(target=insert)
        thread.start()
        try:
            listed = self.ids(limit=5)
        finally:
            stop.set()
            thread.join()
        self.assertEqual(len(listed), len(set(listed)), 'nothing twice')
        self.assertLessEqual(set(before), set(listed), 'nothing skipped')
        self.assertGreater(len(made), 0)

    def test_pages_while_their_members_vanish(self):
        made = [self.make() for _ in range(10)]
        first = self.page(limit=4)
        for one in first['processes']:
            self.client.post(f'/processes/{one["process_id"]}/cancel')
            self.client.delete(f'/processes/{one["process_id"]}')
        gone = {one['process_id'] for one in first['processes']}
        rest = self.page(limit=100, cursor=first['next_cursor'])
        self.assertEqual({one['process_id'] for one in rest['processes']}, set(made) - gone)

    def test_a_filter_that_matches_little_still_ends(self):
        for number in range(120):
            self.make(type='rare' if number in (0, 100) else 'a')
        self.assertEqual(len(self.ids(type='rare', limit=3)), 2)
