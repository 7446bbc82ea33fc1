"""What the model test records: each request with its times and its answer, and how to read it."""

import hashlib
import json

# Members of the resource that change without a new version, or that only some answers show.
VOLATILE = ('reason', 'queue_position', 'retry_after_ms', 'eta', 'lease_token', 'lease_until',
            'timeout_seconds', 'input', 'links')
REPORTS = ('heartbeat', 'progress', 'complete', 'fail', 'release')
ENDINGS = ('complete', 'fail', 'release')
FINAL = ('completed', 'failed', 'canceled')
NEVER = float('inf')


class Operation:
    """status None: the answer is unknown, the request may or may not have been carried out."""

    __slots__ = ('kind', 'actor', 'process_id', 'sent', 'start', 'end', 'status', 'body')

    def __init__(self, kind, actor, process_id=None, sent=None, start=0.0, end=NEVER, status=None,
                 body=b''):
        self.kind = kind              # 'submit', 'claim', 'complete', …
        self.actor = actor            # who sent it; for claims the worker's name
        self.process_id = process_id  # where it is about one
        self.sent = sent              # the document, or the parameters
        self.start, self.end = start, end
        self.status, self.body = status, body

    @property
    def answer(self):
        return json.loads(self.body) if self.body else None

    @property
    def unknown(self):
        return self.status is None

    @property
    def accepted(self):
        return self.status is not None and self.status < 300

    def __repr__(self):
        return (f'<{self.kind} {self.process_id or ""} by {self.actor}: {self.sent} -> '
                f'{self.status or "unknown"} {self.body[:300]!r}'
                f' [{self.start:.3f}, {self.end:.3f}]>')


class Seen:
    """One state of a process in some answer; `content` is empty where only a part was shown."""

    __slots__ = ('version', 'status', 'attempt', 'worker', 'content', 'document', 'operation')

    def __init__(self, document, operation):
        self.version, self.status = document['version'], document['status']
        self.attempt = document['attempt']
        self.operation = operation
        self.document = self.worker = None
        self.content = ''
        if 'created_at' in document:
            self.worker, self.document = document['worker'], document
            stable = {name: value for name, value in document.items() if name not in VOLATILE}
            self.content = hashlib.sha1(json.dumps(stable, sort_keys=True).encode()).hexdigest()


def documents(operation, answer):
    """The resources in an answer."""
    if not isinstance(answer, dict):
        return []
    if operation.status == 409:
        held = answer.get('process')
        return [held] if held else []
    if not operation.accepted:
        return []
    if operation.kind in ('claim', 'list', 'group'):
        return answer['processes']
    if operation.kind in ('submit', 'status', 'cancel', 'retry', 'delete'):
        return [answer]
    return answer.get('claimed', []) if operation.kind == 'complete' else []


def claimed_documents(operation, answer):
    if not operation.accepted or answer is None:
        return []
    if operation.kind == 'claim':
        return answer['processes']
    return answer.get('claimed', []) if operation.kind == 'complete' else []


def seen_states(operation, answer):
    """(process id, Seen) of everything that an answer tells about processes."""
    for document in documents(operation, answer):
        yield document['process_id'], Seen(document, operation)
    if operation.kind in REPORTS and operation.accepted:
        yield answer['process_id'], Seen(answer, operation)
