"""Who waits for changes: the memory that each takes, and how soon many are told."""
import json
import os
import statistics
import subprocess
import time
from contextlib import ExitStack

from http_client import HttpClient, post_request
from processes import BenchError, clean_environment, spawn, wait_until
from reading import running_process

FOLLOWED, TOLD, INSTANCES, CHANGES = 1000, 1000, 2, 5
GOAL_KIB, GOAL_MS = 12, 50
REST_S = 0.2
KINDS = ("poll", "stream")


def target(kind, identity, version):
    """A stream begins with the present state; a poll tells which one it knows."""
    return f"/status/{identity}" + (f"?wait=60&after_version={version}" if kind == "poll" else "")


class Waiters:
    """Clients that have asked and now wait."""

    def __init__(self, bench, kind, count, targets, change, servers):
        path = bench.write("targets", "".join(f"{line}\n" for line in targets).encode())
        self.process = spawn([os.path.join(bench.options.build, "waiters"), kind, str(count), path,
                              bench.write("change", change),
                              *(str(server.port) for server in servers)], bench.cores.others,
                             env=clean_environment(), text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        line = self.process.stdout.readline()
        if line != "asked\n":
            raise BenchError(f"waiters:\n{line}{self.end()}")
        wait_until(lambda: all(map(rests, servers)), "the servers have parked all who wait")

    def change(self):
        """What they counted after one change."""
        self.process.stdin.write("change\n")
        self.process.stdin.flush()
        output = self.end()
        if self.process.returncode != 0:
            raise BenchError(f"waiters:\n{output}")
        return json.loads(output.splitlines()[-1])

    def end(self):
        return self.process.communicate(timeout=60)[0]


def rests(server):
    before = server.cpu_seconds()
    time.sleep(REST_S)
    return server.cpu_seconds() - before <= REST_S / 10


def proctrackd(bench, name, redis):
    return bench.proctrackd(name, redis, MAX_CONNECTIONS="20000", MAX_WAITERS="20000")


def bench_waiters(bench):
    """Resident memory of idle long polls and streams, many of them on fewer processes."""
    for kind in KINDS:
        with bench.redis("redis") as redis, proctrackd(bench, "proctrackd", redis) as server:
            ids = bench.create_ids(server, min(FOLLOWED, bench.options.waiters))
            before = server.resident_kib()
            waiters = Waiters(bench, kind, bench.options.waiters,
                              [target(kind, identity, 1) for identity in ids], b"", [server])
            after = server.resident_kib()
            waiters.end()
            bench.waiting.append({"kind": kind, "waiters": bench.options.waiters,
                                  "resident_before_kib": before, "resident_after_kib": after,
                                  "kib_each": (after - before) / bench.options.waiters,
                                  "goal": GOAL_KIB})


def tell(bench, kind, servers):
    """One change of a new process, by a worker at the first instance."""
    with HttpClient(servers[0].port) as client:
        identity, token, version = running_process(client)
    change = post_request(f"/processes/{identity}/progress",
                          {"lease_token": token, "percent": 50})
    waiters = Waiters(bench, kind, TOLD, [target(kind, identity, version)], change, servers)
    return waiters.change()


def bench_fan_out(bench):
    """How long after a change all who wait for it, on several instances, were told."""
    for kind in KINDS:
        with ExitStack() as running:
            redis = running.enter_context(bench.redis("redis"))
            servers = [running.enter_context(proctrackd(bench, f"proctrackd-{number}", redis))
                       for number in range(INSTANCES)]
            told = [tell(bench, kind, servers) for _ in range(CHANGES * bench.options.rounds)]
        bench.told.append({"kind": kind, "waiters": TOLD, "instances": INSTANCES, "goal": GOAL_MS,
                           **{key: statistics.median(each[f"{key}_us"] for each in told) / 1000
                              for key in ("p50", "p99", "max")}})
