"""Who calls in the model test: clients, workers, and who pauses types and ends instances."""

import hashlib
from datetime import datetime, timedelta, timezone

from model_actor import Actor
from model_history import Operation

TYPES = ('model.a', 'model.b', 'model.c', 'model.d')
# Nothing is ever deleted from a group that begins with keep: bulk changes there can be counted.
GROUPS = ('keep:1', 'keep:2', 'g:1', 'g:2', 'g:3')


def trace_of(document):
    """The traceparent that a submission comes with, always the same; half of them have none."""
    digest = hashlib.md5(document['metadata']['submission'].encode()).hexdigest()
    return f'00-{digest}-{digest[:16]}-01' if digest[-1] < '8' else None


def trace_headers(trace):
    return (f'traceparent: {trace}',) if trace else ()


class Client(Actor):
    WEIGHTS = {'submit': 40, 'batch': 2, 'status': 18, 'list': 4, 'result': 3, 'cancel': 8,
               'retry': 8, 'bulk': 1, 'delete': 3, 'group': 2, 'events': 4, 'overview': 2,
               'wrong_token': 3, 'old_token': 3}

    def step(self):
        getattr(self, self.pick(self.WEIGHTS))()

    def target(self):
        """Mostly a process that was created just now: that is where things collide."""
        return self.lot(self.world.ids, 60 if self.chance(0.8) else None)

    def document(self):
        self.number += 1
        submission = f'{self.name}-{self.number}'
        document = {'type': self.lot(TYPES), 'input': {'n': self.number},
                    'metadata': {'submission': submission}}
        now = datetime.now(timezone.utc)
        options = {
            'group': (0.5, self.lot(GROUPS)),
            'priority': (0.3, self.random.randint(-3, 3)),
            'run_at': (0.06, (now + timedelta(seconds=self.random.uniform(0, 1.5))).isoformat()),
            'max_attempts': (0.5, self.random.randint(1, 4)),
            'timeout_seconds': (0.06, self.random.randint(1, 4)),
            'queue_timeout_seconds': (0.05, self.random.randint(1, 20)),
            'deadline': (0.05, (now + timedelta(seconds=self.random.randint(1, 20))).isoformat()),
            'retry': (0.3, self.lot((
                {'backoff': 'fixed', 'delay_seconds': 0},
                {'backoff': 'fixed', 'delay_seconds': 1},
                {'backoff': 'exponential', 'delay_seconds': 1, 'max_delay_seconds': 2}))),
        }
        for name, (share, value) in options.items():
            if self.chance(share):
                document[name] = value
        return document

    def submit(self):
        document, headers, key = self.document(), (), None
        with_key, again = self.chance(0.15), self.chance(0.6)
        known = self.lot(self.world.keys, 20)
        if with_key and again and known:
            key, document = known
        elif with_key:
            key = document['metadata']['submission']
            self.world.keys.append((key, document))
        trace = trace_of(document)
        if key:
            headers = (f'Idempotency-Key: {key}',)
        operation = self.call('submit', 'POST', '/analyze', document,
                              sent={**document, 'key': key, 'traceparent': trace},
                              headers=(*headers, *trace_headers(trace)))
        if operation.status == 202:
            self.world.ids.append(operation.answer['process_id'])

    def batch(self):
        processes = [self.document() for _ in range(self.random.randint(1, 12))]
        trace = trace_of(processes[0])
        operation = self.call('batch', 'POST', '/analyze/batch', {'processes': processes},
                              sent={'processes': [{**document, 'traceparent': trace}
                                                  for document in processes]},
                              headers=trace_headers(trace))
        if operation.accepted:
            self.world.ids += [item['process_id'] for item in operation.answer['processes']
                               if item['process_id']]

    def on_target(self, kind, method, path):
        process_id = self.target()
        if process_id:
            self.about(kind, method, path.format(process_id), process_id)

    def status(self):
        self.on_target('status', 'GET', '/status/{}')

    def result(self):
        self.on_target('result', 'GET', '/result/{}')

    def cancel(self):
        self.on_target('cancel', 'POST', '/processes/{}/cancel')

    def retry(self):
        self.on_target('retry', 'POST', '/processes/{}/retry')

    def events(self):
        self.on_target('events', 'GET', '/processes/{}/events')

    def delete(self):
        process_id, last = self.target(), None
        if process_id is None:
            return
        looked = self.about('status', 'GET', f'/status/{process_id}', process_id)
        if looked.status == 200:
            last = looked.answer
        if last and last['done'] and not (last['group'] or '').startswith('keep'):
            self.about('events', 'GET', f'/processes/{process_id}/events', process_id)
            self.about('delete', 'DELETE', f'/processes/{process_id}', process_id)

    def list(self):
        path = f'/processes?limit={self.random.randint(1, 10)}'
        status = self.lot(('', 'pending', 'running', 'completed', 'failed', 'canceled'))
        kind, group = self.lot(('', *TYPES)), self.lot(('', '', *GROUPS))
        for name, value in (('status', status), ('type', kind), ('group', group)):
            if value:
                path += f'&{name}={value}'
        self.call('list', 'GET', path, sent={'path': path})

    def group(self):
        group = self.lot(GROUPS)
        self.call('group', 'GET', f'/groups/{group}?limit=3', sent={'group': group})

    def overview(self):
        name = self.lot(('stats', 'types', 'workers'))
        self.call(name, 'GET', f'/{name}', sent={})

    def bulk(self):
        group, retry = self.lot(GROUPS), self.chance(0.5)
        by_query = self.chance(0.5)
        name, statuses = ('retry', 'failed,canceled') if retry else ('cancel', 'pending,running')
        path = (f'/processes/{name}?status={statuses}&group={group}' if by_query
                else f'/groups/{group}/{name}')
        self.call(f'bulk_{name}', 'POST', path, sent={'group': group})

    def wrong_token(self):
        process_id, kind = self.target(), self.lot(('heartbeat', 'complete', 'fail', 'release'))
        token = f'{self.random.getrandbits(128):032x}'
        if process_id:
            self.call(kind, 'POST', f'/processes/{process_id}/{kind}', {'lease_token': token},
                      process_id, {'lease_token': token, 'made_up': True})

    def old_token(self):
        """A report of somebody who gave up, or never noticed that the lease was lost."""
        held, kind = self.lot(self.world.given_up, 100), self.lot(('complete', 'fail', 'release',
                                                                  'heartbeat', 'progress'))
        report = {'complete': {'result': {'late': self.random.random()}},
                  'fail': {'code': 'late', 'message': 'too late', 'retryable': self.chance(0.5)},
                  'progress': {'message': 'too late', 'lease_seconds': 5},
                  'heartbeat': {'lease_seconds': 5}}.get(kind, {})
        if held:
            process_id, token = held
            self.call(kind, 'POST', f'/processes/{process_id}/{kind}',
                      {'lease_token': token, **report}, process_id)


class Worker(Actor):
    WEIGHTS = {'complete': 34, 'complete_and_claim': 26, 'fail': 16, 'release': 7, 'heartbeat': 8,
               'progress': 8, 'burst': 2, 'watch': 0.5, 'forget': 4, 'die': 0.7, 'claim': 4,
               'hang_up': 0.7, 'repeat': 5}

    def __init__(self, world, name):
        super().__init__(world, name)
        self.lives = 1
        self.worker = f'{name}/1'
        self.held = []  # (process id, attempt, token)
        self.reports = []

    def step(self):
        action = self.pick(self.WEIGHTS)
        index = self.random.random()
        if not self.held and action not in ('hang_up', 'repeat', 'die'):
            action = 'claim'
        if action in ('claim', 'hang_up', 'repeat', 'die'):
            getattr(self, action)()
        else:
            getattr(self, action)(self.held[int(index * len(self.held))])

    # --- taking and letting go -------------------------------------------------------------------

    def claim_document(self, wait):
        types = self.random.sample(TYPES, self.random.randint(1, len(TYPES)))
        return {'types': types, 'worker': self.worker, 'max': self.lot((1, 1, 1, 2, 4, 8)),
                'lease_seconds': self.lot((5, 5, 5, 5, 7, 30)),
                **({'wait_seconds': wait} if wait else {})}

    def take(self, processes):
        self.held += [(one['process_id'], one['attempt'], one['lease_token']) for one in processes]

    def claim(self):
        document = self.claim_document(self.lot((0, 0, 1)))
        operation = self.call('claim', 'POST', '/claim', document, actor=self.worker)
        if operation.status == 200:
            self.take(operation.answer['processes'])
        return operation

    def hang_up(self):
        """Asks, waits, and is gone before the answer."""
        operation = Operation('claim', self.worker, None, self.claim_document(3))
        pause = self.random.uniform(0, 0.05)
        place = self.begin(operation, 'POST', '/claim', operation.sent, lane='hang_up')
        self.world.stop.wait(pause)
        if place is not None:
            self.connections.pop(place).close()
        self.world.history.append(operation)

    def forget(self, held):
        self.held.remove(held)
        self.world.given_up.append((held[0], held[2]))

    def die(self):
        for held in list(self.held):
            self.forget(held)
        self.close()
        self.lives += 1
        self.worker = f'{self.name}/{self.lives}'

    # --- reports -------------------------------------------------------------------------------

    def report(self, kind, held, document, actor=None):
        process_id, attempt, token = held
        document = {'lease_token': token, **document}
        if self.chance(0.3):
            document['attempt'] = attempt
        operation = self.call(kind, 'POST', f'/processes/{process_id}/{kind}', document,
                              process_id, {**document, 'of_attempt': attempt}, actor=actor)
        if operation.status in (404, 409, 410):
            self.let_go(held)
        return operation

    def let_go(self, held):
        if held in self.held:
            self.held.remove(held)

    def end(self, kind, held, document, actor=None):
        operation = self.report(kind, held, document, actor)
        if not operation.unknown:
            self.let_go(held)
            self.world.given_up.append((held[0], held[2]))
        self.reports = [*self.reports[-4:], (kind, held, document)]
        return operation

    def result(self):
        self.number += 1
        return {'by': self.name, 'n': self.number}

    def complete(self, held):
        self.end('complete', held, {'result': self.result()})

    def complete_and_claim(self, held):
        document = {'result': self.result(), 'claim_next': self.claim_document(0)}
        operation = self.end('complete', held, document, actor=self.worker)
        if operation.status == 200:
            self.take(operation.answer['claimed'])

    def fail(self, held):
        self.number += 1
        document = {'code': 'model', 'message': f'{self.name} {self.number}',
                    'retryable': self.chance(0.7)}
        wait, given = self.random.randint(0, 1), self.chance(0.3)
        self.end('fail', held, {**document, **({'retry_after_seconds': wait} if given else {})})

    def release(self, held):
        self.end('release', held, {})

    def repeat(self):
        """The answer was lost, says the worker; or it says something else the second time."""
        chosen, other = self.lot(self.reports), self.chance(0.2)
        if chosen is None:
            return
        kind, held, document = chosen
        if other and kind == 'complete':
            document = {'result': {'other': self.random.random()}}
        document = {name: value for name, value in document.items() if name != 'claim_next'}
        self.report(kind, held, document)

    def heartbeat(self, held):
        operation = self.report('heartbeat', held, {'lease_seconds': self.lot((5, 5, 6, 20))})
        if operation.accepted and operation.answer['cancel_requested'] and self.chance(0.5):
            self.release(held)

    def watch(self, held):
        self.report('heartbeat', held, {'wait_seconds': 1})

    def progress_document(self):
        self.number += 1
        return {'percent': self.random.randint(0, 100), 'message': f'{self.name} {self.number}',
                'lease_seconds': 5}

    def progress(self, held):
        self.report('progress', held, self.progress_document())

    def burst(self, held):
        """Several at once: the server may store only the newest."""
        process_id, attempt, token = held
        under_way = []
        for lane in range(3):
            document = {'lease_token': token, **self.progress_document()}
            operation = Operation('progress', self.name, process_id,
                                  {**document, 'of_attempt': attempt})
            under_way.append((operation, self.begin(
                operation, 'POST', f'/processes/{process_id}/progress', document, lane=lane)))
        for operation, place in under_way:
            self.finish(operation, place)


class Operator(Actor):
    """Pauses and resumes types, and ends instances where `kill` can. Nobody else pauses."""

    def __init__(self, world, name, kill=None, kills=0):
        super().__init__(world, name)
        self.kill = kill
        self.kills = [world.operations * (n + 1) // (kills + 1) for n in range(kills)]

    def step(self):
        kind = self.lot(TYPES)
        calm, paused = self.random.uniform(0.1, 0.4), self.random.uniform(0.05, 0.3)
        victim, down = self.random.random(), self.random.uniform(0.1, 0.8)
        self.world.stop.wait(calm)
        self.set_paused('pause', kind)
        self.world.stop.wait(paused)
        self.set_paused('resume', kind)
        if self.kills and len(self.world.history) >= self.kills[0]:
            self.kills.pop(0)
            self.kill(int(victim * len(self.world.ports)), down)

    def set_paused(self, name, kind):
        while self.call(name, 'POST', f'/types/{kind}/{name}', sent={'type': kind}).unknown:
            pass
