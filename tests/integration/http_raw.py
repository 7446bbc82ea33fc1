"""HTTP byte for byte: what goes over the socket is what the test says, nothing is corrected."""

import json
import socket


class RawAnswer:
    def __init__(self, status, reason, version, headers, body):
        self.status, self.reason, self.version = status, reason, version
        self.headers = headers  # pairs, in the order and the case in which they came
        self.body = body

    def header(self, name):
        for key, value in self.headers:
            if key.lower() == name.lower():
                return value
        return None

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'<{self.status} {self.reason} {self.headers} {self.body[:300]!r}>'


class RawConnection:
    def __init__(self, host, port, timeout=10.0):
        self.socket = socket.create_connection((host, port), timeout)
        self._buffer = b''

    def send(self, data):
        """Sends all of it, or as much as the server lets it: it may answer and close early."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b''
        self._buffer += data
        return bool(data)

    def _line(self):
        while b'\r\n' not in self._buffer:
            if not self._more():
                raise EOFError(f'closed inside a line: {self._buffer!r}')
        line, self._buffer = self._buffer.split(b'\r\n', 1)
        return line.decode('latin-1')

    def _exactly(self, count):
        while len(self._buffer) < count:
            if not self._more():
                raise EOFError(f'closed with {len(self._buffer)} of {count} bytes')
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _chunked(self):
        body = b''
        while True:
            size = int(self._line().split(';')[0], 16)
            if size == 0:
                while self._line():
                    pass
                return body
            body += self._exactly(size)
            if self._line():
                raise ValueError('chunk without its end')

    def read_to_end(self):
        """All that comes until the server closes."""
        while self._more():
            pass
        data, self._buffer = self._buffer, b''
        return data

    def read_answer(self, bodyless=False):
        """One answer; bodyless for that of a HEAD. Interim answers (100) are passed over."""
        while True:
            version, status, *reason = self._line().split(' ', 2)
            headers = []
            while line := self._line():
                name, value = line.split(':', 1)
                headers.append((name, value.strip()))
            if not 100 <= int(status) < 200:
                break
        answer = RawAnswer(int(status), ''.join(reason), version, headers, b'')
        if bodyless or answer.status in (204, 304):
            return answer
        if (answer.header('Transfer-Encoding') or '').lower() == 'chunked':
            answer.body = self._chunked()
        elif answer.header('Content-Length') is not None:
            answer.body = self._exactly(int(answer.header('Content-Length')))
        else:
            answer.body = self.read_to_end()
        return answer

    def is_closed_by_peer(self):
        """Waits for the server to close; False when it sends something instead or keeps it open."""
        try:
            return self._buffer == b'' and not self._more()
        except socket.timeout:
            return False

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
