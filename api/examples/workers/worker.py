#!/usr/bin/env python3
"""A worker in Python with the standard library. It takes processes of the type word-count, whose
input is {"text": "…", "pause_seconds": 1}, and counts the words line by line, with the pause before
each.

    PROCTRACK_URL=http://127.0.0.1:8080 WORKER=python-1 ./worker.py

TERM or INT: it hands back what it holds and ends, an idle one when its claim is answered
(WAIT_SECONDS); a second one ends it at once.
"""
import http.client
import json
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request

URL = os.environ.get('PROCTRACK_URL', 'http://127.0.0.1:8080')
WORKER = os.environ.get('WORKER', f'{socket.gethostname()}/{os.getpid()}')
LEASE = int(os.environ.get('LEASE_SECONDS', '60'))
WAIT = int(os.environ.get('WAIT_SECONDS', '10'))
stopping = threading.Event()


def post(path, give_up=lambda: False, **document):
    """The status and the answer. Sends again what got no answer, 503 (not reachable) or 507
    (storage full): each of these calls may be repeated."""
    request = urllib.request.Request(URL + path, json.dumps(document).encode(),
                                     {'Content-Type': 'application/json'})
    while not give_up():
        try:
            with urllib.request.urlopen(request, timeout=WAIT + 30) as answer:
                return answer.status, json.loads(answer.read() or 'null')
        except urllib.error.HTTPError as error:
            if error.code not in (503, 507):
                return error.code, error.read().decode()
        except (OSError, http.client.HTTPException):
            pass  # not there, or restarting
        time.sleep(1)
    return None, None


def count_words(document, report, stop):
    """The work itself. None: it was told to stop."""
    if not isinstance(document, dict) or not isinstance(document.get('text'), str):
        raise ValueError('input.text must be a string')
    words, lines = 0, document['text'].split('\n')
    for step, line in enumerate(lines, 1):
        if stopping.is_set() or stop.wait(document.get('pause_seconds', 0)):
            return None
        words += len(line.split())
        report('progress', lease_seconds=LEASE, percent=100 * step // len(lines), step=step,
               steps=len(lines))
    return {'words': words, 'lines': len(lines)}


def run(process):
    stop = threading.Event()  # a cancel was requested, or somebody else holds the lease

    def report(kind, **members):
        status, answer = post(f'/processes/{process["process_id"]}/{kind}',
                              lease_token=process['lease_token'], **members)
        if status != 200 or answer['cancel_requested']:
            stop.set()

    def heartbeats():  # the answer comes after some seconds, or as soon as a cancel is requested
        while not stop.wait(1):
            report('heartbeat', lease_seconds=LEASE, wait_seconds=min(LEASE // 3, WAIT))

    threading.Thread(target=heartbeats, daemon=True).start()
    try:
        result = count_words(process['input'], report, stop)
        if result is None:
            report('release')
        else:
            report('complete', result=result)
    except ValueError as error:
        report('fail', code='bad_input', message=str(error), retryable=False)
    except Exception as error:  # what else goes wrong may go well another time
        report('fail', message=repr(error))
    stop.set()


def end(number, _):
    stopping.set()
    signal.signal(number, signal.SIG_DFL)


signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
while not stopping.is_set():
    status, answer = post('/claim', give_up=stopping.is_set, types=['word-count'], worker=WORKER,
                          lease_seconds=LEASE, wait_seconds=WAIT)
    if status == 200:
        for claimed in answer['processes']:
            run(claimed)
    elif status == 204:
        stopping.wait(1)
    elif status is not None:
        raise SystemExit(f'{status} {answer}')
