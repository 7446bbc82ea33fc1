"""Clients that change things and remember what they were told; what of it is left afterwards."""

import http.client
import json
import threading
import time

from polling import eventually

REMOVED = 10 ** 9  # as a version
PAUSE_S = 0.01
LONG_PAUSE_S = 0.05  # where the load lasts long
CLIENTS = 4


class Refused(Exception):
    """What it is stored in has gone."""


class Load(threading.Thread):
    """Creates one by one and by batch, under keys, takes and completes, removes some; remembers
    when it was told what. Ends with the first call that fails."""

    def __init__(self, server, number, pause_s):
        super().__init__(daemon=True)
        self.client, self.number, self.pause_s = server.new_client(), number, pause_s
        self.told = []         # (when, id, version)
        self.made = {}         # id: when, by the server's clock
        self.sent = {}         # name: id, once it is known
        self.removing = set()  # ids
        self.ended = threading.Event()
        self.failure = None

    def run(self):
        try:
            for count in range(1_000_000):
                if self.ended.wait(self.pause_s):
                    break
                self.step(f'{self.number}-{count}', count)
        except (OSError, http.client.HTTPException, Refused):
            pass
        except Exception as failure:  # told by who waits for it
            self.failure = failure
        self.client.close()

    def call(self, method, path, document=None, key=None):
        headers = {'Idempotency-Key': key} if key else {}
        answer = self.client.request(method, path, None, headers, document)
        if answer.status == 503:
            raise Refused
        assert answer.status in (200, 202), answer
        now = time.time()
        for one in answer.json.get('processes', [answer.json]):
            self.made.setdefault(one['process_id'], one.get('created_at'))
            self.told.append((now, one['process_id'], one.get('version', 1)))
        return answer.json

    def step(self, name, count):
        document = self.document(name)
        if count % 4 == 3:
            names = [f'{name}-{part}' for part in range(3)]
            self.sent.update(dict.fromkeys(names))
            made = self.call('POST', '/analyze/batch', {
                'processes': [self.document(one) for one in names]}, key=name)['processes']
            self.sent.update(zip(names, (one['process_id'] for one in made)))
            return
        self.sent[name] = None
        made = self.call('POST', '/analyze', document, key=name)
        self.sent[name] = made['process_id']
        claimed = self.call('POST', '/claim', {'types': [name], 'worker': 'w',
                                               'lease_seconds': 3600})['processes'][0]
        path = f'/processes/{made["process_id"]}'
        self.call('POST', f'{path}/complete', {'lease_token': claimed['lease_token'],
                                               'result': name})
        if count % 4 == 1:
            self.removing.add(made['process_id'])
            self.call('DELETE', path)
            self.told.append((time.time(), made['process_id'], REMOVED))

    @staticmethod
    def document(name):
        return {'type': name, 'input': name * 20, 'metadata': {'name': name}}


class Loads:
    def __init__(self, server, pause_s=PAUSE_S):
        self.each = [Load(server, number, pause_s) for number in range(CLIENTS)]
        for one in self.each:
            one.start()

    def told(self):
        for one in self.each:
            if one.failure is not None:
                raise RuntimeError('a client was told something strange') from one.failure
        return sorted(one for load in self.each for one in list(load.told))

    def wait_for(self, count):
        eventually(lambda: len(self.told()) >= count, 60, what=f'{count} acknowledgements')

    def wait_for_seconds(self, seconds):
        """Of acknowledgements, from the first to the last."""
        def span():
            told = self.told()
            return told and told[-1][0] - told[0][0] > seconds
        eventually(span, 60 + seconds, what=f'{seconds} s of acknowledgements')

    def join(self):
        for one in self.each:
            one.ended.set()
        for one in self.each:
            one.join(60)

    @property
    def sent(self):
        return {name: one for load in self.each for name, one in load.sent.items()}

    @property
    def made(self):
        return {one: at for load in self.each for one, at in load.made.items()}

    @property
    def removing(self):
        return {one for load in self.each for one in load.removing}


def told_in(moments):
    """(when, id, version) of what a server sent: from the moment at which it began to."""
    told = []
    for moment in moments:
        if moment.begins and moment.call.name in ('sendto', 'sendmsg', 'write', 'writev'):
            head, _, body = moment.call.data().partition(b'\r\n\r\n')
            if head.startswith(b'HTTP/1.1 2') and body.startswith(b'{'):
                answer = json.loads(body)
                told += [(moment.at, one['process_id'], one.get('version', 1))
                         for one in answer.get('processes', [answer]) if 'process_id' in one]
    return told


class Left:
    """What a server finds that was started on what is left."""

    def __init__(self, client, loads):
        self.client, self.loads = client, loads
        self.all = self._list()
        self.versions = {one['process_id']: one['version'] for one in self.all}

    def _list(self):
        found, cursor = [], ''
        while cursor is not None:
            page = self.client.get(f'/processes?limit=200{cursor}').json
            found += page['processes']
            following = page.get('next_cursor')
            cursor = f'&cursor={following}' if following else None
        return found

    def has(self, process_id, version):
        if version != REMOVED and self.versions.get(process_id, 0) >= version:
            return True
        return ((version == REMOVED or process_id in self.loads.removing)
                and self.client.get(f'/status/{process_id}').status == 410)

    def missing(self, told):
        return [one for one in told if not self.has(*one[1:])]

    def check_whole(self):
        """Each is one that was sent, once and wholly; indexes and counts agree."""
        sent, seen = self.loads.sent, set()
        for one in self.all:
            name = one['metadata']['name']
            assert name in sent and name not in seen, f'{one} was never sent, or is there twice'
            seen.add(name)
            assert sent[name] in (None, one['process_id']), one
            got = self.client.get(f'/status/{one["process_id"]}?fields=%2Binput').json
            assert got['input'] == name * 20, got
            assert got['result'] == (name if got['status'] == 'completed' else None), got
        for name in sent:
            parts = [f'{name}-{part}' for part in range(3)]
            assert len([part for part in parts if part in seen]) in (0, 3), f'half a batch {name}'
        found = self.client.post('/admin/audit').json['found']
        assert not any(found.values()), found
        assert self.client.get('/stats').json['total'] == len(self.all)

    def check_keys(self, chance):
        """A creation that is sent again finds what it made."""
        made = [one for one in self.all if one['metadata']['name'].count('-') == 1]
        for one in chance.sample(made, min(3, len(made))):
            name = one['metadata']['name']
            again = self.client.post('/analyze', Load.document(name), {'Idempotency-Key': name})
            assert again.json['process_id'] == one['process_id'], (one, again)

    def check_is_a_beginning(self, lost):
        """Nothing is there that was made after something that is not."""
        made = self.loads.made
        latest = max((one['created_at'] for one in self.all), default='')
        for _, process_id, _ in lost:
            if process_id not in self.versions:
                assert (made.get(process_id) or latest) >= latest, \
                    f'{process_id} is lost, and what came later not'
