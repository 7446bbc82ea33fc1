"""A real Prometheus scrapes two instances for a minute: it counts what was sent, and our rules are
quiet there."""

import shutil
import unittest

from alerting import CONFIG, RULES, alerts_of, queries, read_yaml, selected
from harness import UNKNOWN_ID, Case, eventually
from prometheus_process import Prometheus
from scraping import Scrape

PROMETHEUS = shutil.which('prometheus')
QUIET = {'LOG_ACCESS': 'none'}
# Only a machine that is too slow for its load makes these: nothing that a test can promise.
OF_THE_MACHINE = {'ProctrackdSlow', 'ProctrackdRedisTimeouts'}


@unittest.skipUnless(PROMETHEUS, 'needs prometheus')
class Scraped(Case):
    """Two instances on one Redis, as deploy/docker/compose.yaml has them, for a minute."""

    def setUp(self):
        redis = self.start_redis()
        self.sent = {}
        config = read_yaml(CONFIG)
        self.servers = {}
        for group in config['scrape_configs'][0]['static_configs']:
            name = group['labels']['instance']
            self.servers[name] = self.start_server({
                **QUIET, 'REDIS_URL': redis.url, 'IO_THREADS': 2, 'INSTANCE': name})
            group['targets'] = [f'127.0.0.1:{self.servers[name].port}']
        config['rule_files'] = [RULES]
        self.prometheus = Prometheus(PROMETHEUS, config)
        self.addCleanup(self.prometheus.destroy)

    def send(self, name, route, method, code, path=None, verb=None, **more):
        """Path and verb where they are not what the counter calls them."""
        answer = self.servers[name].client.request(verb or method, path or route, **more)
        self.assertEqual(answer.status, code, answer)
        key = name, route, method, str(code)
        self.sent[key] = self.sent.get(key, 0) + 1
        return answer

    def send_one_of_each(self, name):
        made = self.send(name, '/analyze', 'POST', 202, document={'type': name, 'input': 1}).json
        self.send(name, '/analyze', 'POST', 400, body='{')
        self.send(name, '/status/:id', 'GET', 404, f'/status/{UNKNOWN_ID}')
        self.send(name, '/status/:id', 'GET', 400, '/status/none')
        self.send(name, 'none', 'other', 404, '/nowhere', verb='BREW')
        for _ in range(3):
            self.send(name, '/status/:id', 'GET', 200, f'/status/{made["process_id"]}')
        self.send(name, '/status/:id', 'HEAD', 200, f'/status/{made["process_id"]}')
        self.send(name, '/stats', 'GET', 200)
        claimed = self.send(name, '/claim', 'POST', 200, document={
            'types': [name], 'worker': 'w', 'max': 1}).json['processes'][0]
        self.send(name, '/processes/:id/complete', 'POST', 200,
                  f'/processes/{claimed["process_id"]}/complete',
                  document={'lease_token': claimed['lease_token'], 'result': 1})

    def scrapes(self):
        """How many there were of the instance that had fewest."""
        counts = [count for _, count in self.prometheus.query('count_over_time(up[1h])')]
        return min(counts) if len(counts) == len(self.servers) else 0

    def last_scrape(self):
        """When all had been scraped."""
        return float(self.prometheus.ask('query', query='scalar(max(timestamp(up)))')['result'][1])

    def wait_for_scrapes(self, count):
        wanted = self.scrapes() + count
        return eventually(lambda: self.scrapes() >= wanted, 30, what=f'{count} more scrapes')

    def counted(self):
        return {(labels['instance'], labels['route'], labels['method'], labels['code']): value
                for labels, value in self.prometheus.query(
                    'proctrackd_http_requests_total{route!="/metrics"}')}

    def test_a_minute(self):
        rounds = 0
        for name in self.servers:
            self.send_one_of_each(name)
        self.wait_for_scrapes(2)  # the first one to tell of a scrape itself
        began = self.last_scrape()
        while self.scrapes() < 60:
            rounds += 1
            for name in self.servers:
                self.send_one_of_each(name)
            self.wait_for_scrapes(1)
        self.assertGreater(rounds, 10)
        self.check_counters(rounds + 1)
        self.check_scrapes(began)
        self.check_rules()
        self.check_dashboard()
        self.check_that_an_alert_begins()

    def check_counters(self, rounds):
        def agree():
            self.assertEqual(self.counted(), self.sent)
            return True
        eventually(agree)
        for metric in ('processes_created', 'processes_finished', 'claims'):
            found = self.prometheus.query(f'sum by (type) (proctrackd_{metric}_total) > 0')
            self.assertEqual({labels['type']: count for labels, count in found},
                             {name: rounds for name in self.servers}, metric)
        # Each scrape tells of those before it.
        before = self.prometheus.query(
            'count_over_time(up[1h]) - on (instance) proctrackd_http_requests_total'
            '{route="/metrics", method="GET", code="200"}')
        self.assertEqual({labels['instance']: count for labels, count in before},
                         {name: 1 for name in self.servers})

    def check_scrapes(self, began):
        answered = self.prometheus.values('up', '1h')
        self.assertEqual(len(answered), len(self.servers))
        for labels, samples in answered:
            self.assertGreaterEqual(len(samples), 60)
            self.assertEqual({value for _, value in samples}, {1}, labels)
            self.assertGreater(samples[-1][0] - samples[0][0], 55)
        for labels, samples in self.prometheus.values('scrape_samples_scraped', '1h'):
            scraped = {value for time, value in samples if time >= began}
            self.assertEqual(len(scraped), 1, (labels, samples))
            self.assertGreater(scraped.pop(), 100)

    def check_rules(self):
        rules = self.prometheus.rules()
        self.assertEqual(set(rules), set(alerts_of(read_yaml(RULES))))
        for name, rule in rules.items():
            with self.subTest(name):
                self.assertEqual((rule['health'], rule.get('lastError', '')), ('ok', ''))
                self.assertNotEqual(rule['state'], 'firing')
                if name not in OF_THE_MACHINE:
                    self.assertEqual(rule['state'], 'inactive', rule['alerts'])

    def check_dashboard(self):
        told = set().union(*(Scrape(server.client).names for server in self.servers.values()))
        for expression in queries():
            with self.subTest(expression):
                names = {name for name, _ in selected(expression)} - {'up'}
                found = self.prometheus.query(expression)
                if names <= told and 'code=~"5..' not in expression:
                    self.assertTrue(found)

    def check_that_an_alert_begins(self):
        name, server = self.servers.popitem()
        server.kill()

        def is_pending():
            rule = self.prometheus.rules()['ProctrackdDown']
            return rule['state'] == 'pending' and rule['alerts']
        (alert,) = eventually(is_pending, what='it is noticed')
        self.assertEqual(alert['labels']['instance'], name)
        self.assertEqual(alert['annotations']['summary'], f'{name} cannot be scraped')
