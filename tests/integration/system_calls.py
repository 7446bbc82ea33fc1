"""What a program did to files and sockets, as strace wrote it down."""

import os
import re
import shutil
import subprocess
import unittest

from polling import eventually

# All that changes files, whatever C library there is; and what tells somebody.
CALLS = ('?open,openat,?creat,write,writev,pwrite64,pwritev,?pwritev2,ftruncate,?truncate,'
         'fallocate,?rename,?renameat,renameat2,?link,linkat,?unlink,unlinkat,?mkdir,mkdirat,?rmdir,'
         'fsync,fdatasync,?sync_file_range,?sync,?syncfs,sendto,sendmsg')

LINE = re.compile(r'(\d+) +(\d+\.\d+) (.*)')
BEGUN = re.compile(r'(\w+)\((.*) <unfinished \.\.\.>(\) += \?)?$')
RESUMED = re.compile(r'<\.\.\. (\w+) resumed>(.*)\) += (\?|-?\d+)(.*)$')
WHOLE = re.compile(r'(\w+)\((.*)\) += (\?|-?\d+)(.*)$')
WORD = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?|(-?\w+)<((?:\\x[0-9a-f]{2})*)>|[^,\s"]+')

PATH = re.compile(r'<((?:\\x[0-9a-f]{2})*)>')


def plain(text):
    return bytes.fromhex(text.replace('\\x', ''))


class Call:
    """One system call. words: strings as bytes, descriptors as the path that they stood for, the
    rest as text; result: None when the program ended within it."""

    def __init__(self, name, at, words):
        self.name, self.at = name, float(at)
        self.words = [self._word(found) for found in WORD.finditer(words)]
        self.result = self.path = None

    @staticmethod
    def _word(found):
        string, cut, descriptor, path = found.groups()
        assert cut is None, 'strace wrote down a part only'
        if string is not None:
            return plain(string)
        return os.fsdecode(plain(path)) if descriptor else found.group()

    def end(self, result, rest):
        self.result = None if result == '?' else int(result)
        found = PATH.match(rest)
        self.path = os.fsdecode(plain(found.group(1))) if found else None

    def data(self):
        return b''.join(word for word in self.words if isinstance(word, bytes))

    def __repr__(self):
        return f'{self.name}{self.words} = {self.result}'


class Moment:
    """A call begins, or ends."""

    def __init__(self, at, call, begins):
        self.at, self.call, self.begins = float(at), call, begins


class Trace:
    """command() goes before a program's own; the program is the process that is started, and
    strace stands beside it. After its end, moments() are in the order in which they were."""

    def __init__(self, directory):
        if shutil.which('strace') is None:
            raise unittest.SkipTest('no strace here')
        self.log = os.path.join(directory, 'calls')
        tried = subprocess.run([*self.command(), 'true'], capture_output=True, check=False,
                               timeout=60)
        if tried.returncode != 0:
            raise unittest.SkipTest('strace may not look at a program here')
        self.wait_for_end()

    def command(self):
        return ['strace', '-D', '-f', '-q', '--seccomp-bpf', '-ttt', '-xx', '-y', '-s', '100000000',
                '-e', f'trace={CALLS}', '-o', self.log]

    def wait_for_end(self):
        """Of the program: it is the first that is named, and strace tells its end last."""
        def over():
            with open(self.log, 'rb') as log:
                first = log.readline().split(b' ')[0]
                log.seek(-min(os.path.getsize(self.log), 200), os.SEEK_END)
                last = log.read().splitlines()[-1:] or [b'']
            return last[0].startswith(first + b' ') and b' +++ ' in last[0]
        eventually(lambda: os.path.getsize(self.log) > 0 and over(), 60,
                   what='strace is at the end')

    def moments(self):
        self.wait_for_end()
        found, begun = [], {}
        with open(self.log, encoding='ascii') as log:
            for line in log:
                thread, at, text = LINE.match(line).groups()
                found += self._moments(begun, thread, at, text)
        return found

    @staticmethod
    def _moments(begun, thread, at, text):
        if text.startswith(('+++', '---', '???', '<... ???')):
            return []  # an end, a signal, or an end before it was known what it should be
        line = BEGUN.match(text)
        if line is not None:
            begun[thread] = call = Call(line.group(1), at, line.group(2))
            return [Moment(at, call, True)]
        line = RESUMED.match(text)
        if line is not None:
            call = begun.pop(thread)
            call.end(line.group(3), line.group(4))
            return [Moment(at, call, False)]
        line = WHOLE.match(text)
        assert line is not None, text
        call = Call(line.group(1), at, line.group(2))
        call.end(line.group(3), line.group(4))
        return [Moment(at, call, True), Moment(at, call, False)]
