"""What all who call in the model test have in common: connections, chance, and the record.

Each actor decides by a random generator of its own, seeded by the run's seed and its name, so that
a seed gives every actor the same decisions again. How they interleave is up to the machine.
"""

import json
import random
import socket
import threading
import time

from model_history import NEVER, Operation
from polling import PATIENCE

ANSWER_TIMEOUT = 60


class Lost(Exception):
    """The connection broke after something was sent: what became of it is unknown."""


class Connection:
    """One request at a time, over a connection that is kept."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), ANSWER_TIMEOUT * PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b''

    def send(self, method, path, body, headers):
        lines = [f'{method} {path} HTTP/1.1', 'Host: model', *headers]
        if body is not None:
            lines += ['Content-Type: application/json', f'Content-Length: {len(body)}']
        elif method == 'POST':
            lines.append('Content-Length: 0')
        try:
            self.socket.sendall('\r\n'.join(lines).encode() + b'\r\n\r\n' + (body or b''))
        except OSError as error:
            raise Lost from error

    def receive(self):
        """(status, body)."""
        while b'\r\n\r\n' not in self._rest:
            self._more()
        head, self._rest = self._rest.split(b'\r\n\r\n', 1)
        length = 0
        for line in head.split(b'\r\n')[1:]:
            name, _, value = line.partition(b':')
            if name.lower() == b'content-length':
                length = int(value)
        while len(self._rest) < length:
            self._more()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(head[9:12]), body

    def _more(self):
        try:
            data = self.socket.recv(262144)
        except TimeoutError:
            raise AssertionError(f'no answer within {ANSWER_TIMEOUT * PATIENCE} s') from None
        except OSError as error:
            raise Lost from error
        if not data:
            raise Lost
        self._rest += data

    def close(self):
        self.socket.close()


class World:
    """What all actors share. ports: of the instances, None while one is down."""

    def __init__(self, seed, operations, ports):
        self.seed, self.operations, self.ports = seed, operations, ports
        self.history = []
        self.ids, self.keys, self.given_up = [], [], []
        self.failures = []
        self.stop = threading.Event()

    def enough(self):
        return self.stop.is_set() or len(self.history) >= self.operations


class Actor:
    def __init__(self, world, name):
        self.world, self.name = world, name
        self.random = random.Random(f'{world.seed}/{name}')
        self.connections = {}
        self.number = 0

    def run(self):
        try:
            while not self.world.enough():
                self.step()
        except BaseException as error:  # the thread's end would go unnoticed
            self.world.failures.append(f'{self.name}: {error!r}')
            self.world.stop.set()
        finally:
            self.close()

    def step(self):
        raise NotImplementedError

    def close(self):
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    # --- requests --------------------------------------------------------------------------------

    def connection(self, lane=0):
        """To an instance by lot, or to another one when that is down."""
        first = int(self.random.random() * len(self.world.ports))
        while True:
            for index in range(len(self.world.ports)):
                port = self.world.ports[(first + index) % len(self.world.ports)]
                if port is None:
                    continue
                if (port, lane) in self.connections:
                    return port, lane
                try:
                    self.connections[port, lane] = Connection(port)
                    return port, lane
                except OSError:
                    continue  # it was just ended
            if self.world.failures:
                raise AssertionError('no instance is left')
            time.sleep(0.005)

    def begin(self, operation, method, path, document=None, headers=(), lane=0):
        """Sends; finish() receives."""
        body = None if document is None else json.dumps(document).encode()
        place = self.connection(lane)
        operation.start = time.monotonic()
        try:
            self.connections[place].send(method, path, body, headers)
        except Lost:
            self.connections.pop(place).close()
            place = None
        return place

    def finish(self, operation, place):
        if place is not None:
            try:
                operation.status, operation.body = self.connections[place].receive()
                operation.end = time.monotonic()
            except Lost:
                self.connections.pop(place).close()
        if operation.status == 503:  # whether it was carried out is not known
            operation.status, operation.end = None, NEVER
        self.world.history.append(operation)
        return operation

    def call(self, kind, method, path, document=None, process_id=None, sent=None, headers=(),
             actor=None):
        operation = Operation(kind, actor or self.name, process_id,
                              document if sent is None else sent)
        return self.finish(operation, self.begin(operation, method, path, document, headers))

    def about(self, kind, method, path, process_id):
        return self.call(kind, method, path, process_id=process_id, sent={})

    # --- decisions: always the same number of draws, whatever the state --------------------------

    def chance(self, share):
        return self.random.random() < share

    def lot(self, items, recent=None):
        """One of the items, of the last `recent` ones if so said; None when there is none."""
        draw = self.random.random()
        items = items[-recent:] if recent else items
        return items[int(draw * len(items))] if items else None

    def pick(self, weights):
        draw = self.random.random() * sum(weights.values())
        for name, weight in weights.items():
            draw -= weight
            if draw < 0:
                return name
        return next(iter(weights))
