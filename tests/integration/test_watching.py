"""How instances hear of each other's changes: from Redis where it tells of them, else from what
they publish, else not at all; and that they say which."""

import concurrent.futures

from following import LONG, FollowCase
from harness import Redis, eventually


class Watching(FollowCase):
    rules = ()  # of the user that the instances are

    def setUp(self):
        self.redis = Redis()
        self.addCleanup(self.redis.destroy)
        self.redis.add_user('app', 'pw', *self.rules)
        settings = {'REDIS_URL': self.redis.url, 'REDIS_USERNAME': 'app', 'REDIS_PASSWORD': 'pw',
                    **self.settings}
        self.server, self.other = (self.start_server(settings) for _ in range(2))

    def assert_watching(self, how):
        for server in (self.server, self.other):
            eventually(lambda server=server:
                       server.client.get('/version').json['watching'] == how, what=how)
            server.wait_for_line(f'repository=redis .* watching={how}')

    def submit_one(self, kind='other'):
        return self.submit(self.server.client, {'type': kind, 'input': 1})['process_id']

    def status(self, process_id):
        return self.other.client.get(f'/status/{process_id}').json['status']

    def cancel(self, process_id):
        answer = self.server.client.post(f'/processes/{process_id}/cancel')
        self.assertEqual(answer.status, 200, answer)

    def assert_they_hear_of_each_other(self):
        process_id = self.submit_one()
        self.status(process_id)
        self.status(process_id)
        parked = self.park(process_id, server=self.other)
        self.cancel(process_id)
        self.assertEqual(parked.answer().json['status'], 'canceled')
        self.assertLess(parked.seconds, LONG / 4)
        self.assertEqual(self.status(process_id), 'canceled')


class Told(Watching):
    def test_redis_tells(self):
        self.assert_watching('tracking')
        self.assert_they_hear_of_each_other()


class Published(Watching):
    rules = ('-client|tracking',)

    def test_who_may_not_track_publishes(self):
        self.assert_watching('publish')
        self.assert_they_hear_of_each_other()
        self.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
        self.assert_watching('publish')
        self.assert_they_hear_of_each_other()

    def test_all_changes_can_be_followed(self):
        self.assert_watching('publish')
        stream = self.stream('/events', server=self.other)
        process_id = self.submit_one()
        for event in stream:
            if event.name is None and event.json['process_id'] == process_id:
                return
        self.fail('the stream ended without it')

    def test_work_wakes_who_waits_for_it_elsewhere(self):
        self.assert_watching('publish')
        claim = {'types': ['other'], 'worker': 'w', 'wait_seconds': 30}
        with concurrent.futures.ThreadPoolExecutor() as pool:
            parked = pool.submit(self.other.new_client().post, '/claim', claim)
            self.wait_until_waiting(1, server=self.other)
            process_id = self.submit_one()
            claimed = parked.result(10).json['processes']
        self.assertEqual([one['process_id'] for one in claimed], [process_id])


class Unheard(Watching):
    rules = ('-client|tracking', '-publish')

    def test_nothing_is_kept_that_may_be_old(self):
        self.assert_watching('none')
        process_id = self.submit_one()
        self.assertEqual(self.status(process_id), 'pending')
        self.assertEqual(self.status(process_id), 'pending')
        self.cancel(process_id)
        self.assertEqual(self.status(process_id), 'canceled')
        self.assert_problem(self.other.client.get('/events', {'Accept': 'text/event-stream'}), 503)
