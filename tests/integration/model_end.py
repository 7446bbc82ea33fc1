"""What must hold when all is over: every process has ended, lists, counts and groups agree with the
processes, and no index holds anything that waits or runs."""

from collections import Counter

from model_history import FINAL

EMPTY_AT_THE_END = ('process_queue:', 'process_schedule', 'process_leases', 'process_deadlines',
                    'process_running:', 'process_held:')


class End:
    """What was found at the end. processes: id -> resource; by_status: status -> ids as listed;
    groups: name -> answer; keys: of Redis, name -> its members (a set), or None on memory."""

    def __init__(self, processes, by_status, stats, groups, types, workers, keys=None):
        self.processes, self.by_status, self.stats = processes, by_status, stats
        self.groups, self.types, self.workers, self.keys = groups, types, workers, keys


def check_end(end):
    """Violations as (rule, text)."""
    return [*unfinished(end), *disagreements(end), *group_disagreements(end), *leftovers(end),
            *(key_disagreements(end) if end.keys is not None else ())]


def unfinished(end):
    for process_id, document in end.processes.items():
        if document['status'] not in FINAL or not document['done']:
            yield 'end', f'{process_id} has not ended: {document}'


def ids_of(end, **members):
    return {process_id for process_id, document in end.processes.items()
            if all(document[name] == value for name, value in members.items())}


def disagreements(end):
    for status in ('pending', 'running', *FINAL):
        ids = ids_of(end, status=status)
        if ids != set(end.by_status[status]) or len(ids) != len(end.by_status[status]):
            yield 'counts', f'the list of {status} differs in {ids ^ set(end.by_status[status])}'
        if end.stats[status] != len(ids):
            yield 'counts', f'stats tell of {end.stats[status]} {status}, there are {len(ids)}'
    if end.stats['total'] != len(end.processes):
        yield 'counts', f'stats tell of {end.stats["total"]}, there are {len(end.processes)}'


def group_disagreements(end):
    for group, answer in end.groups.items():
        counts = Counter(document['status'] for document in end.processes.values()
                         if document['group'] == group)
        told = {status: number for status, number in answer['counts'].items() if number}
        if told != dict(counts) or answer['total'] != sum(counts.values()):
            yield 'groups', f'{group} tells of {answer}, its members are {dict(counts)}'
        if answer['done'] is not True or answer['percent'] != 100:
            yield 'groups', f'all of {group} has ended, it says {answer}'


def leftovers(end):
    for one in end.types['types']:
        if one['waiting'] or one['running'] or one['paused']:
            yield 'leftovers', f'a type that has nothing to do says {one}'
    for one in end.workers['workers']:
        if one['held'] or one['processes']:
            yield 'leftovers', f'a worker that holds nothing says {one}'


def key_disagreements(end):
    ids = set(end.processes)
    expected = {'process_ids': ids, 'process_times': ids, 'process_retention': ids}
    groups = {document['group'] for document in end.processes.values()} - {None}
    for status in ('pending', 'running', *FINAL):
        expected[f'process_status:{status}'] = ids_of(end, status=status)
        for group in groups:
            expected[f'process_group:{status}:{group}'] = ids_of(end, status=status, group=group)
    for group in groups:
        expected[f'process_group:all:{group}'] = ids_of(end, group=group)
    for name, members in expected.items():
        if end.keys.get(name, set()) != members:
            yield 'keys', f'{name} differs in {end.keys.get(name, set()) ^ members}'
    for name, members in end.keys.items():
        if name.startswith(EMPTY_AT_THE_END) and members:
            yield 'keys', f'{name} still holds {members}'
        if name.startswith(('process:', 'process_events:')) and name.rpartition(':')[2] not in ids:
            yield 'keys', f'{name} is left of a process that is gone'
