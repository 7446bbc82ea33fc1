#!/usr/bin/python3
"""Measures proctrackd's speed and memory against yardsticks measured in the same run.

Whatever is compared runs interleaved (A B, B A, ...), one round after the other; what counts are
the medians and the ratios within a round. Called by scripts/bench, which installs and builds.
"""
import argparse
import json
import os
import signal
import statistics
import sys
import tempfile

from creating import bench_analyze_memory, bench_analyze_redis
from following import bench_fan_out, bench_waiters
from http_client import HttpClient, post_request
from processes import BenchError, Child, Cores, Redis, clean_environment, run_wrk, wait_until
from reading import (ITEM, bench_status_cached, bench_status_memory, bench_status_observed,
                     bench_status_redis)
from workers import INPUT_BYTES, bench_claim_depth, bench_sweep, bench_workers

STORED = 100_000
WAITING = 1_000_000
WAITERS = 10_000


def median_of(values):
    """None when one is not known."""
    values = list(values)
    return None if None in values else statistics.median(values)


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
        self.waiting, self.told = [], []
        self.body = self.write("body.json", json.dumps(ITEM).encode())
        self.post_request = post_request("/analyze", ITEM)

    def write(self, name, data):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(data)
        return path

    # --- servers -------------------------------------------------------------------------------

    def proctrackd(self, name="proctrackd", redis=None, **more):
        # The disk is none of what is measured, unless a benchmark gives a DATA_DIR.
        settings = {"HOST": "127.0.0.1", "PORT": "0", "IO_THREADS": "1", "LOG_LEVEL": "warn",
                    "DATA_DIR": "", **more}
        if redis is not None:
            settings.update(REDIS_URL=redis.url, REDIS_REQUIRED="true")
        program = os.path.join(self.options.build, "src/app/proctrackd")
        server = Child(name, [program], self.cores.server, self.directory,
                       clean_environment(**settings)).wait_for_port()
        wait_until(lambda: is_ready(server), f"{name} is ready")
        return server

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
        medians = {key: median_of(figure.get(key) for figure in figures)
                   for key in ("cpu_us", "redis_us", "p50_us", "p99_us")}
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
              "analyze_redis": bench_analyze_redis, "status_cached": bench_status_cached,
              "status_observed": bench_status_observed,
              "status_redis": bench_status_redis, "waiters": bench_waiters,
              "fan_out": bench_fan_out, "memory": bench_memory, "workers": bench_workers,
              "claim_depth": bench_claim_depth, "sweep": bench_sweep}


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                        for column, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print()


def at_most(value, goal):
    return f"{goal} {'reached' if value <= goal else 'missed'}"


def report(bench):
    if bench.measured:
        table([("benchmark", "target", "c", "median/s", "min/s", "max/s", "CPU us", "Redis us",
                "p50 us", "p99 us")] +
              [(row["benchmark"], row["target"], str(row["connections"]),
                *(f"{row['per_second'][key]:,.0f}" for key in ("median", "min", "max")),
                *("" if row[key] is None else f"{row[key]:.1f}"
                  for key in ("cpu_us", "redis_us")),
                f"{row['p50_us']:,.0f}", f"{row['p99_us']:,.0f}") for row in bench.measured])
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
    if bench.waiting:
        table([("waiters", "", "count", "RSS before", "RSS after", "RSS each", "goal")] +
              [(row["kind"], "", f"{row['waiters']:,}",
                *(f"{row[key]:,} KiB" for key in ("resident_before_kib", "resident_after_kib")),
                f"{row['kib_each']:.2f} KiB", at_most(row["kib_each"], row["goal"]))
               for row in bench.waiting])
    if bench.told:
        table([("fan-out", "", "waiters", "instances", "median ms", "p99 ms", "max ms", "goal")] +
              [(row["kind"], "", f"{row['waiters']:,}", str(row["instances"]),
                *(f"{row[key]:.1f}" for key in ("p50", "p99", "max")),
                at_most(row["p50"], row["goal"])) for row in bench.told])
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
                              ("waiting", WAITING, 20_000), ("waiters", WAITERS, 500)):
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
                           "idle": bench.idle, "waiters": bench.waiting,
                           "fan_out": bench.told}, file, indent=2)
                file.write("\n")


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"scripts/bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
