"""Walks through the timeline of one process by the rules of a process's life."""

from collections import Counter
from datetime import datetime

from model_history import ENDINGS

# Ends and put-backs that the server makes by itself bear one of these error codes.
SERVER_CODES = ('lease_lost', 'timeout', 'deadline_exceeded', 'queue_timeout')
CHANGE_OF = {'complete': ('completed',), 'fail': ('failed', 'retry_scheduled', 'canceled'),
             'release': ('released', 'canceled')}
# A change's time is taken before it travels to the store, where another may come first.
SKEW_MS = 500


def milliseconds(time):
    """Since 1970; what lies below a millisecond is cut, as the service does."""
    moment = datetime.fromisoformat(time.replace('Z', '+00:00'))
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000


class Walk:
    """Goes through one timeline by the rules of a process's life."""

    def __init__(self, checker, track):
        self.checker, self.track = checker, track
        self.status, self.attempt, self.version = None, 0, 0
        self.stalls = self.failures = 0
        self.cancel_requested = False
        self.started = None        # the last claim since it was created or retried
        self.waiting_since = None
        self.document = next((seen.document for seen in track.seen if seen.document), {})
        submission = (self.document.get('metadata') or {}).get('submission')
        self.sent = checker.sent.get(submission, {})
        self.steps = {}  # version -> entry
        self.progress = {answer['version'] for _, answer in track.accepted['progress']}
        self.unknown = Counter(track.unknown)

    def fault(self, rule, text, entry):
        self.checker.fault(rule, text, entry, self.track.process_id, self.track.events)

    def check(self):
        events = self.track.events
        for prefix in self.track.prefixes:
            if prefix != events[:len(prefix)]:
                self.fault('timeline', 'it was once told otherwise:', prefix)
        for entry in events:
            self.step(entry)
        if events:
            self.check_end()
            self.check_acknowledged()

    def step(self, entry):
        name, version = entry['event'], entry['version']
        late = name == 'late_result_refused'
        if version <= self.version and not (late and version == self.version):
            self.fault('version', f'after version {self.version}:', entry)
        for missing in range(self.version + 1, version + (1 if late else 0)):
            self.untold(missing, entry)
        self.version = max(self.version, version)
        if late:
            return
        self.steps[version] = entry
        rule = getattr(self, f'on_{name}', None)
        if rule is None:
            self.fault('transition', 'no such event:', entry)
            return
        if name != 'claimed' and entry['attempt'] != self.attempt:
            self.fault('attempt', f'not attempt {self.attempt}:', entry)
        rule(entry)

    def untold(self, version, entry):
        """Only progress is not always told, and each time somebody has reported it."""
        if self.status != 'running':
            self.fault('version', f'{version} changed what was {self.status}, before', entry)
        elif version not in self.progress and not self.take_unknown('progress'):
            self.fault('version', f'version {version} is told nowhere, before', entry)

    def take_unknown(self, kind):
        for key in ((kind, self.attempt), kind):
            if self.unknown[key] > 0:
                self.unknown[key] -= 1
                return True
        return False

    def acknowledged(self, kind, version):
        return any(answer['version'] == version for _, answer in self.track.accepted[kind])

    def asked(self, kind, entry):
        return self.acknowledged(kind, entry['version']) or self.take_unknown(kind)

    def move(self, entry, start, to):
        if self.status not in start:
            self.fault('transition', f'from {self.status}:', entry)
        self.status = to

    # --- the steps -------------------------------------------------------------------------------

    def on_created(self, entry):
        self.move(entry, (None,), 'pending')
        self.waiting_since = entry['at']
        if entry['version'] != 1:
            self.fault('version', 'not the first:', entry)

    def on_claimed(self, entry):
        self.move(entry, ('pending',), 'running')
        if entry['attempt'] != self.attempt + 1:
            self.fault('attempt', f'after attempt {self.attempt}:', entry)
        self.attempt, self.started = entry['attempt'], entry
        self.cancel_requested = False
        operation, document = self.track.claims.get(self.attempt, (None, None))
        if document is None:
            self.checker.unknown_claims[entry['actor']] -= 1
            if self.checker.unknown_claims[entry['actor']] < 0:
                self.fault('unexplained', 'nobody can have claimed it:', entry)
        elif (document['version'], document['worker']) != (entry['version'], entry['actor']):
            self.fault('lost', f'not as it was given out by {operation}:', entry)

    def on_progress(self, entry):
        self.move(entry, ('running',), 'running')
        if not self.asked('progress', entry):
            self.fault('unexplained', 'nobody reported it:', entry)

    def on_cancel_requested(self, entry):
        self.move(entry, ('running',), 'running')
        if self.cancel_requested:
            self.fault('transition', 'asked for twice:', entry)
        self.cancel_requested = True
        self.by_client('cancel', entry)

    def by_client(self, kind, entry):
        """By a request that named the process, or by a bulk change of its group."""
        checker, key = self.checker, (f'bulk_{kind}', self.document.get('group'))
        if self.asked(kind, entry):
            # A cancel that found the process asked already is answered in the same way.
            checker.perhaps_by_bulk[key] += entry['event'] == 'cancel_requested'
            return
        checker.made_by_bulk[key] += 1
        if not any(operation.kind == key[0] and operation.sent['group'] in (key[1], None)
                   for operation in checker.bulk_operations):
            self.fault('unexplained', f'nobody asked to {kind} it:', entry)

    def on_retried(self, entry):
        self.move(entry, ('failed', 'canceled'), 'pending')
        self.stalls = self.failures = 0
        self.waiting_since, self.started = entry['at'], None
        self.by_client('retry', entry)

    def on_stalled(self, entry):
        self.move(entry, ('running',), 'pending')
        self.stalls += 1
        if self.stalls > self.checker.max_stalls:
            self.fault('limits', f'more than {self.checker.max_stalls} stalls:', entry)
        self.check_lease(entry)

    def check_lease(self, entry):
        """The last lease that was acknowledged must have run out."""
        told = [(operation, answer['lease_until']) for kind in ('heartbeat', 'progress')
                for operation, answer in self.track.accepted[kind]
                if answer['attempt'] == self.attempt and answer['lease_until']]
        if self.attempt in self.track.claims:
            operation, document = self.track.claims[self.attempt]
            told.append((operation, document['lease_until']))
        if not told or any(self.track.unknown[kind, self.attempt]
                           for kind in ('heartbeat', 'progress')):
            return
        latest = max(operation.start for operation, _ in told)
        until = min(until for operation, until in told if operation.end >= latest)
        if milliseconds(entry['at']) < milliseconds(until):
            self.fault('too-early', f'the lease was to last until {until}:', entry)

    def on_released(self, entry):
        self.move(entry, ('running',), 'pending')
        # A claim whose caller had hung up is handed back by the server.
        if not self.asked('release', entry) and self.attempt in self.track.claims:
            self.fault('unexplained', 'nobody released it:', entry)

    def on_retry_scheduled(self, entry):
        self.move(entry, ('running',), 'pending')
        self.count_failure(entry)
        if self.failures >= self.sent.get('max_attempts', 1):
            self.fault('limits', f'it had {self.failures} failures:', entry)

    def count_failure(self, entry):
        self.failures += 1
        if entry['error_code'] in SERVER_CODES:
            self.check_server_code(entry)
        elif not self.asked('fail', entry):
            self.fault('unexplained', 'nobody reported a failure:', entry)

    def check_server_code(self, entry):
        code = entry['error_code']
        if code == 'timeout':
            self.check_after(entry, self.started['at'], 'timeout_seconds', self.checker.grace_ms)
        elif code == 'lease_lost':
            self.check_lease(entry)
            if self.stalls < self.checker.max_stalls:
                self.fault('limits', f'only {self.stalls} stalls:', entry)
        elif code == 'queue_timeout':
            if self.started is not None:
                self.fault('transition', 'it had been claimed:', entry)
            self.check_after(entry, self.waiting_since, 'queue_timeout_seconds')
        elif 'deadline' not in self.sent or \
                milliseconds(entry['at']) < milliseconds(self.sent['deadline']):
            self.fault('too-early', 'before the deadline:', entry)

    def check_after(self, entry, since, name, more_ms=0):
        if name not in self.sent or milliseconds(entry['at']) < (
                milliseconds(since) + self.sent[name] * 1000 + more_ms - SKEW_MS):
            self.fault('too-early', f'{name} {self.sent.get(name)} since {since}:', entry)

    def on_completed(self, entry):
        self.move(entry, ('running',), 'completed')
        if not self.asked('complete', entry):
            self.fault('unexplained', 'nobody completed it:', entry)

    def on_failed(self, entry):
        waiting = self.status == 'pending'
        self.move(entry, ('running', 'pending'), 'failed')
        if not waiting:
            self.count_failure(entry)
        elif entry['error_code'] in ('queue_timeout', 'deadline_exceeded'):
            self.check_server_code(entry)
        else:
            self.fault('transition', 'failed while it waited:', entry)

    def on_canceled(self, entry):
        waiting = self.status == 'pending'
        self.move(entry, ('running', 'pending'), 'canceled')
        if waiting:
            self.by_client('cancel', entry)
        elif not self.cancel_requested:
            self.fault('transition', 'nobody had asked for it:', entry)

    # --- afterwards ------------------------------------------------------------------------------

    def check_end(self):
        """The newest state that was shown is where the timeline leads to."""
        newest = max(self.track.seen, key=lambda seen: seen.version)
        for missing in range(self.version + 1, newest.version + 1):
            if self.track.deleted is None:
                self.untold(missing, {'event': 'the end'})
        if newest.version == self.version and (newest.status, newest.attempt) != (
                self.status, self.attempt):
            self.fault('transition', f'leads to {self.status}, attempt {self.attempt}, not to',
                       newest.operation)

    def check_acknowledged(self):
        """What was answered with 200 has happened, at the version that the answer told."""
        for kind in ENDINGS:
            for operation, answer in self.track.accepted[kind]:
                self.find(operation, answer['version'], CHANGE_OF[kind])
        for operation, answer in self.track.accepted['retry']:
            self.find(operation, answer['version'], ('retried',))
        for operation, answer in self.track.accepted['cancel']:
            if answer['status'] == 'canceled':
                self.find(operation, answer['version'], ('canceled',))
            elif not any(one['event'] == 'cancel_requested' and one['version'] <= answer['version']
                         and one['attempt'] == answer['attempt'] for one in self.steps.values()) \
                    and answer['version'] <= self.version:
                self.fault('lost', f'no trace of {operation}', {})
        for attempt, (operation, document) in self.track.claims.items():
            self.find(operation, document['version'], ('claimed',), attempt)
        for operation, answer in self.track.accepted['progress']:
            step = self.steps.get(answer['version'])
            if step is not None and step['event'] != 'progress':
                self.fault('lost', f'{operation} is not what happened:', step)

    def find(self, operation, version, names, attempt=None):
        if version > self.version:
            return  # later than any timeline of it that was read
        step = self.steps.get(version, {'event': None})
        # A release of what has been given up already is answered like a repeated one.
        if operation.kind == 'release':
            names = (*names, 'retry_scheduled')
        if step['event'] not in names or attempt not in (None, step['attempt']):
            self.fault('lost', f'{operation} is not what happened:', step)
