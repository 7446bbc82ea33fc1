"""A small file system of its own, which only its keeper and who enters there see."""

import errno
import subprocess


class SmallDisk:
    """Mounted at `directory`. None can be: OSError."""

    def __init__(self, directory, size='2m'):
        self.directory = directory
        self.keeper = subprocess.Popen(
            ['unshare', '--mount', 'sh', '-c',
             'mount -t tmpfs -o "size=$1" none "$0" && echo mounted && exec cat', directory, size],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.keeper.stdout.readline() != b'mounted\n':
            self.destroy()
            raise OSError(errno.EPERM, 'a file system cannot be mounted here')

    def entering(self):
        """What comes before a command that is to see it."""
        return ['nsenter', '--mount', f'--target={self.keeper.pid}', '--']

    def path(self, name):
        """As everybody may reach it."""
        return f'/proc/{self.keeper.pid}/root{self.directory}/{name}'

    def put(self, name, size=None):
        """A file of that size, or as large as there is room."""
        with open(self.path(name), 'wb', buffering=0) as file:
            try:
                while size is None or size > 0:
                    done = file.write(bytes(min(size or 4096, 65536)))
                    size = None if size is None else size - done
            except OSError as failure:
                if failure.errno != errno.ENOSPC or size is not None:
                    raise

    def destroy(self):
        self.keeper.stdin.close()
        self.keeper.stdout.close()
        self.keeper.wait(10)
