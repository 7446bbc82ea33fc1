#!/usr/bin/python3
"""Makes the image of deploy/docker/Dockerfile without Docker and runs it; scripts/check_image calls
it, in a mount namespace of its own:

    check_image.py --base DEBIAN-ROOT --work DIRECTORY

Ends with `N passed, N failed`; the unit tests of the stage "test" count one by one.
"""
import argparse
import ctypes
import fcntl
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

from container import SHELLS, Container
from image import Image, StepFailed

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
DOCKERFILE = os.path.join(ROOT, "deploy", "docker", "Dockerfile")
CLONE_NEWNET = 0x40000000
UID = 65532
built = None  # the Image, when its stages are there


def enter_own_network():
    """So that the image's ports are free, and 0.0.0.0 reaches nobody else."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "no network namespace")
    with socket.socket() as any_socket:
        request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP, IFF_RUNNING
        fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS


class Runtime(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="proctrack-image.")
        self.addCleanup(holder.cleanup)
        self.holder = holder.name
        os.chmod(self.holder, 0o755)
        self.volume = os.path.join(self.holder, "volume")
        os.mkdir(self.volume, 0o700)
        os.chown(self.volume, UID, UID)
        self.root = built.root("runtime")
        self.stage = built.dockerfile.stage("runtime")

    def container(self, **environment):
        container = Container(self.root, self.stage, self.volume, **environment)
        self.addCleanup(container.close)
        return container

    def test_tls_to_redis_is_in(self):
        code, output = self.container().call("proctrackd", "--version")
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"(?m)^TLS to Redis: yes$")

    def test_runs_as_it_is(self):
        container = self.container(ANALYZER="text-stats=/usr/local/bin/proctrack-text-stats")
        self.assertNotEqual(container.healthcheck()[0], 0)
        container.start()
        self.assertEqual(container.healthcheck()[0], 0, container.log())
        status, process = container.request(
            "POST", "/analyze", {"type": "text-stats", "input": {"text": "It works."}},
            {"Prefer": "wait=10"})
        self.assertEqual((status, process["status"]), (200, "completed"), container.log())
        self.assertEqual(container.request("GET", "/readyz", port="ADMIN_PORT")[0], 200)
        self.assertEqual(container.stop(), 0, container.log())
        self.assertNotEqual(container.healthcheck()[0], 0)
        for line in container.log().splitlines():
            json.loads(line)
        container.start()
        status, again = container.request("GET", f"/status/{process['process_id']}")
        self.assertEqual((status, again["result"]), (200, process["result"]))
        self.assertEqual(container.stop(), 0, container.log())

    def test_takes_a_volume_as_kubernetes_hands_it_over(self):
        """With fsGroup it is root's, the group may write, and new files are the group's."""
        os.chown(self.volume, 0, UID)
        os.chmod(self.volume, 0o2775)
        os.mkdir(os.path.join(self.volume, "lost+found"), 0o700)
        container = self.container()
        container.start()
        status, process = container.request("POST", "/analyze", {"type": "t", "input": 1})
        self.assertEqual(status, 202, process)
        self.assertEqual(container.stop(), 0, container.log())

    def test_only_the_volume_can_be_written(self):
        _, output = self.container().call(
            "find", "/", "(", "-path", "/proc", "-o", "-path", "/dev", ")", "-prune", "-o",
            "-writable", "-not", "-type", "l", "-print")
        writable = {line for line in output.splitlines() if line.startswith("/")}
        self.assertEqual(writable - set(SHELLS), set(self.stage.of("VOLUME")))

    def test_no_shell_can_be_run(self):
        """What the other tests stand on."""
        for shell in (*SHELLS, "/bin/sh"):
            self.assertNotEqual(self.container().call(shell, "-c", "true")[0], 0)

    def test_nothing_makes_root_of_anybody(self):
        found = []
        for directory, _, files in os.walk(self.root):
            for name in files:
                path = os.path.join(directory, name)
                if os.lstat(path).st_mode & (stat.S_ISUID | stat.S_ISGID):
                    found.append(path)
        self.assertEqual(found, [])

    def test_what_is_in_it_is_ours_and_stripped(self):
        programs = os.listdir(os.path.join(self.root, "usr/local/bin"))
        self.assertEqual(sorted(programs), ["proctrack-run", "proctrack-text-stats", "proctrackd"])
        for name in programs:
            path = os.path.join(self.root, "usr/local/bin", name)
            self.assertEqual((os.stat(path).st_uid, os.stat(path).st_mode & 0o022), (0, 0))
            with open(path, "rb") as file:
                self.assertNotIn(b".debug_info", file.read())
        for path in ("src", "build", "usr/bin/gcc", "usr/bin/python3"):
            self.assertFalse(os.path.exists(os.path.join(self.root, path)), path)

    def test_wrong_settings_end_it_with_2(self):
        code, output = self.container(PORT="many").call("proctrackd")
        self.assertEqual(code, 2)
        self.assertIn("PORT", output)

    @unittest.skipIf(shutil.which("redis-server") is None, "no redis-server")
    def test_redis_over_tls(self):
        authority = os.path.join(self.volume, "ca.crt")
        key = os.path.join(self.holder, "redis.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout",
                        key, "-out", authority], check=True, capture_output=True)
        os.chmod(authority, 0o644)
        redis = subprocess.Popen(
            ["redis-server", os.path.join(ROOT, "deploy/redis/redis.conf"), "--bind", "127.0.0.1",
             "--port", "0", "--tls-port", "6379", "--tls-cert-file", authority, "--tls-key-file",
             key, "--tls-ca-cert-file", authority, "--tls-auth-clients", "no", "--dir",
             self.holder, "--logfile", os.path.join(self.holder, "redis.log")])
        self.addCleanup(redis.wait, 20)
        self.addCleanup(redis.terminate)
        self.wait_for_port(6379, redis)
        container = self.container(
            REDIS_URL="rediss://localhost:6379/0", REDIS_REQUIRED="true",
            REDIS_TLS_CA_FILE=os.path.join(self.stage.of("VOLUME")[0], "ca.crt"))
        container.start()
        status, process = container.request("POST", "/analyze", {"type": "t", "input": 1})
        self.assertEqual(status, 202, process)
        self.assertEqual(container.request("GET", "/stats")[1]["repository"], "redis")
        self.assertEqual(container.stop(), 0, container.log())
        stranger = self.container(REDIS_URL="rediss://localhost:6379/0", REDIS_REQUIRED="true")
        self.assertEqual(stranger.call("proctrackd")[0], 69)

    def wait_for_port(self, port, process):
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            with socket.socket() as attempt:
                if attempt.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)  # nothing tells when it listens
        self.fail("redis-server does not start")


def build_stages(image):
    """Makes them all; the number of unit tests that passed in the stage "test"."""
    for name in ("build", "test", "runtime"):
        start = time.monotonic()
        image.build(name)
        print(f"stage {name}: {time.monotonic() - start:.0f} s", flush=True)
        if name == "test":
            shutil.rmtree(image.root(name))
    ran = re.findall(r"(?m)^Ok: +(\d+)", image.log)
    if not ran:
        raise StepFailed(f"no unit test ran:\n{image.log[-3000:]}")
    return int(ran[-1])


def main():
    global built
    parser = argparse.ArgumentParser()
    parser.add_argument("--base", required=True)
    parser.add_argument("--work", required=True)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.work, ignore_errors=True)
    os.makedirs(arguments.work)
    image = Image(ROOT, DOCKERFILE, {"debian:trixie-slim": arguments.base}, arguments.work)
    try:
        programs = build_stages(image)
    except StepFailed as failure:
        print(f"{failure}\n0 passed, 1 failed")
        return 1
    built = image
    enter_own_network()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Runtime)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    bad = len(result.failures) + len(result.errors)
    shutil.rmtree(arguments.work)
    print(f"{programs + result.testsRun - bad} passed, {bad} failed")
    return 0 if result.testsRun and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
