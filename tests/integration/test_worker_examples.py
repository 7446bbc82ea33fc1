"""The workers in api/examples/workers, run as a reader would, against the real server."""

import os
import shutil
import signal
import subprocess
from datetime import datetime, timezone

from examples import API
from harness import PATIENCE, Case, eventually, on_each_repository
from redis_process import free_port
from server_process import environment

TYPE = 'word-count'
TEXT = 'one two three\nfour five\n\nsix'
RESULT = {'words': 6, 'lines': 4}
PROGRAMS = {'worker.sh': 'curl', 'worker.py': 'python3', 'worker.mjs': 'node'}


class WorkerProcess:
    """One of them; what it writes is kept in a file."""

    def __init__(self, file, url, directory, name, lease):
        self.name = name
        self.log = os.path.join(directory, name)
        settings = {'PROCTRACK_URL': url, 'WORKER': name, 'LEASE_SECONDS': lease,
                    'WAIT_SECONDS': '1', 'TMPDIR': directory}
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen(
                [os.path.join(API, 'examples', 'workers', file)], env=environment(settings),
                cwd=directory, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def kill(self):
        """As the kernel does when memory is short: only the worker itself. What it runs in the
        background has to notice."""
        self.process.kill()
        self.process.wait()

    def wait(self):
        """The exit status."""
        return self.process.wait(30 * PATIENCE)

    def end(self, number):
        self.process.send_signal(number)
        return self.wait()

    def output(self):
        with open(self.log, encoding='utf-8', errors='replace') as log:
            return log.read()


class WorkerCase(Case):
    repository = 'memory'
    lease = '5'
    more = {}

    def setUp(self):
        for program in PROGRAMS.values():
            if shutil.which(program) is None:
                self.skipTest(f'no {program} here')
        self.settings = {'PORT': free_port(), **self.more}
        self.workers = []
        if self.repository == 'redis':
            self.redis = self.start_redis()
            self.settings['REDIS_URL'] = self.redis.url
        self.server = self.start_server(self.settings)
        self.client = self.server.client

    def start_worker(self, file, name=None):
        worker = WorkerProcess(file, f'http://127.0.0.1:{self.server.port}', self.directory(),
                               name or file, self.lease)
        self.addCleanup(worker.kill)
        self.workers.append(worker)
        return worker

    def start_workers(self):
        """One of each kind."""
        return {file: self.start_worker(file) for file in PROGRAMS}

    def start_process(self, text=TEXT, pause=0.0, **members):
        process = self.submit(self.client, {
            'type': TYPE, 'input': {'text': text, 'pause_seconds': pause}, **members})
        return process['process_id']

    def wait_for_workers(self):
        """Each has looked for work, and does so again within two seconds: or one would be done
        before the last begins."""
        now = datetime.now(timezone.utc).isoformat(timespec='milliseconds').replace('+00:00', 'Z')

        def seen():
            return {worker['worker'] for worker in self.client.get('/workers').json['workers']
                    if worker['last_seen_at'] >= now}
        eventually(lambda: seen() >= PROGRAMS.keys(), what=lambda: 'each looks for work: '
                   f'{seen()}, {[worker.output() for worker in self.workers]}')

    def one_for_each(self, text, pause, until='progress'):
        """Worker -> the process that it has begun; `until` says how far. A worker holds one at a
        time, so with a pause that is long enough each has its own."""
        self.wait_for_workers()
        ids = [self.start_process(text, pause) for _ in PROGRAMS]
        begun = {}

        def all_have_begun():
            for process_id in ids:
                process = self.status(self.client, process_id)
                self.assertEqual(process['status'], 'running', process)
                if process[until] is None:
                    return False
                begun[process['worker']] = process
            return True
        eventually(all_have_begun, what='each worker has begun one')
        self.assertEqual(begun.keys(), PROGRAMS.keys())
        return {worker: process['process_id'] for worker, process in begun.items()}

    def wait_for_completion(self, ids, result):
        """The processes, by worker; each has this result."""
        processes = {worker: self.wait_for_status(self.client, process_id, timeout=40.0)
                     for worker, process_id in ids.items()}
        for worker, process in processes.items():
            self.assertEqual(process['status'], 'completed', f'{worker}: {process}')
            self.assertEqual(process['result'], result, worker)
        return processes

    def cancel(self, process_id):
        answer = self.client.post(f'/processes/{process_id}/cancel')
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json['reason'], 'cancel_requested')

    def events(self, process_id):
        answer = self.client.get(f'/processes/{process_id}/events')
        self.assertEqual(answer.status, 200, answer)
        return [event['event'] for event in answer.json['events']]


@on_each_repository(WorkerCase)
class Workers:
    """Each kind does its part in each test, all at the same time where they can."""

    def test_they_complete_what_they_claim_and_end_when_they_are_told_to(self):
        workers = self.start_workers()
        ids = self.one_for_each(TEXT, 1)
        for worker, process_id in ids.items():
            progress = self.status(self.client, process_id)['progress']
            self.assertEqual(progress, {'percent': 25 * progress['step'], 'message': None,
                                        'step': progress['step'], 'steps': 4}, worker)
        for worker, process in self.wait_for_completion(ids, RESULT).items():
            self.assertEqual(process['progress']['percent'], 100, worker)
            self.assertEqual(process['attempt'], 1)
            self.assertEqual(self.events(process['process_id'])[-1], 'completed')
        ids = self.one_for_each('a "quoted"\\n\tword\nand é', 1.5)
        self.wait_for_completion(ids, {'words': 5, 'lines': 2})
        for worker in workers.values():
            worker.process.send_signal(signal.SIGINT)
        for worker in workers.values():
            self.assertEqual(worker.wait(), 0, worker.output())

    def test_they_stop_what_is_canceled_and_go_on_with_the_next(self):
        self.start_workers()
        ids = self.one_for_each('line\n' * 1000, 0.2)
        for process_id in ids.values():
            self.cancel(process_id)
        for worker, process_id in ids.items():
            process = self.wait_for_status(self.client, process_id, timeout=8.0)  # grace: 10 s
            self.assertEqual(process['status'], 'canceled', worker)
            self.assertGreaterEqual(process['progress']['step'], 1)
            self.assertLess(process['progress']['step'], 1000)
            self.assertIsNone(process['result'])
        self.wait_for_completion(self.one_for_each(TEXT, 1), RESULT)

    def test_a_cancel_reaches_them_during_a_long_step(self):
        self.start_workers()
        ids = self.one_for_each('line\n' * 10, 3, until='started_at')
        for process_id in ids.values():
            self.cancel(process_id)
        for worker, process_id in ids.items():
            process = self.wait_for_status(self.client, process_id, timeout=8.0)
            self.assertEqual(process['status'], 'canceled', worker)
            self.assertIsNone(process['progress'], f'{worker} went on with its work')

    def test_bad_input_fails_with_its_message_and_is_not_tried_again(self):
        for file in PROGRAMS:
            worker = self.start_worker(file)
            process = self.submit(self.client, {'type': TYPE, 'input': {'text': 7},
                                                'max_attempts': 3})
            process = self.wait_for_status(self.client, process['process_id'])
            self.assertEqual(process['status'], 'failed', file)
            self.assertEqual(process['error'], {
                'code': 'bad_input', 'message': 'input.text must be a string', 'retryable': False,
                'attempt': 1, 'log': None})
            self.assertEqual(worker.end(signal.SIGTERM), 0, worker.output())

    def test_they_keep_a_lease_longer_than_it_lasts(self):
        self.start_workers()
        processes = self.wait_for_completion(
            self.one_for_each('one', 6.5, until='started_at'),  # the lease: 5 s
            {'words': 1, 'lines': 1})
        for worker, process in processes.items():
            self.assertEqual((process['worker'], process['attempt']), (worker, 1))

    def test_told_to_end_they_hand_back_what_they_hold(self):
        workers = self.start_workers()
        ids = self.one_for_each('line\n' * 1000, 0.2)
        for name, worker in workers.items():
            self.assertEqual(worker.end(signal.SIGTERM), 0, worker.output())
            process = self.status(self.client, ids[name])
            self.assertEqual(process['status'], 'pending', process)
            self.assertEqual(self.events(ids[name])[-1], 'released')

    def test_they_survive_a_restart_of_the_server(self):
        """In memory nothing is left: they drop what they held and take the next."""
        self.start_workers()
        ids = self.one_for_each('line\n' * 5, 0.5)
        self.server.kill()
        self.server = self.start_server(self.settings)
        self.client = self.server.client
        if self.repository == 'redis':
            for worker, process in self.wait_for_completion(
                    ids, {'words': 5, 'lines': 6}).items():
                self.assertEqual((process['worker'], process['attempt']), (worker, 1))
        self.wait_for_completion(self.one_for_each(TEXT, 1), RESULT)

    def test_what_killed_ones_held_is_finished_by_others(self):
        workers = self.start_workers()
        ids = self.one_for_each('line\n' * 2, 1.5)
        for worker in workers.values():
            worker.kill()
        for file in PROGRAMS:
            self.start_worker(file, f'second-{file}')
        for process in self.wait_for_completion(ids, {'words': 2, 'lines': 3}).values():
            self.assertEqual(process['attempt'], 2)
            self.assertTrue(process['worker'].startswith('second-'), process)
            self.assertIn('stalled', self.events(process['process_id']))


class FullStorage(WorkerCase):
    repository = 'redis'
    lease = '60'
    more = {'IO_THREADS': 1}  # one that counts

    def test_they_repeat_what_a_full_storage_refuses(self):
        self.start_workers()
        ids = self.one_for_each(TEXT, 1)
        self.redis.command('CONFIG', 'SET', 'maxmemory', '1')
        eventually(lambda: self.client.get('/stats').json['http']['5xx'] >= 3 * len(PROGRAMS),
                   what='reports were refused')
        self.redis.command('CONFIG', 'SET', 'maxmemory', '0')
        for worker, process in self.wait_for_completion(ids, RESULT).items():
            self.assertEqual((process['worker'], process['attempt']), (worker, 1))
