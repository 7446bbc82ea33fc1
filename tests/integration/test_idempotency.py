"""Idempotency-Key: a request repeated because its answer was lost starts nothing twice."""

import threading

from harness import Case, eventually, on_each_repository, unpaced


@on_each_repository()
class Idempotency:
    settings = {'DEFAULT_TYPE': 'other'}

    def post(self, body, key, client=None):
        return (client or self.client).post('/analyze', body=body, headers={'Idempotency-Key': key})

    def total(self):
        return self.client.get('/stats').json['total']

    def test_the_same_request_again_is_the_same_process(self):
        before = self.total()
        first = self.post('{"input": {"n": 1}}', 'same')
        second = self.post('{"input": {"n": 1}}', 'same')
        self.assertEqual((first.status, second.status), (202, 202), second)
        self.assertEqual(unpaced(second.json), unpaced(first.json))
        self.assertEqual(second.header('Location'), first.header('Location'))
        self.assertEqual(self.total(), before + 1)

    def test_another_body_is_refused(self):
        self.assertEqual(self.post('{"input": 1}', 'other').status, 202)
        before = self.total()
        self.assert_problem(self.post('{"input": 2}', 'other'), 422)
        self.assertEqual(self.total(), before)

    def test_different_keys_are_different_processes(self):
        ids = {self.post('{"input": 1}', f'key-{number}').json['process_id']
               for number in range(5)}
        self.assertEqual(len(ids), 5)

    def test_without_key_every_request_counts(self):
        ids = {self.client.post('/analyze', {'input': 1}).json['process_id'] for _ in range(3)}
        self.assertEqual(len(ids), 3)

    def test_the_present_state_is_answered(self):
        first = self.post('{"input": 1}', 'canceled').json
        self.client.post(f'/processes/{first["process_id"]}/cancel')
        again = self.post('{"input": 1}', 'canceled')
        self.assertIn(again.status, (200, 202), again)
        self.assertEqual(again.json['process_id'], first['process_id'])
        self.assertEqual(again.json['status'], 'canceled')

    def test_a_removed_process_is_not_started_again(self):
        first = self.post('{"input": 1}', 'removed').json
        self.client.post(f'/processes/{first["process_id"]}/cancel')
        self.client.delete(f'/processes/{first["process_id"]}')
        self.assert_problem(self.post('{"input": 1}', 'removed'), 410)

    def test_twenty_at_once_make_one(self):
        for round_number in range(5):
            key, answers = f'burst-{round_number}', []
            gate = threading.Barrier(20)

            def send(key=key, answers=answers, gate=gate):
                client = self.server.new_client()
                client.connection.connect()
                gate.wait()
                answers.append(self.post('{"input": "burst"}', key, client))
                client.close()
            threads = [threading.Thread(target=send) for _ in range(20)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            accepted = [answer for answer in answers if answer.status == 202]
            refused = [answer for answer in answers if answer.status != 202]
            self.assertEqual(len(answers), 20)
            self.assertEqual(len({answer.json['process_id'] for answer in accepted}), 1)
            for answer in refused:
                self.assert_problem(answer, 409)

    def test_keys_that_are_none(self):
        for key in ('', 'k' * 256, 'with\x7fdelete'):
            with self.subTest(key[:10]):
                self.assert_problem(self.post('{"input": 1}', key), 400)
        self.assertEqual(self.post('{"input": 1}', 'k' * 255).status, 202)
        self.assertEqual(self.post('{"input": 1}', '"quoted key"').status, 202)


@on_each_repository(Case)
class IdempotencyWindow:
    def test_the_key_is_forgotten_after_the_window(self):
        settings = {'DEFAULT_TYPE': 'other', 'IDEMPOTENCY_SECONDS': 1}
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        client = self.start_server(settings).client
        ids = set()

        def a_second_one():
            answer = client.post('/analyze', body='{"input": 1}',
                                 headers={'Idempotency-Key': 'window'})
            self.assertEqual(answer.status, 202, answer)
            ids.add(answer.json['process_id'])
            return len(ids) == 2
        self.assertFalse(a_second_one())
        eventually(a_second_one, what='the key is forgotten')
