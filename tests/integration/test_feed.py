"""GET /events: what happens to all processes, as one stream."""

import signal

from event_stream import EventStream
from harness import eventually, unpaced
from working import WorkCase, on_each_repository

EVENT_STREAM = 'text/event-stream'


class FeedCase(WorkCase):
    settings = {'IO_THREADS': 1}

    def listen(self, query='', server=None, path='/events', **more):
        """A stream that hears of everything from now on."""
        server = server or self.server
        eventually(lambda: server.client.get('/version').json['watching'] != 'none')
        stream = EventStream(server.host, server.port, path + query, **more)
        self.addCleanup(stream.close)
        self.assertEqual(stream.status, 200, stream.headers)
        self.assertEqual(stream.header('Content-Type'), EVENT_STREAM)
        stream.wait_for_comment()
        if self.repository == 'redis':
            self.wait_until_heard(server)
        return stream

    def wait_until_heard(self, server):
        """On Redis the subscription takes a moment: until a change of another comes through."""
        with EventStream(server.host, server.port, '/events?type=probe') as probe:
            def comes_through():
                made = self.make('probe')
                try:
                    probe.until(lambda event: event.name is None and
                                event.json['process_id'] == made, timeout=0.3)
                except TimeoutError:
                    return False
                return True
            eventually(comes_through, what='changes are heard of')

    @staticmethod
    def is_about(process_id, *statuses):
        def check(event):
            return event.name is None and event.json['process_id'] == process_id and (
                not statuses or event.json['status'] in statuses)
        return check

    def told(self, stream, process_id, *statuses):
        """The process as the next event that is about it tells it."""
        event = stream.until(self.is_about(process_id, *statuses))
        self.assertIsNone(event.id)
        return event.json

    def wait_until_removed(self, stream, process_id):
        event = stream.until(lambda event: event.name == 'removed' and
                             event.json['process_id'] == process_id)
        self.assertEqual(event.json, {'process_id': process_id})

    def streams(self):
        return self.get('/stats')['http']['streams']


@on_each_repository(FeedCase)
class Feed:
    def test_a_life_from_its_creation_to_its_removal(self):
        stream = self.listen()
        process_id = self.make(metadata={'a': 0.1})
        created = self.told(stream, process_id)
        expected = self.status(self.client, process_id)
        expected.update(reason=None, queue_position=None)  # they depend on others
        self.assertEqual(unpaced(created), unpaced(expected))
        claimed = self.claim_one()
        self.assertEqual(self.told(stream, process_id)['status'], 'running')
        self.say(claimed, 'progress', percent=50)
        self.assertEqual(self.told(stream, process_id)['progress']['percent'], 50)
        self.say(claimed, 'complete', result={'x': 1})
        told = self.told(stream, process_id)
        self.assertEqual(unpaced(told), unpaced(self.status(self.client, process_id)))
        self.assertEqual(self.client.delete(f'/processes/{process_id}').status, 200)
        self.wait_until_removed(stream, process_id)

    def test_each_state_comes_once_and_none_goes_back(self):
        stream = self.listen('?type=a')
        ids = self.make_many(100)
        for one in [one for _ in range(10) for one in self.claim(max=10)]:
            self.say(one, 'complete')
        versions = {}
        while set(versions) != set(ids) or set(versions.values()) != {3}:
            event = stream.next()
            if event.name is None:
                self.assertGreater(event.json['version'],
                                   versions.get(event.json['process_id'], 0), event)
                versions[event.json['process_id']] = event.json['version']
        self.assertTrue(stream.is_quiet())

    def test_filters(self):
        streams = {query: self.listen(query) for query in (
            '?type=b', '?group=g', '?status=running', '?status=running,completed&type=a',
            '?type=b&group=g&status=pending')}
        a, b = self.make('a', group='g'), self.make('b', group='h')
        c, d = self.make('b', group='g'), self.make('a')
        for one in self.claim(['a', 'b'], max=10):
            self.say(one, 'complete')
        made = {a: 'a', b: 'b', c: 'c', d: 'd'}
        last = self.make('b', group='g', metadata={'last': True})
        self.cancel(last)
        self.cancel(self.make('a', group='g', metadata={'last': True}))
        self.make(metadata={'last': True})
        self.say(self.claim_one(), 'complete')
        seen = {}
        for query, stream in streams.items():
            kinds = set()
            while True:
                event = stream.next()
                if event.name is None and event.json['metadata']:
                    break
                if event.name is None and event.json['process_id'] in made:
                    kinds.add((made[event.json['process_id']], event.json['status']))
            seen[query] = kinds
        # some states may have been left out, as others came too soon
        all_states = {'pending', 'running', 'completed'}
        for query, ids, statuses in (('?type=b', 'bc', all_states), ('?group=g', 'ac', all_states),
                                     ('?status=running', 'abcd', {'running'}),
                                     ('?status=running,completed&type=a', 'ad',
                                      {'running', 'completed'}),
                                     ('?type=b&group=g&status=pending', 'c', {'pending'})):
            with self.subTest(query):
                self.assertLessEqual(seen[query], {(one, status) for one in ids
                                                   for status in statuses})
                if 'completed' in statuses:
                    self.assertEqual({one for one, _ in seen[query]}, set(ids))

    def test_removals_are_told_to_all(self):
        process_id = self.make()
        self.cancel(process_id)
        stream = self.listen('?type=other&status=failed&group=nobody')
        self.assertEqual(self.client.delete('/cleanup?older_than_hours=0').json['cleaned'], 1)
        self.wait_until_removed(stream, process_id)

    def test_many_listen(self):
        streams = [self.listen('?type=a')]
        for _ in range(20):
            stream = EventStream(self.server.host, self.server.port, '/events?type=a')
            self.addCleanup(stream.close)
            stream.wait_for_comment()
            streams.append(stream)
        ids = self.make_many(30)
        for stream in streams:
            waited = set(ids)
            while waited:
                event = stream.next()
                waited -= {event.json.get('process_id')} if event.name is None else set()

    def test_more_than_one_buffer_holds_at_once(self):
        stream = self.listen('?type=a')
        item = {'type': 'a', 'input': 1, 'metadata': {'x': 'x' * 5000}}
        waited = set()
        for _ in range(8):
            answer = self.client.post('/analyze/batch', {'processes': [item] * 150})
            self.assertEqual(answer.status, 202, answer)
            waited |= {one['process_id'] for one in answer.json['processes']}
        while waited:
            event = stream.next()
            waited.discard(event.json.get('process_id'))

    def test_a_large_state(self):
        stream = self.listen()
        process_id = self.make()
        self.say(self.claim_one(), 'complete', result='x' * 900000)
        self.assertEqual(len(self.told(stream, process_id, 'completed')['result']), 900000)
        self.told(stream, self.make())

    def test_the_server_stops(self):
        stream = self.listen()
        self.server.signal(signal.SIGTERM)
        stream.read_to_end()
        self.assertTrue(stream.clean)
        self.assertGreaterEqual(stream.retry, 500)
        self.assertEqual(self.server.wait(), 0)

    def test_a_client_that_hangs_up_is_freed(self):
        stream = self.listen()
        eventually(lambda: self.streams() == 1)
        stream.close()
        eventually(lambda: self.streams() == 0, 10)
        self.told(self.listen(), self.make())


class Asked(FeedCase):
    def test_only_as_an_event_stream(self):
        for accept, allowed in ((None, True), ('*/*', True), ('text/*', True), (EVENT_STREAM, True),
                                ('application/json, text/event-stream;q=0.1', True),
                                ('application/json', False), ('text/html', False),
                                ('text/event-stream;q=0, */*', False), ('', False)):
            with self.subTest(accept), EventStream(self.server.host, self.server.port, '/events',
                                                   {'Accept': accept}) as stream:
                self.assertEqual(stream.status, 200 if allowed else 406)
                if not allowed:
                    self.assertIn(b'/problems/not-acceptable', stream.body())
        self.assert_problem(self.client.get('/events', {'Accept': 'application/json'}), 406,
                            type='/problems/not-acceptable')

    def test_bad_filters(self):
        for parameter, query in (('type', 'type='), ('type', 'type=a%20b'), ('type', 'type=a,b'),
                                 ('status', 'status='), ('status', 'status=done'),
                                 ('status', 'status=running,'), ('group', 'group='),
                                 ('group', 'group=%C3%BC'), ('after_version', 'after_version=1'),
                                 ('ids', 'ids=x'), ('type', 'type=a&type=b')):
            with self.subTest(query):
                self.assert_problem(self.client.get(f'/events?{query}', {'Accept': EVENT_STREAM}),
                                    400, type='/problems/bad-query', parameter=parameter)

    def test_head(self):
        with self.server.connect() as connection:
            for _ in range(2):
                connection.send(b'HEAD /events HTTP/1.1\r\nHost: h\r\n\r\n')
                answer = connection.read_answer(bodyless=True)
                self.assertEqual((answer.status, answer.header('Content-Type')),
                                 (200, EVENT_STREAM))
        self.assertEqual(self.streams(), 0)

    def test_other_methods(self):
        answer = self.client.post('/events', {})
        self.assert_problem(answer, 405)
        self.assertEqual(answer.header('Allow'), 'GET, HEAD, OPTIONS')

    def test_neither_cached_nor_buffered(self):
        stream = self.listen()
        self.assertEqual(stream.header('Cache-Control'), 'no-store')
        self.assertEqual(stream.header('X-Accel-Buffering'), 'no')
        self.assertGreaterEqual(stream.retry, 1000)


class SlowReader(FeedCase):
    def flood(self, count, size):
        item = {'type': 'a', 'input': 1, 'metadata': {'x': 'x' * size}}
        answer = self.client.post('/analyze/batch', {'processes': [item] * count})
        self.assertEqual(answer.status, 202, answer)

    def test_it_is_cut_off_and_the_others_are_not(self):
        slow, quick = self.listen(buffer=4096), self.listen('?type=a')
        events = 0
        while self.streams() == 2:
            self.flood(50, 15000)
            for _ in range(50):
                self.assertIsNone(quick.next().name)
                events += 1
            self.assertLess(events * 15000, 64 * 1024 * 1024, 'it is not cut off')
        slow.read_to_end()
        self.assertFalse(slow.clean)
        self.told(quick, self.make())

    def test_one_that_has_waited_too_long_is_told_that_it_missed_something(self):
        stream = self.listen(buffer=65536)
        for _ in range(26):  # some go out, more than can wait do not
            self.flood(1000, 700)
        last = self.make()
        event = stream.until(lambda event: event.name == 'missed', timeout=60)
        self.assertEqual(event.json, {})
        self.cancel(last)
        self.told(stream, last, 'canceled')


class BasePath(FeedCase):
    settings = {'BASE_PATH': '/api'}

    def test_links_are_as_each_client_needs_them(self):
        plain, below = self.listen(), self.listen(path='/api/events')
        process_id = self.make()
        for stream, base in ((plain, ''), (below, '/api')):
            self.assertEqual(self.told(stream, process_id)['links']['self'],
                             f'{base}/status/{process_id}')


class OnRedis(FeedCase):
    repository = 'redis'

    def setUp(self):
        self.redis = self.start_redis()
        self.server, self.other = (
            self.start_server({'REDIS_URL': self.redis.url, 'INSTANCE': name, 'IO_THREADS': 1})
            for name in ('one', 'two'))
        self.client = self.server.client

    def test_what_the_other_instance_does(self):
        stream = self.listen(server=self.other)
        process_id = self.make()
        self.told(stream, process_id)
        self.cancel(process_id)
        self.told(stream, process_id, 'canceled')
        self.assertEqual(self.client.delete(f'/processes/{process_id}').status, 200)
        self.wait_until_removed(stream, process_id)

    def test_what_is_done_by_hand(self):
        stream = self.listen()
        one, two = self.make(), self.make()
        self.told(stream, two)
        self.redis.command('DEL', f'process:{one}')
        self.wait_until_removed(stream, one)
        self.redis.command('PEXPIRE', f'process:{two}', 1)
        self.wait_until_removed(stream, two)

    def test_it_listens_only_while_somebody_does(self):
        def count():
            return len(self.redis.command('CLIENT', 'LIST').splitlines())
        before = count()
        for _ in range(3):
            stream, second = self.listen(), self.listen()
            self.assertGreater(count(), before)
            stream.close()
            self.told(second, self.make())
            second.close()
            eventually(lambda: count() == before, 10,
                       what=f'{before} connections are left: ' + str(count()))

    def test_after_an_outage_it_goes_on_and_says_so(self):
        stream = self.listen()
        self.redis.kill()
        eventually(lambda: self.client.get('/stats').status == 503)
        self.redis.start()
        event = stream.until(lambda event: event.name == 'missed', timeout=30)
        self.assertEqual(event.json, {})
        eventually(lambda: self.client.get('/stats').status == 200, 30)

        def comes_through():
            answer = self.client.post('/analyze', {'type': 'a', 'input': 1})
            if answer.status != 202:
                return False
            try:
                return stream.until(self.is_about(answer.json['process_id']), timeout=1)
            except TimeoutError:
                return False
        eventually(comes_through, 30)
