"""Workers over HTTP: how many processes per second, beside BullMQ and beanstalkd; what a claim
costs where many wait, and a sweep where many leases are healthy."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack

from processes import BenchError, Child, clean_environment, free_port, spawn
from yardsticks import node_modules

HERE = os.path.dirname(os.path.abspath(__file__))
GOAL_BULLMQ = 2.0
BATCH, CLAIM_MAX, INPUT_BYTES = 1000, 64, 350
# So many per second and per run are laid ready: more than anything here gets done.
PER_SECOND = {"proctrackd": 60_000, "bullmq": 16_000, "beanstalkd": 250_000}
DAY = 86400


class Caller:
    """One connection that asks in turn."""

    def __init__(self, server):
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def post(self, path, document):
        self.connection.request("POST", path, json.dumps(document),
                                {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status >= 300:
            raise BenchError(f"{path}: {answer.status} {body[:500]!r}")
        return json.loads(body) if body else {}

    def close(self):
        self.connection.close()


def submit(server, count, size=INPUT_BYTES):
    """So many processes that wait for a worker."""
    caller = Caller(server)
    item = {"type": "bench", "input": "x" * (size - 2)}
    for start in range(0, count, BATCH):
        caller.post("/analyze/batch", {"processes": [item] * min(BATCH, count - start)})
    caller.close()


def hold(server, count):
    """Claims so many, with leases of a day."""
    caller, held = Caller(server), 0
    while held < count:
        held += len(caller.post("/claim", {
            "types": ["bench"], "worker": "holder", "lease_seconds": DAY,
            "max": min(CLAIM_MAX, count - held)})["processes"])
    caller.close()


def run_load(bench, server, protocol, workers, cores=None, seconds=None):
    """What workers_load counted, with the server's processor time beside it."""
    before = server.cpu_seconds()
    seconds = seconds or bench.options.seconds
    load = spawn([os.path.join(bench.options.build, "workers_load"), protocol, str(server.port),
                  str(workers), str(seconds)], cores or bench.cores.others, text=True,
                 env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = load.communicate(timeout=seconds + 60)
    server.check_alive()
    if load.returncode != 0:
        raise BenchError(f"workers_load against {server.name}:\n{output}\n{server.log()}")
    counted = json.loads(output)
    return figures(counted, (server.cpu_seconds() - before) * 1e6)


def figures(counted, cpu_microseconds):
    return {"per_second": counted["done"] * 1e6 / counted["microseconds"],
            "cpu_us": cpu_microseconds / counted["done"],
            "p50_us": counted["p50_us"], "p99_us": counted["p99_us"]}


def number_to_do(bench, name, workers):
    number = PER_SECOND[name] * bench.options.seconds // (6 if workers == 1 else 1)
    return min(number, 4000) if bench.options.smoke else number


def run_proctrackd(bench, workers, on_redis):
    with ExitStack() as running:
        redis = running.enter_context(bench.redis("redis")) if on_redis else None
        server = running.enter_context(bench.proctrackd(redis=redis))
        submit(server, number_to_do(bench, "proctrackd", workers))
        # As with BullMQ, whose worker and queue are one program, Redis has the other cores alone.
        return run_load(bench, server, "complete", workers, bench.cores.server if redis else None)


def run_bullmq(bench, modules, workers):
    """Its worker is a program of its own on the server's core, beside nothing but Redis."""
    with bench.redis("redis") as redis:
        jobs = number_to_do(bench, "bullmq", workers)
        node = spawn(["node", os.path.join(HERE, "bullmq_worker.js"), str(redis.port), str(workers),
                      str(bench.options.seconds), str(jobs), str(INPUT_BYTES)], bench.cores.server,
                     env=clean_environment(NODE_PATH=modules), text=True, stdout=subprocess.PIPE,
                     stderr=subprocess.PIPE)
        output, errors = node.communicate(timeout=bench.options.seconds + 300)
        if node.returncode != 0:
            raise BenchError(f"BullMQ:\n{output}\n{errors}")
        counted = json.loads(output.splitlines()[-1])
        return figures(counted, counted["cpu_microseconds"])


class Beanstalkd(Child):
    def __init__(self, bench):
        self.wanted = free_port()
        super().__init__("beanstalkd", [shutil.which("beanstalkd"), "-l", "127.0.0.1", "-p",
                                        str(self.wanted)], bench.cores.server, bench.directory)
        self.wait_for_port()

    def put(self, count):
        """Jobs of the same size, many in one write."""
        job = b"put 0 0 60 %d\r\n%s\r\n" % (INPUT_BYTES, b"x" * INPUT_BYTES)
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            answers = connection.makefile("rb")
            for start in range(0, count, BATCH):
                batch = min(BATCH, count - start)
                connection.sendall(job * batch)
                for _ in range(batch):
                    if not answers.readline().startswith(b"INSERTED"):
                        raise BenchError("beanstalkd takes no jobs")


def run_beanstalkd(bench, workers):
    with Beanstalkd(bench) as server:
        server.put(number_to_do(bench, "beanstalkd", workers))
        return run_load(bench, server, "beanstalkd", workers)


def bench_workers(bench):
    """Processes per second from claim to complete, beside BullMQ (Redis) and beanstalkd."""
    modules = node_modules(bench)
    for workers in bench.options.workers:
        bench.compare("workers_redis", {
            "proctrackd": lambda: run_proctrackd(bench, workers, True),
            "bullmq": lambda: run_bullmq(bench, modules, workers)}, workers,
            {"bullmq": GOAL_BULLMQ})
        bench.compare("workers_memory", {
            "proctrackd": lambda: run_proctrackd(bench, workers, False),
            "beanstalkd": lambda: run_beanstalkd(bench, workers)}, workers)


def bench_claim_depth(bench):
    """Claim and hand back while few and while very many wait, on Redis and in memory."""
    workers = 8
    for name in ("redis", "memory"):
        with ExitStack() as running:
            targets = {}
            for waiting in (1000, bench.options.waiting):
                redis = (running.enter_context(bench.redis(f"redis-{waiting}"))
                         if name == "redis" else None)
                server = running.enter_context(bench.proctrackd(f"proctrackd-{waiting}", redis))
                submit(server, waiting, 16)
                targets[f"{waiting:,} waiting"] = (
                    lambda at=server: run_load(bench, at, "release", workers))
            bench.compare(f"claim_{name}", dict(reversed(targets.items())), workers)


def bench_sweep(bench):
    """Processor time of an idle server, with no lease and with very many healthy ones."""
    for name in ("redis", "memory"):
        for leases in (0, bench.options.stored):
            with ExitStack() as running:
                redis = running.enter_context(bench.redis("redis")) if name == "redis" else None
                server = running.enter_context(bench.proctrackd(redis=redis))
                submit(server, leases, 16)
                hold(server, leases)
                seconds = 3 * bench.options.seconds
                parts = [server] + ([redis] if redis else [])
                before = [part.cpu_seconds() for part in parts]
                time.sleep(seconds)
                used = [(part.cpu_seconds() - start) * 1000 / seconds
                        for part, start in zip(parts, before)]
                bench.idle.append({"repository": name, "leases": leases,
                                   "server_cpu_ms_per_s": used[0],
                                   "redis_cpu_ms_per_s": used[1] if redis else None})
