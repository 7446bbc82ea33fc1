"""A real browser, with pages of another origin: submits, follows live to the end by EventSource or
by polling, while the server is killed and started again; the page is never loaded anew.

Needs Debian's chromium-headless-shell, which scripts/test installs.
"""

import http.server
import signal
import threading
import unittest

import chromium
from harness import Case, Server, eventually
from polling import PATIENCE
from redis_process import free_port

PAGE = '''<!DOCTYPE html>
<meta charset="utf-8">
<title>proctrack</title>
<script>
'use strict';
const server = new URLSearchParams(location.search).get('server');
const page = {id: null, seen: [], opened: 0, errors: 0, requests: 0, unchanged: 0, closed: null,
              failure: null, asked: [], ended: false, loaded: performance.timeOrigin};

async function submit(document) {
  const answer = await fetch(server + '/analyze', {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(document)});
  page.id = (await answer.json()).process_id;
  return answer.status;
}

function note(resource) {
  page.seen.push({version: resource.version, status: resource.status,
                  percent: resource.progress && resource.progress.percent});
}

function follow() {
  const source = new EventSource(server + '/status/' + page.id);
  page.source = source;
  source.onopen = () => { page.opened++; };
  source.onerror = () => { page.errors++; page.closed = source.readyState; };
  source.onmessage = (event) => {
    const resource = JSON.parse(event.data);
    if (event.lastEventId !== String(resource.version)) {
      page.failure = 'id ' + event.lastEventId + ' of version ' + resource.version;
    }
    note(resource);
    if (resource.done) {
      source.close();
      page.closed = source.readyState;
    }
  };
}

// Polls as it is told to: not before retry_after_ms, and with what it knows.
async function poll() {
  let tag = null, wait = 100;
  while (!page.ended) {
    const asked = performance.now();
    try {
      const answer = await fetch(server + '/status/' + page.id,
                                 {headers: tag ? {'If-None-Match': tag} : {}, cache: 'no-store'});
      page.requests++;
      if (answer.status === 304) {
        page.unchanged++;
        wait = 1000 * Number(answer.headers.get('Retry-After'));
      } else if (answer.ok) {
        const resource = await answer.json();
        tag = answer.headers.get('ETag');
        wait = resource.retry_after_ms;
        note(resource);
        page.ended = resource.done;
      } else {
        throw new Error('status ' + answer.status);
      }
      page.asked.push({wait, status: answer.status});
    } catch (error) {
      page.errors++;  // it is down
      wait = 250;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(wait, 50)));
  }
}
</script>
'''


class Site(http.server.ThreadingHTTPServer):
    """Serves the page, on an origin of its own."""

    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), SiteHandler)
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    @property
    def origin(self):
        return f'http://127.0.0.1:{self.server_address[1]}'

    def destroy(self):
        self.shutdown()
        self.thread.join(10)
        self.server_close()


class SiteHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = PAGE.encode()
        self.send_response(200)
        self.send_header('Content-Type', 'text/html; charset=utf-8')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):  # pylint: disable=redefined-builtin
        pass


@unittest.skipUnless(chromium.is_installed(),
                     f'{chromium.BINARY} is not installed; scripts/test does that')
class Browser(Case):
    def setUp(self):
        self.redis = self.start_redis()
        self.site, self.stranger = Site(), Site()
        self.addCleanup(self.site.destroy)
        self.addCleanup(self.stranger.destroy)
        self.settings = {'REDIS_URL': self.redis.url, 'REDIS_REQUIRED': 'true',
                         'CORS_ALLOW_ORIGINS': self.site.origin}
        self.one = {**self.settings, 'INSTANCE': 'one', 'PORT': free_port()}
        self.server = self.start_server(self.one)
        self.other = self.start_server({**self.settings, 'INSTANCE': 'two'})
        self.browser = chromium.Chromium()
        self.addCleanup(self.browser.destroy)

    def open(self, site):
        page = self.browser.open(f'{site.origin}/?server=http://127.0.0.1:{self.server.port}')
        eventually(lambda: page.run('document.readyState === "complete" && '
                                    'typeof follow === "function"'), 60, what='the page is loaded')
        return page

    def wait_for(self, page, expression, what):
        return eventually(lambda: page.run(expression), 60, what=what)

    def restart(self):
        """As if by kill -9, on the same port; the page is told nothing."""
        self.server.process.send_signal(signal.SIGKILL)
        self.server.wait()
        self.server = self.start_server(self.one)

    def work(self, token, what, **members):
        answer = self.other.client.post(f'/processes/{self.process_id}/{what}',
                                        {'lease_token': token, **members})
        self.assertEqual(answer.status, 200, answer)
        return answer.json['version']

    def take(self):
        answer = self.other.client.post('/claim', {'types': ['page'], 'worker': 'w'})
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json['processes'][0]['process_id'], self.process_id)
        return answer.json['processes'][0]['lease_token']

    def submit_by(self, page):
        self.assertEqual(page.run('submit({type: "page", input: {n: 1}})'), 202)
        self.process_id = page.run('page.id')

    def drive(self, page):
        """The process's life, with the server's death in the middle. Each step waits until the page
        has seen the one before."""
        def seen(version):
            self.wait_for(page, f'page.seen.some((one) => one.version >= {version})',
                          f'the page sees version {version}')
        seen(1)
        token = self.take()
        seen(2)
        seen(self.work(token, 'progress', percent=30, message='before'))
        self.restart()
        self.wait_for(page, 'page.opened === 2', 'the browser connects again by itself')
        seen(self.work(token, 'progress', percent=60, message='after'))
        self.work(token, 'complete', result={'ok': True})

    def check_seen(self, page, loaded):
        seen = page.run('page.seen')
        versions = [one['version'] for one in seen]
        self.assertEqual(versions, sorted(set(versions)), 'none twice, none backwards')
        self.assertEqual([one['status'] for one in seen],
                         ['pending', 'running', 'running', 'running', 'completed'], seen)
        self.assertEqual([one['percent'] for one in seen][1:4], [None, 30, 60], seen)
        self.assertIsNone(page.run('page.failure'))
        self.assertEqual(page.run('page.loaded'), loaded, 'the page was not loaded again')

    def test_event_source_lives_through_a_restart(self):
        page = self.open(self.site)
        loaded = page.run('page.loaded')
        self.submit_by(page)
        page.run('follow()')
        self.drive(page)
        self.wait_for(page, 'page.closed === EventSource.CLOSED', 'the page closes the stream')
        self.check_seen(page, loaded)
        self.assertEqual(page.run('page.source.readyState'), 2)
        self.assertEqual(page.run('page.opened'), 2)
        self.assertGreaterEqual(page.run('page.errors'), 1)

    def test_event_source_that_nobody_closes_does_not_come_back(self):
        page = self.open(self.site)
        self.submit_by(page)
        page.run('follow(); page.source.close = () => {};')
        self.wait_for(page, 'page.seen.length === 1', 'the first state')
        self.work(self.take(), 'complete', result=1)
        # The server ends the stream; the browser asks once more, and 204 tells it to stop.
        self.wait_for(page, 'page.closed === EventSource.CLOSED && page.errors >= 2',
                      'the browser gives up')
        self.assertEqual(page.run('page.seen.at(-1).status'), 'completed')
        self.assertEqual(page.run('page.opened'), 1)

    def test_an_origin_that_is_not_allowed_gets_nothing(self):
        page = self.open(self.stranger)
        made = self.other.client.post('/analyze', {'type': 'page', 'input': 1}).json
        page.run(f'page.id = "{made["process_id"]}"; follow()')
        self.wait_for(page, 'page.errors > 0', 'an error event')
        self.assertEqual(page.run('page.source.readyState'), 2)
        self.assertEqual(page.run('[page.opened, page.seen.length]'), [0, 0])
        self.assertEqual(page.run(
            'fetch(server + "/status/" + page.id).then(() => "read", (error) => error.name)'),
            'TypeError')
        self.assertEqual(page.run('submit({type: "page", input: 1}).catch((error) => error.name)'),
                         'TypeError')
        self.assertEqual(self.other.client.get('/stats').json['total'], 1)

    def test_polling_as_it_is_told(self):
        page = self.open(self.site)
        loaded = page.run('page.loaded')
        self.submit_by(page)
        page.run('void poll()')
        self.wait_for(page, 'page.seen.length > 0', 'the first state')
        token = self.take()
        self.wait_for(page, 'page.seen.some((one) => one.version >= 2)', 'it runs')
        self.wait_for(page, 'page.unchanged > 0', 'a poll that finds nothing new')
        self.restart()
        self.work(token, 'progress', percent=60, message='after')
        self.wait_for(page, 'page.seen.some((one) => one.percent === 60)', 'progress')
        self.work(token, 'complete', result={'ok': True})
        self.wait_for(page, 'page.ended', 'the end')
        self.check_polls(page, loaded)

    def check_polls(self, page, loaded):
        seen, asked = page.run('page.seen'), page.run('page.asked')
        versions = [one['version'] for one in seen]
        self.assertEqual(versions, sorted(versions), 'never backwards')
        self.assertEqual(seen[-1]['status'], 'completed')
        self.assertEqual(page.run('page.loaded'), loaded)
        for one in asked[:-1]:
            self.assertIsNotNone(one['wait'], asked)
            self.assertGreaterEqual(one['wait'], 250, asked)
            self.assertLessEqual(one['wait'], 30000, asked)
        self.assertIsNone(asked[-1]['wait'], 'one that has ended need not be asked for again')
        self.assertLess(page.run('page.requests'), 40 * PATIENCE)


if __name__ == '__main__':
    unittest.main()
