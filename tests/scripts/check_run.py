#!/usr/bin/python3
"""Checks scripts/run as a newcomer meets it: a clean copy of the tree in a path with blanks, called
from elsewhere, on memory and with --redis. It installs and builds, so CI runs it, not meson.

Ends with `N passed, N failed`.
"""
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PATIENCE_S = 300  # the first start builds


def accept_interrupts():
    """A shell ignores them for what it runs in the background, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """scripts/run as a child, with what it prints on standard output."""

    def __init__(self, clone, *arguments):
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.child = subprocess.Popen(
            [os.path.join(clone, "scripts/run"), "--port", "0", *arguments], cwd="/",
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=accept_interrupts)
        self.output, self.errors = queue.Queue(), []
        self.threads = [
            threading.Thread(target=self._pass_on, daemon=True),
            threading.Thread(target=lambda: self.errors.extend(self.child.stderr), daemon=True)]
        for thread in self.threads:
            thread.start()

    def _pass_on(self):
        for line in self.child.stdout:
            self.output.put(line.strip())
        self.output.put(None)

    def wait_for(self, pattern):
        while True:
            line = self.output.get(timeout=PATIENCE_S)
            if line is None:
                raise AssertionError(f"ended without {pattern!r}:\n{''.join(self.errors)}")
            if re.search(pattern, line):
                return line

    def end(self, number):
        """Its exit code, when told to stop by this signal as a terminal or a supervisor does."""
        self.child.send_signal(number)
        code = self.child.wait(60)
        for thread in self.threads:
            thread.join(10)
        return code

    def close(self):
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGTERM)
            try:
                self.child.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()
        self.child.stdout.close()
        self.child.stderr.close()


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as answer:
        return json.load(answer)


def processes_below(directory):
    """Command lines of whatever still runs a program or keeps data in the directory."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if any(directory in word for word in words):
            found.append(" ".join(words))
    return found


def what_git_ignores(directory, names):
    top = directory == ROOT
    return [name for name in names if name in ("__pycache__", "node_modules") or
            (top and (name in (".git", "data") or name.startswith("build")))]


class ScriptsRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="proctrack clone ")
        cls.addClassCleanup(cls.holder.cleanup)
        cls.clone = os.path.join(cls.holder.name, "a clone")
        shutil.copytree(ROOT, cls.clone, symlinks=True, ignore=what_git_ignores)

    def start(self, *arguments):
        run = Run(self.clone, *arguments)
        self.addCleanup(run.close)
        first = run.wait_for(r"^curl .*/analyze ")
        second = run.wait_for(r"^curl .*/stats$")
        return run, first, second

    def check_gone(self):
        deadline = time.monotonic() + 10
        while processes_below(self.holder.name) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(processes_below(self.holder.name), [])

    def test_memory(self):
        run, first, second = self.start()
        answer = subprocess.run(["bash", "-c", first], capture_output=True, text=True, check=True,
                                timeout=60)
        self.assertRegex(answer.stdout, r"^HTTP/1\.1 200 ")
        self.assertIn('"status":"completed"', answer.stdout.replace('": "', '":"'))
        stats = subprocess.run(["bash", "-c", second], capture_output=True, text=True, check=True,
                               timeout=60)
        self.assertEqual(json.loads(stats.stdout)["completed"], 1)
        self.assertEqual(run.end(signal.SIGTERM), 0, run.errors)
        self.check_gone()
        run, first, _ = self.start()
        address = re.search(r"http://([^/]+)/", first).group(1)
        self.assertEqual(get(address, "/stats")["completed"], 1)
        self.assertEqual(run.end(signal.SIGTERM), 0, run.errors)
        self.check_gone()

    def test_ctrl_c(self):
        run, _, _ = self.start()
        os.killpg(run.child.pid, signal.SIGINT)  # as the terminal does
        self.assertEqual(run.child.wait(60), 0, run.errors)
        self.check_gone()

    def test_redis_keeps_processes_over_a_restart(self):
        run, first, _ = self.start("--redis")
        answer = subprocess.run(["bash", "-c", first], capture_output=True, text=True, check=True,
                                timeout=60)
        process_id = re.search(r'"process_id": ?"([^"]+)"', answer.stdout).group(1)
        self.assertEqual(run.end(signal.SIGTERM), 0, run.errors)
        self.check_gone()
        run, first, _ = self.start("--redis")
        address = re.search(r"http://([^/]+)/", first).group(1)
        self.assertEqual(get(address, f"/status/{process_id}")["status"], "completed")
        self.assertEqual(get(address, "/stats")["repository"], "redis")
        self.assertEqual(run.end(signal.SIGTERM), 0, run.errors)
        self.check_gone()

    def test_wrong_configuration_is_handed_on(self):
        run = Run(self.clone, "--max-body-bytes", "many")
        self.addCleanup(run.close)
        self.assertEqual(run.child.wait(PATIENCE_S), 2)
        self.check_gone()


if __name__ == "__main__":
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(
        unittest.defaultTestLoader.loadTestsFromTestCase(ScriptsRun))
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(0 if result.testsRun and not bad else 1)
