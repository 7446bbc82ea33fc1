"""A keep-alive client for the ordinary cases."""

import http.client
import json


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    def header(self, name):
        return self.headers.get(name)

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'<{self.status} {dict(self.headers)} {self.body[:600]!r}>'


class Client:
    """One connection, reused; opened again when the server has closed it. Not for two threads."""

    def __init__(self, host, port, timeout=30.0):
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, document=None):
        """document is sent as JSON; body as it is, as JSON too unless the headers say otherwise."""
        headers = dict(headers or {})
        if document is not None:
            body = json.dumps(document)
        if body is not None:
            headers.setdefault('Content-Type', 'application/json')
            if isinstance(body, str):
                body = body.encode()
        try:
            return self._exchange(method, path, body, headers)
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            # An idle connection that the server closed meanwhile. A request that may already
            # have been carried out is the caller's to repeat.
            if method not in ('GET', 'HEAD', 'OPTIONS'):
                raise
            return self._exchange(method, path, body, headers)

    def _exchange(self, method, path, body, headers):
        try:
            self.connection.request(method, path, body, headers)
            response = self.connection.getresponse()
            return Answer(response, response.read())
        except BaseException:
            self.connection.close()
            raise

    def get(self, path, headers=None):
        return self.request('GET', path, headers=headers)

    def post(self, path, document=None, headers=None, body=None):
        return self.request('POST', path, body, headers, document)

    def delete(self, path, headers=None):
        return self.request('DELETE', path, headers=headers)

    def close(self):
        self.connection.close()
