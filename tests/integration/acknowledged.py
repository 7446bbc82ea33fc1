"""Writers that go on through every failure and keep book of what was acknowledged."""

import threading
import time

from polling import eventually

PAUSE = 0.005


class Writers:
    """Each creates one process after the other, under a key of its own, and tries the same again
    until it is acknowledged, as a client should."""

    def __init__(self, server, count=4, timeout=10.0):
        self.acknowledged = {}  # key: process id
        self.successes = []     # when each was acknowledged
        self.answers = []       # (status, seconds, Retry-After) of all that were not
        self.foreign = []       # (key, answer): it was meant for somebody else
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._write, daemon=True,
                                          args=(server, number, timeout))
                         for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _write(self, server, number, timeout):
        client = server.new_client(timeout)
        count = 0
        while not self._stop.is_set():
            count += 1
            self._create(client, f'{number}-{count}')
            time.sleep(PAUSE)
        client.close()

    def _create(self, client, key):
        while True:
            began = time.monotonic()
            answer = client.post('/analyze', {'type': 'other', 'input': 1, 'group': 'written',
                                              'metadata': {'key': key}}, {'Idempotency-Key': key})
            now = time.monotonic()
            with self._lock:
                if answer.status in (200, 202):
                    if answer.json['metadata'] != {'key': key}:
                        self.foreign.append((key, answer))
                    self.acknowledged[key] = answer.json['process_id']
                    self.successes.append(now)
                    return
                self.answers.append((answer.status, now - began, answer.header('Retry-After')))
            if self._stop.is_set():
                return
            time.sleep(PAUSE)

    def wait_for(self, more, timeout=30, since=None):
        """Until so many more have been acknowledged, of those that were begun by now."""
        since = time.monotonic() if since is None else since
        eventually(lambda: self.count_since(since) >= more, timeout, what=f'{more} more writes')
        with self._lock:
            return next(at for at in self.successes if at > since)

    def count_since(self, since):
        with self._lock:
            return sum(at > since for at in self.successes)

    def longest_gap(self):
        """The longest time without a success, in seconds."""
        with self._lock:
            times = sorted(self.successes)
        return max((b - a for a, b in zip(times, times[1:])), default=0)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def missing(self, client):
        """What was acknowledged and is not there; the service must be back, or come back."""
        def status(one):
            def ask():
                found = client.get(f'/status/{one}').status
                return found != 503 and found
            return eventually(ask, what=f'{one} can be read')
        answers = {key: status(one) for key, one in self.acknowledged.items()}
        return [(key, found) for key, found in answers.items() if found != 200]

    def doubled(self, client):
        """Keys of which there is more than one process."""
        seen, cursor = {}, ''
        while cursor is not None:
            page = client.get(f'/processes?group=written&limit=200{cursor}').json
            for one in page['processes']:
                seen.setdefault(one['metadata']['key'], []).append(one['process_id'])
            following = page.get('next_cursor')
            cursor = f'&cursor={following}' if following else None
        return {key: ids for key, ids in seen.items() if len(ids) > 1}
