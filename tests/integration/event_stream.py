"""A reader of server-sent events over a raw socket, to see them as they come."""

import json
import socket
import time

from polling import PATIENCE


class Event:
    """One event: data is its text, id and name are None where the event has none of its own."""

    def __init__(self, name, data, event_id):
        self.name, self.data, self.id = name, data, event_id

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f'<event {self.name or "message"} id={self.id} {self.data[:300]!r}>'


class EventStream:
    """One GET on a connection of its own. The answer's header has come when it is made.

    Iterating gives events until the server ends the stream. Comments are collected, retry is the
    last hint in ms, and clean says whether the stream ended as its framing demands.
    """

    def __init__(self, host, port, path, headers=None, timeout=20.0, buffer=None, version='1.1'):
        self.timeout = timeout * PATIENCE
        self.socket = socket.socket()
        if buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(self.timeout)
        self.comments, self.retry, self.last_id = [], None, None
        self.ended = self.clean = False
        self._raw = b''   # as it came
        self._text = b''  # without its framing
        try:
            self.socket.connect((host, port))
            fields = {'Host': f'{host}:{port}', 'Accept': 'text/event-stream', **(headers or {})}
            lines = [f'GET {path} HTTP/{version}']
            lines += [f'{name}: {value}' for name, value in fields.items() if value is not None]
            self.socket.sendall(('\r\n'.join(lines) + '\r\n\r\n').encode('latin-1'))
            self._read_header(time.monotonic() + self.timeout)
        except BaseException:
            self.socket.close()
            raise

    # --- the answer's header

    def _read_header(self, deadline):
        while b'\r\n\r\n' not in self._raw:
            if not self._more(deadline):
                raise EOFError(f'closed inside the header: {self._raw!r}')
        header, self._raw = self._raw.split(b'\r\n\r\n', 1)
        status, *lines = header.decode('latin-1').split('\r\n')
        self.status = int(status.split(' ')[1])
        self.headers = [(name, value.strip())
                        for name, value in (line.split(':', 1) for line in lines)]
        self._chunked = (self.header('Transfer-Encoding') or '').lower() == 'chunked'
        length = self.header('Content-Length')
        self._left = int(length) if length is not None else None
        if self.status in (204, 304):
            self._left = 0
        self._unframe()

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    # --- bytes

    def _more(self, deadline):
        """Reads once; False at the end. TimeoutError at the deadline."""
        self.socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b''
        except socket.timeout:
            raise TimeoutError('no event in time') from None
        self._raw += data
        return bool(data)

    def _unframe(self):
        if self._left is not None:
            taken, self._raw = self._raw[:self._left], self._raw[self._left:]
            self._text += taken
            self._left -= len(taken)
            self.ended = self.clean = self._left == 0
        elif not self._chunked:
            self._text, self._raw = self._text + self._raw, b''
        else:
            while not self.ended and self._unframe_chunk():
                pass

    def _unframe_chunk(self):
        line, found, rest = self._raw.partition(b'\r\n')
        if not found:
            return False
        size = int(line.split(b';')[0], 16)
        if len(rest) < size + 2:
            return False
        self._text += rest[:size]
        self._raw = rest[size + 2:]
        self.ended = self.clean = size == 0
        return True

    def _fill(self, deadline):
        if self.ended:
            return False
        if self._more(deadline):
            self._unframe()
        else:
            self.ended = True
            self.clean = not self._chunked and self._left is None
        return True

    # --- events

    def next(self, timeout=None):
        """The next event; None when the stream has ended. TimeoutError when none comes in time."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        while True:
            event = self._take_block()
            if event is not None:
                return event
            if b'\n\n' not in self._text and not self._fill(deadline):
                return None

    def _take_block(self):
        """The block in front; None when none is whole, or when it was no event."""
        block, found, rest = self._text.partition(b'\n\n')
        if not found:
            return None
        self._text = rest
        name, data = None, []
        event_id = None
        for line in block.decode().split('\n'):
            field, _, value = line.partition(':')
            value = value[1:] if value.startswith(' ') else value
            if field == '':
                self.comments.append(value)
            elif field == 'event':
                name = value
            elif field == 'data':
                data.append(value)
            elif field == 'id':
                event_id = self.last_id = value
            elif field == 'retry':
                self.retry = int(value)
            else:
                raise AssertionError(f'no field of an event stream: {line!r}')
        return Event(name, '\n'.join(data), event_id) if data else None

    def until(self, condition, timeout=None):
        """The first event for which the condition holds; those before it are passed over."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        passed = []
        while True:
            event = self.next(max(deadline - time.monotonic(), 0.001) / PATIENCE)
            if event is None:
                raise AssertionError(f'ended before it came: {passed}')
            if condition(event):
                return event
            passed.append(event)

    def is_quiet(self, seconds=0.2):
        """True when no event comes for so long."""
        try:
            return self.next(seconds / PATIENCE) is None
        except TimeoutError:
            return True

    def wait_for_comment(self, timeout=None):
        """Reads until a comment (a ping) more has come; events before it are passed over."""
        count = len(self.comments)
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        while len(self.comments) == count:
            if b'\n\n' in self._text:
                self._take_block()
            elif not self._fill(deadline):
                raise AssertionError('ended without a comment')
        return self.comments[-1]

    def read_to_end(self, timeout=None):
        """All events that come until the server ends the stream."""
        events = []
        while (event := self.next(timeout)) is not None:
            events.append(event)
        return events

    def body(self, timeout=None):
        """Of an answer that is no stream: its whole body."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout * PATIENCE)
        while self._fill(deadline):
            pass
        return self._text

    def __iter__(self):
        return self

    def __next__(self):
        event = self.next()
        if event is None:
            raise StopIteration
        return event

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
