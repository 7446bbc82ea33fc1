"""What systemd is to a service: the socket that it tells how it fares, and sockets passed to it."""

import contextlib
import ctypes
import os
import re
import signal
import socket
import sys
import time

from polling import PATIENCE

# Becomes the command given to it, with the descriptors listed first as 3, 4, ...
PASSING = r'''
import fcntl, os, sys
sources = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 100) for fd in sys.argv[1].split(',')]
for place, fd in enumerate(sources):
    os.dup2(fd, 3 + place, inheritable=True)
    os.close(fd)
os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
'''


class Manager:
    """Hears what a service says; its settings go to the service."""

    def __init__(self, directory):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(directory, 'notify')
        self.socket.bind(path)
        self.settings = {'NOTIFY_SOCKET': path}
        self.lines = []

    def close(self):
        self.socket.close()

    def _hear(self, timeout):
        """The lines of one more message; none in that time: an empty list."""
        self.socket.settimeout(timeout)
        try:
            lines = self.socket.recv(4096).decode().split('\n')
        except (TimeoutError, BlockingIOError):
            return []
        self.lines += lines
        return lines

    def wait_for(self, pattern, timeout=20.0):
        """The match of the next line that holds the pattern; what came before it is in lines."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f'not heard: {pattern}; but: {self.lines}')
            for line in self._hear(left):
                match = re.search(pattern, line)
                if match:
                    return match

    def hear_for(self, seconds):
        """Lines that come within that time."""
        end, heard = time.monotonic() + seconds, []
        while time.monotonic() < end:
            heard += self._hear(max(0.001, end - time.monotonic()))
        return heard

    def drain(self):
        """Lines that have come."""
        heard = []
        while True:
            lines = self._hear(0.0)
            if not lines:
                return heard
            heard += lines


def passing(sockets, names=None):
    """How to start a server with these sockets: more settings, what to start it within, and what it
    inherits."""
    settings = {'LISTEN_FDS': len(sockets)}
    if names:
        settings['LISTEN_FDNAMES'] = ':'.join(names)
    numbers = [one.fileno() for one in sockets]
    within = [sys.executable, '-B', '-c', PASSING, ','.join(map(str, numbers))]
    return settings, within, numbers


@contextlib.contextmanager
def threads_frozen(pid):
    """All threads but the main one stand still meanwhile, as they would in an endless loop. False
    where nobody may do that."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    seize, interrupt, detach, wall = 0x4206, 0x4207, 17, 0x40000000
    frozen = []
    try:
        for tid in sorted(map(int, os.listdir(f'/proc/{pid}/task'))):
            if tid == pid:
                continue
            if libc.ptrace(seize, tid, None, None) != 0:
                break
            libc.ptrace(interrupt, tid, None, None)
            os.waitpid(tid, wall)
            frozen.append(tid)
        yield len(frozen) > 0
    finally:
        for tid in frozen:
            libc.ptrace(detach, tid, None, None)


def pause(server, seconds):
    """Stops the whole program for that long, as a machine that sleeps does."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(seconds)  # the time is what is tested
    finally:
        server.process.send_signal(signal.SIGCONT)
