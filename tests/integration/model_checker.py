"""Judges what the model test recorded, one process after the other, as if in sequence.

The timeline of a process is walked by the rules of its life. Each step must have been asked for by
a request that was acknowledged with the version of that step, or by one whose answer is unknown;
each acknowledged request must be found as a step; every state that any answer showed must fit.
"""

from collections import Counter, defaultdict

from model_history import ENDINGS, REPORTS, claimed_documents, seen_states
from model_timeline import SKEW_MS, Walk, milliseconds

EXPECTED = {
    'submit': (200, 202, 409, 410), 'batch': (202, 409), 'claim': (200, 204), 'status': (200, 410),
    'result': (200, 202, 409, 410), 'events': (200, 410), 'cancel': (200, 409, 410),
    'retry': (200, 409, 410), 'delete': (200, 409, 410), 'list': (200,), 'group': (200, 404),
    'bulk_cancel': (200, 404), 'bulk_retry': (200, 404), 'stats': (200,), 'types': (200,),
    'workers': (200,), 'pause': (200,), 'resume': (200,),
    **{kind: (200, 409, 410) for kind in REPORTS}}


class Track:
    """All that the history says about one process."""

    def __init__(self, process_id):
        self.process_id = process_id
        self.seen = []
        self.events, self.prefixes = [], []  # the longest timeline, and all others
        self.claims = {}                     # attempt -> (operation, document)
        self.accepted = defaultdict(list)    # kind -> operations with their answers
        self.unknown = Counter()             # kind, or (kind, attempt) -> how many
        self.operations = []                 # those that are about it alone
        self.deleted = None                  # when its deletion was acknowledged
        self.end = None                      # the last look at it


class Checker:
    """Violations come as (rule, text). max_stalls, grace_ms: as the servers were told."""

    def __init__(self, history, max_stalls, grace_ms):
        self.history = history
        self.max_stalls, self.grace_ms = max_stalls, grace_ms
        self.violations = []
        self.tracks = {}
        self.tokens = {}                       # lease token -> (process id, attempt)
        self.unknown_claims = Counter()        # worker -> processes that it may have been given
        self.sent = {}                         # submission -> document
        self.unknown_bulk = Counter()          # (kind, group)
        self.made_by_bulk = Counter()          # (kind, group) -> steps that nobody else has made
        self.perhaps_by_bulk = Counter()       # (kind, group) -> steps that others may have made
        self.answers = [(operation, operation.answer) for operation in history]
        self.bulk_operations = [one for one in history if one.kind.startswith('bulk')]

    def fault(self, rule, text, *what):
        self.violations.append((rule, ' '.join(str(part) for part in (text, *what))))

    def track(self, process_id):
        return self.tracks.setdefault(process_id, Track(process_id))

    def check(self):
        self.read_history()
        for track in self.tracks.values():
            self.check_states(track)
            self.check_claims(track)
            self.check_reports(track)
            self.check_deleted(track)
            Walk(self, track).check()
        self.check_submissions()
        self.check_pauses()
        self.check_bulk()
        return self.violations

    # --- reading ---------------------------------------------------------------------------------

    def read_history(self):
        self.sent = {sent['metadata']['submission']: sent for sent, _, _ in self.submissions()}
        for operation, answer in self.answers:
            if not operation.unknown and operation.status not in EXPECTED[operation.kind]:
                self.fault('answer', 'unexpected answer:', operation)
                continue
            for process_id, seen in seen_states(operation, answer):
                self.track(process_id).seen.append(seen)
            self.read_claim(operation, answer)
        for operation, answer in self.answers:
            if operation.process_id:
                self.read_about(self.track(operation.process_id), operation, answer)
            if operation.kind.startswith('bulk') and operation.unknown:
                self.unknown_bulk[operation.kind, operation.sent['group']] += 1

    def read_claim(self, operation, answer):
        request = operation.sent if operation.kind == 'claim' else (
            operation.sent.get('claim_next') if operation.kind == 'complete' else None)
        if request is None:
            return
        if operation.unknown:
            self.unknown_claims[request['worker']] += request.get('max', 1)
        given = claimed_documents(operation, answer)
        if len(given) > request.get('max', 1):
            self.fault('claim', 'more than max were given:', operation)
        order = [(-one['priority'], one['created_at']) for one in given]
        if order != sorted(order):
            self.fault('claim', 'not the highest priority first, then the oldest:', operation)
        for document in given:
            track, attempt = self.track(document['process_id']), document['attempt']
            if attempt in track.claims:
                self.fault('claimed-twice', 'attempt given to two claims:', operation,
                           track.claims[attempt][0])
            track.claims[attempt] = (operation, document)
            held = self.tokens.setdefault(document['lease_token'], (track.process_id, attempt))
            if held != (track.process_id, attempt):
                self.fault('token', 'the same token for two attempts:', held, operation)

    def read_about(self, track, operation, answer):
        track.operations.append(operation)
        if operation.actor == 'end' and operation.kind == 'status':
            track.end = operation
        if operation.kind == 'delete' and operation.accepted:
            track.deleted = min(track.deleted or operation.end, operation.end)
        if operation.kind == 'events' and operation.accepted:
            if answer['dropped']:
                self.fault('timeline', 'cut although it is short:', operation)
            track.prefixes.append(answer['events'])
            track.events = max(track.events, answer['events'], key=len)
        if operation.accepted:
            track.accepted[operation.kind].append((operation, answer))
        elif operation.unknown and not operation.sent.get('made_up'):
            attempt = self.tokens.get(operation.sent.get('lease_token'), (None, None))[1]
            track.unknown[operation.kind if attempt is None else (operation.kind, attempt)] += 1

    # --- states that answers showed --------------------------------------------------------------

    def check_states(self, track):
        by_version = {}
        for seen in track.seen:
            other = by_version.setdefault(seen.version, seen)
            if (seen.status, seen.attempt) != (other.status, other.attempt) or (
                    seen.content and other.content and seen.content != other.content):
                self.fault('content', 'two contents of one version:', seen.operation,
                           other.operation)
            if seen.content and not other.content:
                by_version[seen.version] = seen
        ended = sorted((seen for seen in track.seen), key=lambda seen: seen.operation.end)
        newest, position = None, 0
        for seen in sorted(track.seen, key=lambda one: one.operation.start):
            while position < len(ended) and ended[position].operation.end < seen.operation.start:
                if newest is None or ended[position].version > newest.version:
                    newest = ended[position]
                position += 1
            if newest is not None and seen.version < newest.version:
                self.fault('order', 'an older version after a newer one:', newest.operation,
                           seen.operation)
        self.check_shown(track, by_version)

    def check_shown(self, track, by_version):
        """What a state shows is what somebody had sent for that version."""
        sent = defaultdict(list)
        for kind in ('complete', 'progress', 'fail'):
            for operation, answer in track.accepted[kind]:
                sent[kind, answer['version']].append(operation.sent)
        for version, seen in by_version.items():
            document = seen.document
            if document is None:
                continue
            results = [one['result'] for one in sent['complete', version] if 'result' in one]
            if results and document['result'] not in results:
                self.fault('result', f'result is not one of {results}:', seen.operation)
            if document['status'] != 'completed' and document['result'] is not None:
                self.fault('result', 'a result before the end:', seen.operation)
            for name, member in (('progress', 'message'), ('fail', 'message')):
                shown = document['progress' if name == 'progress' else 'error']
                wanted = [one[member] for one in sent[name, version] if member in one]
                if wanted and (shown is None or shown['message'] not in wanted):
                    self.fault('result', f'{name} is not one of {wanted}:', seen.operation)

    # --- claims and reports ----------------------------------------------------------------------

    def check_claims(self, track):
        for operation, document in track.claims.values():
            early = milliseconds(document['run_at']) - milliseconds(document['started_at'])
            if early > SKEW_MS:
                self.fault('too-early', 'started before run_at:', operation)
            if document['status'] != 'running' or not document['lease_until']:
                self.fault('claim', 'given without being run:', operation)

    def check_reports(self, track):
        endings = defaultdict(list)
        for operation in track.operations:
            if operation.kind not in REPORTS or operation.unknown:
                continue
            holder = self.tokens.get(operation.sent['lease_token'])
            if operation.accepted:
                self.check_accepted(operation, holder)
                if operation.kind in ENDINGS:
                    endings[operation.sent['lease_token']].append(operation)
            elif operation.status == 409:
                self.check_refused(operation, holder)
        for operations in endings.values():
            self.check_endings(operations)

    def check_accepted(self, operation, holder):
        answer = operation.answer
        if holder is None or holder[0] != operation.process_id:
            self.fault('token', 'accepted with a token that was never given for it:', operation)
        elif operation.kind in ('heartbeat', 'progress') and (
                answer['status'] != 'running' or answer['attempt'] != holder[1]):
            self.fault('token', 'accepted although another attempt holds it:', operation)

    def check_refused(self, operation, holder):
        now = operation.answer['process']
        if now['status'] == 'running' and holder == (operation.process_id, now['attempt']):
            self.fault('wrongly-refused', 'the lease was held:', operation)

    def check_endings(self, operations):
        """Accepted more than once: then it was one report, sent again."""
        first = operations[0]
        for other in operations[1:]:
            # Who gives a process up twice, in whatever words, is told how it now stands.
            given_up = 'complete' not in (first.kind, other.kind)
            same = (given_up if first.kind != other.kind else all(
                first.sent.get(name) == other.sent.get(name) for name in ('result', 'message')))
            answers = (first.answer, other.answer)
            one_version = len({answer['version'] for answer in answers}) == 1
            canceled_since = given_up and any(answer['status'] == 'canceled' for answer in answers)
            if not same or not (one_version or canceled_since):
                self.fault('two-reports', 'two different reports were accepted:', first, other)

    def check_deleted(self, track):
        if track.deleted is None:
            return
        for operation in track.operations:
            if operation.start > track.deleted and operation.accepted:
                self.fault('deleted', 'answered after its deletion:', operation)
        for seen in track.seen:
            if seen.operation.start > track.deleted:
                self.fault('deleted', 'shown after its deletion:', seen.operation)

    # --- all processes ---------------------------------------------------------------------------

    def submissions(self):
        """(what was sent, process id or None while unknown, operation)."""
        for operation, answer in self.answers:
            if operation.kind == 'submit' and operation.status in (None, 200, 202):
                yield operation.sent, answer and answer['process_id'], operation
            elif operation.kind == 'batch' and operation.status in (None, 202):
                items = answer['processes'] if answer else [None] * len(operation.sent['processes'])
                for sent, item in zip(operation.sent['processes'], items):
                    yield sent, item and item['process_id'], operation

    def check_submissions(self):
        ids = {}
        for sent, process_id, operation in self.submissions():
            name = sent['metadata']['submission']
            if process_id is not None and ids.setdefault(name, process_id) != process_id:
                self.fault('submission', 'stored twice:', name, ids[name], operation)
            if process_id is not None:
                self.track(process_id)
        for track in self.tracks.values():
            self.check_kept(track)
            document = next((seen.document for seen in track.seen if seen.document), None)
            if document is None:
                continue
            name = (document['metadata'] or {}).get('submission')
            if name not in self.sent:
                self.fault('submission', 'nobody asked for it:', track.process_id)
            elif ids.setdefault(name, track.process_id) != track.process_id:
                self.fault('submission', 'stored twice:', name, ids[name], track.process_id)
            elif any(document[member] != self.sent[name].get(member, default) for member, default in
                     (('type', None), ('group', None), ('priority', 0), ('max_attempts', 1),
                      ('traceparent', None))):
                self.fault('submission', 'stored with other words:', self.sent[name], document)

    def check_kept(self, track):
        if track.end is None:
            self.fault('lost', 'accepted or shown, and at the end it is not there:',
                       track.process_id)
        elif track.end.status != 200 and not track.deleted and not track.unknown['delete']:
            self.fault('lost', 'nobody deleted it:', track.end)

    def check_pauses(self):
        """A claim that lies wholly within a pause is given nothing of that type."""
        paused, since = defaultdict(list), {}
        for operation in self.history:
            if operation.kind == 'pause' and operation.accepted:
                since[operation.sent['type']] = operation.end
            elif operation.kind == 'resume' and operation.sent['type'] in since:
                kind = operation.sent['type']
                paused[kind].append((since.pop(kind), operation.start))
        for track in self.tracks.values():
            for operation, document in track.claims.values():
                if any(start < operation.start and operation.end < end
                       for start, end in paused[document['type']]):
                    self.fault('paused', 'claimed while its type was paused:', operation)

    def check_bulk(self):
        """As many changes as the bulk forms told of; exactly, where none can be out of sight."""
        told = Counter()
        for operation, answer in self.answers:
            if operation.kind.startswith('bulk') and operation.status == 200:
                name = 'retried' if operation.kind == 'bulk_retry' else 'canceled'
                told[operation.kind, operation.sent['group']] += answer[name]
        singles = any(operation.unknown for operation in self.history
                      if operation.kind in ('cancel', 'retry'))
        for key in set(told) | set(self.made_by_bulk):
            kind, group = key
            least, most = self.made_by_bulk[key], self.made_by_bulk[key] + self.perhaps_by_bulk[key]
            all_seen = group is not None and group.startswith('keep') and not singles
            if not self.unknown_bulk[key] and (told[key] < least or
                                               all_seen and told[key] > most):
                self.fault('bulk', f'{kind} of {group} told of {told[key]} changes, not of '
                           f'{least} to {most}')
