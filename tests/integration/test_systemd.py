"""Under a service manager: what it is told, sockets that it passes, and the units that we ship."""

import os
import re
import shutil
import signal
import socket
import subprocess

import readme
from harness import Analyzers, Case, run_once, text_stats
from http_client import Client
from http_raw import RawConnection
from server_process import proctrackd
from service_manager import Manager, passing, threads_frozen

UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'deploy', 'systemd')
ANALYZE = shutil.which('systemd-analyze')
SHOWS_ENVIRONMENT = '''#!/bin/sh
printf '{"listen": "%s", "notify": "%s", "files": "%s"}' \
    "$LISTEN_FDS$LISTEN_PID" "$NOTIFY_SOCKET" "$(ls /proc/self/fd | tr '\\n' ' ')"
'''


class Managed(Case):
    def setUp(self):
        self.manager = Manager(self.directory())
        self.addCleanup(self.manager.close)

    def start(self, settings=None, **more):
        return self.start_server({**self.manager.settings, **(settings or {})}, **more)

    def listen(self, family=socket.AF_INET):
        listener = socket.socket(family)
        self.addCleanup(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(('127.0.0.1', 0) if family == socket.AF_INET else ('::1', 0))
        listener.listen(128)
        return listener

    def start_with(self, sockets, names=None, settings=None):
        passed, within, inherited = passing(sockets, names)
        return self.start({'LOG_LEVEL': 'debug', **passed, **(settings or {})},
                          within=within, inherited=inherited)


class Notified(Managed):
    def test_the_steps_of_a_life(self):
        server = self.start()
        self.manager.wait_for(r'^EXTEND_TIMEOUT_USEC=90000000$')
        status = self.manager.wait_for(r'^STATUS=(.*)$').group(1)
        self.assertEqual(status, f'Listening on 127.0.0.1 port {server.port}, keeps processes in '
                                 'memory')
        self.manager.wait_for(r'^READY=1$')
        server.client.close()
        server.signal(signal.SIGTERM)
        self.manager.wait_for(r'^STOPPING=1$')
        self.assertEqual(self.manager.lines[-1], 'EXTEND_TIMEOUT_USEC=35000000')
        self.assertEqual(server.wait(), 0)
        self.assertEqual(self.manager.drain(), [])

    def test_ready_is_said_once_it_answers(self):
        redis = self.start_redis()
        server = self.start({'REDIS_URL': redis.url})
        self.manager.wait_for(r'^READY=1$')
        self.assertEqual(server.client.get('/readyz').status, 200)
        self.assertIn('keeps processes in Redis', '\n'.join(self.manager.lines))

    def test_a_start_that_fails_is_never_ready(self):
        with self.assertRaises(AssertionError):
            self.start({'DATA_DIR': '/dev/null/nowhere'})
        self.assertNotIn('READY=1', self.manager.drain())

    def test_a_long_replay_is_given_time(self):
        directory = self.directory()
        with open(os.path.join(directory, 'other'), 'wb') as file:
            file.truncate(64 << 20)
        self.start({'DATA_DIR': directory})
        self.manager.wait_for(f'^EXTEND_TIMEOUT_USEC={90000000 + 64 * 500000}$')

    def test_signs_of_life_are_asked_for_and_end_with_a_loop_that_stands_still(self):
        redis = self.start_redis()
        server = self.start({'REDIS_URL': redis.url, 'IO_THREADS': 2, 'WATCHDOG_USEC': 100000,
                             'HEALTH_TIMEOUT_SECONDS': 1})
        for _ in range(4):
            self.manager.wait_for(r'^WATCHDOG=1$')
        with threads_frozen(server.process.pid) as frozen:
            if not frozen:
                self.skipTest('no thread may be stopped here')
            server.wait_for_line('an I/O loop does not turn')
            self.manager.drain()
            self.assertEqual(self.manager.hear_for(0.5), [])
        self.manager.wait_for(r'^WATCHDOG=1$')

    def test_nobody_who_asks_for_signs_of_life_gets_none(self):
        server = self.start()
        self.manager.wait_for(r'^READY=1$')
        self.assertEqual(self.manager.hear_for(0.3), [])
        self.assertEqual(server.client.get('/healthz').status, 200)


class Activated(Managed):
    def queue(self, listener):
        """A request that is sent before anybody accepts it."""
        connection = RawConnection(*listener.getsockname()[:2], 30.0)
        self.addCleanup(connection.close)
        connection.send(b'GET /status/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\n'
                        b'Host: h\r\n\r\n')
        return connection

    def test_what_came_before_the_start_and_between_two_is_answered(self):
        listener = self.listen()
        for _ in range(2):
            queued = [self.queue(listener) for _ in range(20)]
            server = self.start_with([listener], ['http'])
            self.assertEqual(server.port, listener.getsockname()[1])
            for connection in queued:
                self.assertEqual(connection.read_answer().status, 404)
                connection.close()
            server.stop()

    def test_all_loops_accept_from_the_one_socket(self):
        redis = self.start_redis()
        listener = self.listen()
        queued = [self.queue(listener) for _ in range(100)]
        server = self.start_with([listener], None, {'REDIS_URL': redis.url, 'IO_THREADS': 3})
        for connection in queued:
            self.assertEqual(connection.read_answer().status, 404)
        more = [self.queue(listener) for _ in range(100)]
        for connection in more:
            self.assertEqual(connection.read_answer().status, 404)
        server.stop()

    def test_names_tell_which_is_which(self):
        for names, order in ((['http', 'admin'], 1), (['admin', 'http'], -1), (None, 1),
                             (['a.socket', 'b.socket'], 1)):
            with self.subTest(names):
                sockets = [self.listen(), self.listen(socket.AF_INET6)][::order]
                server = self.start_with(sockets, names, {'HOST': '127.0.0.1'})
                public, admin = [one.getsockname() for one in sockets[::order]]
                self.assertEqual(server.port, public[1])
                self.assertEqual(server.client.get('/processes').status, 200)
                client = Client('::1', admin[1])
                self.addCleanup(client.close)
                self.assertEqual(client.get('/healthz').status, 200)
                self.assertEqual(client.get('/processes').status, 404)
                self.assert_problem(server.client.post('/admin/snapshot'), 403)
                server.stop()

    def test_a_port_that_says_something_else_is_told(self):
        listener = self.listen()
        server = self.start_with([listener], ['http'], {'PORT': 1})
        server.wait_for_line('PORT.*another port|another port.*PORT')
        self.assertEqual(server.port, listener.getsockname()[1])

    def test_the_other_one_is_opened_as_usual(self):
        listener = self.listen()
        server = self.start_with([listener], ['admin'])
        self.assertNotEqual(server.port, listener.getsockname()[1])
        self.assertEqual(server.client.get('/processes').status, 200)

    def test_sockets_for_another_process_are_not_taken(self):
        server = self.start({'LISTEN_FDS': 1, 'LISTEN_PID': os.getpid()})
        self.assertEqual(server.client.get('/healthz').status, 200)

    def test_what_cannot_be_listened_on_ends_the_start(self):
        unix = socket.socket(socket.AF_UNIX)
        unix.bind(os.path.join(self.directory(), 'socket'))
        unix.listen(1)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(('127.0.0.1', 0))
        idle = socket.socket()
        idle.bind(('127.0.0.1', 0))
        file = open(os.devnull, 'rb')
        for one in (unix, udp, idle, file):
            self.addCleanup(one.close)
            with self.subTest(one):
                with self.assertRaisesRegex(AssertionError, 'no listening TCP socket'):
                    self.start_with([one])
        three = [self.listen() for _ in range(3)]
        for sockets, names in ((three, None), (three[:2], ['http', 'http'])):
            with self.subTest(names):
                with self.assertRaisesRegex(AssertionError, 'one too many'):
                    self.start_with(sockets, names)

    def test_analyzers_see_nothing_of_it(self):
        analyzers = Analyzers(self.directory()).add('shows', SHOWS_ENVIRONMENT)
        listener = self.listen()
        passed, within, inherited = passing([listener])
        server = self.start(passed, arguments=analyzers.arguments(), within=within,
                            inherited=inherited)
        answer = server.client.post('/analyze', {'type': 'shows', 'input': 1}, {'Prefer': 'wait=20'})
        result = answer.json['result']
        self.assertEqual((result['listen'], result['notify']), ('', ''), answer)
        numbers = set(map(int, result['files'].split()))
        self.assertLessEqual(len(numbers - {0, 1, 2, 3}), 1, 'but for the listing itself')


class Units(Case):
    def units(self):
        """The units as they are shipped, with the program where it is now."""
        directory = self.directory()
        for name in os.listdir(UNITS):
            with open(os.path.join(UNITS, name), encoding='utf-8') as file:
                text = file.read()
            with open(os.path.join(directory, name), 'w', encoding='utf-8') as file:
                file.write(text.replace('ExecStart=proctrackd\n', f'ExecStart={proctrackd()}\n'))
        return directory

    def analyze(self, *arguments):
        if ANALYZE is None:
            self.skipTest('there is no systemd-analyze')
        return subprocess.run([ANALYZE, *arguments], capture_output=True, text=True, timeout=60,
                              check=False, env={**os.environ, 'SYSTEMD_LOG_LEVEL': 'warning'})

    def test_verify_is_silent(self):
        directory = self.units()
        names = [name for name in sorted(os.listdir(directory)) if not name.endswith('.env')]
        self.assertGreaterEqual(len(names), 3)
        ran = self.analyze('verify', *(os.path.join(directory, name) for name in names))
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, '', ''))

    def test_the_service_is_locked_in(self):
        unit = os.path.join(self.units(), 'proctrackd.service')
        ran = self.analyze('security', '--offline=true', '--no-pager', '--threshold=15', unit)
        found = re.search(r'Overall exposure level for \S+: ([0-9.]+)', ran.stdout)
        self.assertIsNotNone(found, ran)
        self.assertLessEqual(float(found.group(1)), 1.5, ran.stdout)
        self.assertEqual(ran.returncode, 0, ran)

    def allowed_calls(self):
        """System calls that the service's filter lets through."""
        with open(os.path.join(UNITS, 'proctrackd.service'), encoding='utf-8') as file:
            filters = re.findall(r'^SystemCallFilter=(~?)(.*)$', file.read(), re.MULTILINE)
        allowed = set()
        for without, names in filters:
            for name in names.split():
                allowed = allowed - self.calls(name) if without else allowed | self.calls(name)
        return allowed

    def calls(self, group):
        ran = self.analyze('syscall-filter', group)
        self.assertEqual(ran.returncode, 0, ran)
        words = [line.split()[0] for line in ran.stdout.splitlines()[1:] if line.startswith('    ')]
        named = {word for word in words if word[0] not in '@#'}
        return named.union(*(self.calls(word) for word in words if word[0] == '@'))

    def test_the_service_and_its_analyzers_need_no_call_that_is_filtered(self):
        allowed = self.allowed_calls()
        self.assertGreater(len(allowed), 200)
        trace = os.path.join(self.directory(), 'trace')
        analyzers = Analyzers(self.directory()).add('shows', SHOWS_ENVIRONMENT)
        # What looks for leaks cannot do so in a program that is traced.
        options = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'
        server = self.start_server({'ASAN_OPTIONS': options}, analyzers.arguments(),
                                   ['strace', '-f', '-qq', '-e', 'signal=none', '-o', trace])
        answer = server.client.post('/analyze', {'type': 'shows', 'input': 1}, {'Prefer': 'wait=20'})
        self.assertEqual(answer.json['status'], 'completed', answer)
        server.client.close()
        children = f'/proc/{server.process.pid}/task/{server.process.pid}/children'
        with open(children, encoding='ascii') as file:
            os.kill(int(file.read().split()[0]), signal.SIGTERM)
        self.assertEqual(server.wait(), 0, server.log())
        with open(trace, encoding='utf-8') as file:
            used = set(re.findall(r'^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)', file.read(), re.M))
        self.assertIn('execve', used)
        self.assertEqual(used - allowed, set())

    def test_the_settings_file_is_accepted_as_it_is_and_with_all_its_examples(self):
        with open(os.path.join(UNITS, 'proctrackd.env'), encoding='utf-8') as file:
            shipped = file.read()
        examples = re.sub(r'^#(?=[A-Z_]+=)', '', shipped, flags=re.MULTILINE)
        examples = examples.replace('/usr/local/bin/proctrack-text-stats', text_stats())
        self.assertGreater(len(re.findall(r'^[A-Z_]+=', examples, re.MULTILINE)), 5)
        for text in (shipped, examples):
            path = os.path.join(self.directory(), 'proctrackd.env')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(text)
            ran = run_once(['--check-config', '--config-file', path])
            self.assertEqual((ran.returncode, ran.stderr), (0, ''), ran)

    def test_the_units_in_readme_are_well_formed(self):
        """The drop-ins that it shows, over the unit that is shipped."""
        dropins = [body for body in readme.blocks(readme.sections()['Running under systemd'], 'ini')]
        self.assertEqual(len(dropins), 2)
        directory = self.units()
        os.mkdir(os.path.join(directory, 'proctrackd.service.d'))
        for number, body in enumerate(dropins):
            path = os.path.join(directory, 'proctrackd.service.d', f'{number}.conf')
            with open(path, 'w', encoding='utf-8') as file:
                file.write(body)
        ran = self.analyze('verify', os.path.join(directory, 'proctrackd.service'))
        self.assertEqual((ran.returncode, ran.stdout, ran.stderr), (0, '', ''))

    def test_what_the_build_installs(self):
        build = os.path.dirname(os.path.dirname(os.path.dirname(proctrackd())))
        root = self.directory()
        ran = subprocess.run(['meson', 'install', '--no-rebuild', '-C', build, '--destdir', root],
                             capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(ran.returncode, 0, ran)
        files = {os.path.join(at, name) for at, _, names in os.walk(root) for name in names}
        for name in ('bin/proctrackd', 'bin/proctrack-run', 'bin/proctrack-text-stats',
                     'lib/systemd/system/proctrackd.service',
                     'lib/systemd/system/proctrackd.socket',
                     'lib/systemd/system/proctrackd-admin.socket'):
            self.assertEqual(len([path for path in files if path.endswith('/' + name)]), 1, name)
