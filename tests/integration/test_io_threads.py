"""Several I/O threads on one Redis: every connection, whichever thread has it, sees the same."""

import threading

from harness import Analyzers, Case, eventually


class IoThreads(Case):
    def setUp(self):
        self.redis = self.start_redis()
        self.analyzers = Analyzers(self.directory()).add('echo', '#!/bin/sh\nexec cat\n')
        self.server = self.start_server({'REDIS_URL': self.redis.url, 'IO_THREADS': 4},
                                        self.analyzers.arguments())

    def test_many_connections_see_the_same(self):
        made, failures = [], []

        def work(number):
            client = self.server.new_client()
            try:
                for step in range(10):
                    answer = client.post('/analyze', {'type': 'waits', 'input': [number, step]})
                    self.assertEqual(answer.status, 202, answer)
                    made.append(answer.json['process_id'])
            except Exception as failure:  # a thread's failure is the test's
                failures.append(failure)
            client.close()
        threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertEqual(len(set(made)), 240)
        for _ in range(8):
            client = self.server.new_client()
            self.assertEqual(client.get('/stats').json['total'], 240)
            for process_id in made[::40]:
                self.assertEqual(client.get(f'/status/{process_id}').status, 200)
            client.close()

    def test_the_connections_to_redis(self):
        def connections():
            names = [line for line in
                     self.redis.command('CLIENT', 'LIST', 'TYPE', 'normal').decode().splitlines()
                     if 'cmd=client' not in line]
            return len(names) >= 4
        eventually(connections, what='one connection for each thread')

    def test_work_of_any_thread_is_run(self):
        ids = []
        for number in range(12):
            client = self.server.new_client()
            ids.append(self.submit(client, {'type': 'echo', 'input': number})['process_id'])
            client.close()
        for number, process_id in enumerate(ids):
            self.assertEqual(self.wait_for_status(self.server.client, process_id)['result'], number)

    def test_idempotency_over_threads(self):
        answers, gate = [], threading.Barrier(20)

        def send():
            client = self.server.new_client()
            client.connection.connect()
            gate.wait()
            answers.append(client.post('/analyze', {'type': 'waits', 'input': 1},
                                       {'Idempotency-Key': 'burst'}))
            client.close()
        threads = [threading.Thread(target=send) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(answers), 20)
        accepted = [answer for answer in answers if answer.status == 202]
        self.assertEqual(len({answer.json['process_id'] for answer in accepted}), 1)
        for answer in answers:
            self.assertIn(answer.status, (202, 409), answer)
        self.assertEqual(self.redis.command('SCARD', 'process_ids'), 1)

    def test_prefer_wait_over_threads(self):
        for number in range(6):
            client = self.server.new_client()
            answer = client.post('/analyze', {'type': 'echo', 'input': number},
                                 {'Prefer': 'wait=20'})
            self.assertEqual((answer.status, answer.json['result']), (200, number), answer)
            client.close()
