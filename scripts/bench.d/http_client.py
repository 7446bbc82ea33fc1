"""A client of few requests, for what has to be there before the load."""
import json
import socket

from processes import BenchError


class HttpClient:
    """Keep-alive connections that each have at most one request under way."""

    def __init__(self, port, connections=1):
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        self.readers = [connection.makefile("rb") for connection in self.sockets]

    def post_all(self, request, count):
        """The bodies of `count` answers to the same request, each 202."""
        while count > 0:
            batch = min(count, len(self.sockets))
            for connection in self.sockets[:batch]:
                connection.sendall(request)
            for reader in self.readers[:batch]:
                yield self.read_answer(reader, 202)[1]
            count -= batch

    def get(self, path, header="", expected=200):
        """(header lines, body)."""
        self.sockets[0].sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{header}\r\n".encode())
        return self.read_answer(self.readers[0], expected)

    def post(self, path, document, expected=200):
        """The document of the answer."""
        self.sockets[0].sendall(post_request(path, document))
        return json.loads(self.read_answer(self.readers[0], expected)[1])

    @staticmethod
    def read_answer(reader, expected):
        status = reader.readline()
        headers = []
        while (line := reader.readline().rstrip(b"\r\n")):
            headers.append(line.decode("latin-1"))
        length = next((int(line.partition(":")[2]) for line in headers
                       if line.lower().startswith("content-length:") and expected != 304), 0)
        body = reader.read(length)
        if status.split()[1:2] != [b"%d" % expected]:
            raise BenchError(f"expected {expected}, got {status!r} {body[:500]!r}")
        return headers, body

    def close(self):
        for reader, connection in zip(self.readers, self.sockets):
            reader.close()
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def post_request(path, document):
    body = json.dumps(document).encode()
    return (b"POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
