"""What is left of a server's speed when three times as much is asked of it, and how soon it is
itself again. Requests are offered at a fixed rate over many connections, whether or not the answers
keep up; the server has a core of its own. One line of figures each; exit status 1 when one of them
is not as promised.

A refusal costs the server 5 to 10 microseconds, most of them the kernel's: of requests that cost
little more than that, three times as many as can be answered cannot all be refused either. Those
of the client's requests for which it has no connection free are `missed`: the server never saw
them."""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from http_client import HttpClient, post_request
from processes import BenchError, Child, Cores, clean_environment

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
            [os.path.join(self.options.build, "overload"), str(server.port), str(rate),
             str(connections), str(int(seconds * 1000)), path],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
            preexec_fn=lambda: os.sched_setaffinity(0, self.cores.others))
        if ran.returncode != 0:
            raise BenchError(f"overload: {ran.stderr}")
        server.check_alive()
        return json.loads(ran.stdout)

    def start(self, **settings):
        program = os.path.join(self.options.build, "src/app/proctrackd")
        environment = clean_environment(HOST="127.0.0.1", PORT="0", IO_THREADS="1",
                                        LOG_LEVEL="warn", DATA_DIR="", **settings)
        return Child("proctrackd", [program], self.cores.server, self.directory,
                     environment).wait_for_port()

    def check(self, name, holds, what):
        if not holds:
            self.failed.append(f"{name}: {what}")

    def measure(self, name, server, request):
        options = self.options
        peak = max(self.load(server, request, 0, 64, options.seconds / 2)["good"]
                   for _ in range(3)) / (options.seconds / 2)
        self.load(server, request, 3 * peak, options.connections, ONSET_S)
        over = self.load(server, request, 3 * peak, options.connections, options.seconds)
        good = over["good"] / options.seconds
        time.sleep(NORMAL_AFTER_S)
        after = self.load(server, request, peak / 2, 64, 1)
        print(f"{name}: peak {peak:,.0f}/s; at three times that {good:,.0f}/s good "
              f"({good / peak:.0%}, p50 {over['good_p50_ms']:.0f} ms, "
              f"p99 {over['good_p99_ms']:.0f} ms), {over['shed'] / options.seconds:,.0f}/s refused "
              f"(p50 {over['shed_p50_ms']:.1f} ms, p99 {over['shed_p99_ms']:.1f} ms), "
              f"{over['missed'] / options.seconds:,.0f}/s missed, {over['broken']} broken; "
              f"{NORMAL_AFTER_S} s later at half the peak {after['shed']} of {after['offered']} "
              f"refused, p99 {after['good_p99_ms']:.1f} ms", flush=True)
        self.check(name, good >= GOOD_PART * peak, "too few good answers")
        self.check(name, over["shed_p99_ms"] <= REFUSED_WITHIN_MS, "refused too late")
        self.check(name, over["broken"] + over["others"] == 0, "connections broken, other answers")
        self.check(name, after["shed"] == 0, "not normal again")

    def run(self):
        with self.start() as server:
            with HttpClient(server.port) as client:
                for _ in range(10):
                    client.post("/analyze/batch",
                                {"processes": [{"type": "x", "input": i} for i in range(500)]}, 202)
            self.measure("lists of 200", server,
                         b"GET /processes?limit=200 HTTP/1.1\r\nHost: h\r\n\r\n")
            batch = {"processes": [{"type": "y", "input": {"page": i}} for i in range(50)]}
            self.measure("batches of 50", server, post_request("/analyze/batch", batch))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=4, help="of each load (default 4)")
    parser.add_argument("--connections", type=int, default=2000,
                        help="of the load (default 2000)")
    options = parser.parse_args()
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
