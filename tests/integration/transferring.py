"""A server filled with one of everything, and how to see that all of it is somewhere else too."""

import json
import os
import subprocess

from harness import unpaced
from server_process import environment, proctrackd
from working import WorkCase

KEYS = {'Idempotency-Key': 'once'}
TRACED = {'traceparent': '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'}
BATCH_KEYS = {'Idempotency-Key': 'many'}
ONE = {'type': 'keyed', 'input': {'n': 1}}
MANY = {'processes': [{'type': 'keyed', 'input': n} for n in range(3)]}
# Byte for byte: line breaks, odd numbers, what looks like members of ours.
ODD = b'{"type": "odd", "input": {"a":\r\n  0.10, "b": "\\u00e4\\n\xc3\xa4",\n "crc": "00"},' \
      b' "group": "g:1", "metadata": {"k":\n1e2}}'


class FilledCase(WorkCase):
    """self.server holds what fill() makes."""

    def setUp(self):
        """Each test starts the servers that it needs."""

    def proctrackd(self, *arguments, settings=None, stdin=None):
        """Runs it to its end: an export or import."""
        return subprocess.run([proctrackd(), *arguments], env=environment(settings or {}),
                              cwd=self.work, input=stdin, capture_output=True, timeout=60,
                              check=False)

    def use(self, server):
        self.server, self.client = server, server.client

    def fill(self):
        """What is there then, by id; the client's own calls are kept in self.kept."""
        self.kept = {
            'key': self.submit(self.client, ONE, KEYS)['process_id'],
            'batch': [one['process_id'] for one in
                      self.client.post('/analyze/batch', MANY, BATCH_KEYS).json['processes']],
        }
        answer = self.client.post('/analyze', body=ODD, headers=TRACED)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json['traceparent'], TRACED['traceparent'])
        self.make(run_at='2099-01-01T00:00:00.000Z', kind='later', priority=-5)
        self.make(kind='waits', queue_timeout_seconds=3600, deadline='2099-01-01T00:00:00.000Z')
        self.kept['gone'] = self._end('complete', result={'x': [1, 2]})
        self.assertEqual(self.client.delete(f'/processes/{self.kept["gone"]}').status, 200)
        self.kept['done'] = self._end('complete', result={'deep': {'er': 0.5}})
        self._end('fail', code='broken', message='it "broke"', retryable=False)
        self.cancel(self.make(kind='unwanted'))
        self.make(kind='runs', timeout_seconds=600, group='g:1')
        self.kept['running'] = self.claim_one('runs', worker='w 1', lease_seconds=600)
        self.say(self.kept['running'], 'progress', percent=40, message='zwölf')
        self.make(kind='again', max_attempts=5)
        again = self.claim_one('again', worker='w 2')
        self.say(again, 'fail', code='x', message='y', retryable=True,
                 retry_after_seconds=600)
        self.assertEqual(self.client.post('/types/stopped/pause').status, 200)
        return self.all_there_is()

    def _end(self, how, **members):
        process_id = self.make(kind='ends', metadata={'of': how})
        self.say(self.claim_one('ends'), how, **members)
        return process_id

    def ids_there(self):
        """Each must be listed once."""
        found, cursor = [], ''
        while True:
            page = self.get(f'/processes?limit=200{cursor}')
            found += [one['process_id'] for one in page['processes']]
            if page.get('next_cursor') is None:
                break
            cursor = f'&cursor={page["next_cursor"]}'
        self.assertEqual(len(found), len(set(found)), 'one is listed twice')
        self.assertEqual(self.get('/stats')['total'], len(found))
        return found

    def all_there_is(self):
        """Each resource with its input and timeline, by id."""
        return {process_id: self.whole(process_id) for process_id in self.ids_there()}

    def whole(self, process_id):
        answer = self.client.get(f'/status/{process_id}?fields=%2Binput')
        self.assertEqual(answer.status, 200, answer)
        resource = unpaced(json.loads(answer.body, parse_float=str))
        for varies in ('reason', 'queue_position'):
            resource.pop(varies, None)
        return resource, self.get(f'/processes/{process_id}/events')['events']

    def check_all_is_there(self, before):
        """In the server that is used now, and it goes on as the first would have."""
        self.assertEqual(self.all_there_is(), before)
        kept = self.kept
        answer = self.client.post('/analyze', ONE, KEYS)
        self.assertEqual(answer.header('Idempotent-Replayed'), 'true', answer)
        self.assertEqual(answer.json['process_id'], kept['key'])
        self.assert_problem(self.client.post('/analyze', {'type': 'keyed', 'input': 2}, KEYS), 422)
        answer = self.client.post('/analyze/batch', MANY, BATCH_KEYS)
        self.assertEqual([one['process_id'] for one in answer.json['processes']], kept['batch'])
        self.assert_problem(self.client.get(f'/status/{kept["gone"]}'), 410)
        paused = [one['type'] for one in self.get('/types')['types'] if one['paused']]
        self.assertEqual(paused, ['stopped'])
        self.assertEqual(self.get('/groups/g:1')['total'], 2)
        self.say(kept['running'], 'complete', result={'after': 'all'})
        self.assertEqual(len(self.claim('keyed', max=10)), 4)
        self.assertEqual(self.claim('later'), [])
        self.assertEqual(self.claim('again'), [])
        cleaned = self.client.delete('/cleanup?older_than_hours=0&dry_run=false')
        self.assertEqual(cleaned.json['by_status'], {'completed': 2, 'failed': 1, 'canceled': 1})

    def files(self, directory):
        return sorted(os.listdir(directory))
