"""How long a start takes that reads many processes: from the journal, where each has a line of its
own and some a second one, then from a snapshot."""

import json
import os
import re
import threading

from kill_campaign import Ready, end_with_a_kill
from polling import eventually

CLIENTS = 32
REPLAYED = re.compile(r'replayed items=(\d+) lines=(\d+) took_ms=(\d+) total=(\d+)')


class Figures:
    def __init__(self, source, server, ready):
        self.source = source
        match = server.wait_for_line(REPLAYED)
        self.items, self.lines, self.took_ms, self.total = map(int, match.groups())
        self.ready_seconds, self.cpu_seconds = ready.seconds[-1], ready.cpu_seconds[-1]

    def __str__(self):
        return (f'{self.source}: {self.total} processes from {self.items} items and {self.lines}'
                f' lines: replayed in {self.took_ms / 1000:.3f} s, ready within'
                f' {self.ready_seconds:.3f} s, {self.cpu_seconds:.3f} s of processor')


def replay(place, count):
    """Fills the place, kills, starts, twice; the figures of the two starts."""
    ready = Ready()
    place.mode = 'no'
    server = ready.start(place)
    obstacle = os.path.join(place.data, 'snapshot.json.new')
    with server:
        os.mkdir(obstacle)  # so that no snapshot is written, however long the journal becomes
        fill(server, count)
        end_with_a_kill(server)
    os.rmdir(obstacle)
    place.mode = 'always'
    found = []
    for source in ('journal', 'snapshot'):
        server = ready.start(place)
        with server:
            found.append(Figures(source, server, ready))
            if source == 'journal':
                # One is being written already when the journal was long.
                client = server.new_client(120)
                eventually(lambda: client.post('/admin/snapshot').status == 200, timeout=60)
                client.close()
            end_with_a_kill(server)
    return found


def fill(server, count):
    """Each in a line of its own; some claimed."""
    failures = []

    def create(share):
        client = server.new_client()
        document = json.dumps({'type': 'kind', 'input': {'text': 'a few words of input'},
                               'metadata': {'customer': 'somebody'}})
        try:
            for _ in range(share):
                answer = client.post('/analyze', body=document)
                if answer.status != 202:
                    raise AssertionError(answer)
            answer = client.post('/claim', {'types': ['kind'], 'worker': 'w', 'max': 10,
                                            'lease_seconds': 3600})
            if answer.status != 200:
                raise AssertionError(answer)
        except Exception as failure:  # told by the thread that looks after this one
            failures.append(failure)
        client.close()

    shares = [count // CLIENTS + (number < count % CLIENTS) for number in range(CLIENTS)]
    threads = [threading.Thread(target=create, args=(share,), daemon=True) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
