"""The model test's checker can fail: each test forges a history in which one thing is wrong.

Story is a sequential service, so small that it is right on sight: it answers as the real one does
and writes the operations down. A test then spoils one of them.
"""

import copy
import json
import unittest
import uuid

from model_checker import Checker
from model_end import End, check_end
from model_history import FINAL, Operation

T0 = 1_700_000_000
MAX_STALLS, GRACE_MS = 1, 1000


def at(seconds):
    """RFC 3339 of so many seconds after the story's beginning."""
    minutes, rest = divmod(seconds, 60)
    return f'2025-11-08T10:{int(minutes):02}:{rest:06.3f}Z'


class Story:
    def __init__(self):
        self.now = 0.0
        self.history = []
        self.processes, self.events, self.tokens = {}, {}, {}

    def write(self, kind, process_id, sent, answer, status=200, actor='somebody'):
        start, self.now = self.now, self.now + 0.01
        self.history.append(Operation(kind, actor, process_id, sent, start, self.now, status,
                                      json.dumps(answer).encode()))
        self.now += 0.01
        return self.history[-1]

    def change(self, process_id, event, actor, code=None, **members):
        """One step: members of the resource, and the entry of the timeline."""
        process = self.processes[process_id]
        process.update(members, version=process['version'] + 1, updated_at=at(self.now))
        process['done'] = process['status'] in FINAL
        self.tell(process_id, event, actor, code)

    def tell(self, process_id, event, actor, code=None):
        process = self.processes[process_id]
        self.events[process_id].append({
            'at': at(self.now), 'event': event, 'actor': actor, 'attempt': process['attempt'],
            'version': process['version'], 'error_code': code, 'progress': None})

    # --- what people do --------------------------------------------------------------------------

    def submit(self, number, **members):
        process_id = str(uuid.UUID(int=number))
        sent = {'type': 'a', 'metadata': {'submission': f's-{number}'}, **members}
        self.processes[process_id] = {
            'process_id': process_id, 'type': 'a', 'status': 'pending', 'done': False,
            'progress': None, 'result': None, 'error': None, 'metadata': sent['metadata'],
            'group': members.get('group'), 'priority': members.get('priority', 0), 'attempt': 0,
            'max_attempts': members.get('max_attempts', 1), 'version': 0, 'worker': None,
            'traceparent': members.get('traceparent'), 'created_at': at(self.now),
            'run_at': at(self.now), 'started_at': None}
        self.events[process_id] = []
        self.change(process_id, 'created', 'client')
        self.write('submit', None, sent, self.processes[process_id], 202)
        return process_id

    def claim(self, *ids, worker='w/1', seconds=5):
        ids = sorted(ids)  # in the order of their creation
        for one in ids:
            process = self.processes[one]
            self.change(one, 'claimed', worker, status='running', worker=worker,
                        attempt=process['attempt'] + 1, started_at=at(self.now))
            self.events[one][-1]['attempt'] = process['attempt']
            self.tokens[one] = f'{one[-4:]}{process["attempt"]:028}'
        given = [{**self.processes[one], 'lease_token': self.tokens[one],
                  'lease_until': at(self.now + seconds)} for one in ids]
        sent = {'types': ['a'], 'worker': worker, 'max': 4}
        return self.write('claim', None, sent, {'processes': given}, actor=worker)

    def report(self, kind, process_id, answer=None, **sent):
        process = self.processes[process_id]
        answer = answer or {name: process[name] for name in
                            ('process_id', 'status', 'attempt', 'version')}
        answer['lease_until'] = at(self.now + 5) if process['status'] == 'running' else None
        sent = {'lease_token': self.tokens[process_id], **sent}
        return self.write(kind, process_id, sent, answer)

    def progress(self, process_id, message, told=True):
        self.change(process_id, 'progress', 'w/1', progress={'message': message})
        if not told:
            self.events[process_id].pop()
        return self.report('progress', process_id, message=message)

    def complete(self, process_id, result):
        self.change(process_id, 'completed', 'w/1', status='completed', result=result)
        return self.report('complete', process_id, result=result)

    def fail(self, process_id, message, again):
        self.change(process_id, 'retry_scheduled' if again else 'failed', 'w/1', 'model',
                    status='pending' if again else 'failed', error={'message': message},
                    **({'worker': None} if again else {}))
        return self.report('fail', process_id, message=message)

    def release(self, process_id):
        self.change(process_id, 'released', 'w/1', status='pending', worker=None)
        return self.report('release', process_id)

    def refused(self, kind, process_id, token, **sent):
        self.tell(process_id, 'late_result_refused', None)
        return self.write(kind, process_id, {'lease_token': token, **sent},
                          {'process': self.processes[process_id]}, 409)

    def cancel(self, process_id):
        if self.processes[process_id]['status'] == 'pending':
            self.change(process_id, 'canceled', 'client', status='canceled')
        else:
            self.change(process_id, 'cancel_requested', 'client')
        return self.write('cancel', process_id, {}, self.processes[process_id])

    def retry(self, process_id, by_group=False):
        self.change(process_id, 'retried', 'client', status='pending', error=None, worker=None)
        if by_group:
            return self.write('bulk_retry', None, {'group': self.processes[process_id]['group']},
                              {'retried': 1})
        return self.write('retry', process_id, {}, self.processes[process_id])

    def server(self, process_id, event, code=None, **members):
        self.change(process_id, event, 'server', code, **members)

    def status(self, process_id, actor='somebody'):
        return self.write('status', process_id, {}, self.processes[process_id], actor=actor)

    def timeline(self, process_id, actor='somebody'):
        return self.write('events', process_id, {},
                          {'events': self.events[process_id], 'dropped': 0}, actor=actor)

    def delete(self, process_id):
        operation = self.write('delete', process_id, {}, self.processes.pop(process_id))
        return operation

    def look(self):
        for process_id, events in self.events.items():
            if process_id in self.processes:
                self.status(process_id, 'end')
                self.timeline(process_id, 'end')
            else:
                self.write('status', process_id, {}, {}, 410, 'end')

    def find(self, kind, number=0):
        return [one for one in self.history if one.kind == kind][number]


def usual():
    """A little of everything, all of it right: (story, ids by what became of them)."""
    story, ids = Story(), {}
    for number, name in enumerate(('plain', 'often', 'stalled', 'canceled', 'asked', 'deleted',
                                   'queued', 'slow'), 1):
        ids[name] = story.submit(number, **{
            'often': {'max_attempts': 2, 'group': 'keep:1'}, 'queued': {'queue_timeout_seconds': 1},
            'slow': {'timeout_seconds': 1}}.get(name, {}))
    story.claim(ids['plain'], ids['often'])
    story.progress(ids['plain'], 'half', told=False)
    story.report('heartbeat', ids['plain'])
    story.status(ids['plain'])
    story.timeline(ids['plain'])
    old = story.tokens[ids['often']]
    story.complete(ids['plain'], {'n': 1})
    story.report('complete', ids['plain'], result={'n': 1})  # the same again
    story.refused('complete', ids['plain'], story.tokens[ids['plain']], result={'n': 2})
    story.fail(ids['often'], 'no', again=True)
    story.claim(ids['often'], worker='w/2')
    story.refused('complete', ids['often'], old, result={'n': 3})
    story.fail(ids['often'], 'no', again=False)
    story.retry(ids['often'], by_group=True)
    story.claim(ids['often'])
    story.release(ids['often'])
    story.cancel(ids['often'])
    story.retry(ids['often'])
    story.cancel(ids['canceled'])
    story.claim(ids['asked'], ids['deleted'], ids['stalled'], ids['slow'])
    story.cancel(ids['asked'])
    story.complete(ids['deleted'], {'n': 4})
    story.timeline(ids['deleted'])
    story.delete(ids['deleted'])
    story.now = 10.0
    story.server(ids['asked'], 'canceled', status='canceled')
    story.server(ids['stalled'], 'stalled', status='pending', worker=None)
    story.server(ids['slow'], 'failed', 'timeout', status='failed', error={'message': 'late'})
    story.server(ids['queued'], 'failed', 'queue_timeout', status='failed',
                 error={'message': 'nobody'})
    story.write('pause', None, {'type': 'a'}, {})
    story.write('claim', None, {'types': ['a'], 'worker': 'w/1', 'max': 4}, {'processes': []})
    story.write('resume', None, {'type': 'a'}, {})
    story.claim(ids['stalled'], ids['often'])
    story.now = 20.0
    story.server(ids['stalled'], 'failed', 'lease_lost', status='failed',
                 error={'message': 'lost'})
    story.complete(ids['often'], {'n': 5})
    return story, ids


def judge(story):
    story.look()
    return Checker(story.history, MAX_STALLS, GRACE_MS).check()


def end_of(story):
    documents = copy.deepcopy(story.processes)
    by_status = {status: [one for one, document in documents.items()
                          if document['status'] == status]
                 for status in ('pending', 'running', *FINAL)}
    counts = {status: len(ids) for status, ids in by_status.items()}
    keys = {'process_ids': set(documents), 'process_times': set(documents),
            'process_retention': set(documents),
            **{f'process_status:{status}': set(ids) for status, ids in by_status.items()},
            **{f'process:{one}': set() for one in documents}}
    members = {one for one, document in documents.items() if document['group'] == 'keep:1'}
    keys.update({'process_group:all:keep:1': members, 'process_group:completed:keep:1': members})
    return End(documents, by_status, {**counts, 'total': len(documents)},
               {'keep:1': {'counts': {'completed': 1}, 'total': 1, 'done': True, 'percent': 100}},
               {'types': [{'waiting': 0, 'running': 0, 'paused': False}]},
               {'workers': [{'held': 0, 'processes': []}]}, keys)


def edit(operation, **members):
    """Changes what an operation was answered with."""
    answer = operation.answer
    answer.update(members)
    operation.body = json.dumps(answer).encode()


class Forged(unittest.TestCase):
    def setUp(self):
        self.story, self.ids = usual()

    def expect(self, rule):
        violations = judge(self.story)
        self.assertIn(rule, [name for name, _ in violations], violations)

    def event(self, name, event):
        return next(one for one in self.story.events[self.ids[name]] if one['event'] == event)

    def drop(self, operation):
        self.story.history.remove(operation)

    def test_nothing_is_wrong(self):
        self.assertEqual(judge(self.story), [])

    def test_a_lost_answer_explains_what_followed(self):
        for kind in ('complete', 'release', 'retry', 'cancel', 'progress', 'bulk_retry'):
            with self.subTest(kind):
                self.story, self.ids = usual()
                operation = self.story.find(kind)
                operation.status, operation.body = None, b''
                self.assertEqual(judge(self.story), [])

    # --- versions, attempts, order of states -----------------------------------------------------

    def test_two_contents_of_a_version(self):
        again = copy.copy(self.story.find('status'))
        edit(again, worker='another')
        self.story.history.append(again)
        self.expect('content')

    def test_two_contents_of_a_version_one_of_them_in_part(self):
        edit(self.story.find('progress'), attempt=2)
        self.expect('content')

    def test_an_older_version_after_a_newer_one(self):
        late = copy.copy(self.story.find('status'))
        late.start, late.end = 5.0, 5.1
        self.story.history.append(late)
        self.expect('order')

    def test_a_version_is_left_out(self):
        self.drop(self.story.find('progress'))
        self.expect('version')

    def test_a_version_twice(self):
        self.event('often', 'retry_scheduled')['version'] -= 1
        self.expect('version')

    def test_an_attempt_is_left_out(self):
        for entry in self.story.events[self.ids['often']]:
            entry['attempt'] += entry['attempt'] > 1
        self.expect('attempt')

    def test_an_entry_of_another_attempt(self):
        self.event('plain', 'completed')['attempt'] = 7
        self.expect('attempt')

    def test_a_change_after_the_end(self):
        self.story.change(self.ids['plain'], 'completed', 'w/1')
        self.expect('transition')

    def test_an_untold_change_after_the_end(self):
        self.story.change(self.ids['plain'], 'completed', 'w/1', result={'n': 9})
        self.story.events[self.ids['plain']].pop()
        self.expect('version')

    def test_a_step_that_is_not_possible(self):
        self.event('stalled', 'stalled')['event'] = 'retried'
        self.expect('transition')

    def test_the_timeline_leads_elsewhere(self):
        self.story.processes[self.ids['slow']]['status'] = 'canceled'
        self.expect('transition')

    def test_the_timeline_was_another_before(self):
        self.event('plain', 'created')['at'] = at(0.5)
        self.expect('timeline')

    # --- claims ----------------------------------------------------------------------------------

    def test_an_attempt_is_given_to_two(self):
        self.story.history.append(copy.copy(self.story.find('claim')))
        self.expect('claimed-twice')

    def test_one_token_for_two(self):
        claim = self.story.find('claim')
        answer = claim.answer
        answer['processes'][1]['lease_token'] = answer['processes'][0]['lease_token']
        claim.body = json.dumps(answer).encode()
        self.expect('token')

    def test_a_claim_that_is_told_otherwise(self):
        self.event('plain', 'claimed')['actor'] = 'w/9'
        self.expect('lost')

    def test_nobody_claimed(self):
        self.drop(self.story.find('claim', 1))
        self.expect('unexplained')

    def test_more_than_max(self):
        self.story.find('claim').sent['max'] = 1
        self.expect('claim')

    def test_lowest_priority_first(self):
        answer = self.story.find('claim').answer
        answer['processes'].reverse()
        edit(self.story.find('claim'), processes=answer['processes'])
        self.expect('claim')

    def test_claimed_before_its_time(self):
        claim = self.story.find('claim')
        answer = claim.answer
        answer['processes'][0]['run_at'] = at(30)
        edit(claim, processes=answer['processes'])
        self.expect('too-early')

    def test_claimed_while_paused(self):
        empty = self.story.find('claim', 4)
        given = self.story.find('claim', 5)
        self.assertEqual(empty.answer['processes'], [])
        given.start, given.end = empty.start, empty.end
        self.expect('paused')

    # --- reports ---------------------------------------------------------------------------------

    def test_two_reports_of_one_attempt(self):
        self.story.find('complete', 1).sent['result'] = {'n': 8}
        self.expect('two-reports')

    def test_two_failures_of_one_attempt(self):
        again = copy.copy(self.story.find('fail'))
        again.sent = {**again.sent, 'message': 'yes'}
        self.story.history.append(again)
        self.expect('two-reports')

    def test_a_made_up_token_is_accepted(self):
        self.story.find('heartbeat').sent['lease_token'] = 'f' * 32
        self.expect('token')

    def test_a_heartbeat_of_an_older_attempt_is_accepted(self):
        edit(self.story.find('heartbeat'), attempt=2)
        self.expect('token')

    def test_refused_although_it_held_the_lease(self):
        beat = self.story.find('heartbeat')
        beat.status = 409
        beat.body = json.dumps({'process': self.story.find('status').answer}).encode()
        self.expect('wrongly-refused')

    def test_an_acknowledged_complete_is_lost(self):
        self.event('plain', 'completed')['event'] = 'failed'
        self.expect('lost')

    def test_an_acknowledged_release_is_lost(self):
        self.event('often', 'released')['event'] = 'stalled'
        self.expect('lost')

    def test_nobody_completed(self):
        self.drop(self.story.find('complete'))
        self.drop(self.story.find('complete'))
        self.expect('unexplained')

    def test_another_result_is_stored(self):
        for operation in self.story.history:
            if operation.kind == 'complete' and operation.status == 200:
                operation.sent['result'] = {'n': 77}
        self.expect('result')

    def test_another_progress_is_stored(self):
        edit(self.story.find('status'), progress={'message': 'full'})
        self.expect('result')

    # --- clients ---------------------------------------------------------------------------------

    def test_an_acknowledged_cancel_is_lost(self):
        edit(self.story.find('cancel', 1), version=1)
        self.expect('lost')

    def test_an_acknowledged_retry_is_lost(self):
        edit(self.story.find('retry'), version=2)
        self.expect('lost')

    def test_nobody_canceled(self):
        self.drop(self.story.find('cancel', 1))
        self.expect('unexplained')

    def test_a_bulk_change_counts_too_many(self):
        edit(self.story.find('bulk_retry'), retried=2)
        self.expect('bulk')

    def test_a_bulk_change_counts_too_few(self):
        edit(self.story.find('bulk_retry'), retried=0)
        self.expect('bulk')

    def test_an_accepted_process_is_not_there(self):
        del self.story.processes[self.ids['plain']]
        self.expect('lost')

    def test_an_accepted_process_was_never_looked_for(self):
        del self.story.processes[self.ids['plain']], self.story.events[self.ids['plain']]
        self.expect('lost')

    def test_stored_twice(self):
        again = copy.copy(self.story.find('submit'))
        edit(again, process_id=self.ids['often'])
        self.story.history.append(again)
        self.expect('submission')

    def test_stored_and_never_asked_for(self):
        self.drop(self.story.find('submit', 3))
        self.expect('submission')

    def test_stored_with_another_group(self):
        self.story.find('submit').sent['group'] = 'g'
        self.expect('submission')

    def test_stored_with_another_trace(self):
        self.story.find('submit').sent['traceparent'] = '00-' + 32 * 'a' + '-' + 16 * 'b' + '-01'
        self.expect('submission')

    def test_shown_after_its_deletion(self):
        shown = copy.copy(self.story.find('delete'))
        shown.kind, shown.start, shown.end = 'status', 12.0, 12.1
        self.story.history.append(shown)
        self.expect('deleted')

    def test_an_answer_that_should_not_be(self):
        self.story.find('status').status = 500
        self.expect('answer')

    # --- time and limits -------------------------------------------------------------------------

    def test_a_lease_is_taken_too_early(self):
        self.event('stalled', 'stalled')['at'] = at(1)
        self.expect('too-early')

    def test_a_timeout_strikes_too_early(self):
        self.event('slow', 'failed')['at'] = at(1)
        self.expect('too-early')

    def test_a_queue_timeout_strikes_too_early(self):
        self.event('queued', 'failed')['at'] = at(0.2)
        self.expect('too-early')

    def test_a_deadline_strikes_without_one(self):
        self.event('queued', 'failed')['error_code'] = 'deadline_exceeded'
        self.expect('too-early')

    def test_more_stalls_than_allowed(self):
        self.event('stalled', 'failed')['event'] = 'stalled'
        self.story.processes[self.ids['stalled']]['status'] = 'pending'
        self.expect('limits')

    def test_fewer_stalls_than_allowed(self):
        self.event('slow', 'failed')['error_code'] = 'lease_lost'
        self.expect('limits')

    def test_more_attempts_than_allowed(self):
        for one in self.story.history:
            if one.kind == 'submit':
                one.sent['max_attempts'] = 1
        self.expect('limits')


class ForgedEnd(unittest.TestCase):
    def setUp(self):
        self.story, self.ids = usual()
        self.end = end_of(self.story)

    def expect(self, rule):
        violations = check_end(self.end)
        self.assertIn(rule, [name for name, _ in violations], violations)

    def test_nothing_is_wrong(self):
        self.assertEqual(check_end(self.end), [])

    def test_one_has_not_ended(self):
        self.end.processes[self.ids['plain']].update(status='running', done=False)
        self.expect('end')

    def test_a_list_leaves_one_out(self):
        self.end.by_status['completed'].remove(self.ids['plain'])
        self.expect('counts')

    def test_a_list_tells_one_twice(self):
        self.end.by_status['completed'].append(self.ids['plain'])
        self.expect('counts')

    def test_stats_count_otherwise(self):
        for name in ('failed', 'total'):
            with self.subTest(name):
                self.end = end_of(self.story)
                self.end.stats[name] += 1
                self.expect('counts')

    def test_a_group_counts_otherwise(self):
        self.end.groups['keep:1']['counts'] = {'failed': 1}
        self.expect('groups')

    def test_a_group_is_never_done(self):
        self.end.groups['keep:1']['done'] = False
        self.expect('groups')

    def test_a_type_still_waits(self):
        self.end.types['types'][0]['waiting'] = 1
        self.expect('leftovers')

    def test_a_worker_still_holds(self):
        self.end.workers['workers'][0]['held'] = 1
        self.expect('leftovers')

    def test_a_queue_still_holds(self):
        self.end.keys['process_queue:a'] = {'x'}
        self.expect('keys')

    def test_an_index_lost_one(self):
        for name in ('process_ids', 'process_retention', 'process_status:failed',
                     'process_group:all:keep:1'):
            with self.subTest(name):
                self.end = end_of(self.story)
                self.end.keys[name].pop()
                self.expect('keys')

    def test_events_outlive_their_process(self):
        self.end.keys[f'process_events:{self.ids["deleted"]}'] = set()
        self.expect('keys')


if __name__ == '__main__':
    unittest.main()
