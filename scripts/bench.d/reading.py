"""GET /status/<id>: from the cache, not modified, and from Redis."""
import json
from contextlib import ExitStack

from http_client import HttpClient
from processes import BenchError
from workers import BATCH, DAY, INPUT_BYTES, run_load
from yardsticks import bare, fastapi, fastify, nginx, webdis

GOAL_BARE_MEMORY = 0.7
GOAL_BARE, GOAL_NGINX = 0.95, 0.9
GOAL_NOT_MODIFIED = 1.0
GOAL_OBSERVED = 0.95
GOALS_UNCACHED = {"bare-200": 0.65, "webdis": 2.5, "fastapi": 15, "fastify-ioredis": 5}
UNCACHED_PER_SECOND = 150_000
HITS_ALLOWED = 0.02
ITEM = {"type": "bench", "input": "x" * (INPUT_BYTES - 2)}


def own_headers(headers):
    """Those that a yardstick does not send by itself."""
    return [line for line in headers
            if not line.lower().startswith(("date:", "content-length:", "connection:"))]


def check_same(yardstick, path, expected, length, body):
    with HttpClient(yardstick.port) as client:
        headers, its = client.get(path, expected=expected)
    if its != body or (yardstick.name.startswith("bare") and sum(map(len, headers)) != length):
        raise BenchError(f"{yardstick.name} answers otherwise: {headers} {its!r}")


def constant_yardsticks(bench, running, server, path, status=200, header=""):
    """Servers that give what the server gives now, as constants."""
    with HttpClient(server.port) as client:
        headers, body = client.get(path, header, status)
    made = [running.enter_context(make(bench, status, own_headers(headers), body))
            for make in (bare, nginx)]
    for yardstick in made:
        check_same(yardstick, path, status, sum(map(len, headers)), body)
    return made


def bench_status_memory(bench):
    """GET /status/<id> from memory, against libmicrohttpd alone with the very same answer."""
    with ExitStack() as running:
        server = running.enter_context(bench.proctrackd())
        path = "/status/" + bench.create_ids(server, 1)[0]
        targets = [server, constant_yardsticks(bench, running, server, path)[0]]
        for connections in bench.options.connections:
            bench.compare("status_memory",
                          {target.name: lambda at=target: bench.load(at, path, connections)
                           for target in targets},
                          connections, {"bare-200": GOAL_BARE_MEMORY})


def running_process(client):
    """Claimed for a day: (id, lease token, version)."""
    client.post("/analyze", ITEM, 202)
    claimed = client.post("/claim", {"types": ["bench"], "worker": "holder",
                                     "lease_seconds": DAY})["processes"][0]
    return claimed["process_id"], claimed["lease_token"], claimed["version"]


def completed_process(client):
    identity, token, _ = running_process(client)
    client.post(f"/processes/{identity}/complete", {"lease_token": token, "result": {"ok": True}})
    return identity


def compare_cached(bench, name, server, path):
    """The answer with its body, then the same as 304."""
    with ExitStack() as running:
        with HttpClient(server.port) as client:
            for _ in range(8):  # an id is kept once it was asked for more than once
                headers, _ = client.get(path)
        tag = next(line for line in headers if line.lower().startswith("etag:")).split(": ")[1]
        header = f"If-None-Match: {tag}"
        whole = constant_yardsticks(bench, running, server, path)
        brief = constant_yardsticks(bench, running, server, path, 304, header + "\r\n")
        for connections in bench.options.connections:
            def load(at, header=None):
                return bench.load(at, path, connections, header=header)
            bench.compare(name, {"proctrackd": lambda: load(server),
                                 **{at.name: lambda at=at: load(at) for at in whole}},
                          connections, {"bare-200": GOAL_BARE, "nginx-200": GOAL_NGINX})
            bench.compare(f"{name}_304",
                          {"proctrackd": lambda: load(server, header),
                           "proctrackd-200": lambda: load(server),
                           **{at.name: lambda at=at: load(at, header) for at in brief}},
                          connections, {"proctrackd-200": GOAL_NOT_MODIFIED, "bare-304": GOAL_BARE,
                                        "nginx-304": GOAL_NGINX})


def bench_status_cached(bench):
    """GET /status/<id> from the cache in front of Redis, as 200 and 304; nginx beside it."""
    with ExitStack() as running:
        redis = running.enter_context(bench.redis("redis"))
        server = running.enter_context(bench.proctrackd(redis=redis))
        with HttpClient(server.port) as client:
            completed, (held, _, _) = completed_process(client), running_process(client)
        compare_cached(bench, "status_cached", server, f"/status/{completed}")
        compare_cached(bench, "status_cached_running", server, f"/status/{held}")


def bench_status_observed(bench):
    """The same, with access log, metrics and trace context, against a server without them."""
    observed = {"LOG_LEVEL": "info", "LOG_FORMAT": "json"}
    header = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with ExitStack() as running:
        redis = running.enter_context(bench.redis("redis"))
        on = running.enter_context(bench.proctrackd("observed", redis=redis, **observed))
        off = running.enter_context(bench.proctrackd("unobserved", redis=redis, **observed,
                                                     LOG_ACCESS="none", METRICS="false"))
        with HttpClient(on.port) as client:
            path = f"/status/{completed_process(client)}"
        for server in (on, off):
            with HttpClient(server.port) as client:
                for _ in range(8):
                    client.get(path)
        for connections in bench.options.connections:
            bench.compare("status_observed",
                          {at.name: lambda at=at: bench.load(at, path, connections, header=header)
                           for at in (on, off)},
                          connections, {off.name: GOAL_OBSERVED})


def completed_processes(bench, server, count):
    """A file with the ids of so many."""
    ids = []
    with HttpClient(server.port) as client:
        for start in range(0, count, BATCH):
            answer = client.post("/analyze/batch",
                                 {"processes": [ITEM] * min(BATCH, count - start)}, 202)
            ids += [item["process_id"] for item in answer["processes"]]
    run_load(bench, server, "complete", 64, seconds=600)
    return bench.write("ids", "\n".join(ids).encode()), ids[0]


def load_uncached(bench, redis, path, ids, connections):
    """A fresh server, which has seen none of the ids; few may come from its cache."""
    with bench.proctrackd(redis=redis) as server:
        counted = bench.load(server, path, connections, ids=ids, redis=redis)
        with HttpClient(server.port) as client:
            numbers = json.loads(client.get("/stats")[1]).get("status_cache")
    if numbers and not bench.options.smoke:
        if numbers["hits"] > HITS_ALLOWED * (numbers["hits"] + numbers["misses"]):
            raise BenchError(f"not read from Redis: {numbers}")
    return counted


def bench_status_redis(bench):
    """GET /status/<id> of a completed process, each time another one, from the same Redis."""
    with ExitStack() as running:
        redis = running.enter_context(bench.redis("redis"))
        count = 20_000 if bench.options.smoke else UNCACHED_PER_SECOND * bench.options.seconds
        with bench.proctrackd(redis=redis) as server:
            ids, first = completed_processes(bench, server, count)
            constant = constant_yardsticks(bench, running, server, f"/status/{first}")[0]
        others = [constant] + [running.enter_context(make(bench, redis))
                               for make in (webdis, fastapi, fastify)]
        paths = {"webdis": "/HGETALL/process:"}
        for connections in bench.options.connections:
            def load(at):
                return bench.load(at, paths.get(at.name, "/status/"), connections, ids=ids,
                                  redis=redis)
            bench.compare("status_redis",
                          {"proctrackd": lambda: load_uncached(bench, redis, "/status/", ids,
                                                               connections),
                           **{at.name: lambda at=at: load(at) for at in others}},
                          connections, GOALS_UNCACHED)
