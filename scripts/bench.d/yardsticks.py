"""What proctrackd is measured against, each as a server on the server's core."""
import json
import os
import subprocess

from processes import BenchError, Child, clean_environment, free_port

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ("bullmq@6.7.0", "fastify@5.12.8", "ioredis@6.0.0")

NGINX = """\
daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server_tokens off;
    keepalive_requests 1000000000;
    client_body_temp_path nginx-body;
    proxy_temp_path nginx-proxy;
    fastcgi_temp_path nginx-fastcgi;
    uwsgi_temp_path nginx-uwsgi;
    scgi_temp_path nginx-scgi;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        default_type {media_type};
        {headers}
        location / {{ return {status}{body}; }}
    }}
}}
"""


def quoted(text):
    """As a word of nginx' configuration."""
    if "$" in text or "'" in text or "\\" in text:
        raise BenchError(f"nginx cannot be told to answer {text!r}")
    return f"'{text}'"


def nginx(bench, status, headers, body):
    """One worker that answers everything with this constant."""
    values = dict(line.split(": ", 1) for line in headers)
    port = free_port()
    text = NGINX.format(
        port=port, status=status, body=" " + quoted(body.decode()) if body else "",
        media_type=values.pop("Content-Type", "application/json"),
        headers="\n        ".join(f"add_header {name} {quoted(value)} always;"
                                  for name, value in values.items()))
    name = f"nginx-{status}"
    return Child(name, ["nginx", "-p", bench.directory, "-c",
                        bench.write(f"nginx-{port}.conf", text.encode())],
                 bench.cores.server, bench.directory).wait_for_port()


def bare(bench, status, headers, body):
    """libmicrohttpd alone, likewise."""
    name = f"bare-{status}"
    text = "".join(f"{line}\n" for line in headers).encode("latin-1")
    return Child(name, [os.path.join(bench.options.build, "bare_mhd"),
                        bench.write(f"{name}-headers", text), bench.write(f"{name}-body", body),
                        str(status)], bench.cores.server, bench.directory).wait_for_port()


def fastapi(bench, redis):
    return Child("fastapi", ["/usr/bin/python3", "-B", os.path.join(HERE, "fastapi_app.py"),
                             redis.url], bench.cores.server, bench.directory).wait_for_port()


def node_modules(bench):
    """The directory with the packages of Node, installed once a run."""
    directory = os.path.join(bench.directory, "node")
    modules = os.path.join(directory, "node_modules")
    if os.path.isdir(modules):
        return modules
    os.mkdir(directory)
    ran = subprocess.run(["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix",
                          directory, *PACKAGES], cwd=directory, stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise BenchError(f"npm cannot install {' '.join(PACKAGES)}:\n{ran.stderr}")
    return modules


def fastify(bench, redis, kind="ioredis"):
    return Child(f"fastify-{kind}", ["node", os.path.join(HERE, "fastify_app.js"), str(redis.port),
                                     kind], bench.cores.server, bench.directory,
                 clean_environment(NODE_PATH=node_modules(bench),
                                   NODE_ENV="production")).wait_for_port()


def webdis(bench, redis):
    """Redis over HTTP: GET /HGETALL/<key>."""
    settings = {"redis_host": "127.0.0.1", "redis_port": redis.port, "http_host": "127.0.0.1",
                "http_port": free_port(), "threads": 1, "pool_size": 1, "daemonize": False,
                "database": 0, "verbosity": 0,
                "logfile": os.path.join(bench.directory, "webdis-own.log")}
    path = bench.write("webdis.json", json.dumps(settings).encode())
    return Child("webdis", ["webdis", path], bench.cores.server, bench.directory).wait_for_port()
