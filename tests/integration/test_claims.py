"""Claims and reports as workers make them: nobody gets what another one has, who waits hears of
work at once, who has left gets nothing, and a lost lease changes nothing any more."""

import json
import threading

from harness import UNKNOWN_ID, eventually, unpaced
from working import WorkCase, on_each_repository

LONG = 120  # seconds; what waits so long would be told from what is answered at once


class Parked(threading.Thread):
    """A request that waits in a thread; answer() waits for its answer."""

    def __init__(self, server, path, document):
        super().__init__(daemon=True)
        self.client = server.new_client(timeout=LONG)
        self.path, self.document = path, document
        self._answer = None
        self.start()

    def run(self):
        self._answer = self.client.post(self.path, self.document)

    def answer(self):
        self.join(LONG / 4)
        if self.is_alive():
            raise AssertionError(f'{self.path} still waits')
        self.client.close()
        return self._answer


class Claims(WorkCase):
    settings = {'IO_THREADS': 1, 'MAX_BODY_BYTES': 100000}

    def wait_until_open(self, count, server=None):
        """Until so many requests are open on the server, beside the one that asks."""
        client = (server or self.server).client
        eventually(lambda: client.get('/stats').json['http']['in_flight'] == count + 1,
                   what=f'{count} requests wait')

    def park_claim(self, server=None, **more):
        server = server or self.server
        document = {'types': ['a'], 'worker': 'parked', 'wait_seconds': LONG, **more}
        return Parked(server, '/claim', document)

    def park_heartbeat(self, process, server=None, **more):
        return Parked(server or self.server, f'/processes/{process["process_id"]}/heartbeat',
                      {'lease_token': process['lease_token'], 'wait_seconds': LONG, **more})

    def hang_up(self, path, document):
        """Asks, waits until the request is open, and closes."""
        body = json.dumps(document).encode()
        with self.server.connect() as connection:
            connection.send(b'POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n'
                            b'Content-Length: %d\r\n\r\n%s' % (path.encode(), len(body), body))
            self.wait_until_open(1)
        self.wait_until_open(0)

    def fields(self, process_id):
        return self.status(self.client, process_id)


@on_each_repository(Claims)
class Claiming:
    def test_what_a_claim_gives(self):
        made = self.submit(self.client, {'type': 'a', 'input': {'n': [1, 0.5]}, 'metadata': {'m': 1},
                                         'timeout_seconds': 90})
        process = self.claim_one(worker='gpu-3', lease_seconds=3600)
        self.assertEqual(process['process_id'], made['process_id'])
        self.assertEqual(process['input'], {'n': [1, 0.5]})
        self.assertEqual((process['status'], process['worker'], process['attempt']),
                         ('running', 'gpu-3', 1))
        self.assertEqual(process['timeout_seconds'], 90)
        self.assertRegex(process['lease_token'], '^[0-9a-f]{32}$')
        self.assertGreater(process['lease_until'], process['started_at'])
        shown = self.client.get(f'/status/{made["process_id"]}').body
        self.assertNotIn(process['lease_token'].encode(), shown)
        self.assertEqual(self.claim(), [])

    def test_priority_then_age(self):
        low = self.make(priority=-5)
        old = self.make(kind='b')
        new = self.make()
        high = self.make(kind='b', priority=5)
        order = [one['process_id'] for one in self.claim(['b', 'a'], max=3)]
        self.assertEqual(order[0], high)
        self.assertCountEqual(order[1:], [old, new])  # perhaps of the same millisecond
        self.assertEqual(self.claim_one(['b', 'a'])['process_id'], low)

    def test_two_claimers_never_get_the_same_attempt(self):
        ids = self.make_many(150)
        seen, lock, gate = [], threading.Lock(), threading.Barrier(8)

        def work(number):
            client, turn = self.server.new_client(), 0
            gate.wait()
            while True:
                answer = client.post('/claim', {'types': ['a'], 'worker': f'w{number}', 'max': 3})
                if answer.status == 204:
                    break
                for process in answer.json['processes']:
                    with lock:
                        seen.append((process['process_id'], process['attempt']))
                    turn += 1
                    what = 'release' if turn % 5 == 0 and process['attempt'] < 3 else 'complete'
                    said = client.post(f'/processes/{process["process_id"]}/{what}',
                                       {'lease_token': process['lease_token']})
                    if said.status != 200:
                        with lock:
                            seen.append(said)
            client.close()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for process in self.claim(max=64):  # released after the others had stopped
            seen.append((process['process_id'], process['attempt']))
            self.say(process, 'complete')
        self.assertEqual(len(seen), len(set(seen)))
        attempts = {}
        for process_id, attempt in seen:
            attempts.setdefault(process_id, []).append(attempt)
        self.assertCountEqual(attempts, ids)
        for process_id, numbers in attempts.items():
            self.assertEqual(sorted(numbers), list(range(1, len(numbers) + 1)))
            self.assertEqual(self.fields(process_id)['status'], 'completed')

    def test_a_waiting_claim_hears_of_work_at_once(self):
        parked = self.park_claim()
        self.wait_until_open(1)
        process_id = self.make()
        answer = parked.answer()
        self.assertEqual([one['process_id'] for one in answer.json['processes']], [process_id])

    def test_what_is_handed_back_or_due_wakes_a_waiting_claim(self):
        self.make()
        process = self.claim_one()
        parked = self.park_claim()
        self.wait_until_open(1)
        self.say(process, 'release')
        self.assertEqual(parked.answer().json['processes'][0]['attempt'], 2)
        self.make(max_attempts=2, retry={'backoff': 'fixed', 'delay_seconds': 1})
        process = self.claim_one()
        parked = self.park_claim()
        self.wait_until_open(1)
        self.say(process, 'fail')
        self.assertEqual(parked.answer().json['processes'][0]['attempt'], 2)

    def test_one_piece_of_work_goes_to_one_of_many_that_wait(self):
        parked = [self.park_claim(worker=f'w{number}', wait_seconds=3) for number in range(5)]
        self.wait_until_open(5)
        process_id = self.make()
        statuses = [one.answer().status for one in parked]
        self.assertEqual(sorted(statuses), [200, 204, 204, 204, 204])
        self.assertEqual(self.fields(process_id)['attempt'], 1)

    def test_204_when_the_time_is_over(self):
        answer = self.client.post('/claim', {'types': ['a'], 'worker': 'w', 'wait_seconds': 1})
        self.assertEqual((answer.status, answer.body), (204, b''))
        self.assertIsNone(answer.header('Retry-After'))

    def test_who_has_hung_up_claims_nothing(self):
        self.hang_up('/claim', {'types': ['a'], 'worker': 'left', 'wait_seconds': LONG})
        process_id = self.make()
        self.assertEqual(self.fields(process_id)['status'], 'pending')
        process = self.claim_one()
        self.assertEqual((process['process_id'], process['attempt']), (process_id, 1))

    def test_a_waiting_claim_ends_with_the_server(self):
        parked = self.park_claim()
        self.wait_until_open(1)
        self.server.stop()
        self.assertEqual(parked.answer().status, 204)

    def test_bad_claims(self):
        def refuse(pointer, **members):
            document = {'types': ['a'], 'worker': 'w', **members}
            problem = self.assert_problem(self.client.post('/claim', document), 422)
            self.assertEqual(problem['pointer'], pointer)
        self.make()
        refuse('/types', types=[f't{number}' for number in range(1001)])
        refuse('/types', types=[])
        refuse('/types/1', types=['a', 'b/c'])
        refuse('/worker', worker='')
        refuse('/worker', worker='w' * 129)
        refuse('/max', max=0)
        refuse('/max', max=65)
        refuse('/lease_seconds', lease_seconds=4)
        refuse('/lease_seconds', lease_seconds=86401)
        refuse('/wait_seconds', wait_seconds=301)
        refuse('/lease', lease=60)
        self.assert_problem(self.client.post('/claim', body='{"types": ["a"]'), 400)
        self.assert_problem(self.client.post('/claim', body='{}',
                                             headers={'Content-Type': 'text/plain'}), 415)
        self.assertEqual(self.client.get('/stats').json['pending'], 1)
        types = ['a', *(f't{number}' for number in range(999))]
        self.assertEqual(len(self.claim(types, worker='w' * 128)), 1)


@on_each_repository(Claims)
class Reporting:
    def setUp(self):
        super().setUp()
        self.process_id = self.make()
        self.process = self.claim_one(worker='first')

    def lose(self):
        """The process passes to another worker; its new holder."""
        self.say(self.process, 'release')
        return self.claim_one(worker='second')

    def test_every_answer_says_how_it_stands(self):
        said = self.say(self.process, 'heartbeat', lease_seconds=3600)
        self.assertEqual(said, {
            'process_id': self.process_id, 'status': 'running', 'attempt': 1, 'version': 2,
            'cancel_requested': False, 'lease_until': said['lease_until']})
        self.assertGreater(said['lease_until'], self.process['lease_until'])
        said = self.say(self.process, 'complete', attempt=1, result={'a': [None]})
        self.assertEqual((said['status'], said['version'], said['lease_until']),
                         ('completed', 3, None))
        self.assertEqual(self.client.get(f'/result/{self.process_id}').json, {'a': [None]})

    def test_the_last_progress_is_never_lost(self):
        for percent in range(5):
            said = self.say(self.process, 'progress', percent=percent, message=f'at {percent}')
            self.assertIsNotNone(said['lease_until'])
        self.assertEqual(self.fields(self.process_id)['progress'],
                         {'percent': 4, 'message': 'at 4', 'step': None, 'steps': None})
        self.say(self.process, 'progress', step=3, steps=7)
        self.say(self.process, 'complete')
        self.assertEqual(self.fields(self.process_id)['progress'],
                         {'percent': None, 'message': None, 'step': 3, 'steps': 7})

    def test_results_come_back_byte_for_byte(self):
        body = b'{"lease_token":"%s","result": {"x" : 1.10, "y":[ ]} }' % (
            self.process['lease_token'].encode())
        answer = self.client.post(f'/processes/{self.process_id}/complete', body=body)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.client.get(f'/result/{self.process_id}').body,
                         b'{"x" : 1.10, "y":[ ]}')

    def test_failures(self):
        said = self.say(self.process, 'fail', code='disk_full', message='no room', log='a\nb')
        self.assertEqual(said['status'], 'failed')
        self.assertEqual(self.fields(self.process_id)['error'], {
            'code': 'disk_full', 'message': 'no room', 'retryable': True, 'attempt': 1,
            'log': 'a\nb'})

    def test_a_stale_token_is_told_who_has_it(self):
        holder = self.lose()
        before = unpaced(self.status(self.client, self.process_id))
        for what, members in (('heartbeat', {}), ('progress', {'percent': 1}), ('release', {}),
                              ('complete', {'result': 1}), ('fail', {'message': 'm'})):
            with self.subTest(what):
                problem = self.assert_problem(self.report(self.process, what, **members), 409,
                                              type='/problems/lease-lost', process_status='running')
                self.assertIn('second', problem['detail'])
                self.assertEqual(problem['process']['worker'], 'second')
                self.assertEqual(problem['process']['attempt'], 2)
                self.assertNotIn(holder['lease_token'], json.dumps(problem))
        self.assertEqual(unpaced(self.status(self.client, self.process_id)), before)
        self.assert_problem(self.report(holder, 'heartbeat', attempt=1), 409)
        self.assertEqual(self.say(holder, 'complete', attempt=2)['status'], 'completed')

    def test_a_lease_that_runs_out_is_lost(self):
        self.assertEqual(self.report(self.process, 'heartbeat', lease_seconds=5).status, 200)
        claim = self.park_claim(worker='second')
        holder = claim.answer().json['processes'][0]
        self.assertEqual((holder['process_id'], holder['attempt']), (self.process_id, 2))
        problem = self.assert_problem(self.report(self.process, 'complete', result=1), 409,
                                      type='/problems/lease-lost')
        self.assertEqual(problem['process']['worker'], 'second')

    def test_a_waiting_heartbeat_ends_in_time_to_renew(self):
        parked = self.park_heartbeat(self.process, lease_seconds=5)
        answer = parked.answer()
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.report(self.process, 'heartbeat').status, 200)

    def test_repeated_reports_are_answered_alike(self):
        for what, members in (('complete', {'result': {'a': 1}}), ('fail', {'message': 'm'}),
                              ('release', {})):
            with self.subTest(what):
                process_id = self.make(kind=what)
                process = self.claim_one(kind=what)
                self.assertEqual(process['process_id'], process_id)
                first = self.report(process, what, **members)
                self.assertEqual(first.status, 200, first)
                again = self.report(process, what, **members)
                self.assertEqual((again.status, again.body), (200, first.body))

    def test_a_cancel_is_in_the_next_answer(self):
        self.cancel(self.process_id)
        self.assertTrue(self.say(self.process, 'progress', percent=40)['cancel_requested'])
        self.assertTrue(self.say(self.process, 'heartbeat', wait_seconds=LONG)['cancel_requested'])
        self.assertEqual(self.say(self.process, 'release')['status'], 'canceled')
        self.assertEqual(self.fields(self.process_id)['progress']['percent'], 40)
        self.assert_problem(self.report(self.process, 'complete', result=1), 409,
                            process_status='canceled')

    def test_a_cancel_ends_a_waiting_heartbeat(self):
        parked = self.park_heartbeat(self.process)
        self.wait_until_open(1)
        self.cancel(self.process_id)
        answer = parked.answer()
        self.assertEqual((answer.status, answer.json['cancel_requested']), (200, True), answer)

    def test_a_waiting_heartbeat_ends_with_its_client(self):
        self.hang_up(f'/processes/{self.process_id}/heartbeat',
                     {'lease_token': self.process['lease_token'], 'wait_seconds': LONG})
        self.assertEqual(self.say(self.process, 'complete')['status'], 'completed')

    def test_one_round_trip_per_process(self):
        self.make_many(3)
        process, count = self.process, 0
        while process is not None:
            said = self.say(process, 'complete', result=count,
                            claim_next={'types': ['a'], 'worker': 'first', 'lease_seconds': 30})
            process, count = next(iter(said['claimed']), None), count + 1
        self.assertEqual(count, 4)
        self.assertEqual(self.client.get('/stats').json['completed'], 4)
        problem = self.assert_problem(self.report(self.process, 'complete', result=1,
                                                  claim_next={'types': ['a']}), 422)
        self.assertEqual(problem['pointer'], '/claim_next/worker')

    def test_nothing_is_claimed_when_the_completion_is_refused(self):
        holder = self.lose()
        waiting = self.make()
        self.assert_problem(self.report(self.process, 'complete', result=1,
                                        claim_next={'types': ['a'], 'worker': 'first'}), 409)
        self.assertEqual(self.fields(waiting)['status'], 'pending')
        self.say(holder, 'complete')


@on_each_repository(Claims)
class BadReports:
    REPORTS = ('heartbeat', 'progress', 'complete', 'fail', 'release')

    def setUp(self):
        super().setUp()
        self.process_id = self.make()
        self.process = self.claim_one()

    def tearDown(self):
        self.assertEqual(self.say(self.process, 'complete', result='fine')['status'], 'completed')
        super().tearDown()

    def send(self, what, token, process_id=None, **members):
        if what == 'progress':
            members.setdefault('percent', 1)
        return self.client.post(f'/processes/{process_id or self.process_id}/{what}',
                                {'lease_token': token, **members})

    def test_the_token_of_another_process(self):
        self.make()
        other = self.claim_one()
        for what in self.REPORTS:
            self.assert_problem(self.send(what, other['lease_token']), 409,
                                type='/problems/lease-lost')
        self.say(other, 'complete')

    def test_tokens_that_are_none(self):
        token = self.process['lease_token']
        for what in self.REPORTS:
            for bad in ('', token[1:], token + '0', token.upper() + 'g', 'g' * 32, 7, None, [token]):
                with self.subTest((what, bad)):
                    problem = self.assert_problem(self.send(what, bad), 422)
                    self.assertEqual(problem['pointer'], '/lease_token')

    def test_attempts_and_leases_that_are_none(self):
        token = self.process['lease_token']
        for what in self.REPORTS:
            for bad in (0, -1, 2**31, 2**63, 1.5, '1'):
                with self.subTest((what, bad)):
                    problem = self.assert_problem(self.send(what, token, attempt=bad), 422)
                    self.assertEqual(problem['pointer'], '/attempt')
            self.assert_problem(self.send(what, token, attempt=2), 409)
        for what in ('heartbeat', 'progress'):
            for bad in (4, 86401, 2**63, -60):
                self.assert_problem(self.send(what, token, lease_seconds=bad), 422)

    def test_a_result_over_the_limit(self):
        answer = self.send('complete', self.process['lease_token'], result='x' * 100000)
        self.assert_problem(answer, 413)
        self.client.close()
        self.assertEqual(self.fields(self.process_id)['status'], 'running')

    def test_a_result_that_is_no_json(self):
        for result in ('{"a":', "{'a': 1}", 'nan', '"\\ud800"', '1 2'):
            body = f'{{"lease_token": "{self.process["lease_token"]}", "result": {result}}}'
            answer = self.client.post(f'/processes/{self.process_id}/complete', body=body)
            self.assert_problem(answer, 400, type='/problems/bad-json')
        self.assertEqual(self.fields(self.process_id)['status'], 'running')

    def test_texts_that_are_too_long(self):
        token = self.process['lease_token']
        self.assert_problem(self.send('progress', token, message='m' * 4097), 422)
        self.assert_problem(self.send('fail', token, message='m' * 4097), 422)
        self.assert_problem(self.send('fail', token, log='l' * 65537), 422)
        self.assert_problem(self.send('fail', token, retry_after_seconds=2592001), 422)
        self.assertEqual(self.send('progress', token, message='ö' * 2048).status, 200)

    def test_after_the_end(self):
        self.make()
        other = self.claim_one()
        self.say(other, 'complete', result=1)
        for what in ('heartbeat', 'progress', 'fail', 'release'):
            self.assert_problem(
                self.send(what, other['lease_token'], other['process_id']), 409,
                type='/problems/conflict', process_status='completed')
        self.assert_problem(self.report(other, 'complete', result=2), 409)
        answer = self.client.post(f'/processes/{other["process_id"]}/cancel')
        self.assert_problem(answer, 409, process_status='completed')
        self.assertEqual(self.client.get(f'/result/{other["process_id"]}').json, 1)

    def test_ids_that_are_unknown_or_gone(self):
        gone = self.make(kind='b')
        self.cancel(gone)
        self.client.delete(f'/processes/{gone}')
        for what in self.REPORTS:
            self.assert_problem(self.send(what, '0' * 32, UNKNOWN_ID), 404)
            self.assert_problem(self.send(what, '0' * 32, gone), 410)
            self.assert_problem(self.send(what, '0' * 32, 'x'), 400)


class ManyLoops(Claims):
    """Each loop serves its own connections, and they share one Redis."""

    repository = 'redis'
    settings = {**Claims.settings, 'IO_THREADS': 3}

    def test_claims_on_every_loop_hear_of_work_from_any(self):
        parked = [self.park_claim(worker=f'w{number}') for number in range(6)]
        ids = set()
        for _ in parked:
            client = self.server.new_client()
            ids.add(self.submit(client, {'type': 'a', 'input': 1})['process_id'])
            client.close()
        claimed = [one.answer().json['processes'][0]['process_id'] for one in parked]
        self.assertCountEqual(claimed, ids)


class TwoInstances(Claims):
    """Workers and clients on different instances that share one Redis."""

    def setUp(self):
        settings = {**self.settings, 'REDIS_URL': self.start_redis().url}
        self.server = self.start_server({**settings, 'INSTANCE': 'here'})
        self.there = self.start_server({**settings, 'INSTANCE': 'there'})
        self.client = self.server.client

    def test_a_waiting_claim_hears_of_work_from_elsewhere(self):
        parked = self.park_claim(server=self.there)
        self.wait_until_open(1, self.there)
        process_id = self.make()
        answer = parked.answer()
        self.assertEqual([one['process_id'] for one in answer.json['processes']], [process_id])

    def test_one_who_left_there_does_not_keep_it_from_one_who_waits_here(self):
        self.hang_up('/claim', {'types': ['a'], 'worker': 'left', 'wait_seconds': LONG})
        parked = self.park_claim(server=self.there)
        self.wait_until_open(1, self.there)
        process_id = self.make()
        process = parked.answer().json['processes'][0]
        self.assertEqual((process['process_id'], process['attempt']), (process_id, 1))

    def test_a_waiting_heartbeat_hears_of_a_cancel_elsewhere(self):
        process_id = self.make()
        process = self.claim_one()
        parked = self.park_heartbeat(process, server=self.there)
        self.wait_until_open(1, self.there)
        self.cancel(process_id)
        answer = parked.answer()
        self.assertEqual((answer.status, answer.json['cancel_requested']), (200, True), answer)

    def test_claimers_on_both_never_get_the_same_attempt(self):
        ids = self.make_many(100)
        seen, lock = [], threading.Lock()

        def work(server):
            client = server.new_client()
            while True:
                answer = client.post('/claim', {'types': ['a'], 'worker': 'w', 'max': 2})
                if answer.status == 204:
                    break
                with lock:
                    seen.extend(one['process_id'] for one in answer.json['processes'])
            client.close()
        threads = [threading.Thread(target=work, args=(server,))
                   for server in (self.server, self.there) * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertCountEqual(seen, ids)
