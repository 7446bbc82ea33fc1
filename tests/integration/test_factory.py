"""Which repository is used, and what is said about it."""

import os
import socket

from harness import Case, run_once

NOBODY = 'unix:///nonexistent/redis.sock'


class Factory(Case):
    def stats(self, server):
        answer = server.client.get('/stats')
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def test_memory_is_the_default(self):
        server = self.start_server()
        self.assertEqual(self.stats(server)['repository'], 'memory')
        self.assertNotIn('falling back', server.log().lower())

    def test_persistence_switched_off_wins_over_host_and_port(self):
        redis = self.start_redis()
        server = self.start_server({'ENABLE_REDIS_PERSISTENCE': 'false', 'REDIS_HOST': '127.0.0.1',
                                    'REDIS_PORT': redis.port})
        self.assertEqual(self.stats(server)['repository'], 'memory')

    def test_redis_down_falls_back_and_says_so_everywhere(self):
        server = self.start_server({'REDIS_URL': NOBODY, 'REDIS_CONNECT_TIMEOUT_MS': 300})
        self.assertEqual(self.stats(server)['repository'], 'memory')
        self.assertRegex(server.log(), r'(?im)^.*warn.*(redis|memory)')
        self.assertIn('/nonexistent/redis.sock', server.log())
        for path in ('/healthz', '/readyz', '/stats'):
            with self.subTest(path):
                answer = server.client.get(path)
                self.assertEqual(answer.status, 200, answer)
                self.assertRegex(answer.body.decode(), r'(?i)redis', 'why memory is in force')
        process_id = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        self.assertEqual(self.status(server.client, process_id)['status'], 'pending')

    def test_redis_required_but_down(self):
        result = run_once(settings={'REDIS_URL': NOBODY, 'REDIS_REQUIRED': 'true', 'PORT': '0'})
        self.assertEqual(result.returncode, 69, result)
        self.assertIn('/nonexistent/redis.sock', result.stderr)

    def test_redis_required_but_it_does_not_answer(self):
        with socket.socket() as silent:
            silent.bind(('127.0.0.1', 0))
            silent.listen()
            result = run_once(settings={
                'REDIS_URL': f'redis://127.0.0.1:{silent.getsockname()[1]}',
                'REDIS_REQUIRED': 'true', 'REDIS_CONNECT_TIMEOUT_MS': '300', 'PORT': '0'},
                timeout=10)
        self.assertEqual(result.returncode, 69, result)

    def test_all_the_ways_to_name_a_redis(self):
        redis = self.start_redis()
        secret = self.start_redis(password='p@ss/w%rd')
        directory = self.directory()
        password_file = os.path.join(directory, 'password')
        with open(password_file, 'w', encoding='utf-8') as file:
            file.write('p@ss/w%rd\n')
        secret.command('ACL', 'SETUSER', 'analysis', 'on', '>s3cret', '~*', '&*', '+@all')
        ways = {
            'unix': {'REDIS_URL': redis.url},
            'unix with database': {'REDIS_URL': f'{redis.url}?db=3'},
            'tcp': {'REDIS_URL': redis.tcp_url},
            'name': {'REDIS_URL': f'redis://localhost:{redis.port}'},
            'host and port': {'ENABLE_REDIS_PERSISTENCE': 'true', 'REDIS_HOST': '127.0.0.1',
                              'REDIS_PORT': redis.port, 'REDIS_DB': 5},
            'password in the URL': {
                'REDIS_URL': f'redis://:p%40ss%2Fw%25rd@127.0.0.1:{secret.port}/2'},
            'user in the URL': {'REDIS_URL': f'redis://analysis:s3cret@127.0.0.1:{secret.port}'},
            'password': {'REDIS_URL': f'redis://127.0.0.1:{secret.port}',
                         'REDIS_PASSWORD': 'p@ss/w%rd'},
            'password file': {'REDIS_URL': f'unix://{secret.path}',
                              'REDIS_PASSWORD_FILE': password_file},
            'user and password': {'REDIS_URL': secret.url, 'REDIS_USERNAME': 'analysis',
                                  'REDIS_PASSWORD': 's3cret'},
        }
        for name, settings in ways.items():
            with self.subTest(name):
                server = self.start_server({**settings, 'REDIS_REQUIRED': 'true'})
                self.assertEqual(self.stats(server)['repository'], 'redis')
                self.submit(server.client, {'type': 'x', 'input': 1})
                server.stop()
                for word in ('p@ss', 'p%40ss', 's3cret'):
                    self.assertNotIn(word, server.log())
        for database, where in ((3, redis), (5, redis), (2, secret)):
            where.command('SELECT', database)
            self.assertEqual(where.command('SCARD', 'process_ids'), 1)

    def test_wrong_credentials_and_database(self):
        redis = self.start_redis(password='right')
        for settings in ({'REDIS_PASSWORD': 'wr0ng'}, {},
                         {'REDIS_USERNAME': 'who', 'REDIS_PASSWORD': 'right'},
                         {'REDIS_PASSWORD': 'right', 'REDIS_DB': '999'}):
            with self.subTest(settings):
                result = run_once(settings={'REDIS_URL': f'unix://{redis.path}',
                                            'REDIS_REQUIRED': 'true',
                                            'PORT': '0', **settings})
                self.assertEqual(result.returncode, 69, result)
                self.assertNotIn('wr0ng', result.stderr + result.stdout)

    def test_warns_about_an_evicting_redis(self):
        redis = self.start_redis('--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru')
        server = self.start_server({'REDIS_URL': redis.url})
        self.assertRegex(server.log(), r'(?i)warn.*allkeys-lru')

    def test_warns_about_a_redis_that_persists_nothing(self):
        redis = self.start_redis()
        server = self.start_server({'REDIS_URL': f'unix://{redis.path}'}) # who may CONFIG GET
        self.assertRegex(server.log(), r'(?i)warn.*(persist|append|snapshot)')

    def test_no_warning_without_need(self):
        redis = self.start_redis('--appendonly', 'yes', '--maxmemory-policy', 'noeviction')
        server = self.start_server({'REDIS_URL': redis.url})
        self.assertNotRegex(server.log(), r'(?i)\bwarn')

    def test_tls_is_refused_or_tried(self):
        result = run_once(settings={'REDIS_URL': 'rediss://127.0.0.1:1/0', 'REDIS_REQUIRED': 'true',
                                    'REDIS_CONNECT_TIMEOUT_MS': '300', 'PORT': '0'})
        self.assertIn(result.returncode, (2, 69), result)
        self.assertRegex(result.stderr, r'(?i)tls|connect|refused')
