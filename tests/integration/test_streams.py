"""GET /status/<id> as an event stream: every state that can be seen, until the last one."""

import json
import time

from following import FollowCase, on_each_repository, on_redis
from harness import PATIENCE, UNKNOWN_ID, eventually

SOON = 10 * PATIENCE  # seconds
VOLATILE = ('reason', 'queue_position', 'retry_after_ms', 'eta')  # change without a new version


def lasting(resource):
    return {name: value for name, value in resource.items() if name not in VOLATILE}


@on_each_repository(FollowCase)
class Streams:
    def test_the_events_of_a_life(self):
        process_id = self.make()
        stream = self.follow(process_id)
        self.assertEqual(stream.header('Content-Type'), 'text/event-stream')
        self.assertEqual(stream.header('Cache-Control'), 'no-store')
        self.assertEqual(stream.header('X-Accel-Buffering'), 'no')
        self.assertIsNone(stream.header('Content-Length'))

        event = stream.next()
        self.assertEqual((event.id, event.name, event.json['status']), ('1', None, 'pending'))
        self.assertEqual(lasting(event.json), lasting(self.status(self.client, process_id)))
        self.assertIn(stream.retry, range(1000, 3001))
        process = self.claim_one()
        event = stream.next()
        self.assertEqual((event.id, event.json['status']), ('2', 'running'))
        self.say(process, 'progress', percent=50, message='half')
        event = stream.next()
        self.assertEqual((event.id, event.json['progress']['message']), ('3', 'half'))
        self.assertFalse(event.json['done'])
        self.say(process, 'complete', result=[1])
        event = stream.next()
        self.assertEqual((event.id, event.json['done'], event.json['result']), ('4', True, [1]))
        self.assertIsNone(stream.next())
        self.assertTrue(stream.clean)
        self.wait_until_waiting(0, 0)

    def test_what_is_final_is_told_once(self):
        process_id = self.make()
        self.run_to_end()
        events = self.follow(process_id).read_to_end()
        self.assertEqual([one.id for one in events], ['3'])

    def test_many_follow_one(self):
        process_id = self.make()
        streams = [self.follow(process_id) for _ in range(20)]
        self.run_to_end()
        for stream in streams:
            versions = [int(event.id) for event in stream]
            self.assertEqual(versions, sorted(set(versions)))
            self.assertEqual(versions[-1], 3)

    def test_it_is_resumed_where_it_was_lost(self):
        process_id = self.make()
        self.claim_one()
        for last_id, query in (('1', ''), ('0', ''), ('7', ''), ('x', ''), ('', ''), ('-2', ''),
                               (None, '?after_version=1'), ('1', '?after_version=2')):
            stream = self.follow(process_id, query, headers={'Last-Event-ID': last_id})
            self.assertEqual(stream.next().id, '2', (last_id, query))
            stream.close()
        kept = [self.follow(process_id, query, headers={'Last-Event-ID': last_id})
                for last_id, query in (('2', ''), (None, '?after_version=2'),
                                       ('2', '?after_version=1'))]
        self.wait_until_waiting(3, 3)
        self.cancel(process_id)
        for stream in kept:
            self.assertEqual(stream.next().id, '3')

    def test_an_end_that_was_seen_is_not_told_again(self):
        process_id = self.make()
        self.run_to_end()
        answer = self.stream(f'/status/{process_id}', {'Last-Event-ID': '3'})
        self.assertEqual(answer.status, 204)
        self.assertIsNone(answer.header('Content-Type'))
        answer = self.stream(f'/status/{process_id}?after_version=3')
        self.assertEqual(answer.status, 204)
        events = self.follow(process_id, headers={'Last-Event-ID': '2'}).read_to_end()
        self.assertEqual([one.id for one in events], ['3'])

    def test_only_who_asks_for_it_gets_a_stream(self):
        process_id = self.make()
        path = f'/status/{process_id}'
        for accept in ('*/*', 'text/*', 'application/json', 'text/event-stream;q=0',
                       'application/json, text/event-stream;q=0.9'):
            answer = self.client.get(path, {'Accept': accept})
            self.assertEqual(answer.header('Content-Type'), 'application/json', accept)
        for accept in ('text/event-stream, application/json;q=0.5',
                       'application/json, text/event-stream'):
            stream = self.follow(process_id, headers={'Accept': accept})
            self.assertEqual(stream.header('Content-Type'), 'text/event-stream')
        answer = self.client.request('HEAD', path, headers={'Accept': 'text/event-stream'})
        self.assertEqual((answer.status, answer.header('Content-Type')), (200, 'application/json'))
        stream = self.follow(process_id, '?wait=1', headers={'Prefer': 'wait=1'})
        self.assertEqual(stream.next().id, '1')
        self.assertIsNone(stream.header('Preference-Applied'))

    def test_what_is_not_there_is_no_stream(self):
        removed = self.make('b')
        self.cancel(removed)
        self.assertEqual(self.client.delete(f'/processes/{removed}').status, 200)
        for path, status in ((f'/status/{UNKNOWN_ID}', 404), (f'/status/{removed}', 410),
                             ('/status/x', 400), (f'/status/{removed}?fields=%2Binput', 400),
                             (f'/status/{removed}?after_version=x', 400)):
            answer = self.stream(path)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.header('Content-Type'), 'application/problem+json')
            self.assertEqual(json.loads(answer.body())['status'], status)

    def test_a_client_of_before_chunks(self):
        process_id = self.make()
        stream = self.follow(process_id, version='1.0')
        self.assertEqual(stream.next().id, '1')
        self.assertIsNone(stream.header('Transfer-Encoding'))
        self.cancel(process_id)
        self.assertEqual(stream.next().id, '2')
        self.assertIsNone(stream.next())

    def test_data_of_several_lines(self):
        for number, line_end in enumerate(('\n', '\r\n', '\r')):
            kept = line_end.join(('{', ' "a": [1,', '', ' 2]', '}'))
            body = '{"type":"a","input":1,"metadata":%s}' % kept
            answer = self.client.post('/analyze', body=body)
            self.assertEqual(answer.status, 202, answer)
            event = self.follow(answer.json['process_id']).next()
            self.assertEqual(event.json['metadata'], {'a': [1, 2]}, number)
            self.assertIn(kept.replace(line_end, '\n'), event.data)
            self.assertEqual(event.json['process_id'], answer.json['process_id'])

    def test_a_large_state_comes_whole(self):
        process_id = self.make()
        stream = self.follow(process_id)
        text = ''.join(chr(97 + i % 26) for i in range(700000))
        self.say(self.claim_one(), 'complete', result=text)
        last = stream.until(lambda event: event.json['done'])
        self.assertEqual(last.json['result'], text)
        events = self.follow(process_id).read_to_end()
        self.assertEqual([one.json['result'] for one in events], [text])

    def test_a_client_that_leaves_is_noticed(self):
        process_id = self.make()
        stream = self.follow(process_id)
        self.wait_until_waiting(1, 1)
        began = time.monotonic()
        stream.close()
        self.wait_until_waiting(0, 0)
        self.assertLess(time.monotonic() - began, 1 * PATIENCE)
        self.claim_one()
        self.assertEqual(self.status(self.client, process_id)['version'], 2)

    def test_the_stop_ends_it_with_a_hint(self):
        streams = [self.follow(self.make()) for _ in range(5)]
        for stream in streams:
            self.assertEqual(stream.next().id, '1')
        began = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - began, SOON)
        hints = set()
        for stream in streams:
            stream.retry = None
            self.assertIsNone(stream.next())
            self.assertTrue(stream.clean)
            self.assertIn(stream.retry, range(500, 3001))
            hints.add(stream.retry)
        self.assertGreater(len(hints), 1, 'they do not all come back at the same moment')


class LargeStates(FollowCase):
    """For clients that do not read: more than their sockets hold, so that the server has to wait."""

    settings = {'IO_THREADS': 1, 'MAX_BODY_BYTES': 1 << 25}

    def make_large(self):
        process_id = self.make()
        self.say(self.claim_one(), 'complete', result='x' * 10000000)
        return process_id


class SlowReaders(LargeStates):
    CHANGES = 120
    PADDING = 'x' * 60000

    def test_what_it_missed_is_one_state(self):
        """It reads nothing while the process changes often; then it gets the newest state, and what
        was in between is left out."""
        process_id = self.make(metadata={'padding': self.PADDING}, max_attempts=100)
        slow = self.follow(process_id, buffer=4096)
        other = self.follow(process_id)
        self.assertEqual(other.next().id, '1')
        for version in range(2, self.CHANGES):
            if version % 2 == 0:
                process = self.claim_one()
            else:
                self.say(process, 'release')
            self.assertEqual(other.next().id, str(version))
        received = [int(slow.next().id)]
        while received[-1] != version:
            received.append(int(slow.next().id))
        self.assertLess(len(received), self.CHANGES - 10)
        self.assertEqual(received, sorted(set(received)))

    def test_one_that_never_reads_does_not_hold_up_the_stop(self):
        process_id = self.make_large()
        self.stream(f'/status/{process_id}', buffer=4096)
        self.assertEqual(self.waiting()[1], 1)
        began = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - began, SOON)


class Stalled(LargeStates):
    settings = {**LargeStates.settings, 'IDLE_TIMEOUT_SECONDS': 1}

    def test_one_that_never_reads_is_cut_off(self):
        process_id = self.make_large()
        began = time.monotonic()
        stalled = self.stream(f'/status/{process_id}', buffer=4096)
        self.assertEqual(self.waiting()[1], 1)
        eventually(lambda: self.waiting()[1] == 0, 30, what='it is cut off')
        self.assertGreater(time.monotonic() - began, 0.9)
        self.assertIsNone(stalled.next())
        self.assertFalse(stalled.clean)


class OtherOrigins(FollowCase):
    settings = {'IO_THREADS': 1, 'CORS_ALLOW_ORIGINS': 'https://app.example'}

    def test_pages_of_an_allowed_origin_may_follow(self):
        process_id = self.make()
        stream = self.follow(process_id, headers={'Origin': 'https://app.example'})
        self.assertEqual(stream.header('Access-Control-Allow-Origin'), 'https://app.example')
        stream = self.follow(process_id, headers={'Origin': 'https://evil.example'})
        self.assertIsNone(stream.header('Access-Control-Allow-Origin'))
        answer = self.client.request('OPTIONS', f'/status/{process_id}', headers={
            'Origin': 'https://app.example', 'Access-Control-Request-Method': 'GET',
            'Access-Control-Request-Headers': 'last-event-id'})
        self.assertEqual(answer.header('Access-Control-Allow-Headers'), 'Last-Event-ID')


@on_redis
class Instances:
    redis_options = ('--appendonly', 'yes', '--appendfsync', 'always')
    settings = {'IO_THREADS': 1, 'REDIS_COMMAND_TIMEOUT_MS': 300}

    def test_another_instance_changes_it(self):
        other = self.start_server({'REDIS_URL': self.redis.url, 'IO_THREADS': 1})
        process_id = self.make()
        streams = [self.follow(process_id, server=server) for server in (self.server, other)]
        for stream in streams:
            self.assertEqual(stream.next().id, '1')
        self.claim_one()
        for stream in streams:
            self.assertEqual(stream.next().id, '2')

    def test_a_process_that_disappears(self):
        process_id = self.make()
        stream = self.follow(process_id)
        self.assertEqual(stream.next().id, '1')
        self.redis.command('DEL', f'process:{process_id}')
        event = stream.next()
        self.assertEqual((event.name, event.id), ('removed', None))
        self.assertEqual(event.json, {'process_id': process_id, 'status_code': 404})
        self.assertIsNone(stream.next())
        self.assertTrue(stream.clean)

    def test_an_outage_is_waited_through(self):
        process_id = self.make()
        stream = self.follow(process_id)
        self.assertEqual(stream.next().id, '1')
        self.redis.kill()
        answer = self.stream(f'/status/{process_id}')
        self.assertEqual(answer.status, 503)
        self.assertIsNotNone(answer.header('Retry-After'))
        self.redis.start()
        eventually(lambda: self.client.get(f'/status/{process_id}').status == 200, 30)
        self.claim_one()
        self.assertEqual(stream.next().id, '2')

    def test_who_comes_again_in_an_outage_is_sent_to_come_later(self):
        """An EventSource would never come again after an error."""
        process_id = self.make()
        self.assertEqual(self.follow(process_id).next().id, '1')
        self.redis.kill()
        stream = self.follow(process_id, headers={'Last-Event-ID': '1'})
        self.assertIsNone(stream.next())
        self.assertTrue(stream.clean)
        self.assertIn(stream.retry, range(1000, 3001))
