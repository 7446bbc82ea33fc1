"""Analyzers: progress, results, failures, limits, cancel, retry, schedules."""

import datetime
import json
import os

from harness import Analyzers, Case, eventually, on_each_repository, run_once


@on_each_repository(Case)
class Running:
    def setUp(self):
        self.analyzers = Analyzers(self.directory())
        self.settings = {'RETRY_BASE_MS': 1, 'RETRY_CAP_MS': 1, 'CANCEL_GRACE_SECONDS': 1}
        if self.repository == 'redis':
            self.settings['REDIS_URL'] = self.start_redis().url

    def start(self, **settings):
        server = self.start_server({**self.settings, **settings}, self.analyzers.arguments())
        self.client = server.client
        return server

    def make(self, kind, value=1, **document):
        return self.submit(self.client, {'type': kind, 'input': value, **document})['process_id']

    def run_script(self, script, value=1, **document):
        """The finished process of one run of the script."""
        self.analyzers.add('script', '#!/bin/sh\n' + script)
        self.start()
        return self.wait_for_status(self.client, self.make('script', value, **document), timeout=30)

    def test_progress_is_seen_while_it_runs(self):
        self.analyzers.add_gated()
        self.start(INSTANCE='web-1')
        process_id = self.make('gated')

        def reported():
            resource = self.status(self.client, process_id)
            return resource if resource['progress'] else None
        resource = eventually(reported)
        self.assertEqual(resource['status'], 'running')
        self.assertEqual(resource['progress'],
                         {'percent': 40, 'message': 'half way', 'step': 2, 'steps': 5})
        self.assertTrue(resource['worker'].startswith('web-1/analyzer-'), resource)
        self.assertEqual(resource['attempt'], 1)
        self.analyzers.order(process_id, 'ok')
        self.assertEqual(self.wait_for_status(self.client, process_id)['result'], {'attempt': 1})

    def test_input_comes_on_standard_input(self):
        value = {'text': 'grüße', 'list': [1, 2.5, None, True], 'deep': {'a': {'b': 'c'}}}
        self.assertEqual(self.run_script('exec cat', value)['result'], value)

    def test_a_large_input_and_result(self):
        value = {'text': 'x' * 900000}
        self.assertEqual(self.run_script('exec cat', value)['result'], value)

    def test_an_input_that_nobody_reads(self):
        resource = self.run_script('echo 7', {'text': 'x' * 900000})
        self.assertEqual((resource['status'], resource['result']), ('completed', 7), resource)

    def test_a_result_that_is_no_json_becomes_text(self):
        self.assertEqual(self.run_script('echo "hello there"')['result'],
                         {'text': 'hello there\n'})

    def test_environment(self):
        resource = self.run_script(
            r'''printf '["%s","%s","%s","%s"]' "$PROCESS_ID" "$PROCESS_TYPE" "$PROCESS_ATTEMPT" '''
            '''"$REDIS_URL$LOG_LEVEL$RETRY_BASE_MS"''')
        self.assertEqual(resource['result'], [resource['process_id'], 'script', '1', ''])

    def test_no_leaked_descriptors(self):
        resource = self.run_script('exec ls /proc/self/fd')
        # 0 to 3 are what it was given; 4 is how ls reads the directory.
        self.assertEqual(resource['result'], {'text': '0\n1\n2\n3\n4\n'})

    def test_exit_status_with_log(self):
        resource = self.run_script('echo "first" >&2; echo "the disk is full" >&2; exit 7',
                                   max_attempts=1)
        self.assertEqual(resource['status'], 'failed')
        self.assertEqual(resource['error']['code'], 'exit_status')
        self.assertEqual(resource['error']['log'], 'first\nthe disk is full\n')
        self.assertEqual(resource['error']['attempt'], 1)
        self.assertIn('7', resource['error']['message'])
        self.assertEqual((resource['usage']['exit_code'], resource['usage']['signal']), (7, 0))
        self.assertIsNone(resource['result'])

    def test_ended_by_a_signal(self):
        resource = self.run_script('kill -9 $$', max_attempts=1)
        self.assertEqual((resource['status'], resource['error']['code']), ('failed', 'signal'))
        self.assertEqual((resource['usage']['exit_code'], resource['usage']['signal']), (-1, 9))

    def test_a_long_log_keeps_its_end(self):
        resource = self.run_script(
            'i=0; while [ $i -lt 20000 ]; do echo "line $i" >&2; i=$((i+1)); done; exit 1',
            max_attempts=1)
        self.assertTrue(resource['error']['log'].endswith('line 19999\n'), resource)
        self.assertLess(len(resource['error']['log']), 100000)

    def test_a_log_that_is_no_utf_8(self):
        resource = self.run_script(r"printf 'a\377b' >&2; exit 1", max_attempts=1)
        self.assertEqual(resource['status'], 'failed')
        self.assertTrue(resource['error']['log'].startswith('a'))
        self.assertTrue(resource['error']['log'].endswith('b'))

    def test_a_result_that_is_no_utf_8_is_repaired(self):
        self.assertEqual(self.run_script(r"printf 'a\377b'")['result'], {'text': 'a\ufffdb'})

    def test_a_command_that_vanished(self):
        self.analyzers.add('script', '#!/bin/sh\necho 1\n')
        self.start()
        path = os.path.join(self.analyzers.directory, 'script')
        os.remove(path)
        resource = self.wait_for_status(self.client, self.make('script', max_attempts=3))
        self.assertEqual((resource['status'], resource['attempt']), ('failed', 1), resource)
        self.assertEqual(resource['error']['code'], 'not_started')
        self.assertIn(path, resource['error']['message'])
        self.assertIs(resource['error']['retryable'], False)

    def test_max_attempts(self):
        resource = self.run_script('echo "attempt $PROCESS_ATTEMPT" >&2; exit 1', max_attempts=3)
        self.assertEqual((resource['status'], resource['attempt']), ('failed', 3))
        self.assertEqual(resource['error']['log'], 'attempt 3\n')

    def test_a_later_attempt_succeeds(self):
        resource = self.run_script('test "$PROCESS_ATTEMPT" -ge 3 && echo 1', max_attempts=5)
        self.assertEqual((resource['status'], resource['attempt'], resource['result']),
                         ('completed', 3, 1), resource)
        self.assertIsNone(resource['error'])

    def test_backoff_is_shown(self):
        self.analyzers.add('script', '#!/bin/sh\nexit 1\n')
        self.start(RETRY_BASE_MS=3600000, RETRY_CAP_MS=3600000)
        process_id = self.make('script', max_attempts=2)

        def waits():
            resource = self.status(self.client, process_id)
            return resource if resource['error'] else None
        resource = eventually(waits)
        self.assertEqual((resource['status'], resource['reason']), ('pending', 'retry_backoff'))
        self.assertGreater(resource['run_at'], resource['updated_at'])
        self.assertIs(resource['error']['retryable'], True)

    def test_timeout(self):
        resource = self.run_script('while :; do sleep 60; done', timeout_seconds=1, max_attempts=1)
        self.assertEqual((resource['status'], resource['error']['code']), ('failed', 'timeout'))

    def test_a_timeout_leaves_time_to_clean_up(self):
        resource = self.run_script(
            "trap 'echo cleaning up >&2; sleep 0.6; exit 7' TERM; while :; do sleep 0.05; done",
            timeout_seconds=1, max_attempts=1)
        self.assertEqual(resource['error']['code'], 'timeout', resource)
        self.assertIn('cleaning up', resource['error']['log'])
        self.assertIsNotNone(resource['usage'])

    def test_timeout_of_one_that_ignores_term(self):
        resource = self.run_script("trap '' TERM; while :; do sleep 60; done", timeout_seconds=1,
                                   max_attempts=1)
        self.assertEqual((resource['status'], resource['error']['code']), ('failed', 'timeout'))

    def test_default_timeout(self):
        self.analyzers.add('script', '#!/bin/sh\nwhile :; do sleep 60; done\n')
        self.start(DEFAULT_TIMEOUT_SECONDS=1, DEFAULT_MAX_ATTEMPTS=1)
        resource = self.wait_for_status(self.client, self.make('script'), timeout=30)
        self.assertEqual(resource['error']['code'], 'timeout', resource)
        self.assertEqual(resource['max_attempts'], 1)

    def test_cancel_of_a_running_one(self):
        pid_file = os.path.join(self.analyzers.directory, 'pid')
        self.analyzers.add('script', f'#!/bin/sh\nsleep 1000 &\necho $! >{pid_file}.new\n'
                                     f'mv {pid_file}.new {pid_file}\nwait\n')
        self.start()
        process_id = self.make('script')
        eventually(lambda: os.path.exists(pid_file))
        answer = self.client.post(f'/processes/{process_id}/cancel')
        self.assertEqual(answer.status, 200, answer)
        self.assertIn(answer.json['status'], ('running', 'canceled'))
        if answer.json['status'] == 'running':
            self.assertEqual(answer.json['reason'], 'cancel_requested')
        self.assertEqual(self.wait_for_status(self.client, process_id)['status'], 'canceled')
        with open(pid_file, encoding='ascii') as file:
            child = int(file.read())
        eventually(lambda: not is_alive(child), what='its children are gone as well')

    def test_cancel_of_one_that_ignores_term(self):
        self.analyzers.add('script', "#!/bin/sh\ntrap '' TERM\necho '{\"percent\":1}' >&3\n"
                                     'while :; do sleep 60; done\n')
        self.start()
        process_id = self.make('script')
        eventually(lambda: self.status(self.client, process_id)['progress'])
        self.client.post(f'/processes/{process_id}/cancel')
        self.assertEqual(self.wait_for_status(self.client, process_id, timeout=30)['status'],
                         'canceled')

    def test_retry_runs_it_again(self):
        self.analyzers.add('script', '#!/bin/sh\ntest "$PROCESS_ATTEMPT" -gt 1 && echo 5\n')
        self.start()
        process_id = self.make('script', max_attempts=1)
        self.wait_for_status(self.client, process_id, 'failed')
        self.assertEqual(self.client.post(f'/processes/{process_id}/retry').status, 200)
        resource = self.wait_for_status(self.client, process_id, 'completed')
        self.assertEqual((resource['result'], resource['attempt']), (5, 2))

    def test_run_at_in_the_future_waits(self):
        self.analyzers.add('echo', '#!/bin/sh\nexec cat\n')
        self.start()
        late = self.make('echo', run_at='2999-01-01T00:00:00+02:00')
        self.wait_for_status(self.client, self.make('echo'), 'completed')
        resource = self.status(self.client, late)
        self.assertEqual((resource['status'], resource['reason']), ('pending', 'delayed'))
        self.assertEqual(resource['run_at'], '2998-12-31T22:00:00.000Z')

    def test_run_at_soon_runs_then(self):
        self.analyzers.add('echo', '#!/bin/sh\nexec cat\n')
        self.start()
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=1.5)
        run_at = soon.isoformat(timespec='milliseconds').replace('+00:00', 'Z')
        process_id = self.make('echo', run_at=run_at)
        self.assertEqual(self.status(self.client, process_id)['status'], 'pending')
        resource = self.wait_for_status(self.client, process_id, 'completed')
        self.assertEqual(resource['run_at'], run_at)
        self.assertGreaterEqual(resource['started_at'], run_at)

    def test_an_unknown_type_waits_with_a_reason(self):
        self.analyzers.add('echo', '#!/bin/sh\nexec cat\n')
        self.start()
        resource = self.status(self.client, self.make('nobody'))
        self.assertEqual((resource['status'], resource['reason']), ('pending', 'no_worker'))

    def test_priority_then_age(self):
        self.analyzers.add_gated()
        self.configure_one_slot('gated')
        blocker = self.make('gated')
        self.wait_for_status(self.client, blocker, 'running')
        low, old = self.make('gated', priority=-5), self.make('gated')
        self.wait_for_the_next_millisecond(old)
        new, high = self.make('gated'), self.make('gated', priority=5)
        self.analyzers.order(blocker, 'ok')
        for expected in (high, old, new, low):
            self.wait_for_status(self.client, expected, 'running')
            running = self.client.get('/processes?status=running').json['processes']
            self.assertEqual([one['process_id'] for one in running], [expected])
            self.analyzers.order(expected, 'ok')
            self.wait_for_status(self.client, expected, 'completed')

    def wait_for_the_next_millisecond(self, process_id):
        """Age is told in milliseconds."""
        created_at = self.status(self.client, process_id)['created_at']
        eventually(lambda: datetime.datetime.now(datetime.timezone.utc).isoformat(
            timespec='milliseconds').replace('+00:00', 'Z') > created_at)

    def configure_one_slot(self, name):
        path = os.path.join(self.analyzers.directory, 'analyzers.json')
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({'analyzers': {name: {
                'command': [os.path.join(self.analyzers.directory, name)],
                'concurrency': 1}}}, file)
        self.client = self.start_server({**self.settings, 'ANALYZERS_FILE': path}).client

    def test_progress_lines_that_are_nonsense_do_no_harm(self):
        resource = self.run_script(
            "for line in nonsense '{' '[]' '{\"percent\": 900}' '{\"percent\": \"x\"}' '' "
            "'{\"percent\": 30, \"message\": \"fine\"}'; do echo \"$line\" >&3; done; echo 1")
        self.assertEqual((resource['status'], resource['result']), ('completed', 1), resource)
        self.assertEqual(resource['progress']['message'], 'fine')

    def test_too_much_output(self):
        path = os.path.join(self.analyzers.directory, 'analyzers.json')
        with open(path, 'w', encoding='utf-8') as file:
            json.dump({'analyzers': {'flood': {'command': ['/bin/sh', '-c', 'yes'],
                                               'max_output_bytes': 100000}}}, file)
        self.client = self.start_server({**self.settings, 'ANALYZERS_FILE': path}).client
        resource = self.wait_for_status(self.client, self.make('flood', max_attempts=1), timeout=30)
        self.assertEqual(resource['status'], 'failed', resource)
        self.assertEqual(resource['error']['code'], 'output_too_large', resource)


class Files(Case):
    def test_a_file_that_is_wrong_is_told_precisely(self):
        path = os.path.join(self.directory(), 'analyzers.json')
        wrong = ('', '[', '{}', '[]', '{"a": {"command": ["x"]}}')
        wrong += tuple('{"analyzers": {%s}}' % analyzer for analyzer in (
            '"a b": {"command": ["x"]}', '"a": {"command": []}', '"a": {"command": "x"}', '"a": {}',
            '"a": {"command": ["x"], "wrong": 1}', '"a": {"command": ["x"], "concurrency": 0}',
            '"a": {"command": ["x"], "timeout_seconds": -1}',
            '"a": {"command": ["x"], "environment": ["A=B"]}'))
        for content in wrong:
            with self.subTest(content):
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(content)
                result = run_once(settings={'ANALYZERS_FILE': path, 'PORT': '0'})
                self.assertEqual(result.returncode, 2, result)
                self.assertIn(path, result.stderr)

    def test_a_definition_that_is_wrong(self):
        for definition in ('missing=/nonexistent/command', 'missing=nonexistent-command',
                           'nothing', '=x', 'a=', 'a b=x', 'a="unclosed'):
            with self.subTest(definition):
                result = run_once(['--analyzer', definition], {'PORT': '0'})
                self.assertEqual(result.returncode, 2, result)


def is_alive(pid):
    """Neither gone nor merely waiting to be collected."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            return file.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


