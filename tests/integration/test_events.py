"""GET /processes/<id>/events: what happened to a process, in order."""

from harness import UNKNOWN_ID, eventually
from working import WorkCase, on_each_repository


def told(entries):
    return [(one['event'], one['actor'], one['attempt']) for one in entries]


class EventsCase(WorkCase):
    def events(self, process_id):
        answer = self.get(f'/processes/{process_id}/events')
        self.assertEqual(set(answer), {'process_id', 'events', 'dropped'})
        self.assertEqual(answer['process_id'], process_id)
        entries = answer['events']
        for one in entries:
            self.assertEqual(set(one), {'at', 'event', 'actor', 'attempt', 'version',
                                        'error_code', 'progress'})
        for before, after in zip(entries, entries[1:]):
            self.assertLessEqual(before['at'], after['at'])
            self.assertLessEqual(before['version'], after['version'])
        return entries, answer['dropped']


@on_each_repository(EventsCase)
class Events:
    def test_a_new_process(self):
        process_id = self.make()
        created = self.status(self.client, process_id)['created_at']
        self.assertEqual(self.events(process_id), ([{
            'at': created, 'event': 'created', 'actor': 'client', 'attempt': 0, 'version': 1,
            'error_code': None, 'progress': None}], 0))

    def test_a_whole_life(self):
        process_id = self.make(max_attempts=3, retry={'backoff': 'fixed', 'delay_seconds': 0})
        first = self.claim_one(worker='one')
        self.say(first, 'progress', percent=40, message='half')
        self.say(first, 'fail', code='broken', message='it broke')
        second = self.claim_one(worker='one', lease_seconds=5)
        self.wait_for_status(self.client, process_id, 'pending')
        for _ in range(2):
            self.assert_problem(self.report(second, 'complete', result=1), 409,
                                type='/problems/lease-lost')
        third = self.claim_one(worker='two')
        self.cancel(process_id)
        self.say(third, 'release')
        self.client.post(f'/processes/{process_id}/retry')
        self.say(self.claim_one(worker='two'), 'complete', result=7)
        entries, dropped = self.events(process_id)
        self.assertEqual(told(entries), [
            ('created', 'client', 0),
            ('claimed', 'one', 1), ('progress', 'one', 1), ('retry_scheduled', 'one', 1),
            ('claimed', 'one', 2), ('stalled', 'server', 2), ('late_result_refused', None, 2),
            ('claimed', 'two', 3), ('cancel_requested', 'client', 3), ('canceled', 'two', 3),
            ('retried', 'client', 3),
            ('claimed', 'two', 4), ('completed', 'two', 4)])
        self.assertEqual(dropped, 0)
        by_name = {one['event']: one for one in entries}
        self.assertEqual(by_name['progress']['progress']['percent'], 40)
        self.assertEqual(by_name['retry_scheduled']['error_code'], 'broken')
        self.assertIsNone(by_name['stalled']['error_code'])
        resource = self.status(self.client, process_id)
        self.assertEqual(entries[-1]['version'], resource['version'])
        self.assertEqual(entries[-1]['at'], resource['completed_at'])

    def test_progress_is_sampled(self):
        process_id = self.make()
        claimed = self.claim_one()
        for percent in range(5):
            self.say(claimed, 'progress', percent=percent)
        self.say(claimed, 'complete')
        entries, _ = self.events(process_id)
        names = [one['event'] for one in entries]
        # The clock's stretches of ten seconds may have one border in between.
        self.assertIn(names.count('progress'), (1, 2))
        self.assertEqual(entries[-1]['progress']['percent'], 4, 'the last one is never lost')

    def test_of_ids_that_have_none(self):
        self.assert_problem(self.client.get(f'/processes/{UNKNOWN_ID}/events'), 404,
                            type='/problems/not-found')
        self.assert_problem(self.client.get('/processes/x/events'), 400, type='/problems/bad-id')
        process_id = self.make()
        self.assert_problem(self.client.get(f'/processes/{process_id}/events?x=1'), 400)
        self.assert_problem(self.client.post(f'/processes/{process_id}/events', {}), 405)
        self.cancel(process_id)
        self.assertEqual(told(self.events(process_id)[0])[1:], [('canceled', 'client', 0)])
        self.client.delete(f'/processes/{process_id}')
        self.assert_problem(self.client.get(f'/processes/{process_id}/events'), 410,
                            type='/problems/gone')

    def test_a_deadline_ends_it(self):
        process_id = self.make(queue_timeout_seconds=1)
        self.wait_for_status(self.client, process_id, 'failed')
        entries, _ = self.events(process_id)
        self.assertEqual(told(entries)[1:], [('failed', 'server', 0)])
        self.assertEqual(entries[-1]['error_code'], 'queue_timeout')


@on_each_repository(EventsCase)
class EventsBounded:
    settings = {'EVENTS_MAX': 3}

    def test_the_oldest_go_first(self):
        process_id = self.make(max_attempts=10, retry={'backoff': 'fixed', 'delay_seconds': 0})
        for attempt in range(1, 5):
            self.say(eventually(lambda: self.claim(), what='the retry is due')[0], 'fail')
            entries, dropped = self.events(process_id)
            self.assertEqual(len(entries), min(4, 1 + 2 * attempt))
            self.assertEqual(dropped, max(0, 2 * attempt - 3))
        self.assertEqual(told(entries), [
            ('created', 'client', 0), ('retry_scheduled', 'w', 3),
            ('claimed', 'w', 4), ('retry_scheduled', 'w', 4)])


@on_each_repository(EventsCase)
class NoEvents:
    settings = {'EVENTS_MAX': 0}

    def test_only_the_creation_is_known(self):
        process_id = self.make()
        self.say(self.claim_one(), 'complete')
        entries, dropped = self.events(process_id)
        self.assertEqual((told(entries), dropped), ([('created', 'client', 0)], 2))
