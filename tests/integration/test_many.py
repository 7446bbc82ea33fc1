"""GET /status?ids=: many processes at once, by poll, long poll and stream."""

import signal
import threading
import time

from event_stream import EventStream
from harness import PATIENCE, UNKNOWN_ID, eventually, unpaced
from working import WorkCase, on_each_repository

OTHER_ID = UNKNOWN_ID[:-1] + '1'


class Later:
    """A request on a connection of its own, whose answer is awaited later."""

    def __init__(self, server, path, headers=None):
        lines = [f'GET {path} HTTP/1.1', 'Host: h']
        lines += [f'{name}: {value}' for name, value in (headers or {}).items()]
        self.connection = server.connect(60.0 * PATIENCE)
        self.connection.send(('\r\n'.join(lines) + '\r\n\r\n').encode())

    def answer(self):
        with self.connection:
            return self.connection.read_answer()


class ManyCase(WorkCase):
    settings = {'IO_THREADS': 1}  # as numbers are those of the loop that answers

    @staticmethod
    def path(ids, versions=None, **more):
        path = '/status?ids=' + ','.join(ids)
        if versions is not None:
            path += '&after_version=' + ','.join(str(version) for version in versions)
        return path + ''.join(f'&{name}={value}' for name, value in more.items())

    def ask(self, ids, versions=None, client=None, **more):
        answer = (client or self.client).get(self.path(ids, versions, **more))
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def assert_told(self, document, processes=(), missing=(), gone=(), unchanged=0):
        self.assertEqual(set(document), {'processes', 'missing', 'gone', 'unchanged', 'more'})
        self.assertEqual([one['process_id'] for one in document['processes']], list(processes))
        self.assertEqual((document['missing'], document['gone'], document['unchanged']),
                         (list(missing), list(gone), unchanged))
        self.assertFalse(document['more'])

    def stream(self, ids, versions=None, headers=None, server=None, **more):
        server = server or self.server
        stream = EventStream(server.host, server.port, self.path(ids, versions), headers, **more)
        self.addCleanup(stream.close)
        self.assertEqual(stream.status, 200, stream.headers)
        self.assertEqual(stream.header('Content-Type'), 'text/event-stream')
        return stream

    def numbers(self):
        return self.get('/stats')['http']

    def wait_until_waiting(self, count=1):
        eventually(lambda: self.numbers()['waiting'] == count, what=f'{count} wait')

    def remove(self, process_id):
        self.cancel(process_id)
        self.assertEqual(self.client.delete(f'/processes/{process_id}').status, 200)

    def next_event(self, stream, ids, versions, **more):
        """The next one, whose id must be these versions."""
        event = stream.next(**more)
        self.assertIsNotNone(event, 'ended')
        self.assertEqual(event.id, ','.join(str(version) for version in versions), event)
        return event


@on_each_repository(ManyCase)
class Poll:
    def test_all_that_is_new_in_the_order_of_the_ids(self):
        ids = self.make_many(5)[::-1]
        document = self.ask(ids)
        self.assert_told(document, ids)
        for one in document['processes']:
            self.assertEqual(unpaced(one), unpaced(self.status(self.client, one['process_id'])))

    def test_only_what_the_client_does_not_have(self):
        ids = self.make_many(4)
        self.cancel(ids[2])
        self.assert_told(self.ask(ids, [1, 1, 1, 0]), [ids[2], ids[3]], unchanged=2)
        self.assert_told(self.ask(ids, [1, 1, 2, 1]), unchanged=4)
        # a store that was restored must not leave clients behind
        self.assert_told(self.ask(ids, [1, 7, 2, 1]), [ids[1]], unchanged=3)

    def test_an_own_change_is_seen_at_once(self):
        ids, versions = self.make_many(3), [1, 1, 1]
        for _ in range(20):
            claimed = self.claim_one()
            self.say(claimed, 'progress', percent=1)
            document = self.ask(ids, versions)
            self.assertEqual([one['process_id'] for one in document['processes']],
                             [claimed['process_id']])
            self.say(claimed, 'release')
            versions = [self.status(self.client, one)['version'] for one in ids]

    def test_missing_and_gone(self):
        here, removed = self.make(), self.make()
        self.remove(removed)
        ids = [UNKNOWN_ID, removed, here, OTHER_ID]
        self.assert_told(self.ask(ids), [here], [UNKNOWN_ID, OTHER_ID], [removed])
        self.assert_told(self.ask(ids, [3, 3, 1, 0]), [], [UNKNOWN_ID, OTHER_ID], [removed], 1)
        self.assert_told(self.ask(ids, ['-', '-', 1, 0]), [], [OTHER_ID], [], 3)
        self.assert_told(self.ask(ids, ['-', '-', '-', '-']), [here], unchanged=3)

    def test_200_at_once(self):
        ids = self.make_many(200)
        self.assert_told(self.ask(ids), ids)
        self.assert_told(self.ask(ids, [1] * 200), unchanged=200)
        self.assert_told(self.ask(ids, [1] * 150 + [0] * 50), ids[150:], unchanged=150)
        self.assert_told(self.ask(ids, [1000] * 199 + [1]), ids[:199], unchanged=1)

    def test_an_answer_ends_at_a_mebibyte_and_the_next_goes_on(self):
        ids = [self.make(metadata={'text': 'x' * 60000}) for _ in range(40)]
        versions, rounds = [0] * len(ids), 0
        while True:
            document = self.ask(ids, versions)
            size = sum(len(one['metadata']['text']) for one in document['processes'])
            self.assertLess(size, 1.1 * 2**20)
            for one in document['processes']:
                versions[ids.index(one['process_id'])] = one['version']
            self.assertEqual(document['unchanged'] + len(document['processes']),
                             len(ids) if not document['more'] else versions.count(1))
            rounds += 1
            if not document['more']:
                break
        self.assertEqual((versions, rounds), ([1] * len(ids), 3))

    def test_bad_input(self):
        ids = self.make_many(3)
        many = [f'{n:08x}-0000-4000-8000-000000000000' for n in range(201)]
        for parameter, query in (
                ('ids', ''), ('ids', '?after_version=1'), ('ids', '?ids='), ('ids', '?ids=x'),
                ('ids', f'?ids={ids[0]},'), ('ids', f'?ids={ids[0]},{ids[1]},{ids[0]}'),
                ('ids', f'?ids={ids[0]},{ids[0].upper()}'), ('ids', '?ids=' + ','.join(many)),
                ('after_version', f'?ids={ids[0]},{ids[1]}&after_version=1'),
                ('after_version', f'?after_version=1,2&ids={ids[0]}'),
                ('after_version', f'?ids={ids[0]}&after_version=x'),
                ('after_version', f'?ids={ids[0]}&after_version=-1'),
                ('after_version', f'?ids={ids[0]}&after_version='),
                ('wait', f'?ids={ids[0]}&wait=61'), ('wait', f'?ids={ids[0]}&wait=x'),
                ('wait', f'?ids={ids[0]}&wait=-1'), ('what', f'?ids={ids[0]}&what=1')):
            with self.subTest(query[:100]):
                for accept in ('application/json', 'text/event-stream'):
                    self.assert_problem(self.client.get('/status' + query, {'Accept': accept}), 400,
                                        type='/problems/bad-query', parameter=parameter)
        self.assert_told(self.ask(many[:200]), missing=many[:200])

    def test_head_neither_waits_nor_streams(self):
        path = self.path([self.make()], [1], wait=60)
        with self.server.connect() as connection:
            connection.send(f'HEAD {path} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n'
                            'Prefer: wait=60\r\n\r\n'.encode())
            answer = connection.read_answer(bodyless=True)
            self.assertEqual((answer.status, answer.header('Content-Type')),
                             (200, 'application/json'))


@on_each_repository(ManyCase)
class LongPoll:
    def test_the_next_change_of_any_answers(self):
        ids = self.make_many(50)
        waiting = Later(self.server, self.path(ids, [1] * 50, wait=60))
        self.wait_until_waiting()
        self.cancel(ids[31])
        answer = waiting.answer()
        self.assertEqual(answer.status, 200, answer)
        self.assertIsNone(answer.header('Preference-Applied'))
        self.assert_told(answer.json, [ids[31]], unchanged=49)
        self.assertEqual(answer.json['processes'][0]['status'], 'canceled')
        self.wait_until_waiting(0)

    def test_what_is_new_already_is_answered_at_once(self):
        ids = self.make_many(3)
        self.assert_told(self.ask(ids, wait=60), ids)
        self.assert_told(self.ask(ids, [1, 0, 1], wait=60), [ids[1]], unchanged=2)
        self.assert_told(self.ask([*ids, UNKNOWN_ID], [1, 1, 1, 1], wait=60),
                         missing=[UNKNOWN_ID], unchanged=3)

    def test_one_that_is_removed_answers(self):
        one, two = self.make(), self.make()
        self.cancel(two)
        waiting = Later(self.server, self.path([one, two, UNKNOWN_ID], [1, 2, '-'], wait=60))
        self.wait_until_waiting()
        self.assertEqual(self.client.delete(f'/processes/{two}').status, 200)
        self.assert_told(waiting.answer().json, gone=[two], unchanged=2)

    def test_final_ones_are_waited_for_too(self):
        one, two = self.make_many(2)
        self.cancel(one)
        waiting = Later(self.server, self.path([one, two], [2, 1], wait=60))
        self.wait_until_waiting()
        self.assertEqual(self.client.post(f'/processes/{one}/retry').status, 200)
        self.assert_told(waiting.answer().json, [one], unchanged=1)

    def test_nothing_happens_until_the_deadline(self):
        ids = self.make_many(2)
        began = time.monotonic()
        self.assert_told(self.ask(ids, [1, 1], wait=1), unchanged=2)
        self.assertGreaterEqual(time.monotonic() - began, 0.9)

    def test_prefer_says_how_long(self):
        ids = self.make_many(2)
        answer = self.client.get(self.path(ids, [1, 1]), {'Prefer': 'wait=1'})
        self.assertEqual((answer.status, answer.header('Preference-Applied')), (200, 'wait=1'))
        self.assert_told(answer.json, unchanged=2)

    def test_a_client_that_hangs_up_is_freed(self):
        ids = self.make_many(3)
        with self.server.connect() as connection:
            connection.send(f'GET {self.path(ids, [1] * 3, wait=60)} HTTP/1.1\r\nHost: h\r\n\r\n'
                            .encode())
            self.wait_until_waiting()
        eventually(lambda: self.numbers()['waiting'] == 0, 10, what='it is freed')

    def test_the_server_stops(self):
        ids = self.make_many(3)
        waiting = Later(self.server, self.path(ids, [1] * 3, wait=60))
        self.wait_until_waiting()
        self.server.signal(signal.SIGTERM)
        answer = waiting.answer()
        self.assertEqual((answer.status, answer.header('Connection')), (200, 'close'))
        self.assert_told(answer.json, unchanged=3)
        self.assertEqual(self.server.wait(), 0)


@on_each_repository(ManyCase)
class Stream:
    # Megabytes go both ways in one turn: on a slow machine one may take long.
    settings = {**ManyCase.settings, 'REDIS_COMMAND_TIMEOUT_MS': 10000}

    def test_from_the_present_states_to_the_end_of_all(self):
        ids = self.make_many(3)
        stream = self.stream(ids, [0, 1, 0])
        first = self.next_event(stream, ids, [1, 1, 0])
        self.assertEqual(unpaced(first.json), unpaced(self.status(self.client, ids[0])))
        self.assertEqual(self.next_event(stream, ids, [1, 1, 1]).json['process_id'], ids[2])
        self.assertTrue(stream.is_quiet())
        self.cancel(ids[1])
        event = self.next_event(stream, ids, [1, 2, 1])
        self.assertEqual((event.name, event.json['status']), (None, 'canceled'))
        self.cancel(ids[0])
        self.next_event(stream, ids, [2, 2, 1])
        self.cancel(ids[2])
        self.next_event(stream, ids, [2, 2, 2])
        self.assertIsNone(stream.next())
        self.assertTrue(stream.clean)
        self.assertGreaterEqual(stream.retry, 1000)

    def test_it_goes_on_where_it_was_left(self):
        ids = self.make_many(3)
        with self.stream(ids) as stream:
            last = [stream.next() for _ in ids][-1]
        self.cancel(ids[1])
        stream = self.stream(ids, headers={'Last-Event-ID': last.id})
        self.assertEqual(self.next_event(stream, ids, [1, 2, 1]).json['process_id'], ids[1])
        self.assertTrue(stream.is_quiet())
        # it wins over the versions of the URL, which are older; what is not ours is passed over
        again = self.stream(ids, [0, 0, 0], {'Last-Event-ID': '1,2,1'})
        self.assertTrue(again.is_quiet())
        other = self.stream(ids, [1, 2, 0], {'Last-Event-ID': '17'})
        self.assertEqual(self.next_event(other, ids, [1, 2, 1]).json['process_id'], ids[2])

    def test_the_end_is_told_once(self):
        ids = [*self.make_many(2), UNKNOWN_ID]
        for one in ids[:2]:
            self.cancel(one)
        events = self.stream(ids).read_to_end()
        self.assertEqual([event.id for event in events], ['2,0,0', '2,2,0', '2,2,-'])
        for headers, versions in (({'Last-Event-ID': '2,2,-'}, None), ({}, [2, 2, '-'])):
            with EventStream(self.server.host, self.server.port, self.path(ids, versions),
                             headers) as stream:
                self.assertEqual((stream.status, stream.body()), (204, b''))
        self.assertEqual(len(self.stream(ids, [2, 1, '-']).read_to_end()), 1)

    def test_removed_ones_are_told_once_each(self):
        one, two, three = self.make_many(3)
        self.remove(two)
        ids = [UNKNOWN_ID, one, two, three]
        stream = self.stream(ids, [0, 1, 0, 1])
        for versions, process_id, code in ((['-', 1, 0, 1], UNKNOWN_ID, 404),
                                           (['-', 1, '-', 1], two, 410)):
            event = self.next_event(stream, ids, versions)
            self.assertEqual((event.name, event.json),
                             ('removed', {'process_id': process_id, 'status_code': code}))
        self.cancel(one)
        self.next_event(stream, ids, ['-', 2, '-', 1])
        self.assertEqual(self.client.delete(f'/processes/{one}').status, 200)
        event = self.next_event(stream, ids, ['-', '-', '-', 1])
        self.assertEqual((event.name, event.json['status_code']), ('removed', 410))
        self.cancel(three)
        self.next_event(stream, ids, ['-', '-', '-', 2])
        self.assertIsNone(stream.next())

    def test_a_slow_reader_gets_the_newest_of_each(self):
        filler = 'x' * 60000
        ids = [self.make(metadata={'filler': filler, 'n': n}) for n in range(60)]
        stream = self.stream(ids, buffer=65536)
        taken = []
        while len(taken) < len(ids):
            taken += self.claim(max=60)
        for percent in range(1, 21):
            for one in taken[:10]:
                self.say(one, 'progress', percent=percent)
        for one in taken:
            self.say(one, 'complete')
        events = stream.read_to_end()
        self.assertTrue(stream.clean)
        last = {event.json['process_id']: event.json['status'] for event in events}
        self.assertEqual(last, {one: 'completed' for one in ids})
        self.assertLess(len(events), 10 * 22 + 50 * 3, 'those that it had no time for are left out')
        for one in ids:
            versions = [event.json['version'] for event in events
                        if event.json['process_id'] == one]
            self.assertEqual(versions, sorted(set(versions)))

    def test_a_large_state_is_sent(self):
        process_id = self.make()
        stream = self.stream([process_id])
        self.next_event(stream, [process_id], [1])
        self.say(self.claim_one(), 'complete', result='x' * 900000)
        event = stream.until(lambda event: event.json['done'])
        self.assertEqual(len(event.json['result']), 900000)
        self.assertIsNone(stream.next())
        with self.stream([process_id]) as again:
            self.assertEqual(len(again.next().json['result']), 900000)

    def test_line_ends_in_what_the_client_wrote(self):
        text = '{"a":\n\r\n1,\r"b": 2}'
        body = f'{{"type": "a", "input": 1, "metadata": {text}}}'
        process_id = self.client.post('/analyze', body=body).json['process_id']
        event = self.stream([process_id]).next()
        self.assertEqual(event.json['metadata'], {'a': 1, 'b': 2})

    def test_the_server_stops(self):
        ids = self.make_many(3)
        stream = self.stream(ids, [1, 1, 1])
        self.server.signal(signal.SIGTERM)
        self.assertEqual(stream.read_to_end(), [])
        self.assertTrue(stream.clean)
        self.assertGreaterEqual(stream.retry, 500)
        self.assertEqual(self.server.wait(), 0)

    def test_a_client_that_hangs_up_is_freed(self):
        with self.stream(self.make_many(3)) as stream:
            stream.next()
            self.assertEqual(self.numbers()['streams'], 1)
        eventually(lambda: self.numbers()['streams'] == 0, 10, what='it is freed')


class TooMany(ManyCase):
    settings = {'MAX_WAITERS': 2, 'IO_THREADS': 1}

    def test_beyond_the_limit_nobody_waits(self):
        ids = self.make_many(2)
        streams = [self.stream(ids) for _ in range(2)]
        for path, headers in ((self.path(ids, [1, 1], wait=60), {}),
                              (self.path(ids), {'Accept': 'text/event-stream'})):
            answer = self.client.get(path, headers)
            self.assert_problem(answer, 503, type='/problems/too-many-waiters')
            self.assertIsNotNone(answer.header('Retry-After'))
        self.assert_told(self.ask(ids, wait=60), ids)  # it need not wait
        streams[0].close()
        eventually(lambda: self.numbers()['streams'] == 1)
        self.stream(ids)


class BasePath(ManyCase):
    settings = {'BASE_PATH': '/api'}

    def test_links_are_as_the_client_needs_them(self):
        ids = self.make_many(1)
        for base in ('', '/api'):
            with EventStream(self.server.host, self.server.port, base + self.path(ids)) as stream:
                self.assertEqual(stream.next().json['links']['self'], f'{base}/status/{ids[0]}')
            (one,) = self.get(base + self.path(ids))['processes']
            self.assertEqual(one['links']['self'], f'{base}/status/{ids[0]}')


class TwoInstances(ManyCase):
    repository = 'redis'

    def setUp(self):
        redis = self.start_redis()
        self.redis = redis
        self.server, self.other = (
            self.start_server({'REDIS_URL': redis.url, 'INSTANCE': name, 'IO_THREADS': threads})
            for name, threads in (('one', 2), ('two', 1)))
        self.client = self.server.client

    def test_changes_through_the_other_one(self):
        ids = self.make_many(20)
        waiting = Later(self.other, self.path(ids, [1] * 20, wait=60))
        stream = self.stream(ids, [1] * 20, server=self.other)
        eventually(lambda: self.other.client.get('/stats').json['http']['waiting'] == 2)
        self.cancel(ids[7])
        self.assert_told(waiting.answer().json, [ids[7]], unchanged=19)
        event = stream.next()
        self.assertEqual((event.json['process_id'], event.json['status']), (ids[7], 'canceled'))
        self.redis.command('DEL', f'process:{ids[3]}')
        event = stream.next()
        self.assertEqual((event.name, event.json),
                         ('removed', {'process_id': ids[3], 'status_code': 404}))

    def test_many_follow_while_everybody_writes(self):
        ids = self.make_many(60)
        streams = [self.stream(ids, server=server) for server in (self.server, self.other)
                   for _ in range(3)]
        ends = [None] * len(streams)

        def follow(index):
            versions, done = {}, {}
            for event in streams[index]:
                process = event.json
                self.assertGreater(process['version'], versions.get(process['process_id'], 0))
                versions[process['process_id']] = process['version']
                done[process['process_id']] = process['status']
            ends[index] = done

        def work(server):
            client = server.new_client()
            while True:
                answer = client.post('/claim', {'types': ['a'], 'worker': 'w', 'max': 5})
                if answer.status == 204:
                    return
                for one in answer.json['processes']:
                    path = f'/processes/{one["process_id"]}/'
                    token = {'lease_token': one['lease_token']}
                    for percent in (20, 60):
                        client.post(path + 'progress', {**token, 'percent': percent})
                    client.post(path + 'complete', {**token, 'result': 1})
        threads = [threading.Thread(target=follow, args=(index,)) for index in range(len(streams))]
        threads += [threading.Thread(target=work, args=(server,))
                    for server in (self.server, self.other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 * PATIENCE)
        for end in ends:
            self.assertEqual(end, {one: 'completed' for one in ids})


class Outage(ManyCase):
    repository = 'redis'

    def setUp(self):
        self.redis = self.start_redis('--appendonly', 'yes', '--appendfsync', 'always')
        self.server = self.start_server({'REDIS_URL': self.redis.url, **self.settings})
        self.client = self.server.client

    def test_who_waits_waits_on(self):
        ids = self.make_many(3)
        stream = self.stream(ids, [1, 1, 1])
        waiting = Later(self.server, self.path(ids, [1] * 3, wait=60))
        self.wait_until_waiting(2)
        self.redis.kill()
        eventually(lambda: self.client.get(self.path(ids)).status == 503)
        answer = self.client.get(self.path(ids), {'Accept': 'text/event-stream'})
        self.assert_problem(answer, 503)
        # an EventSource would give up for good
        again = self.stream(ids, headers={'Last-Event-ID': '1,1,1'})
        self.redis.start()
        self.cancel_when_possible(ids[1])
        self.assert_told(waiting.answer().json, [ids[1]], unchanged=2)
        for one in (stream, again):
            self.assertEqual(self.next_event(one, ids, [1, 2, 1]).json['status'], 'canceled')

    def cancel_when_possible(self, process_id):
        eventually(lambda: self.client.post(f'/processes/{process_id}/cancel').status == 200, 30)


class Damaged(ManyCase):
    repository = 'redis'

    def setUp(self):
        self.redis = self.start_redis()
        self.server = self.start_server({'REDIS_URL': self.redis.url, **self.settings})
        self.client = self.server.client

    def test_the_one_that_cannot_be_read_is_named(self):
        ids = self.make_many(3)
        self.redis.command('HSET', f'process:{ids[1]}', 'version', 'many')
        problem = self.assert_problem(self.client.get(self.path(ids)), 503,
                                      type='/problems/damaged-record')
        self.assertIn(ids[1], problem['detail'])
        self.assert_told(self.ask(ids[::2]), ids[::2])


