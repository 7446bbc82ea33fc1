"""/healthz, /readyz and --healthcheck: loops that stand still, pauses, outages, and what is said."""

import os
import socket
import subprocess
import threading

import readme

from harness import Case, eventually, run_once
from server_process import environment, proctrackd
from service_manager import pause, threads_frozen


class Loops(Case):
    def start(self, **settings):
        self.redis = self.start_redis()
        server = self.start_server({'REDIS_URL': self.redis.url, 'IO_THREADS': 3, 'ADMIN_PORT': 0,
                                    'HEALTH_TIMEOUT_SECONDS': 1, **settings})
        admin = server.admin_client()
        self.addCleanup(admin.close)
        return server, admin

    def test_loops_that_stand_still_are_told_and_forgiven(self):
        server, admin = self.start()
        self.assertEqual(admin.get('/healthz').json['status'], 'ok')
        with threads_frozen(server.process.pid) as frozen:
            if not frozen:
                self.skipTest('no thread may be stopped here')
            eventually(lambda: admin.get('/healthz').status == 503)
            problem = self.assert_problem(admin.get('/healthz'), 503, type='/problems/loop-silent')
            self.assertEqual({one['loop'] for one in problem['loops']}, {1, 2})
            self.assertGreaterEqual(min(one['silent_ms'] for one in problem['loops']), 1000)
            self.assert_problem(admin.get('/readyz'), 503, reasons=['loop_silent'])
            server.wait_for_line('an I/O loop does not turn')
        eventually(lambda: admin.get('/healthz').status == 200)
        self.assertEqual(admin.get('/readyz').json['reasons'], [])
        server.wait_for_line('all I/O loops turn again')

    def test_a_pause_of_all_is_not_held_against_them(self):
        server, admin = self.start()
        self.assertEqual(admin.get('/healthz').status, 200)
        connections = [server.connect() for _ in range(12)]  # on all loops
        pause(server, 2.5)
        for connection in connections:
            connection.send(b'GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n')
            self.assertEqual(connection.read_answer().status, 200)
            connection.close()
        self.assertEqual(admin.get('/healthz').status, 200)
        self.assertNotIn('does not turn', server.log())

    def test_redis_is_no_matter_of_life(self):
        server, admin = self.start()
        server.client.close()
        self.assertEqual(admin.get('/readyz').json['status'], 'ready')
        self.redis.kill()
        answer = admin.get('/readyz')
        self.assertEqual((answer.status, answer.json['status']), (200, 'unsteady'), answer)
        self.assertIn(answer.json['reasons'], (['repository_unavailable'], ['repository_timeout']))
        eventually(lambda: admin.get('/readyz').status == 503, 30)
        problem = self.assert_problem(admin.get('/readyz'), 503, type='/problems/storage-unavailable')
        self.assertIn(problem['reasons'], (['repository_unavailable'], ['repository_timeout']))
        self.assertEqual(admin.get('/healthz').status, 200)
        self.redis.start()
        eventually(lambda: admin.get('/readyz').status == 200, 30)

    def test_a_fallback_is_told(self):
        server = self.start_server({'REDIS_URL': 'redis://127.0.0.1:1', 'ADMIN_PORT': 0})
        answer = server.client.get('/readyz')
        self.assertEqual((answer.status, answer.json['reasons']), (200, ['fallback']), answer)


class Healthcheck(Case):
    def check(self, server_or_port, *arguments, **settings):
        port = getattr(server_or_port, 'port', server_or_port)
        return run_once(['--healthcheck', *arguments] if not arguments else arguments,
                        {'PORT': port, **settings})

    def assert_unhealthy(self, ran, text):
        self.assertEqual(ran.returncode, 1, ran)
        self.assertRegex(ran.stdout, r'^unhealthy: [^\n]*\n$')
        self.assertIn(text, ran.stdout)

    def answered_by(self, data):
        """What it makes of somebody who answers so; None: not at all."""
        with socket.create_server(('127.0.0.1', 0)) as listener:
            port = listener.getsockname()[1]
            if data is None:
                return self.check(port)

            def answer():
                with listener.accept()[0] as client:
                    client.recv(4096)
                    client.sendall(data)
            thread = threading.Thread(target=answer)
            thread.start()
            ran = self.check(port)
            thread.join()
            return ran

    def test_a_server_that_is_well(self):
        server = self.start_server({'HOST': '0.0.0.0', 'ADMIN_PORT': 0})
        admin = server.admin_client()
        self.addCleanup(admin.close)
        for settings in ({}, {'HOST': '0.0.0.0'}, {'HOST': 'localhost'},
                         {'PORT': 1, 'ADMIN_PORT': admin.connection.port}):
            for arguments in (['--healthcheck'], ['--healthcheck=ready']):
                with self.subTest(settings=settings, arguments=arguments):
                    ran = self.check(server, *arguments, **settings)
                    self.assertEqual(ran.returncode, 0, ran)
                    self.assertRegex(ran.stdout, r'^healthy: http://\S+z answered 200\n$')
                    self.assertEqual(ran.stderr, '')

    def test_the_chapter_on_health_is_what_happens(self):
        steps = readme.steps(readme.sections()['Health'])
        self.assertEqual(len(steps), 3)
        server = self.start_server()
        path = f'{os.path.dirname(proctrackd())}:{os.environ["PATH"]}'
        for step in steps:
            here = [text.replace('8080', str(server.port)) for text in (step.command, *step.output)]
            ran = subprocess.run(['sh', '-c', here[0]], capture_output=True, text=True, timeout=60,
                                 env=environment({'PORT': server.port, 'PATH': path}), check=False)
            self.assertEqual((ran.stdout.splitlines(), ran.stderr), (here[1:], ''), step.command)

    def test_options_count_as_for_the_service(self):
        server = self.start_server()
        ran = self.check(1, '--healthcheck', f'--port={server.port}')
        self.assertEqual(ran.returncode, 0, ran)

    def test_nobody_there(self):
        with socket.socket() as unused:
            unused.bind(('127.0.0.1', 0))
            self.assert_unhealthy(self.check(unused.getsockname()[1]), 'refused')

    def test_a_server_that_is_not_ready(self):
        redis = self.start_redis()
        server = self.start_server({'REDIS_URL': redis.url})
        redis.kill()
        eventually(lambda: server.client.get('/readyz').status == 503, 30)
        self.assert_unhealthy(self.check(server, '--healthcheck=ready'), '"repository_')
        self.assertEqual(self.check(server).returncode, 0)

    def test_somebody_else_there(self):
        self.assert_unhealthy(self.answered_by(b'220 mail ESMTP\r\n'), 'did not answer in HTTP')
        self.assert_unhealthy(self.answered_by(b''), 'without an answer')
        self.assert_unhealthy(self.answered_by(b'HTTP/1.1 404 No\r\n\r\n\x1b[1m\n' + b'x' * 100000),
                              'answered 404 ?[1m?xxx')

    def test_somebody_who_says_nothing(self):
        self.assert_unhealthy(self.answered_by(None), 'no answer within 5 seconds')

    def test_what_cannot_be_asked_is_a_fault_of_the_configuration(self):
        for arguments, settings, text in (
                (['--healthcheck'], {'PORT': 0}, 'PORT=0'),
                (['--healthcheck'], {'PORT': 1, 'ADMIN_PORT': 0}, 'ADMIN_PORT=0'),
                (['--healthcheck'], {'PORT': 'x'}, 'PORT=x'),
                (['--healthcheck=soon'], {'PORT': 1}, '--healthcheck=ready')):
            with self.subTest(settings):
                ran = run_once(arguments, settings)
                self.assertEqual(ran.returncode, 2, ran)
                self.assertIn(text, ran.stderr)
                self.assertEqual(ran.stdout, '')
