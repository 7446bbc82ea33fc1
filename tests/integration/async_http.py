"""HTTP for those who hold many connections in one thread: keep-alive requests and event streams."""

import asyncio
import json

from polling import PATIENCE

ANSWER_TIMEOUT = 60
LIMIT = 16 * 1024 * 1024  # bytes of one line


class Closed(Exception):
    """The server closed the connection, or there is none."""


class Head:
    def __init__(self, status, headers):
        self.status = status
        self.headers = headers  # names in lower case

    def get(self, name):
        return self.headers.get(name)


class Reply(Head):
    def __init__(self, head, body):
        super().__init__(head.status, head.headers)
        self.body = body

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    def __repr__(self):
        return f'<{self.status} {self.headers} {self.body[:300]!r}>'


class Event:
    """One server-sent event; name None for one without."""

    def __init__(self, identity, name, data):
        self.id, self.name, self.data = identity, name, data

    @property
    def json(self):
        return json.loads(self.data)

    def __repr__(self):
        return f'<event {self.name} {self.id} {self.data[:200]!r}>'


class EventParser:
    """Bytes in any portions -> events, as WHATWG HTML 9.2.6 says."""

    def __init__(self):
        self.retry = None  # milliseconds
        self.comments = 0
        self.last_id = ''
        self._rest = b''
        self._name, self._data = None, []

    def feed(self, data):
        *lines, self._rest = (self._rest + data).split(b'\n')
        events = []
        for line in lines:
            event = self._line(line.removesuffix(b'\r').decode())
            if event:
                events.append(event)
        return events

    def _line(self, line):
        if not line:
            event = Event(self.last_id, self._name, '\n'.join(self._data)) if self._data else None
            self._name, self._data = None, []
            return event
        field, _, value = line.partition(':')
        value = value.removeprefix(' ')
        if not field:
            self.comments += 1
        elif field == 'data':
            self._data.append(value)
        elif field == 'event':
            self._name = value
        elif field == 'id':
            self.last_id = value
        elif field == 'retry':
            self.retry = int(value)
        return None


async def chunks(reader):
    """The parts of a chunked body."""
    while True:
        size = int((await reader.readuntil(b'\r\n')).split(b';')[0], 16)
        data = (await reader.readexactly(size + 2))[:-2]
        if size == 0:
            return
        yield data


class AsyncConnection:
    """One request at a time; opened when it is needed, and again after it was closed."""

    def __init__(self, port, host='127.0.0.1'):
        self.host, self.port = host, port
        self._reader = self._writer = None

    async def _send(self, method, path, headers, document):
        if self._writer is None:
            try:
                self._reader, self._writer = await asyncio.open_connection(
                    self.host, self.port, limit=LIMIT)
            except OSError as error:
                raise Closed(str(error)) from error
        lines = [f'{method} {path} HTTP/1.1', f'Host: {self.host}:{self.port}', *headers]
        body = b''
        if document is not None:
            body = json.dumps(document).encode()
            lines += ['Content-Type: application/json', f'Content-Length: {len(body)}']
        elif method == 'POST':
            lines.append('Content-Length: 0')
        self._writer.write('\r\n'.join(lines).encode() + b'\r\n\r\n' + body)

    async def _head(self):
        text = (await self._reader.readuntil(b'\r\n\r\n')).decode('latin-1')
        first, *lines = text.rstrip('\r\n').split('\r\n')
        headers = {}
        for line in lines:
            name, _, value = line.partition(':')
            headers[name.lower()] = value.strip()
        return Head(int(first.split(' ', 2)[1]), headers)

    async def _body(self, head):
        if head.status in (204, 304):
            return b''
        if head.get('transfer-encoding') == 'chunked':
            return b''.join([part async for part in chunks(self._reader)])
        return await self._reader.readexactly(int(head.get('content-length') or 0))

    async def request(self, method, path, headers=(), document=None, timeout=ANSWER_TIMEOUT):
        """Closed when the connection broke; TimeoutError when no answer came."""
        try:
            async with asyncio.timeout(timeout * PATIENCE):
                await self._send(method, path, headers, document)
                head = await self._head()
                reply = Reply(head, await self._body(head))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            raise Closed(repr(error)) from error
        except BaseException:
            self.close()
            raise
        if (head.get('connection') or '').lower() == 'close':
            self.close()
        return reply

    async def get(self, path, headers=(), timeout=ANSWER_TIMEOUT):
        return await self.request('GET', path, headers, timeout=timeout)

    async def post(self, path, document=None, headers=()):
        return await self.request('POST', path, headers, document)

    async def open_stream(self, path, headers=()):
        """Reply when it is no stream (its status says why), else a Stream, which takes the
        connection with it."""
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT * PATIENCE):
                await self._send('GET', path, ('Accept: text/event-stream', *headers), None)
                head = await self._head()
                if head.status != 200:
                    return Reply(head, await self._body(head))
        except (OSError, asyncio.IncompleteReadError) as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise
            raise Closed(repr(error)) from error
        stream = Stream(head, self._reader, self._writer)
        self._reader = self._writer = None
        return stream

    def close(self):
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


class Stream(Head):
    """`async for event in stream` until the server ends it; `broken` when it did so without the
    end of the body."""

    def __init__(self, head, reader, writer):
        super().__init__(head.status, head.headers)
        self._reader, self._writer = reader, writer
        self.parser = EventParser()
        self.broken = False

    async def __aiter__(self):
        try:
            async for part in chunks(self._reader):
                for event in self.parser.feed(part):
                    yield event
        except (OSError, asyncio.IncompleteReadError):
            self.broken = True
        finally:
            self.close()

    def close(self):
        self._writer.close()
