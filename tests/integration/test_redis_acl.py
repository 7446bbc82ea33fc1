"""The user of deploy/redis/users.acl may do exactly what the service does: nothing less (the other
tests run as this user) and nothing more."""

import os
import re
import subprocess

import readme
from harness import Case
from redis_process import ACL, LOGIN, PASSWORD, USER, RedisConnection, RedisError, user_rules

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, '..', '..', 'src')

# What the service asks for that it is not granted: whether Redis makes snapshots, which it only
# wants to know for a warning. The rest is what sentinels are asked.
NOT_GRANTED = {'config|get', 'sentinel'}
# Everybody may, also before the login.
ALWAYS = {'auth', 'hello', 'quit', 'reset'}
CONTAINERS = {'CLIENT', 'SCRIPT', 'CONFIG'}


def granted():
    return {rule[1:] for rule in user_rules() if rule[0] == '+'}


def text_of_sources():
    for floor in ('storage', 'repository', os.path.join('repository', 'lua')):
        directory = os.path.join(SOURCES, floor)
        for name in os.listdir(directory):
            if name.endswith(('.c', '.lua')):
                with open(os.path.join(directory, name), encoding='utf-8') as file:
                    yield file.read()


def sent():
    """Every command that the sources name."""
    found = set()
    for text in text_of_sources():
        c = re.findall(r'redis_command\(\w+, "([A-Z]+)"\);(?:\s*redis_arg_str\(\w+, "([A-Z]+)"\))?',
                       text)
        c += re.findall(r'(?:argv\[\] = |\{\d, )\{"([A-Z]+)"(?:, "([A-Z]+)")?', text)
        c += [(name, '') for name in re.findall(
            r'add_removal\(\w+, \w+, "([A-Z]+)"|\? "([A-Z]+)" : "([A-Z]+)"\);|'
            r"redis\.p?call\('([A-Z]+)'|is_usable\('([A-Z]+)'|= \{'([A-Z]+)', ", text)
            for name in name if name]
        found |= {f'{name}|{sub}'.lower() if name in CONTAINERS else name.lower()
                  for name, sub in c}
    return found


class Users(Case):
    def setUp(self):
        self.redis = self.start_redis()

    def refused(self, *words):
        """What the user is told, without doing it."""
        return self.redis.command('ACL', 'DRYRUN', USER, *words) != 'OK'

    def test_the_list_is_what_is_sent(self):
        self.assertEqual(granted(), sent() - NOT_GRANTED - ALWAYS)

    def test_every_other_command_is_refused(self):
        listed = set(self.redis.texts('COMMAND', 'LIST'))
        listed -= {name.split('|')[0] for name in listed if '|' in name} | ALWAYS
        self.assertEqual({name for name in listed if not self.is_refused(*name.split('|'))},
                         granted())

    def is_refused(self, *words):
        """With arguments enough for any; a key of ours."""
        for count in range(12):
            try:
                answer = self.redis.command('ACL', 'DRYRUN', USER, *words,
                                            *['process_changes'] * count)
            except RedisError as error:
                if 'wrong number' in str(error).lower() or 'arity' in str(error).lower():
                    continue
                raise
            if answer == 'OK':
                return False
            text = answer if isinstance(answer, str) else answer.decode()
            if 'no permissions to run' in text:
                return True
        return False

    def test_other_keys_and_channels_are_refused(self):
        for words in (('GET', 'other'), ('SET', 'processes', '1'),
                      ('HSET', 'app:process:1', 'a', 1), ('SUBSCRIBE', 'other'),
                      ('PUBLISH', 'app:process_changes', 'x')):
            self.assertTrue(self.refused(*words), words)
        for words in (('GET', 'process_schema'), ('HSET', 'process:1', 'a', 1),
                      ('SUBSCRIBE', '__redis__:invalidate'), ('PUBLISH', 'process_changes', 'x')):
            self.assertFalse(self.refused(*words), words)

    def test_nothing_that_it_does_is_refused(self):
        """Neither where Redis tells of changes nor where instances publish them; redis-server keeps
        note of what it refuses."""
        self.redis.add_user('untold', 'secret', '-client|tracking')
        for url in (self.redis.url, f'unix://untold:secret@{self.redis.path}'):
            server = self.start_server({'REDIS_URL': url, 'AUDIT_INTERVAL_MS': 10,
                                        'REDIS_REQUIRED': 'true'})
            self.redis.command('ACL', 'LOG', 'RESET')
            self.go_through_a_life(server)
            refused = [dict(zip(entry[::2], entry[1::2]))[b'object']
                       for entry in self.redis.command('ACL', 'LOG')]
            self.assertEqual(refused, [])
            server.stop()

    def go_through_a_life(self, server):
        client = server.client
        ids = [self.submit(client, {'type': 'report', 'input': n, 'group': 'g', 'run_at': None}
                           )['process_id'] for n in range(4)]
        client.post('/analyze/batch', {'processes': [{'type': 'report', 'input': 1}] * 3},
                    {'Idempotency-Key': 'k'})
        claimed = client.post('/claim', {'types': ['report'], 'worker': 'w', 'max': 2}
                              ).json['processes']
        path, token = f'/processes/{claimed[0]["process_id"]}', {
            'lease_token': claimed[0]['lease_token']}
        waiting = f'/processes/{(set(ids) - {each["process_id"] for each in claimed}).pop()}'
        for report, more in (('heartbeat', {}), ('progress', {'percent': 1}),
                             ('complete', {'result': 1})):
            self.assertEqual(client.post(f'{path}/{report}', {**token, **more}).status, 200)
        for call in ('/processes?status=pending', '/groups/g', '/types', '/workers', '/stats',
                     f'/processes/{ids[0]}/events', f'/status/{ids[1]}', f'/status/{ids[1]}',
                     f'/status?ids={",".join(ids)}', '/readyz'):
            self.assertLess(client.get(call).status, 400, call)
        for call in (f'{waiting}/cancel', '/types/report/pause', '/types/report/resume',
                     f'{waiting}/retry', '/groups/g/cancel', '/admin/audit'):
            self.assertEqual(client.post(call).status, 200, call)
        self.assertEqual(client.delete('/cleanup?older_than_hours=0').status, 200)


class AsTheManualSays(Case):
    """With the commands of README.md."""

    def users_file(self, *more):
        """What its first block makes of users.acl, and `more` of that."""
        section = readme.sections()['What Redis holds']
        make, adapt = readme.blocks(section.split('### A user for proctrackd')[1], 'sh')[:2]
        make = make.split('redis-server')[0]
        directory = self.directory()
        os.makedirs(os.path.join(directory, 'deploy', 'redis'))
        with open(ACL, encoding='ascii') as file, \
                open(os.path.join(directory, 'deploy', 'redis', 'users.acl'), 'w',
                     encoding='ascii') as copy:
            copy.write(file.read())
        script = '\n'.join(['set -eu', make, *(adapt for _ in more)])
        subprocess.run(['sh', '-c', script], cwd=directory, check=True,
                       env={**os.environ, 'OPERATOR_PASSWORD': 'for people',
                            'PROCTRACK_PASSWORD': PASSWORD})
        return os.path.join(directory, 'users.acl')

    def start(self, path, **settings):
        """A redis-server with that file and nothing of the helper's."""
        redis = self.start_redis()
        redis.stop()
        log = open(os.path.join(redis.directory, 'log'), 'ab')
        self.addCleanup(log.close)
        redis.process = subprocess.Popen(
            [redis.binary, os.path.join(redis.directory, 'conf'), '--aclfile', path, '--port',
             str(redis.port), '--unixsocket', redis.path, '--dir', redis.directory],
            cwd=redis.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.assertTrue(redis.wait_until_ready(), redis.log())
        return redis, self.start_server({'REDIS_URL': f'unix://{LOGIN}{redis.path}',
                                         'REDIS_REQUIRED': 'true', **settings})

    def test_a_file_of_users(self):
        redis, server = self.start(self.users_file())
        process = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        nobody = RedisConnection(redis.path)
        self.addCleanup(nobody.close)
        with self.assertRaisesRegex(RedisError, 'NOAUTH'):
            nobody.command('GET', 'process_schema')
        nobody.command('AUTH', 'operator', 'for people')
        self.assertEqual(nobody.command('EXISTS', f'process:{process}'), 1)

    def test_a_prefix(self):
        redis, server = self.start(self.users_file('prefix'), REDIS_KEY_PREFIX='app:')
        process = self.submit(server.client, {'type': 'x', 'input': 1})['process_id']
        self.assertEqual(server.client.get('/version').json['watching'], 'tracking')
        operator = RedisConnection(redis.path)
        self.addCleanup(operator.close)
        operator.command('AUTH', 'operator', 'for people')
        self.assertEqual(operator.command('EXISTS', f'app:process:{process}'), 1)

    def test_a_forgotten_password_does_not_start(self):
        redis = self.start_redis()
        redis.stop()
        ended = subprocess.run([redis.binary, '--port', '0', '--unixsocket', redis.path, '--dir',
                                redis.directory, '--aclfile', os.path.abspath(ACL)],
                               capture_output=True, text=True, timeout=30, check=False)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn('hash must be exactly 64', ended.stdout + ended.stderr)
