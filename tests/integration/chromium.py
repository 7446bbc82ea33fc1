"""A headless Chromium, driven over its DevTools protocol.

It speaks JSON, each message ended by a zero byte, over two pipes: its descriptors 3 and 4.
"""

import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time

from polling import PATIENCE

BINARY = 'chromium-headless-shell'
# Loopback only, and nothing that it would do on its own behalf.
OPTIONS = (
    '--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check', '--disable-gpu',
    '--disable-dev-shm-usage', '--disable-background-networking', '--disable-component-update',
    '--disable-default-apps', '--disable-domain-reliability', '--disable-extensions',
    '--disable-sync', '--disable-breakpad', '--metrics-recording-only', '--no-pings',
    '--no-proxy-server', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    '--password-store=basic', '--use-mock-keychain', 'about:blank')


def is_installed():
    return shutil.which(BINARY) is not None


class PageError(AssertionError):
    """A script threw."""


class Chromium:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix='proctrack-test-')
        self._number = 0
        self._buffer = b''
        to_browser, self._commands = os.pipe()
        self._answers, from_browser = os.pipe()
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        words = [BINARY, *OPTIONS, f'--user-data-dir={self.directory}/profile']
        if os.geteuid() == 0:
            words.insert(1, '--no-sandbox')  # its sandbox refuses to run as root
        with open(os.path.join(self.directory, 'log'), 'wb') as log:
            # The shell gives the pipes the numbers that the browser expects.
            self.process = subprocess.Popen(
                ['/bin/sh', '-c', f'exec "$0" "$@" 3</proc/self/fd/{ends[0]} '
                 f'4>/proc/self/fd/{ends[1]}', *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory,
                env={'PATH': os.environ.get('PATH', ''), 'HOME': self.directory,
                     'TMPDIR': self.directory}, start_new_session=True, pass_fds=ends)
        for end in (to_browser, from_browser, *ends):
            os.close(end)

    def log(self):
        with open(os.path.join(self.directory, 'log'), encoding='utf-8', errors='replace') as log:
            return log.read()

    def call(self, method, session=None, timeout=60.0, **parameters):
        """One command; its result. Events that come meanwhile are nobody's."""
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': parameters}
        if session is not None:
            message['sessionId'] = session
        os.write(self._commands, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            answer = self._receive(deadline)
            if answer.get('id') == self._number:
                break
        if 'error' in answer:
            raise AssertionError(f'{method}: {answer["error"]}')
        return answer['result']

    def _receive(self, deadline):
        while b'\0' not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._answers], [], [], left)[0]:
                raise AssertionError(f'the browser does not answer:\n{self.log()}')
            data = os.read(self._answers, 1 << 20)
            if not data:
                raise AssertionError(f'the browser has ended:\n{self.log()}')
            self._buffer += data
        message, self._buffer = self._buffer.split(b'\0', 1)
        return json.loads(message)

    def open(self, url):
        """A tab that shows this page."""
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        page = Page(self, session)
        page.call('Page.enable')
        failed = page.call('Page.navigate', url=url).get('errorText')
        if failed:
            raise AssertionError(f'{url}: {failed}')
        return page

    def destroy(self):
        os.close(self._commands)
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # a session of its own: all its processes
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self._answers)
        # What it had started may write for a moment more.
        for _ in range(50):
            shutil.rmtree(self.directory, ignore_errors=True)
            if not os.path.exists(self.directory):
                return
            time.sleep(0.02)


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    def call(self, method, **parameters):
        return self.browser.call(method, self.session, **parameters)

    def run(self, script):
        """The value of an expression; of a promise what it becomes."""
        result = self.call('Runtime.evaluate', expression=script, awaitPromise=True,
                           returnByValue=True)
        if 'exceptionDetails' in result:
            raise PageError(json.dumps(result['exceptionDetails']))
        return result['result'].get('value')
