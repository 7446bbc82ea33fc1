"""A client that does at random what the service offers, and keeps book, until its server dies."""

import http.client
import threading

from kill_book import FINAL, GONE

LEASE_SECONDS = 3600  # longer than any campaign: no process changes by itself
STEPS = {'create': 35, 'batch': 4, 'claim': 18, 'progress': 10, 'heartbeat': 3, 'complete': 14,
         'fail': 3, 'cancel': 4, 'remove': 9}


class KillClient(threading.Thread):
    def __init__(self, server, book, chance):
        super().__init__(daemon=True)
        self.client, self.book, self.chance = server.new_client(), book, chance
        self.failure = None

    def run(self):
        try:
            while self.attempt(self.step):
                pass
        except Exception as failure:  # told by the thread that looks after this one
            self.failure = failure
        self.client.close()

    @staticmethod
    def attempt(step):
        """False: no answer came, since the server is dead."""
        try:
            step()
        except (OSError, http.client.HTTPException):
            return False
        return True

    def step(self):
        (name,) = self.chance.choices(list(STEPS), list(STEPS.values()))
        getattr(self, name)()

    def call(self, method, path, document=None, key=None, statuses=(200,)):
        headers = {'Idempotency-Key': key} if key else None
        answer = self.client.request(method, path, headers=headers, document=document)
        if answer.status not in statuses:
            raise AssertionError(f'{method} {path}: {answer}')
        self.book.acknowledged += 1
        return answer.json if answer.body else None

    def pick(self, wanted):
        """One of the latest that will do; there may be none."""
        found = self.book.find(wanted)[-50:]
        return self.chance.choice(found) if found else None

    def create(self):
        entry = self.book.new(self.chance.random() < 0.8)
        answer = self.call('POST', '/analyze', self.book.document(entry), entry.key, (202,))
        entry.id = answer['process_id']
        entry.acknowledge(answer['version'])

    def batch(self):
        entries = [self.book.new(False) for _ in range(self.chance.randint(2, 5))]
        key = entries[0].name
        self.book.batch = (key, entries)
        answer = self.call('POST', '/analyze/batch', {
            'processes': [self.book.document(one) for one in entries]}, key, (202,))
        for entry, one in zip(entries, answer['processes']):
            entry.id = one['process_id']
            entry.acknowledge()
        self.book.batch = None

    def claim(self):
        waiting = self.book.find(lambda entry: entry.state.status == 'pending')
        self.book.claiming = self.chance.randint(1, 3)
        for entry in waiting:
            entry.begin('claimed', status='running', attempt=1)
        answer = self.call('POST', '/claim', {
            'types': [self.book.kind], 'worker': 'w', 'lease_seconds': LEASE_SECONDS,
            'max': self.book.claiming}, statuses=(200, 204))
        taken = {one['process_id']: one for one in answer['processes']} if answer else {}
        if len(taken) != min(self.book.claiming, len(waiting)):
            raise AssertionError(f'{len(taken)} of {len(waiting)} were claimed')
        for entry in waiting:
            one = taken.get(entry.id)
            if one:
                entry.token = one['lease_token']
                entry.acknowledge(one['version'])
            else:
                entry.settle(entry.state)
        self.book.claiming = 0

    def report(self, what, event, members, changes):
        entry = self.pick(lambda entry: entry.token and (what != 'progress' or
                                                         entry.state.percent is None))
        if entry is None:
            return
        entry.begin(event, **changes)
        answer = self.call('POST', f'/processes/{entry.id}/{what}',
                           {'lease_token': entry.token, **members})
        entry.acknowledge(answer['version'])

    def progress(self):
        """Once for each: the next would be held back for a while."""
        self.report('progress', 'progress', {'percent': 12.5}, {'percent': 12.5})

    def complete(self):
        result = {'words': self.chance.randrange(1000)}
        self.report('complete', 'completed', {'result': result},
                    {'status': 'completed', 'result': result})

    def fail(self):
        self.report('fail', 'failed', {'code': 'broken', 'message': 'it broke',
                                       'retryable': False},
                    {'status': 'failed', 'error': 'broken'})

    def heartbeat(self):
        """Changes nothing that is looked at, nor the version."""
        entry = self.pick(lambda entry: entry.token)
        if entry:
            answer = self.call('POST', f'/processes/{entry.id}/heartbeat',
                               {'lease_token': entry.token, 'lease_seconds': LEASE_SECONDS})
            if answer['version'] != entry.state.version:
                raise AssertionError(f'{entry.name}: {answer}')

    def cancel(self):
        entry = self.pick(lambda entry: entry.state.status == 'pending')
        if entry:
            entry.begin('canceled', status='canceled')
            answer = self.call('POST', f'/processes/{entry.id}/cancel')
            entry.acknowledge(answer['version'])

    def remove(self):
        entry = self.pick(lambda entry: entry.state.status in FINAL)
        if entry:
            entry.begin_removal()
            self.call('DELETE', f'/processes/{entry.id}', statuses=(200, 204))
            entry.settle(GONE)
