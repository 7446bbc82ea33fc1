"""The wall clock is set a day forward and a day back while the server runs: whatever is counted in
hours or seconds goes on as if nothing had happened.

libfaketime lies to the server about the wall clock alone, as a clock that is set does; time as it
passes (CLOCK_MONOTONIC) stays true.
"""

import contextlib
import glob
import os
import re
import subprocess
import threading
import time
import unittest
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

from harness import PATIENCE, Case, eventually
from server_process import proctrackd

DAY, HOUR = 86400, 3600
FAKETIME = glob.glob('/usr/lib/*/faketime/libfaketime.so.1')


def preloaded():
    """libfaketime, behind the sanitizer's library, which must come first."""
    if not FAKETIME:
        raise unittest.SkipTest('no libfaketime here')
    linked = subprocess.run(['ldd', proctrackd()], capture_output=True, text=True, check=False)
    sanitizer = re.findall(r'/\S*/lib[at]san\S*', linked.stdout)
    with open(proctrackd(), 'rb') as program:
        if not sanitizer and re.search(rb'__[at]san_init', program.read()):
            raise unittest.SkipTest('hangs at its start with a sanitizer that is no library')
    return sanitizer + FAKETIME


def forget_shared_memory(pid):
    """What libfaketime leaves behind when its program was killed."""
    for name in (f'faketime_shm_{pid}', f'sem.faketime_sem_{pid}'):
        with contextlib.suppress(FileNotFoundError):
            os.remove(f'/dev/shm/{name}')


class FakeClock:
    """The wall clock of a server that was started with settings()."""

    def __init__(self, directory):
        self.path = os.path.join(directory, 'clock')
        self.set(0)

    def set(self, seconds):
        """So far from the truth from now on."""
        with open(self.path + '.new', 'w', encoding='ascii') as file:
            file.write(f'{seconds:+d}\n')
        os.replace(self.path + '.new', self.path)

    def settings(self):
        return {'LD_PRELOAD': ' '.join(preloaded()), 'FAKETIME_TIMESTAMP_FILE': self.path,
                'FAKETIME_NO_CACHE': 1, 'DONT_FAKE_MONOTONIC': 1}


class Beating(threading.Thread):
    """A worker that renews its lease of five seconds, whatever the clock says."""

    def __init__(self, client, process_id, token):
        super().__init__(daemon=True)
        self.client, self.path = client, f'/processes/{process_id}/heartbeat'
        self.report = {'lease_token': token, 'lease_seconds': 5}
        self.stopped, self.refused = threading.Event(), None
        self.start()

    def run(self):
        while not self.stopped.wait(0.5):
            answer = self.client.post(self.path, self.report)
            if answer.status != 200:
                self.refused = answer
                return

    def end(self):
        self.stopped.set()
        self.join(30)
        self.client.close()


class Jumps:
    repository = 'memory'

    def setUp(self):
        self.clock = FakeClock(self.directory())
        settings = {**self.clock.settings(), 'RETENTION_COMPLETED_SECONDS': HOUR, 'MAX_STALLS': 1}
        if self.repository == 'redis':
            self.redis = self.start_redis()
            settings['REDIS_URL'] = self.redis.url
        self.server = self.start_server(settings)
        self.addCleanup(forget_shared_memory, self.server.process.pid)
        self.client = self.server.client

    def jump(self, seconds):
        self.clock.set(seconds)
        # The header comes from libmicrohttpd, which asks the system: the lie has arrived.
        told = parsedate_to_datetime(self.client.get('/healthz').header('Date'))
        off = (told - datetime.now(timezone.utc)).total_seconds()
        self.assertAlmostEqual(off, seconds, delta=60)

    def claim(self, kind, seconds=5):
        answer = self.client.post('/claim', {'types': [kind], 'worker': 'w', 'wait_seconds': 10,
                                             'lease_seconds': seconds})
        self.assertEqual(answer.status, 200, answer)
        return answer.json['processes'][0]

    def is_unchanged(self, process):
        now = self.status(self.client, process['process_id'])
        self.assertEqual((now['status'], now['version']), (process['status'], process['version']),
                         now)

    def sweeps(self):
        """Sweeps that began now have been made: one of them ends what nobody takes up."""
        canary = self.submit(self.client, {'type': 'canary', 'input': 1,
                                           'queue_timeout_seconds': 1})
        ended = self.wait_for_status(self.client, canary['process_id'])
        self.assertEqual(ended['error']['code'], 'queue_timeout', ended)

    def make_still(self):
        """One of each kind that must not stir within the hour."""
        ahead = (datetime.now(timezone.utc) + timedelta(seconds=HOUR)).isoformat()
        still = [self.submit(self.client, {'type': 'still', 'input': 1, **more}) for more in (
            {'run_at': ahead}, {'queue_timeout_seconds': HOUR}, {'deadline': ahead})]
        running = self.submit(self.client, {'type': 'timed', 'input': 1, 'timeout_seconds': HOUR})
        self.claim('timed', DAY // 2)
        finished = self.submit(self.client, {'type': 'done', 'input': 1})
        given = self.claim('done')
        self.assertEqual(self.client.post(
            f'/processes/{given["process_id"]}/complete',
            {'lease_token': given['lease_token'], 'result': 1}).status, 200)
        return [self.status(self.client, one['process_id']) for one in (*still, running, finished)]

    def lapses_in_time(self, before_it_lapses):
        """A lease that nobody renews runs out after its five seconds, jump or no jump."""
        lost = self.submit(self.client, {'type': 'lost', 'input': 1})['process_id']
        self.claim('lost')
        start = time.monotonic()
        before_it_lapses()
        self.wait_for_status(self.client, lost, 'pending')
        took = time.monotonic() - start
        self.assertGreater(took, 4)
        self.assertLess(took, 5 + 3 * PATIENCE)
        self.client.post(f'/processes/{lost}/cancel')

    def test_a_day_forward_and_a_day_back(self):
        self.submit(self.client, {'type': 'beating', 'input': 1})
        held = self.claim('beating')
        beating = Beating(self.server.new_client(), held['process_id'], held['lease_token'])
        self.addCleanup(beating.end)
        still = self.make_still()
        for seconds in (DAY, 0, -DAY, 0):
            with self.subTest(f'the clock is {seconds} s off'):
                self.lapses_in_time(lambda off=seconds: self.jump(off))
                self.sweeps()
                for process in still:
                    self.is_unchanged(process)
                self.assertIsNone(beating.refused)
        beating.end()
        answer = self.client.post(f'/processes/{held["process_id"]}/complete',
                                  {'lease_token': held['lease_token'], 'result': 'held'})
        self.assertEqual((answer.status, answer.json.get('attempt')), (200, 1), answer)
        self.goes_on()

    def goes_on(self):
        """What is delayed by a second starts, and what waits is found."""
        soon = (datetime.now(timezone.utc) + timedelta(seconds=1)).isoformat()
        delayed = self.submit(self.client, {'type': 'soon', 'input': 1, 'run_at': soon})
        self.assertEqual(self.claim('soon')['process_id'], delayed['process_id'])
        eventually(lambda: self.client.get('/stats').json['pending'] == 3)


class JumpsOnMemory(Jumps, Case):
    pass


class JumpsOnRedis(Jumps, Case):
    repository = 'redis'


if __name__ == '__main__':
    unittest.main()
