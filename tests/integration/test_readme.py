"""What README.md shows is what happens: its console sessions are replayed, its tables compared."""

import json
import os
import re
import shlex
import shutil
import subprocess
import uuid

import readme
from harness import PATIENCE, Case, Server, eventually, run_once, text_stats
from server_process import environment, proctrackd

ADDRESS = '127.0.0.1:8080'
ID = re.compile(r'[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b')  # or a token
# What differs from one run to the next, each with what stands for it.
VARIABLE = [
    (re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z'), 'TIME'),
    (re.compile(r'("(?:wall_ms|cpu_ms|peak_memory_kib|uptime_seconds|retry_after_ms)": ?)\d+'), r'\1N'),
    (re.compile(r'("(?:worker|instance)": ?)"[^"]+"'), r'\1"NAME"'),
    (re.compile(r'("(?:version|examined)": ?)\d+'), r'\1N'),
    (re.compile(r'^date: .*', re.IGNORECASE), 'date: DATE'),
    (re.compile(r'^retry: \d+$'), 'retry: N'),
    (re.compile(r'\b[0-9a-f]{16}-[0-9a-f]{1,16}\b'), 'REQUEST'),
]
CHANGES = re.compile(r' -(?:d|X) ')


def masked(line, ids):
    """ids: id or token -> its number; a new one is given the next number."""
    line = ID.sub(lambda found: f'ID-{ids.setdefault(found.group(), len(ids))}', line.rstrip())
    for pattern, stands_for in VARIABLE:
        line = pattern.sub(stands_for, line)
    return line


class Readme(Case):
    maxDiff = None

    def replay(self, section, server, directory):
        """Runs the section's sessions; each command must print what the page says. What changes
        nothing is repeated until it does, as the page's reader would after a second."""
        printed, real = {}, {}
        for step in readme.steps(section):
            command = step.command.replace(ADDRESS, f'127.0.0.1:{server.port}')
            numbers = {number: process_id for process_id, number in real.items()}
            command = ID.sub(lambda found: numbers.get(printed.get(found.group()),
                                                       found.group()), command)
            expected = [masked(line, printed) for line in step.output]

            def check():
                ran = subprocess.run(['bash', '-c', command], cwd=directory, capture_output=True,
                                     text=True, stdin=subprocess.DEVNULL, timeout=60 * PATIENCE,
                                     check=False)
                self.assertEqual(ran.stderr, '', step.command)
                self.assertEqual([masked(line, real) for line in ran.stdout.splitlines()],
                                 expected, step.command)
                return True
            if CHANGES.search(command):
                check()
            else:
                eventually(check)

    def start(self, arguments, directory):
        """As scripts/run starts it, with the paths below the directory and a free port."""
        shipped = ['--analyzer', f'text-stats={shlex.quote(text_stats())}']
        arguments = [word.replace('$PWD', directory) for word in arguments]
        return self.start_server(arguments=[*shipped, *arguments])

    def test_the_walk_through_is_what_happens(self):
        section = readme.sections()['A walk through']
        self.assertGreater(len(readme.steps(section)), 5)
        self.replay(section, self.start([], ''), self.directory())

    def test_the_example_analyzer_works(self):
        section = readme.sections()['Adding an analyzer']
        self.assertGreater(len(readme.steps(section)), 0)
        directory = self.directory()
        (script,) = [body for body in readme.blocks(section, 'python')]
        path = os.path.join(directory, 'longest-lines')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(script)
        os.chmod(path, 0o755)
        server = self.start(readme.run_arguments(section), directory)
        self.replay(section, server, directory)

    def test_the_chapter_on_workers_is_what_happens(self):
        section = readme.sections()['Workers']
        self.assertGreater(len(readme.steps(section)), 20)
        server = self.start([], '')
        for line in readme.blocks(section, 'sh'):
            self.start_worker(line.strip(), server)
        self.replay(section, server, self.directory())

    def test_the_chapter_on_traces_is_what_happens(self):
        section = readme.sections()['Request ids and traces']
        self.assertEqual(len(readme.steps(section)), 4)
        self.replay(section, self.start([], ''), self.directory())

    def test_the_chapter_on_following_is_what_happens(self):
        section = readme.sections()['Following a process']
        self.assertGreater(len(readme.steps(section)), 4)
        self.replay(section, self.start([], ''), self.directory())

    def test_its_functions_follow_a_process_to_its_end(self):
        node = shutil.which('node')
        if node is None:
            self.skipTest('no node')
        blocks = readme.blocks(readme.sections()['Following a process'], 'js')
        server = self.start([], '')
        for function in ('poll', 'follow'):
            with self.subTest(function):
                made = self.submit(server.client, {'type': 'text-stats', 'input': {'text': 'a b'}})
                script = '\n'.join(blocks) + f"""
                    const seen = [];
                    {function}(process.argv[2], (state) => seen.push(state.version)).then((last) =>
                        console.log(JSON.stringify({{seen, last}})));"""
                path = os.path.join(self.directory(), 'follow.mjs')
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(script)
                ran = subprocess.run([node, path, f'http://127.0.0.1:{server.port}/status/'
                                      f'{made["process_id"]}'], capture_output=True, text=True,
                                     timeout=60 * PATIENCE, check=False)
                self.assertEqual(ran.stderr, '')
                told = json.loads(ran.stdout)
                self.assertEqual(told['last']['status'], 'completed')
                self.assertEqual(told['seen'], sorted(told['seen']))
                self.assertEqual(told['seen'][-1], told['last']['version'])

    def start_worker(self, path, server):
        worker = subprocess.Popen(
            [os.path.join(os.path.dirname(readme.PATH), path)], stdin=subprocess.DEVNULL,
            env={**os.environ, 'PROCTRACK_URL': f'http://127.0.0.1:{server.port}'})
        self.addCleanup(worker.wait)
        self.addCleanup(worker.kill)

    def test_the_file_of_types_is_accepted(self):
        (types,) = readme.blocks(readme.sections()['Workers'], 'json')
        path = os.path.join(self.directory(), 'types.json')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(types)
        process = self.submit(self.start_server({'TYPES_FILE': path}).client,
                              {'type': 'invoice-ocr', 'input': 1})
        self.assertEqual(process['max_attempts'],
                         json.loads(types)['types']['invoice-ocr']['max_attempts'])

    def test_the_table_of_redis_keys_is_what_redis_holds(self):
        """Each key that a bit of everything leaves behind is in the table, and none else is."""
        redis = self.start_redis()
        client = self.start_server({'REDIS_URL': redis.url}).client
        members = {'type': 'a', 'input': 1, 'group': 'g', 'deadline': '2999-01-01T00:00:00Z'}
        for more in ({}, {}, {}, {'run_at': '2999-01-01T00:00:00Z'}):
            self.submit(client, {**members, **more}, {'Idempotency-Key': f'k{len(redis.keys())}'})
        claim = client.post('/claim', {'types': ['a'], 'worker': 'w', 'max': 2}).json['processes']
        client.post(f'/processes/{claim[0]["process_id"]}/complete',
                    {'lease_token': claim[0]['lease_token']})
        removed = self.submit(client, members)['process_id']
        client.post(f'/processes/{removed}/cancel')
        self.assertEqual(client.delete(f'/processes/{removed}').status, 200)
        client.post('/types/a/pause')
        table = readme.redis_keys()
        unused, held = set(table), redis.keys()
        for key, kind in held.items():
            fitting = [name for name in table if redis_key_pattern(name).fullmatch(key)]
            self.assertEqual([table[name] for name in fitting], [kind], f'{key}: {fitting}')
            unused -= set(fitting)
        self.assertEqual(unused, set())

    def test_the_audit_is_what_happens(self):
        redis = self.start_redis()
        server = self.start_server({'REDIS_URL': redis.url, 'AUDIT_INTERVAL_MS': 0})
        self.submit(server.client, {'type': 'x', 'input': 1})
        redis.command('SADD', 'process_ids', *(str(uuid.uuid4()) for _ in range(3)))
        section = readme.sections()['What Redis holds']
        self.assertEqual(len(readme.steps(section)), 1)
        self.replay(section, server, self.directory())

    def test_an_export_is_imported(self):
        redis = self.start_redis()
        data = self.directory()
        with Server({'DATA_DIR': data}) as server:
            process = self.submit(server.client, {'type': 'x', 'input': 1})
        path = f'{os.path.dirname(proctrackd())}:{os.environ["PATH"]}'
        steps = readme.steps(readme.sections()['What survives what'])
        self.assertEqual([step.output for step in steps], [[], []])
        for step in steps:
            command = step.command.replace('redis://127.0.0.1:6379', redis.url)
            ran = subprocess.run(['sh', '-c', command], capture_output=True, text=True, cwd=data,
                                 env=environment({'DATA_DIR': data, 'PATH': path}), check=False,
                                 timeout=60 * PATIENCE)
            self.assertEqual((ran.returncode, ran.stdout), (0, ''), ran.stderr)
        self.assertEqual(redis.hash(f'process:{process["process_id"]}')['type'], 'x')

    def test_the_table_of_metrics_is_what_a_scrape_shows(self):
        """Each family that there is, on either repository, is in the table with its type."""
        redis = self.start_redis()
        redis.command('CONFIG', 'SET', 'maxmemory', '1gb')
        shown = {}
        for settings in ({}, {'REDIS_URL': redis.url, 'REDIS_REQUIRED': 'true'}):
            client = self.start_server(settings).client
            for _ in range(2):
                self.submit(client, {'type': 'x', 'input': 1})
            client.post('/claim', {'types': ['x'], 'worker': 'w'})
            client.post('/admin/snapshot')
            missing = 'redis_memory_max_bytes' if settings else 'snapshot_timestamp_seconds'
            eventually(lambda: f'# TYPE proctrackd_{missing} ' in self.scrape(client))
            shown.update(re.findall(r'^# TYPE (\S+) (\S+)$', self.scrape(client), re.MULTILINE))
        self.assertEqual(readme.metrics(), shown)

    def scrape(self, client):
        return client.get('/metrics').body.decode()

    def test_the_table_lists_every_setting_with_its_default(self):
        shown = run_once(['--help'])
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertGreater(len(settings_of_help(shown.stdout)), 20)
        self.assertEqual(readme.settings(), settings_of_help(shown.stdout))

    def test_the_table_of_exit_codes_is_that_of_the_help(self):
        listed = re.findall(r'^ +(\d+)  \S', run_once(['--help']).stdout, re.MULTILINE)
        shown = re.findall(r'^\| (\d+) \|', readme.sections()['Exit codes'], re.MULTILINE)
        self.assertGreater(len(listed), 3)
        self.assertEqual(shown, listed)

    def test_the_chapters_it_points_to_exist(self):
        wanted = set(re.findall(r'\]\(#([^)]+)\)', readme.text()))
        self.assertGreater(len(wanted), 10)
        self.assertEqual(wanted - readme.anchors(), set())

    def test_what_it_points_to_exists(self):
        root = os.path.dirname(readme.PATH)
        targets = re.findall(r'\]\(([^)#:]+)\)', readme.text())
        self.assertGreater(len(targets), 0)
        for target in targets:
            with self.subTest(target=target):
                self.assertTrue(os.path.exists(os.path.join(root, target)))


def redis_key_pattern(name):
    """Of a key as the table shows it."""
    return re.compile(name.replace('<status>', '(pending|running|completed|failed|canceled)')
                      .replace('<id>', ID.pattern.split('|', maxsplit=1)[0])
                      .replace('<type>', '[^:]+').replace('<worker>', '.+')
                      .replace('<group>', '.+').replace('<key>', '.+'))


def settings_of_help(text):
    """name -> default"""
    return dict(re.findall(r'^  ([A-Z_]+), --\S+  \(.*; default: (.*)\)$', text, re.MULTILINE))
