"""What is left of a server's speed when three times as much is asked of it, and how soon it is
itself again. Requests are offered at a fixed rate over many connections, whether or not the answers
keep up; the server has a core of its own. One line of figures each; exit status 1 when one of them
is not as promised.

To refuse costs the server several microseconds, most of them the kernel's. Three times as many
requests as can be answered can all be refused only where one costs ten times that; of the single
creations the figures are shown, and nothing is promised. Those of the client's requests for which
it has no connection free are `missed`: the server never saw them."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from http_client import HttpClient, post_request
from processes import BenchError, Child, Cores, Redis, clean_environment

GOOD_PART = 0.8        # of the peak
REFUSED_WITHIN_MS = 50  # in 99 of 100 cases, from the onset on
ONSET_S = 1            # in which overload is told from a burst
NORMAL_AFTER_S = 2


class Overload:
    def __init__(self, options, directory):
        self.options = options
        self.cores = Cores()
        self.directory = directory
        self.failed = []

    def load(self, server, request, rate, connections, seconds):
        path = os.path.join(self.directory, "request")
        with open(path, "wb") as file:
            file.write(request)
        ran = subprocess.run(
            [self.options.client, str(server.port), str(rate), str(connections),
             str(int(seconds * 1000)), path],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores.others))
        if ran.returncode != 0:
            raise BenchError(f"overload: {ran.stderr}")
        server.check_alive()
        return json.loads(ran.stdout)

    def start(self, settings):
        """Without anything stored."""
        data_directory = os.path.join(self.directory, "data")
        shutil.rmtree(data_directory, ignore_errors=True)
        program = os.path.join(self.options.build, "src/app/proctrackd")
        environment = clean_environment(HOST="127.0.0.1", PORT="0", IO_THREADS="1",
                                        LOG_LEVEL="warn", DATA_DIR=data_directory, **settings)
        return Child("proctrackd", [program], self.cores.server, self.directory,
                     environment).wait_for_port()

    def check(self, name, holds, what):
        if not holds:
            self.failed.append(f"{name}: {what}")

    def peak(self, request, settings, prepare):
        seconds = self.options.seconds / 2
        with self.start(settings) as server:
            prepare(server)
            return max(self.load(server, request, 0, 64, seconds)["good"]
                       for _ in range(3)) / seconds

    def measure(self, name, request, settings, prepare=lambda server: None, promised=True):
        options = self.options
        peak = self.peak(request, settings, prepare)
        with self.start(settings) as server:
            prepare(server)
            self.load(server, request, 3 * peak, options.connections, ONSET_S)
            before = server.cpu_seconds()
            over = self.load(server, request, 3 * peak, options.connections, options.seconds)
            busy = (server.cpu_seconds() - before) / options.seconds
            time.sleep(0 if options.smoke else NORMAL_AFTER_S)
            after = self.load(server, request, peak / 2, 64, min(1, options.seconds))
        good = over["good"] / options.seconds
        print(f"{name}: peak {peak:,.0f}/s; at three times that {good:,.0f}/s good "
              f"({good / peak:.0%}, p50 {over['good_p50_ms']:.0f} ms, "
              f"p99 {over['good_p99_ms']:.0f} ms), {over['shed'] / options.seconds:,.0f}/s refused "
              f"(p50 {over['shed_p50_ms']:.1f} ms, p99 {over['shed_p99_ms']:.1f} ms), "
              f"{over['missed'] / options.seconds:,.0f}/s missed, {over['broken']} broken, "
              f"the server's core {busy:.0%} its own; "
              f"{NORMAL_AFTER_S} s later at half the peak {after['shed']} of {after['offered']} "
              f"refused, p99 {after['good_p99_ms']:.1f} ms", flush=True)
        self.check(name, over["broken"] + over["others"] + over["unanswered"] == 0,
                   "connections broken, other answers or none")
        self.check(name, over["good"] > 0 and after["good"] > 0, "no good answers")
        if options.smoke or not promised:
            return
        self.check(name, good >= GOOD_PART * peak, "too few good answers")
        self.check(name, over["shed_p99_ms"] <= REFUSED_WITHIN_MS, "refused too late")
        self.check(name, after["shed"] == 0, "not normal again")

    @staticmethod
    def fill(server):
        with HttpClient(server.port) as client:
            for _ in range(10):
                client.post("/analyze/batch",
                            {"processes": [{"type": "x", "input": i} for i in range(500)]}, 202)

    def run(self):
        self.measure("lists of 200", b"GET /processes?limit=200 HTTP/1.1\r\nHost: h\r\n\r\n", {},
                     self.fill)
        batch = {"processes": [{"type": "y", "input": {"page": i}} for i in range(50)]}
        self.measure("batches of 50", post_request("/analyze/batch", batch), {})
        one = post_request("/analyze", {"type": "y", "input": {"page": 1}})
        self.measure("single creations", one, {}, promised=False)
        if shutil.which("redis-server") is None:
            print("no redis-server: creations in Redis are left out", flush=True)
            return
        with Redis("redis", self.cores.others, self.directory) as redis:
            self.measure("single creations in Redis", one, {"REDIS_URL": redis.url},
                         promised=False)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--client", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--smoke", action="store_true",
                        help="short, and no promise about time is looked at")
    parser.add_argument("--seconds", type=float, default=4, help="of each load (default 4)")
    parser.add_argument("--connections", type=int, default=2000,
                        help="of the load (default 2000)")
    options = parser.parse_args()
    if options.smoke:
        options.seconds, options.connections = 0.5, min(options.connections, 400)
    with tempfile.TemporaryDirectory(prefix="proctrack-overload-") as directory:
        overload = Overload(options, directory)
        overload.run()
    for failure in overload.failed:
        print(failure, file=sys.stderr)
    return 1 if overload.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"overload: {error}")
