#!/usr/bin/python3
"""Measures proctrackd's speed and memory against yardsticks measured in the same run.

Whatever is compared runs interleaved (A B, B A, ...), one round after the other; what counts are
the medians and the ratios within a round. Called by scripts/bench, which installs and builds.
"""
import argparse
import json
import os
import signal
import socket
import statistics
import sys
import tempfile
from contextlib import ExitStack

from processes import BenchError, Child, Cores, Redis, clean_environment, run_wrk, wait_until
from workers import bench_claim_depth, bench_sweep, bench_workers

HERE = os.path.dirname(os.path.abspath(__file__))
INPUT_BYTES = 350
IDS = 1000
STORED = 100_000
WAITING = 1_000_000
GOAL_STATUS_MEMORY = 0.7


def analyze_body():
    """A request whose input is INPUT_BYTES of JSON; no analyzer serves its type."""
    document = {"type": "bench", "input": "x" * (INPUT_BYTES - 2)}
    return json.dumps(document).encode()


class HttpClient:
    """Keep-alive connections that each have at most one request under way."""

    def __init__(self, port, connections=1):
        self.sockets = [socket.create_connection(("127.0.0.1", port)) for _ in range(connections)]
        self.readers = [connection.makefile("rb") for connection in self.sockets]

    def post_all(self, request, count):
        """The bodies of `count` answers to the same request, each 202."""
        while count > 0:
            batch = min(count, len(self.sockets))
            for connection in self.sockets[:batch]:
                connection.sendall(request)
            for reader in self.readers[:batch]:
                yield self.read_answer(reader, b"202")[1]
            count -= batch

    def get(self, path):
        """(header lines, body) of a 200."""
        self.sockets[0].sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        return self.read_answer(self.readers[0], b"200")

    @staticmethod
    def read_answer(reader, expected):
        status = reader.readline()
        headers = []
        while (line := reader.readline().rstrip(b"\r\n")):
            headers.append(line.decode("latin-1"))
        length = next((int(line.partition(":")[2]) for line in headers
                       if line.lower().startswith("content-length:")), 0)
        body = reader.read(length)
        if status.split()[1:2] != [expected]:
            raise BenchError(f"expected {expected.decode()}, got {status!r} {body[:500]!r}")
        return headers, body

    def close(self):
        for reader, connection in zip(self.readers, self.sockets):
            reader.close()
            connection.close()


def is_ready(server):
    client = HttpClient(server.port)
    try:
        client.get("/readyz")
        return True
    except BenchError:
        return False
    finally:
        client.close()


class Bench:
    """What all benchmarks share: options, places, results."""

    def __init__(self, options, directory):
        self.options, self.directory = options, directory
        self.cores = Cores()
        self.measured, self.ratios, self.memory, self.idle = [], [], [], []
        self.body = self.write("body.json", analyze_body())
        request = analyze_body()
        self.post_request = (b"POST /analyze HTTP/1.1\r\nHost: bench\r\n"
                             b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                             % (len(request), request))

    def write(self, name, data):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    # --- servers -------------------------------------------------------------------------------

    def proctrackd(self, name="proctrackd", redis=None):
        settings = {"HOST": "127.0.0.1", "PORT": "0", "IO_THREADS": "1", "LOG_LEVEL": "warn"}
        if redis is not None:
            settings.update(REDIS_URL=redis.url, REDIS_REQUIRED="true")
        program = os.path.join(self.options.build, "src/app/proctrackd")
        server = Child(name, [program], self.cores.server, self.directory,
                       clean_environment(**settings)).wait_for_port()
        wait_until(lambda: is_ready(server), f"{name} is ready")
        return server

    def fastapi(self, redis):
        return Child("fastapi", ["/usr/bin/python3", "-B", os.path.join(HERE, "fastapi_app.py"),
                                 redis.url], self.cores.server, self.directory).wait_for_port()

    def bare(self, headers, body):
        program = os.path.join(self.options.build, "bare_mhd")
        return Child("bare-libmicrohttpd", [program, self.write("headers", headers),
                                            self.write("answer", body)],
                     self.cores.server, self.directory).wait_for_port()

    def redis(self, name):
        return Redis(name, self.cores.others, self.directory)

    # --- measuring -----------------------------------------------------------------------------

    def load(self, server, path, connections, **more):
        return run_wrk(server, path, self.options.seconds, connections, self.cores.others, **more)

    def compare(self, benchmark, targets, connections, goals=None):
        """targets: name -> function that loads it once and returns run_wrk's figures. Ratios are
        of the first target to each of the others; goals: other -> least ratio wanted."""
        runs = {name: [] for name in targets}
        for index in range(self.options.rounds):
            order = list(targets) if index % 2 == 0 else list(reversed(targets))
            for name in order:
                runs[name].append(targets[name]())
        for name, figures in runs.items():
            self.record(benchmark, name, connections, figures)
        first, *others = targets
        for other in others:
            pairs = [mine["per_second"] / its["per_second"]
                     for mine, its in zip(runs[first], runs[other])]
            goal = (goals or {}).get(other)
            self.ratios.append({"benchmark": benchmark, "connections": connections, "of": first,
                                "to": other, "median": statistics.median(pairs),
                                "min": min(pairs), "max": max(pairs), "goal": goal})

    def record(self, benchmark, target, connections, figures):
        speeds = [figure["per_second"] for figure in figures]
        medians = {key: statistics.median(figure[key] for figure in figures)
                   for key in ("cpu_us", "p50_us", "p99_us")}
        self.measured.append({"benchmark": benchmark, "target": target,
                              "connections": connections,
                              "per_second": {"median": statistics.median(speeds),
                                             "min": min(speeds), "max": max(speeds)}, **medians})

    def create_ids(self, server, count):
        client = HttpClient(server.port)
        ids = [json.loads(body)["process_id"]
               for body in client.post_all(self.post_request, count)]
        client.close()
        return ids


def bench_status_memory(bench):
    """GET /status/<id> from memory, against libmicrohttpd alone with the very same answer."""
    with ExitStack() as running:
        server = running.enter_context(bench.proctrackd())
        path = "/status/" + bench.create_ids(server, 1)[0]
        client = HttpClient(server.port)
        headers, body = client.get(path)
        client.close()
        own = [line for line in headers
               if not line.lower().startswith(("date:", "content-length:", "connection:"))]
        text = ("\n".join(own) + "\n").encode("latin-1")
        bare = running.enter_context(bench.bare(text, body))
        check = HttpClient(bare.port)
        answer = check.get(path)
        check.close()
        if answer[1] != body or sum(map(len, answer[0])) != sum(map(len, headers)):
            raise BenchError(f"{bare.name} answers otherwise: {answer[0]} for {headers}")
        targets = {"proctrackd": server, bare.name: bare}
        for connections in bench.options.connections:
            bench.compare("status_memory",
                          {name: lambda at=at: bench.load(at, path, connections)
                           for name, at in targets.items()},
                          connections, {bare.name: GOAL_STATUS_MEMORY})


def bench_analyze_memory(bench):
    """POST /analyze into memory; a fresh server each time, as every answer is kept."""
    def load(connections):
        with bench.proctrackd() as server:
            return bench.load(server, "/analyze", connections, body=bench.body)
    for connections in bench.options.connections:
        bench.compare("analyze_memory", {"proctrackd": lambda: load(connections)}, connections)


def both_on_redis(bench, running):
    """Both implementations, each with a Redis of its own: name -> (server, Redis)."""
    own, its = (running.enter_context(bench.redis(f"redis-{name}"))
                for name in ("proctrackd", "fastapi"))
    return {"proctrackd": (running.enter_context(bench.proctrackd(redis=own)), own),
            "fastapi": (running.enter_context(bench.fastapi(its)), its)}


def bench_analyze_redis(bench):
    """POST /analyze into Redis, beside the usual implementation; each run starts empty."""
    def load(connections, make):
        with ExitStack() as running:
            redis = running.enter_context(bench.redis("redis"))
            server = running.enter_context(make(redis))
            return bench.load(server, "/analyze", connections, body=bench.body)
    makers = {"proctrackd": lambda redis: bench.proctrackd(redis=redis), "fastapi": bench.fastapi}
    for connections in bench.options.connections:
        bench.compare("analyze_redis",
                      {name: lambda make=make: load(connections, make)
                       for name, make in makers.items()}, connections)


def bench_status_redis(bench):
    """GET /status of 1,000 ids in turn from Redis, beside the usual implementation."""
    with ExitStack() as running:
        servers = both_on_redis(bench, running)
        files = {name: bench.write(f"ids-{name}", "\n".join(bench.create_ids(server, IDS)).encode())
                 for name, (server, _) in servers.items()}
        for connections in bench.options.connections:
            bench.compare("status_redis",
                          {name: lambda at=server, ids=files[name]: bench.load(
                              at, "/", connections, ids=ids)
                           for name, (server, _) in servers.items()}, connections)


def bench_memory(bench):
    """Resident memory after many processes whose input is 350 bytes, in both repositories."""
    def fill(server):
        before = server.resident_kib()
        client = HttpClient(server.port, 32)
        for _ in client.post_all(bench.post_request, bench.options.stored):
            pass
        client.close()
        return before, server.resident_kib()

    def record(repository, before, after, redis_bytes):
        stored = bench.options.stored
        bench.memory.append({"repository": repository, "processes": stored,
                             "resident_before_kib": before, "resident_after_kib": after,
                             "resident_bytes_per_process": (after - before) * 1024 / stored,
                             "redis_bytes_per_process": redis_bytes})
    with bench.proctrackd() as server:
        record("memory", *fill(server), None)
    with bench.redis("redis") as redis, bench.proctrackd(redis=redis) as server:
        empty = redis.used_memory()
        before, after = fill(server)
        record("redis", before, after, (redis.used_memory() - empty) / bench.options.stored)


BENCHMARKS = {"status_memory": bench_status_memory, "analyze_memory": bench_analyze_memory,
              "analyze_redis": bench_analyze_redis, "status_redis": bench_status_redis,
              "memory": bench_memory, "workers": bench_workers,
              "claim_depth": bench_claim_depth, "sweep": bench_sweep}


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print()


def report(bench):
    if bench.measured:
        table([("benchmark", "target", "c", "median/s", "min/s", "max/s", "CPU us", "p50 us",
                "p99 us")] +
              [(row["benchmark"], row["target"], str(row["connections"]),
                *(f"{row['per_second'][key]:,.0f}" for key in ("median", "min", "max")),
                f"{row['cpu_us']:.1f}", f"{row['p50_us']:,.0f}", f"{row['p99_us']:,.0f}")
               for row in bench.measured])
    if bench.ratios:
        table([("benchmark", "ratio", "c", "median", "min", "max", "goal")] +
              [(row["benchmark"], f"{row['of']} / {row['to']}", str(row["connections"]),
                *(f"{row[key]:.2f}" for key in ("median", "min", "max")),
                "" if row["goal"] is None else
                f"{row['goal']:.2f} {'reached' if row['median'] >= row['goal'] else 'missed'}")
               for row in bench.ratios])
    if bench.memory:
        table([("memory", "", "processes", "RSS before", "RSS after", "RSS/process",
                "Redis/process")] +
              [(row["repository"], "", f"{row['processes']:,}",
                *(f"{row[key]:,} KiB" for key in ("resident_before_kib", "resident_after_kib")),
                f"{row['resident_bytes_per_process']:.0f} B",
                "" if row["redis_bytes_per_process"] is None else
                f"{row['redis_bytes_per_process']:.0f} B") for row in bench.memory])
    if bench.idle:
        table([("idle", "", "leases", "server CPU", "Redis CPU")] +
              [(row["repository"], "", f"{row['leases']:,}",
                *("" if row[key] is None else f"{row[key]:.2f} ms/s"
                  for key in ("server_cpu_ms_per_s", "redis_cpu_ms_per_s")))
               for row in bench.idle])


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures speed and memory of a release build: one "
        "server loop on one core, load and Redis on the others, comparisons interleaved.",
        epilog="Benchmarks: " + "; ".join(f"{name}: {run.__doc__.splitlines()[0]}"
                                          for name, run in BENCHMARKS.items()))
    parser.add_argument("--smoke", action="store_true",
                        help="everything once and briefly, to see that it works")
    parser.add_argument("--seconds", type=int, help="of each run (default 3)")
    parser.add_argument("--rounds", type=int, help="of each comparison (default 5)")
    parser.add_argument("--connections", type=int, nargs="+", help="default: 64 256")
    parser.add_argument("--workers", type=int, nargs="+", help="default: 1 8 64")
    parser.add_argument("--only", action="append", choices=list(BENCHMARKS), metavar="NAME",
                        help="just this benchmark; may be repeated")
    parser.add_argument("--json", metavar="FILE", help="also writes the results there")
    parser.add_argument("--build", help=argparse.SUPPRESS)
    options = parser.parse_args()
    for name, full, brief in (("seconds", 3, 1), ("rounds", 5, 1), ("connections", [64, 256], [64]),
                              ("workers", [1, 8, 64], [8]), ("stored", STORED, 2000),
                              ("waiting", WAITING, 20_000)):
        if getattr(options, name, None) is None:
            setattr(options, name, brief if options.smoke else full)
    if min(options.seconds, options.rounds, *options.connections, *options.workers) < 1:
        parser.error("seconds, rounds, connections and workers are at least 1")
    return options


def main():
    options = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="proctrack-bench-") as directory:
        bench = Bench(options, directory)
        cores = bench.cores.describe()
        print(f"cores: server {cores['server']}, client and Redis {cores['client_and_redis']}; "
              f"{options.rounds} rounds of {options.seconds} s\n", flush=True)
        for name in options.only or BENCHMARKS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            BENCHMARKS[name](bench)
        report(bench)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({"cores": cores, "seconds": options.seconds, "rounds": options.rounds,
                           "input_bytes": INPUT_BYTES, "throughput": bench.measured,
                           "ratios": bench.ratios, "memory": bench.memory,
                           "idle": bench.idle}, file, indent=2)
                file.write("\n")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"scripts/bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
