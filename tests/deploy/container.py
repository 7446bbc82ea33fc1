"""Runs an image that image.py has made, as a container engine with strict settings would: as the
image's user, on a root that is read-only, without new privileges, and here without any shell.
"""
import http.client
import json
import os
import signal
import subprocess
import time

import image

PATIENCE_S = 30
SHELLS = ("/usr/bin/bash", "/usr/bin/dash")
START = """
set -e
mount --bind "$1" "$1"
""" + image.MOUNTS + """
volume=$1
place=$2
user=$3
shift 3
mount --bind "$volume" "$root$place"
for shell in """ + " ".join(SHELLS) + """; do
    mount --bind /dev/null "$root$shell"
done
touch "$root/etc/hosts"
mount --bind /etc/hosts "$root/etc/hosts"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs -- /usr/sbin/chroot --userspec="$user" --groups= "$root" "$@"
"""


class Container:
    """An image's runtime stage, with its root, and a directory as its volume. HTTP and Redis are
    reached at this machine's own loopback: there is no network namespace between."""

    def __init__(self, root, stage, volume, **environment):
        self.root, self.stage, self.volume = root, stage, volume
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **stage.environment(),
                            **environment}
        self.child = None

    def command(self, *words):
        (place,), (user,) = self.stage.of("VOLUME"), self.stage.of("USER")
        return image.isolated(START, self.root, self.volume, place.strip(), user, *words)

    def call(self, *words):
        """(exit code, output) of a command inside, whether the server runs or not."""
        done = subprocess.run(self.command(*words), env=self.environment, text=True,
                              timeout=PATIENCE_S, stdin=subprocess.DEVNULL, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def healthcheck(self):
        (text,) = self.stage.of("HEALTHCHECK")
        return self.call(*json.loads(text.partition("CMD ")[2]))

    def start(self):
        (text,) = self.stage.of("ENTRYPOINT")
        with open(self.volume + ".log", "ab") as log:
            self.child = subprocess.Popen(self.command(*json.loads(text)), env=self.environment,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self.child.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"it does not start:\n{self.log()}")
            try:
                return self.request("GET", "/healthz")
            except OSError:
                time.sleep(0.02)  # nothing tells when it listens

    def log(self):
        with open(self.volume + ".log", encoding="utf-8") as file:
            return file.read()

    def request(self, method, path, body=None, headers=None, port="PORT"):
        """(status, document)"""
        connection = http.client.HTTPConnection("127.0.0.1", int(self.environment[port]),
                                                timeout=PATIENCE_S)
        try:
            connection.request(method, path, body and json.dumps(body),
                               {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            return answer.status, json.load(answer)
        finally:
            connection.close()

    def signal(self, number):
        """To the first process inside, as an engine does."""
        pid = self.child.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            (inner,) = file.read().split()
        os.kill(int(inner), number)

    def stop(self):
        """Its exit code, when it is told to stop as the image says."""
        (name,) = self.stage.of("STOPSIGNAL")
        self.signal(getattr(signal, name))
        return self.child.wait(PATIENCE_S)

    def close(self):
        if self.child is not None and self.child.poll() is None:
            self.child.kill()  # and with it all that is inside
            self.child.wait()
