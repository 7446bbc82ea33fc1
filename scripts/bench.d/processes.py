"""Servers and clients as child processes: pinned to cores, observed, and gone afterwards."""
import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 30
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class BenchError(Exception):
    """Something that the person who runs the benchmark can act on."""


class Cores:
    """The server under test has a core of its own; load and Redis share the others."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.server = {cores[0]}
        self.others = set(cores[1:]) or self.server

    def describe(self):
        return {"server": sorted(self.server), "client_and_redis": sorted(self.others)}


def spawn(arguments, cores, **more):
    def prepare():
        os.sched_setaffinity(0, cores)
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    more.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(arguments, preexec_fn=prepare, **more)


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"not within {PATIENCE_S} s: {what}")
        time.sleep(0.01)


def clean_environment(**settings):
    """Ours without any setting of the service."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", **settings}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listening_port(pid):
    """The TCP port that the process listens on; None while there is none."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        for line in list(table)[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                return int(words[1].rpartition(":")[2], 16)
    return None


class Child:
    """A server on 127.0.0.1; end() it."""

    def __init__(self, name, arguments, cores, directory, environment=None):
        self.name = name
        self.log_path = os.path.join(directory, f"{name}.log")
        with open(self.log_path, "ab") as log:
            self.process = spawn(arguments, cores, cwd=directory, stdout=log, stderr=log,
                                 env=environment or clean_environment())
        self.port = None

    def wait_for_port(self):
        def found():
            if self.process.poll() is not None:
                raise BenchError(f"{self.name} ended at start:\n{self.log()}")
            self.port = listening_port(self.process.pid)
            return self.port
        wait_until(found, f"{self.name} listens")
        return self

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self):
        """User and system time of all its threads so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            words = stat.read().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / CLOCK_TICKS

    def resident_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1))

    def check_alive(self):
        if self.process.poll() is not None:
            raise BenchError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


class Redis(Child):
    """A redis-server that keeps nothing on disk, on TCP as in most deployments."""

    def __init__(self, name, cores, directory):
        port = free_port()
        super().__init__(name, ["redis-server", "--bind", "127.0.0.1", "--port", str(port),
                                "--save", "", "--appendonly", "no", "--maxmemory-policy",
                                "noeviction", "--daemonize", "no"], cores, directory)
        self.wait_for_port()
        if self.port != port:
            raise BenchError(f"{name} does not listen where it should:\n{self.log()}")

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self, *words):
        ran = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.port), *words],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        return ran.stdout

    def used_memory(self):
        return int(re.search(r"^used_memory:(\d+)", self.command("INFO", "memory"),
                             re.MULTILINE).group(1))


def run_wrk(server, path, seconds, connections, cores, body=None, ids=None, header=None,
            redis=None):
    """Loads the server; what wrk counted, with the processor time of the server, and of its Redis,
    beside it."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrk.lua")
    environment = clean_environment()
    if body:
        environment["BENCH_BODY"] = body
    if ids:
        environment["BENCH_IDS"] = ids
    parts = [server] + ([redis] if redis else [])
    before = [part.cpu_seconds() for part in parts]
    wrk = spawn(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
                 script, *(["-H", header] if header else []), server.url + path], cores,
                env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = wrk.communicate(timeout=seconds + 60)
    server.check_alive()
    used = [part.cpu_seconds() - start for part, start in zip(parts, before)]
    result = re.search(r"^RESULT (.*)$", output, re.MULTILINE)
    if wrk.returncode != 0 or result is None:
        raise BenchError(f"wrk failed against {server.name}:\n{output}")
    counted = json.loads(result.group(1))
    if counted["errors"] or not counted["requests"]:
        raise BenchError(f"{server.name} answered badly: {counted}\n{server.log()}")
    return {"per_second": counted["requests"] * 1e6 / counted["microseconds"],
            "cpu_us": used[0] * 1e6 / counted["requests"],
            "redis_us": used[1] * 1e6 / counted["requests"] if redis else None,
            "p50_us": counted["p50_us"], "p99_us": counted["p99_us"]}
