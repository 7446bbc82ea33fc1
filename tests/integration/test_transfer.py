"""proctrackd export and import: all that is kept goes from one repository into another and back."""

import json
import os
import re
import zlib

from transferring import FilledCase


VARIES = re.compile(rb'{"crc":"[0-9a-f]{8}"|,"until":"[^"]*"')


def items_of(export):
    """The lines but the first, which says when it was made; in any order. Redis counts down when a
    key ends, so that this may come out some milliseconds off."""
    return sorted(VARIES.sub(b'', line) for line in export.splitlines()[1:])


def sealed(members):
    """A line as the program writes it: members begin with a comma and end with the brace."""
    return b'{"crc":"%08x"%s\n' % (zlib.crc32(members), members)


class Transfer(FilledCase):
    def setUp(self):
        self.work = self.directory()
        self.data = {'DATA_DIR': os.path.join(self.work, 'data')}
        self.file = os.path.join(self.work, 'export.jsonl')

    def filled(self, settings):
        """What a server holds that was filled and stopped."""
        server = self.start_server(settings)
        self.use(server)
        before = self.fill()
        server.stop()
        return before

    def export(self, settings, *arguments):
        result = self.proctrackd('export', *arguments, settings=settings)
        self.assertEqual(result.returncode, 0, result)
        return result.stdout

    def take_in(self, settings, export, new=None):
        result = self.proctrackd('import', settings=settings, stdin=export)
        self.assertEqual(result.returncode, 0, result)
        stored = int(re.search(rb'imported new=(\d+)', result.stderr).group(1))
        if new is not None:
            self.assertEqual(stored, new, result)
        return stored

    def test_from_memory_to_redis_and_back(self):
        redis = {'REDIS_URL': self.start_redis().url}
        other = {'DATA_DIR': os.path.join(self.work, 'other')}
        before = self.filled(self.data)
        export = self.export(self.data)
        count = len(items_of(export)) - 1
        self.take_in(redis, export, new=count)
        self.take_in(redis, export, new=0)
        from_redis = self.export(redis)
        self.assertEqual(items_of(from_redis), items_of(export))
        self.take_in(other, from_redis, new=count)
        self.take_in(other, from_redis, new=0)
        self.assertEqual(items_of(self.export(other)), items_of(export))
        for settings in (redis, other):
            self.use(self.start_server(settings))
            self.check_all_is_there(before)

    def test_while_a_server_uses_the_redis(self):
        redis = {'REDIS_URL': self.start_redis().url}
        server = self.start_server(redis)
        self.use(server)
        before = self.fill()
        export = self.export(redis, '--file', self.file)
        self.assertEqual(export, b'')
        with open(self.file, 'rb') as file:
            export = file.read()
        self.assertEqual(self.files(self.work), ['export.jsonl'])
        self.take_in(redis, export, new=0)
        self.take_in(self.data, export)
        self.use(self.start_server(self.data))
        self.check_all_is_there(before)

    def test_the_newer_one_stays(self):
        redis = {'REDIS_URL': self.start_redis().url}
        self.use(self.start_server(redis))
        self.fill()
        old = self.export(redis)
        running = self.kept['running']
        self.say(running, 'progress', percent=80)
        self.client.delete(f'/processes/{self.kept["done"]}')
        now = self.all_there_is()
        self.take_in(redis, old, new=0)
        self.assertEqual(self.all_there_is(), now, 'nothing older, and nothing removed comes back')
        new = self.export(redis)
        self.take_in(self.data, old)
        self.take_in(self.data, new, new=1)
        self.use(self.start_server(self.data))
        self.assertEqual(self.whole(running['process_id']), now[running['process_id']])

    def test_more_than_a_page_of_each(self):
        prefix, server = 'a*[b]?\\:', self.start_redis()
        server.allow_prefixes(prefix)
        redis = {'REDIS_URL': server.url, 'REDIS_KEY_PREFIX': prefix}
        self.use(self.start_server(redis))
        for n in range(3):
            answer = self.client.post('/analyze/batch', {'processes': [
                {'type': f't{n}', 'input': 'x' * 2000}] * 400}, {'Idempotency-Key': f'b{n}'})
            self.assertEqual(answer.status, 202, answer)
        for n in range(450):
            self.submit(self.client, {'type': 'single', 'input': n}, {'Idempotency-Key': f's{n}'})
        for kind in range(260):
            self.assertEqual(self.client.post(f'/types/p{kind}/pause').status, 200)
        for process in self.claim('single', max=64):
            self.say(process, 'complete', result=1)
        self.client.delete('/cleanup?older_than_hours=0&dry_run=false')
        export = self.export(redis)
        last = json.loads(export.splitlines()[-1])
        self.assertEqual((last['processes'], last['removed'], last['keys'], last['paused']),
                         (1200 + 450 - 64, 64, 453, 260))
        self.take_in(self.data, export, new=1200 + 450 + 453 + 260)
        self.assertEqual(items_of(self.export(self.data)), items_of(export))

    # --- what is refused ---

    def test_a_damaged_file_is_refused_as_a_whole(self):
        self.filled(self.data)
        export = self.export(self.data)
        lines = export.splitlines(keepends=True)
        other = {'DATA_DIR': os.path.join(self.work, 'other')}
        self.take_in(other, lines[0] + sealed(b',"processes":0,"removed":0,"keys":0,"paused":0}'))
        empty = self.export(other)
        end = len(lines)
        bad = {
            'a flipped bit': (b''.join(lines[:2]) + lines[2].replace(b'e', b'd', 1) +
                              b''.join(lines[3:]), 3),
            'a line missing': (b''.join(lines[:3] + lines[4:]), end - 1),
            'a line twice': (b''.join(lines[:3] + lines[2:]), end + 1),
            'cut at a line': (b''.join(lines[:-1]), end),
            'cut within the end': (export[:-1], end),
            'cut within a line': (export[:len(b''.join(lines[:3])) + 10], 4),
            'more behind it': (export + lines[2], end + 1),
            'no header': (b''.join(lines[1:]), 1),
            'nothing': (b'', 1),
            'something else': (b'{"hello": "world"}\n', 1),
            'another version': (sealed(b',"format":"proctrackd export","version":2,"a":1}') +
                                b''.join(lines[1:]), 1),
            'an unknown member': (lines[0] + sealed(b',"removed":{"process_id":"00000000-0000-4000-'
                                                    b'8000-000000000000","until":"2099-01-01T00:00:'
                                                    b'00.000Z","why":1}}'), 2),
            'a process that is none': (lines[0] + sealed(b',"process":{"type":"a"},"events":[]}'),
                                       2),
        }
        for name, (content, line) in bad.items():
            with self.subTest(name):
                with open(self.file, 'wb') as file:
                    file.write(content)
                result = self.proctrackd('import', '--file', self.file, settings=other)
                self.assertEqual(result.returncode, 65, result)
                self.assertIn(b'line=%d ' % line, result.stderr)
                self.assertIn(b'nothing was stored', result.stderr)
        self.assertEqual(items_of(self.export(other)), items_of(empty))

    def test_what_comes_through_a_pipe_is_kept_up_to_the_damage(self):
        self.filled(self.data)
        lines = self.export(self.data).splitlines(keepends=True)
        other = {'DATA_DIR': os.path.join(self.work, 'other')}
        broken = b''.join(lines[:4]) + b'{}\n' + b''.join(lines[4:])
        result = self.proctrackd('import', settings=other, stdin=broken)
        self.assertEqual(result.returncode, 65, result)
        self.assertIn(b'line=5 ', result.stderr)
        self.assertEqual(self.export(other).splitlines(keepends=True)[1:-1], lines[1:4])
        self.take_in(other, b''.join(lines), new=len(lines) - 2 - 3)

    def test_a_damaged_record_is_left_out_and_told(self):
        redis = self.start_redis()
        settings = {'REDIS_URL': redis.url}
        self.use(self.start_server(settings))
        self.fill()
        redis.command('HSET', f'process:{self.kept["key"]}', 'input', 'no {json')
        redis.command('HDEL', f'process:{self.kept["done"]}', 'created_at')
        redis.command('SET', 'process_idempotency:own', 'words')
        result = self.proctrackd('export', settings=settings)
        self.assertEqual(result.returncode, 65, result)
        self.assertIn(b'damaged=3', result.stderr)
        self.assertIn(self.kept['key'].encode(), result.stderr)
        self.take_in(self.data, result.stdout)
        self.assertNotIn(b'"process":{"process_id":"%s"' % self.kept['key'].encode(),
                         result.stdout)

    def test_a_directory_in_use_and_one_without_anything(self):
        result = self.proctrackd('export', '--file', self.file, settings=self.data)
        self.assertEqual(result.returncode, 74, result)
        self.assertEqual(self.files(self.work), [])
        server = self.start_server(self.data)
        for way in ('export', 'import'):
            result = self.proctrackd(way, settings=self.data)
            self.assertEqual(result.returncode, 73, result)
            self.assertIn(b'%d' % server.process.pid, result.stderr)
            self.assertIn(b'/admin/snapshot', result.stderr)

    def test_what_cannot_be_done_is_said(self):
        nowhere = {'REDIS_URL': 'unix:///nonexistent/redis.sock'}
        self.assertEqual(self.proctrackd('export', settings=nowhere).returncode, 69)
        self.assertEqual(self.proctrackd('import', settings={'DATA_DIR': ''}).returncode, 2)
        self.assertEqual(self.proctrackd('export', '--file', settings=self.data).returncode, 2)
        self.assertEqual(self.proctrackd('export', '--prot=1', settings=self.data).returncode, 2)
        self.assertEqual(self.proctrackd('import', '--file=/nonexistent/x',
                                         settings=self.data).returncode, 74)
