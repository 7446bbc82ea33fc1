"""Configuration: what does not parse is told once and precisely; nothing is silently ignored."""

import os
import socket

from harness import Case, Server, run_once

WRONG = {
    'PORT': ('abc', '-1', '65536', '80 ', '0x50', '8080.5'),
    'BASE_PATH': ('api', '/a b', '/api/', '/%zz'),
    'IO_THREADS': ('0', '-1', 'many', '100000'),
    'ENABLE_REDIS_PERSISTENCE': ('maybe', '2'),
    'REDIS_URL': ('http://x', 'redis://h:port', 'redis://h/db', 'unix://',
                  'redis://h:99999', 'redis://%zz@h', 'nonsense'),
    'REDIS_PORT': ('abc', '0', '65536'),
    'REDIS_DB': ('-1', 'x'),
    'REDIS_REQUIRED': ('perhaps',),
    'REDIS_CONNECT_TIMEOUT_MS': ('0', '-5', 'x', '99999999999999999999'),
    'REDIS_COMMAND_TIMEOUT_MS': ('0', 'x'),
    'REDIS_WAIT_REPLICAS': ('-1', 'x'),
    'REDIS_PASSWORD_FILE': ('/nonexistent/password',),
    'LOG_LEVEL': ('loud', 'INFO '),
    'LOG_FORMAT': ('xml', 'json '),
    'LOG_ACCESS': ('true', 'some'),
    'LOG_RATE': ('-1', 'x', '1000001'),
    'MAX_BODY_BYTES': ('0', '-1', '1MB'),
    'MAX_CONNECTIONS': ('0', 'x'),
    'HEADER_TIMEOUT_SECONDS': ('0', 'x'),
    'BODY_TIMEOUT_SECONDS': ('0', 'x'),
    'IDLE_TIMEOUT_SECONDS': ('x', '-1'),
    'CORS_ALLOW_ORIGINS': ('example.com', 'https://a.example/path', '*, https://a.example'),
    'CONFIG_FILE': ('/nonexistent/proctrackd.conf',),
    'ANALYZERS_FILE': ('/nonexistent/analyzers.json',),
    'ANALYZER': ('no definition',),
    'ACCEPT_TYPES': ('some',),
    'DEFAULT_TYPE': ('a b', 'x' * 65),
    'DEFAULT_MAX_ATTEMPTS': ('0', 'x'),
    'DEFAULT_TIMEOUT_SECONDS': ('-1', 'x'),
    'RETENTION_COMPLETED_SECONDS': ('-1', 'x', '1e3'),
    'RETENTION_FAILED_SECONDS': ('-1',),
    'RETENTION_CANCELED_SECONDS': ('-1',),
    'TOMBSTONE_SECONDS': ('-1', 'x'),
    'IDEMPOTENCY_SECONDS': ('-1', 'x'),
    'CANCEL_GRACE_SECONDS': ('-1', 'x'),
    'RETRY_BASE_MS': ('-1', 'x'),
    'RETRY_CAP_MS': ('-1', 'x'),
    'MAX_STALLS': ('-1', 'x'),
    'ANALYZER_LEASE_SECONDS': ('0', 'x'),
    'ANALYZER_POLL_MS': ('0', 'x'),
    'SHUTDOWN_TIMEOUT_SECONDS': ('-1', 'x'),
}


def option(name):
    return '--' + name.lower().replace('_', '-')


class Wrong(Case):
    def assert_told(self, result, name, value):
        self.assertEqual(result.returncode, 2, result)
        self.assertTrue(name in result.stderr or option(name) in result.stderr, result.stderr)
        if value and 'URL' not in name:
            self.assertIn(value, result.stderr)
        self.assertNotIn('listening', result.stderr + result.stdout)

    def test_every_variable(self):
        for name, values in WRONG.items():
            for value in values:
                with self.subTest(f'{name}={value}'):
                    self.assert_told(run_once(settings={'PORT': '0', name: value}), name, value)

    def test_every_option(self):
        for name, values in WRONG.items():
            with self.subTest(name):
                if values[0] not in ('maybe', 'perhaps'):  # those can stand without a value
                    result = run_once([option(name), values[0]], {'PORT': '0'})
                    self.assert_told(result, name, values[0])
                result = run_once([f'{option(name)}={values[0]}'], {'PORT': '0'})
                self.assert_told(result, name, values[0])

    def test_it_says_what_is_allowed(self):
        for name, value, allowed in (('PORT', 'abc', r'65535'),
                                     ('LOG_LEVEL', 'loud', r'debug.*info'),
                                     ('ACCEPT_TYPES', 'some', r'known'),
                                     ('REDIS_URL', 'http://x', r'redis://'),
                                     ('REDIS_REQUIRED', 'perhaps', r'true.*false')):
            with self.subTest(name):
                result = run_once(settings={'PORT': '0', name: value})
                self.assertEqual(result.returncode, 2)
                self.assertRegex(result.stderr, allowed)

    def test_an_empty_option(self):
        for name in ('HOST', 'PORT', 'LOG_LEVEL', 'ENABLE_REDIS_PERSISTENCE', 'REDIS_PORT'):
            with self.subTest(name):
                self.assert_told(run_once([f'{option(name)}=']), name, '')

    def test_unknown_options(self):
        for arguments in (['--nonsense'], ['--port'], ['stray'], ['-x'], ['--port=1', 'stray']):
            with self.subTest(arguments):
                result = run_once(arguments)
                self.assertEqual(result.returncode, 2, result)
                self.assertTrue(result.stderr)

    def test_a_secret_that_is_wrong_is_not_printed(self):
        result = run_once(settings={'PORT': '0', 'REDIS_URL': 'redis://:hush@host:badport/0'})
        self.assertEqual(result.returncode, 2, result)
        self.assertNotIn('hush', result.stderr + result.stdout)

    def test_password_twice(self):
        result = run_once(settings={'PORT': '0', 'REDIS_PASSWORD': 'a1b2',
                                    'REDIS_PASSWORD_FILE': '/etc/hostname'})
        self.assertEqual(result.returncode, 2, result)
        self.assertNotIn('a1b2', result.stderr)

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(('127.0.0.1', 0))
            taken.listen()
            port = taken.getsockname()[1]
            result = run_once(settings={'PORT': str(port)})
        self.assertNotIn(result.returncode, (0, 2), result)
        self.assertIn(str(port), result.stderr)


class Right(Case):
    def test_help_lists_every_setting(self):
        result = run_once(['--help'])
        self.assertEqual(result.returncode, 0, result)
        for name in WRONG:
            self.assertIn(option(name), result.stdout)
        self.assertIn('8080', result.stdout)

    def test_version(self):
        result = run_once(['--version'])
        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(result.stdout, r'proctrackd \d+\.\d+\.\d+')
        self.assertRegex(result.stdout, r'(?i)tls')

    def test_check_config(self):
        result = run_once(['--check-config'], {'PORT': '0'})
        self.assertEqual(result.returncode, 0, result)
        result = run_once(['--check-config'], {'PORT': 'abc', 'LOG_LEVEL': 'loud'})
        self.assertEqual(result.returncode, 2, result)
        self.assertIn('PORT', result.stderr)
        self.assertIn('LOG_LEVEL', result.stderr)

    def test_print_config_is_redacted(self):
        result = run_once(['--print-config', '--port', '1234'],
                          {'REDIS_PASSWORD': 'hush-hush', 'LOG_LEVEL': 'warn', 'PORT': '99',
                           'REDIS_URL': 'redis://me:shush@host:1/0'})
        self.assertEqual(result.returncode, 0, result)
        self.assertRegex(result.stdout, r'(?m)^PORT[ =]+"?1234\b')
        self.assertRegex(result.stdout, r'(?m)^LOG_LEVEL[ =]+"?warn\b')
        for name in WRONG:
            self.assertIn(name, result.stdout)
        self.assertNotIn('hush', result.stdout + result.stderr)

    def test_secret_files_are_not_printed(self):
        path = os.path.join(self.directory(), 'secret')
        with open(path, 'w', encoding='ascii') as file:
            file.write('hush-hush\n')
        result = run_once(['--print-config'], {'REDIS_PASSWORD_FILE': path})
        self.assertEqual(result.returncode, 0, result)
        self.assertNotIn('hush', result.stdout + result.stderr)

    def test_options_win_over_the_environment(self):
        server = Server({'DEFAULT_TYPE': 'environment'}, ['--default-type', 'option'])
        with server:
            self.assertEqual(self.submit(server.client, {'input': 1})['type'], 'option')

    def test_an_empty_variable_counts_as_not_set(self):
        server = self.start_server({'LOG_LEVEL': '', 'DEFAULT_TYPE': '', 'REDIS_URL': ''})
        self.assertEqual(server.client.get('/stats').json['repository'], 'memory')

    def test_log_level(self):
        quiet = self.start_server({'LOG_LEVEL': 'info'})
        self.assertNotRegex(quiet.log(), r'(?i)level=debug|\bdebug\b')
