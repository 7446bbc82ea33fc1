"""rediss://, where hiredis was built with TLS: all of the service over it, as the user of
users.acl."""

import os
import shutil
import subprocess

from harness import Case, eventually, run_once
from redis_process import LOGIN, free_port


class Tls(Case):
    def setUp(self):
        if 'TLS to Redis: yes' not in run_once(['--version']).stdout:
            self.skipTest('this build has no TLS')
        if shutil.which('openssl') is None:
            self.skipTest('no openssl here')
        self.work = self.directory()
        self.certificate, key = self.make_certificate('redis')
        self.port = free_port()
        self.redis = self.start_redis('--tls-port', str(self.port), '--tls-cert-file',
                                      self.certificate, '--tls-key-file', key, '--tls-ca-cert-file',
                                      self.certificate, '--tls-auth-clients', 'no')

    def make_certificate(self, name):
        certificate, key = (os.path.join(self.work, f'{name}.{kind}') for kind in ('pem', 'key'))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key,
                        '-out', certificate, '-days', '2', '-subj', '/CN=localhost', '-addext',
                        'subjectAltName=DNS:localhost,IP:127.0.0.1'], check=True,
                       capture_output=True)
        return certificate, key

    def settings(self, certificate, host='localhost'):
        return {'REDIS_URL': f'rediss://{LOGIN}{host}:{self.port}/0', 'REDIS_REQUIRED': 'true',
                'REDIS_TLS_CA_FILE': certificate}

    def test_the_service_over_tls(self):
        server = self.start_server(self.settings(self.certificate))
        client = server.client
        eventually(lambda: client.get('/version').json['watching'] == 'tracking', what='it listens')
        process = self.submit(client, {'type': 'work', 'input': 'x' * 100000})['process_id']
        (claimed,) = client.post('/claim', {'types': ['work'], 'worker': 'w'}).json['processes']
        self.assertEqual(claimed['input'], 'x' * 100000)
        answer = client.post(f'/processes/{process}/complete',
                             {'lease_token': claimed['lease_token'], 'result': 1})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.status(client, process)['status'], 'completed')
        clients = self.redis.command('CLIENT', 'LIST').decode()
        self.assertIn(' user=proctrack ', clients)

    def test_a_certificate_of_somebody_else_is_refused(self):
        other, _ = self.make_certificate('other')
        ended = run_once(settings={**self.settings(other), 'PORT': '0'})
        self.assertEqual(ended.returncode, 69, ended)

    def test_no_tls_there_is_refused(self):
        plain = {**self.settings(self.certificate), 'PORT': '0',
                 'REDIS_URL': f'rediss://{LOGIN}127.0.0.1:{self.redis.port}/0'}
        self.assertEqual(run_once(settings=plain).returncode, 69)
