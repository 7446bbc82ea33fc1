"""SIGHUP: what of the configuration changes without a restart, and that nothing else does."""

import json
import os
import re
import signal
import subprocess
import threading

import readme
from harness import Analyzers, Case, eventually, on_each_repository, run_once
from server_process import environment, proctrackd

CLIENTS = 12  # more connections than loops: each loop has some
RELOADS = 20
RELOADED = r'configuration reloaded\b.*\bgeneration=(\d+)'
STAYS = r'the configuration in force stays\b.*\bgeneration=(\d+)'


class Reloading(Case):
    """A server with a file, which a test writes anew."""

    settings = {}

    def setUp(self):
        self.analyzers = Analyzers(self.directory()).add_gated()
        self.analyzers.add('echo', '#!/bin/sh\nexec cat\n')
        self.path = os.path.join(self.directory(), 'proctrackd.conf')
        self.commands = dict(definition.split('=', 1) for definition in self.analyzers.definitions)

    def write(self, *lines, analyzers=('gated', 'echo')):
        lines = [*lines, *(f'ANALYZER={name}={self.commands[name]}' for name in analyzers)]
        temporary = self.path + '.new'
        with open(temporary, 'w', encoding='utf-8') as file:
            file.write('\n'.join(lines) + '\n')
        os.rename(temporary, self.path)

    def start(self, **settings):
        server = self.start_server({'CONFIG_FILE': self.path, **self.settings, **settings})
        self.server, self.client = server, server.client
        return server

    def hang_up(self, expected=RELOADED):
        """One reload; the match of the line that tells of its end."""
        seen = len(self.server.lines)
        self.server.process.send_signal(signal.SIGHUP)
        return self.server.wait_for_line(expected, start=seen)

    def reload(self, *lines, **more):
        self.write(*lines, **more)
        return int(self.hang_up().group(1))


@on_each_repository(Reloading)
class Reload:
    def setUp(self):
        super().setUp()
        if self.repository == 'redis':
            self.settings = {'REDIS_URL': self.start_redis().url, 'IO_THREADS': 3}

    def on_all_loops(self, ask, expected):
        """Every connection gets the answer that is expected, as soon as it is said to be so."""
        clients = [self.server.new_client() for _ in range(CLIENTS)]
        self.assertEqual([ask(client) for client in clients], CLIENTS * [expected])
        for client in clients:
            client.close()

    def test_origins_also_of_answers_that_are_kept(self):
        self.write('CORS_ALLOW_ORIGINS=https://a.example')
        self.start()
        process = self.submit(self.client, {'type': 'nobody', 'input': 1})

        def allowed(client, origin):
            answer = client.get(process['links']['self'], {'Origin': origin})
            return answer.header('Access-Control-Allow-Origin')
        for _ in range(3):  # so that loops keep them
            self.on_all_loops(lambda client: allowed(client, 'https://a.example'),
                              'https://a.example')
        self.reload('CORS_ALLOW_ORIGINS=https://b.example')
        self.on_all_loops(lambda client: (allowed(client, 'https://a.example'),
                                          allowed(client, 'https://b.example')),
                          (None, 'https://b.example'))

    def test_limits_and_defaults(self):
        self.write()
        self.start()
        body = json.dumps({'type': 'nobody', 'input': 'x' * 100})
        self.assertEqual(self.client.post('/analyze', body=body).status, 202)
        self.reload('MAX_BODY_BYTES=50', 'MAX_WAITERS=0', 'DEFAULT_MAX_ATTEMPTS=7',
                    'DEFAULT_TYPE=other')
        self.on_all_loops(lambda client: client.post('/analyze', body=body).status, 413)
        self.on_all_loops(lambda client: [client.post('/analyze', {'input': 1}).json[name]
                                          for name in ('type', 'max_attempts')], ['other', 7])
        process = self.submit(self.client, {'type': 'nobody', 'input': 1})
        self.on_all_loops(lambda client: client.get(
            f'{process["links"]["self"]}?wait=9', {'If-None-Match': '"1"'}).status, 503)

    def test_types_that_are_known(self):
        self.write('ACCEPT_TYPES=known', analyzers=['echo'])
        self.start()
        self.assert_problem(self.client.post('/analyze', {'type': 'gated', 'input': 1}), 422)
        self.reload('ACCEPT_TYPES=known', analyzers=['gated'])
        self.on_all_loops(lambda client: client.post('/analyze', {'type': 'echo', 'input': 1})
                          .json.get('known_types'), ['gated'])
        process = self.submit(self.client, {'type': 'gated', 'input': 1})
        self.analyzers.order(process['process_id'], 'ok')
        self.wait_for_status(self.client, process['process_id'], 'completed')

    def test_a_removed_analyzer_finishes_what_it_runs(self):
        self.write()
        self.start()
        runs = self.submit(self.client, {'type': 'gated', 'input': 1})['process_id']
        self.wait_for_status(self.client, runs, 'running')
        self.reload(analyzers=['echo'])
        waits = self.submit(self.client, {'type': 'gated', 'input': 1})['process_id']
        other = self.submit(self.client, {'type': 'echo', 'input': 5})['process_id']
        self.assertEqual(self.wait_for_status(self.client, other)['result'], 5)
        self.analyzers.order(runs, 'ok')
        self.assertEqual(self.wait_for_status(self.client, runs)['result'], {'attempt': 1})
        self.assertEqual(self.status(self.client, waits)['status'], 'pending')
        self.reload()
        self.analyzers.order(waits, 'ok')
        self.wait_for_status(self.client, waits, 'completed')

    def test_analyzers_for_a_server_that_had_none(self):
        self.write(analyzers=[])
        self.start()
        process = self.submit(self.client, {'type': 'echo', 'input': 3})['process_id']
        self.reload(analyzers=['echo'])
        self.assertEqual(self.wait_for_status(self.client, process)['result'], 3)

    def test_no_request_fails_while_it_reloads(self):
        self.write('CORS_ALLOW_ORIGINS=https://a.example', 'DEFAULT_TYPE=other')
        self.start(LOG_ACCESS='none')  # which would take all lines that may be logged
        ended, failures, ids = threading.Event(), [], []

        def load():
            client = self.server.new_client()
            try:
                while not ended.is_set():
                    made = client.post('/analyze', {'input': 1}, {'Origin': 'https://a.example'})
                    self.assertEqual(made.status, 202, made)
                    ids.append(made.json['process_id'])
                    seen = client.get(made.json['links']['self'], {'Origin': 'https://a.example'})
                    self.assertEqual(seen.status, 200, seen)
                    self.assertEqual(seen.header('Access-Control-Allow-Origin'),
                                     'https://a.example')
            except Exception as failure:  # a thread's failure is the test's
                failures.append(failure)
            client.close()
        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(RELOADS):
            self.assertEqual(self.reload(
                'CORS_ALLOW_ORIGINS=https://a.example' + ',https://b.example' * (number % 2),
                f'DEFAULT_TYPE={"echo" if number % 3 else "other"}',
                analyzers=['echo', 'gated'][:1 + number % 2]), number + 2)
            eventually(lambda made=number: len(ids) > made or failures, what='requests that go on')
        ended.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        self.assertGreaterEqual(len(ids), RELOADS)
        self.reload('DEFAULT_TYPE=echo')
        for process_id in ids:
            if self.status(self.client, process_id)['type'] == 'echo':
                self.wait_for_status(self.client, process_id, 'completed')


class Refusal(Reloading):
    def config_of(self, generation):
        config = self.client.get('/stats').json['config']
        return config if config['generation'] == generation else None

    def test_a_bad_configuration_changes_nothing(self):
        self.write('MAX_BODY_BYTES=1000')
        self.start()
        self.write('MAX_BODY_BYTES=5', 'LOG_LEVEL=loud', 'NOPE=1')
        self.assertEqual(self.hang_up(STAYS).group(1), '1')
        log = self.server.log()
        self.assertIn(f'{self.path}:2: LOG_LEVEL=loud: must be one of', log)
        self.assertIn(f'{self.path}:3: NOPE: there is no such setting', log)
        self.submit(self.client, {'type': 'nobody', 'input': 1})
        before = self.client.get('/stats').json['config']
        self.assertEqual((before['generation'], before['refused']), (1, 1))
        self.assertEqual(self.reload('MAX_BODY_BYTES=5'), 2)
        after = eventually(lambda: self.config_of(2))
        self.assertGreaterEqual(after['read_at'], before['read_at'])
        self.assertEqual(after['refused'], 1)
        self.assertEqual(self.client.post('/analyze', {'input': 1}).status, 413)

    def test_a_file_that_is_gone(self):
        self.write()
        self.start()
        os.unlink(self.path)
        self.hang_up(STAYS)
        self.assertIn(f'CONFIG_FILE={self.path}: cannot be read', self.server.log())
        process = self.submit(self.client, {'type': 'echo', 'input': 1})
        self.wait_for_status(self.client, process['process_id'], 'completed')

    def test_what_needs_a_restart_is_named_and_the_rest_applied(self):
        self.write('PORT=0', 'REDIS_PASSWORD=s3cr3t')
        self.start()
        self.reload('INSTANCE=other', 'RETENTION_FAILED_SECONDS=1', 'LOG_LEVEL=debug',
                    'REDIS_PASSWORD=s3cr3t-2')
        kept = self.server.wait_for_line('needs a restart.*').group(0)
        for name in ('INSTANCE', 'RETENTION_FAILED_SECONDS', 'REDIS_PASSWORD'):
            self.assertIn(name, kept)
        self.assertNotIn('LOG_LEVEL', kept)
        self.assertIn('LOG_LEVEL', self.server.wait_for_line('configuration reloaded.*').group(0))
        self.assertNotEqual(self.client.get('/stats').json['instance'], 'other')
        self.assertNotIn('s3cr3t', self.server.log())

    def test_variables_and_options_stay_in_force(self):
        self.write('MAX_BODY_BYTES=1000')
        self.start(MAX_BODY_BYTES='2000')
        self.assertEqual(self.reload('MAX_BODY_BYTES=5'), 2)
        self.submit(self.client, {'type': 'nobody', 'input': 1})


class WithoutFile(Reloading):
    def test_files_that_the_settings_name_are_read_again(self):
        directory = self.directory()
        analyzers, types = (os.path.join(directory, name) for name in ('a.json', 't.json'))

        def put(path, document):
            with open(path, 'w', encoding='utf-8') as file:
                json.dump(document, file)
        put(analyzers, {'analyzers': {'one': {'command': ['cat']}}})
        put(types, {'types': {'one': {'max_attempts': 2}}})
        self.server = self.start_server({'ANALYZERS_FILE': analyzers, 'TYPES_FILE': types})
        self.client = self.server.client
        self.assertEqual(self.submit(self.client, {'input': 1})['max_attempts'], 2)
        put(analyzers, {'analyzers': {'two': {'command': ['cat']}}})
        put(types, {'types': {'two': {'max_attempts': 5}}})
        self.hang_up()
        process = eventually(lambda: self.client.post('/analyze', {'input': 7}).json)
        self.assertEqual((process['type'], process['max_attempts']), ('two', 5))
        self.assertEqual(self.wait_for_status(self.client, process['process_id'])['result'], 7)
        put(types, {'types': {'two': {'max_attempts': 0}}})
        self.hang_up(STAYS)
        self.assertIn(f'TYPES_FILE={types}: {types}: /types/two/max_attempts', self.server.log())

    def test_levels_of_the_log(self):
        self.write('LOG_LEVEL=warn', analyzers=[])
        self.start()
        self.client.get('/version')
        self.reload('LOG_LEVEL=info', analyzers=[])  # which tells of itself only at that level
        self.client.get('/openapi.json')
        self.server.wait_for_line('route=/openapi.json')
        self.assertNotIn('route=/version', self.server.log())


class Documented(Case):
    def test_readme_names_what_reloads(self):
        marked = re.findall(r'^  ([A-Z_]+), --.*; reloads; default', run_once(['--help']).stdout,
                            re.MULTILINE)
        chapter = readme.sections()['Configuration']
        listed = re.search(r'go on:\n\n(.*?)\n\n', chapter, re.DOTALL).group(1)
        self.assertGreater(len(marked), 10)
        self.assertEqual(re.findall(r'`([A-Z_]+)`', listed), marked)

    def test_the_file_that_readme_shows(self):
        secret = os.path.join(self.directory(), 'secret')
        path = os.path.join(self.directory(), 'proctrackd.conf')
        (text,) = readme.blocks(readme.sections()['Configuration'], 'ini')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text.replace('/run/secrets/redis', secret))
        with open(secret, 'w', encoding='utf-8') as file:
            file.write('s3cr3t\n')
        shown = run_once(['--print-config', '--config-file', path])
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn('CORS_ALLOW_ORIGINS=https://app.example,https://admin.example  # file',
                      shown.stdout)
        self.assertIn('REDIS_PASSWORD=***  # file, from a file', shown.stdout)
        self.assertIn('# analyzers: count sort\n', shown.stdout)


class AtTheEnds(Reloading):
    """A signal that comes before there is anything to reload, or when there is nothing any more."""

    def test_while_it_starts_and_stops(self):
        self.write()
        for _ in range(3):
            process = subprocess.Popen(
                [proctrackd(), '--config-file', self.path], cwd=self.directory(),
                env=environment({'PORT': '0', 'DATA_DIR': ''}), stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
            self.addCleanup(process.wait)
            self.addCleanup(process.kill)
            lines = [process.stderr.readline()]  # it has begun to start
            process.send_signal(signal.SIGHUP)
            while 'configuration reloaded' not in lines[-1]:
                lines.append(process.stderr.readline())
                self.assertTrue(lines[-1], lines)
            process.send_signal(signal.SIGTERM)
            while process.poll() is None:
                process.send_signal(signal.SIGHUP)
            self.assertEqual(process.returncode, 0, lines + process.stderr.readlines())
            process.stderr.close()

    def test_a_reload_that_a_stop_overtakes(self):
        self.write()
        self.start()
        for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM):
            self.server.process.send_signal(number)
        self.client.close()
        self.assertEqual(self.server.wait(), 0, self.server.log())

    def test_a_file_that_does_not_answer_does_not_hold_up_a_stop(self):
        self.write()
        self.start(SHUTDOWN_TIMEOUT_SECONDS='1', CANCEL_GRACE_SECONDS='0')
        os.unlink(self.path)
        os.mkfifo(self.path)
        self.server.process.send_signal(signal.SIGHUP)

        def is_read():
            try:
                return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # by nobody yet
                return None
        held = eventually(is_read, what='the file is read')
        self.addCleanup(os.close, held)
        self.client.close()
        self.server.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(), 70, self.server.log())
        self.assertIn('does not come to its end', self.server.log())

    def test_the_signal_reaches_analyzers(self):
        """What the service holds back is not held back from the commands that it starts."""
        path = os.path.join(self.analyzers.directory, 'mask')
        self.analyzers.add('mask', '#!/bin/sh\nsed -n "s/^SigBlk:\\t//p" /proc/self/status'
                                   ' | sed "s/.*/\\"&\\"/"\n')
        self.commands['mask'] = path
        self.write(analyzers=['mask'])
        self.start()
        process = self.submit(self.client, {'input': 1})['process_id']
        self.assertEqual(int(self.wait_for_status(self.client, process)['result'], 16), 0)
