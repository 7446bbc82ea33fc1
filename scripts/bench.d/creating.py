"""POST /analyze: into memory, and into Redis beside what Redis and others reach."""
import json
import os
import re
import socket
import subprocess
from contextlib import ExitStack

from processes import BenchError, clean_environment, spawn
from workers import figures
from yardsticks import fastapi, fastify

DEPTH = 64
GOALS = {"pipelined": 0.5, "fastapi": 15, "fastify-ioredis": 5, "fastify-bullmq": 3}
WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"')
ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)")
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


def bench_analyze_memory(bench):
    """POST /analyze into memory; a fresh server each time, as every answer is kept."""
    def load(connections):
        with bench.proctrackd() as server:
            return bench.load(server, "/analyze", connections, body=bench.body)
    for connections in bench.options.connections:
        bench.compare("analyze_memory", {"proctrackd": lambda: load(connections)}, connections)


def unescape(match):
    code = match.group(1)
    return bytes([int(code[1:], 16)]) if len(code) == 3 else ESCAPED.get(code, code)


def monitored(stream):
    """The commands up to the next EXEC, each a list of words."""
    while line := stream.readline():
        words = [ESCAPE.sub(unescape, word) for word in WORD.findall(line)]
        yield words
        if words == [b"EXEC"]:
            return
    raise BenchError("Redis says no more what it is asked")


def transaction_of_creation(bench):
    """(file with the commands that one creation sends, the id in them). The second creation is
    taken: the first one also tells of the type."""
    with bench.redis("redis") as redis, bench.proctrackd(redis=redis) as server:
        bench.create_ids(server, 1)
        with socket.create_connection(("127.0.0.1", redis.port)) as connection:
            stream = connection.makefile("rb")
            connection.sendall(b"MONITOR\r\n")
            stream.readline()
            identity = bench.create_ids(server, 1)[0]
            commands = list(monitored(stream))
            stream.close()
    commands = commands[commands.index([b"MULTI"]):]
    text = b"".join(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word)
                                                      for word in words) for words in commands)
    return bench.write("transaction", text), identity


def load_pipelined(bench, redis, transaction, identity):
    """On the server's core, since it stands in the server's place."""
    before = redis.cpu_seconds()
    client = spawn([os.path.join(bench.options.build, "pipelined"), str(redis.port),
                    str(bench.options.seconds), str(DEPTH), transaction, identity],
                   bench.cores.server, text=True, env=clean_environment(),
                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output, _ = client.communicate(timeout=bench.options.seconds + 60)
    if client.returncode != 0:
        raise BenchError(f"pipelined:\n{output}")
    counted = json.loads(output)
    used = (redis.cpu_seconds() - before) * 1e6
    return {**figures(counted, 0), "cpu_us": None, "redis_us": used / counted["done"]}


def bench_analyze_redis(bench):
    """POST /analyze into Redis, beside the same transactions without HTTP and usual servers.

    Each run starts empty."""
    transaction = transaction_of_creation(bench)

    def load(make, connections):
        with ExitStack() as running:
            redis = running.enter_context(bench.redis("redis"))
            if make is None:
                return load_pipelined(bench, redis, *transaction)
            server = running.enter_context(make(redis))
            if server.name != "proctrackd":  # what is compiled while it runs takes a while
                bench.load(server, "/analyze", connections, body=bench.body)
            return bench.load(server, "/analyze", connections, body=bench.body, redis=redis)
    makers = {"proctrackd": lambda redis: bench.proctrackd(redis=redis), "pipelined": None,
              "fastapi": lambda redis: fastapi(bench, redis),
              "fastify-ioredis": lambda redis: fastify(bench, redis),
              "fastify-bullmq": lambda redis: fastify(bench, redis, "bullmq")}
    for connections in bench.options.connections:
        bench.compare("analyze_redis",
                      {name: lambda make=make: load(make, connections)
                       for name, make in makers.items()}, connections, GOALS)
