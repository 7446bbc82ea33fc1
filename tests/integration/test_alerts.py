"""Alert rules fire when they should and only then; they and the dashboard ask for what there is."""

import copy
import os
import re
import shutil
import subprocess
import unittest

import yaml

import readme
from alerting import (CASES, CONFIG, ROOT, RULES, alerts_of, dashboard, panels_with_queries,
                      queries, read_yaml, rule_queries, selected)
from harness import Case, run_once
from scraping import Scrape

PROMTOOL = shutil.which('promtool')
COMPOSE = os.path.join(ROOT, 'deploy', 'docker', 'compose.yaml')
UNITS = {'none', 'short', 's', 'ops', 'reqps', 'percentunit', 'bytes', 'Bps'}
SETTING = re.compile(r'\b[A-Z]+(?:_[A-Z]+)+\b')
LIMIT = re.compile(r'(>=?) ([\d.]+)$')
QUIET = {'LOG_ACCESS': 'none'}


@unittest.skipUnless(PROMTOOL, 'needs promtool')
class Rules(Case):
    def promtool(self, *words):
        return subprocess.run([PROMTOOL, *words], timeout=100, capture_output=True, text=True,
                              cwd=ROOT, check=False)

    def test_as_the_page_checks_them(self):
        section = readme.sections()['Metrics']
        lines = [line for block in readme.blocks(section, 'sh') for line in block.splitlines()
                 if line.startswith('promtool ')]
        self.assertEqual([line.split()[1:3] for line in lines],
                         [['check', 'config'], ['test', 'rules']])
        for line in lines:
            told = self.promtool(*line.split()[1:])
            self.assertEqual((told.returncode, told.stderr), (0, ''), told)
            self.assertIn('SUCCESS', told.stdout)
        self.assertIn(f'SUCCESS: {len(alerts_of(read_yaml(RULES)))} rules found',
                      self.promtool('check', 'rules', RULES).stdout)

    def test_each_has_a_case_that_fires_and_one_that_does_not(self):
        fires = {False: set(), True: set()}
        for case in read_yaml(CASES)['tests']:
            self.assertTrue(case['input_series'], case['name'])
            expected = case['alert_rule_test'][-1]
            fires[bool(expected['exp_alerts'])].add(expected['alertname'])
        alerts = set(alerts_of(read_yaml(RULES)))
        self.assertEqual(fires[True], alerts)
        self.assertEqual(fires[False], alerts)

    def failing(self, change):
        """The alerts whose cases fail once each rule has been changed."""
        directory = self.directory()
        rules = copy.deepcopy(read_yaml(RULES))
        for rule in alerts_of(rules).values():
            change(rule)
        for name, document in ((RULES, rules), (CASES, read_yaml(CASES))):
            with open(os.path.join(directory, os.path.basename(name)), 'w',
                      encoding='utf-8') as file:
                yaml.safe_dump(document, file)
        told = self.promtool('test', 'rules', os.path.join(directory, os.path.basename(CASES)))
        self.assertEqual(told.returncode, 1, told)
        return set(re.findall(r'\b(?:alertname: ?)(\w+)', told.stdout + told.stderr))

    def test_the_cases_bite(self):
        alerts = alerts_of(read_yaml(RULES))

        def never(rule):
            rule['expr'] = f'({rule["expr"]}) and on () vector(0) > 1'

        def at_once(rule):
            rule.pop('for', None)

        def sooner(rule):
            rule['expr'] = LIMIT.sub(lambda found: f'{found[1]} {float(found[2]) * 0.97 - 0.001}',
                                     rule['expr'])
        self.assertEqual(self.failing(never), set(alerts))
        waiting = {name for name, rule in alerts.items() if 'for' in rule}
        limited = {name for name, rule in alerts.items() if LIMIT.search(rule['expr'])}
        self.assertEqual(waiting | limited, set(alerts))
        self.assertEqual(self.failing(at_once), waiting)
        self.assertEqual(self.failing(sooner), limited)

    def test_what_they_say(self):
        known = run_once(['--help']).stdout
        for name, rule in alerts_of(read_yaml(RULES)).items():
            with self.subTest(name):
                self.assertRegex(name, '^Proctrackd[A-Z]')
                self.assertIn(rule['labels']['severity'], ('critical', 'warning', 'info'))
                self.assertEqual(set(rule['annotations']), {'summary', 'description'})
                self.assertGreater(len(rule['annotations']['description']), 80)
                for setting in SETTING.findall(rule['annotations']['description']):
                    self.assertIn(f'--{setting.lower().replace("_", "-")}', known)

    def test_the_configuration_fits_the_compose_file(self):
        (job,) = read_yaml(CONFIG)['scrape_configs']
        scraped = {(group['labels']['instance'], target) for group in job['static_configs']
                   for target in group['targets']}
        published = {(service['environment']['INSTANCE'], port.rsplit(':', 1)[0])
                     for service in read_yaml(COMPOSE)['services'].values()
                     for port in service.get('ports', [])}
        self.assertEqual(scraped, published)

    def test_as_an_object_of_the_operator(self):
        (block,) = [block for block in readme.blocks(readme.sections()['Metrics'], 'sh')
                    if 'PrometheusRule' in block]
        command, applied = block.rstrip().rsplit('|', 1)
        self.assertEqual(applied.split(), ['kubectl', 'apply', '-f', '-'])
        made = yaml.safe_load(subprocess.run(['bash', '-c', command], cwd=ROOT, timeout=30,
                                             capture_output=True, check=True).stdout)
        self.assertEqual(made, {'apiVersion': 'monitoring.coreos.com/v1', 'kind': 'PrometheusRule',
                                'metadata': {'name': 'proctrackd'}, 'spec': read_yaml(RULES)})


class Dashboard(unittest.TestCase):
    def test_its_form(self):
        page = dashboard()
        self.assertGreaterEqual(page['schemaVersion'], 36)
        self.assertEqual({variable['name']: variable['type']
                          for variable in page['templating']['list']},
                         {'datasource': 'datasource', 'instance': 'query'})
        self.assertEqual([panel['title'] for panel in page['panels'] if panel['type'] == 'row'],
                         ['Overview', 'Processes', 'HTTP', 'Redis and journal',
                          'The program itself'])
        numbers = [panel['id'] for panel in page['panels']]
        self.assertEqual(len(numbers), len(set(numbers)))
        for panel in panels_with_queries():
            with self.subTest(panel['title']):
                self.assertTrue(panel['description'])
                self.assertIn(panel['fieldConfig']['defaults']['unit'], UNITS)
                for target in panel['targets']:
                    self.assertEqual(target['datasource']['uid'], '${datasource}')
                    self.assertTrue(target['legendFormat'])
                    for name, labels in selected(target['expr']):
                        self.assertIn('instance', labels, name)

    def test_no_panel_covers_another(self):
        taken = set()
        for panel in dashboard()['panels']:
            at = panel['gridPos']
            cells = {(x, y) for x in range(at['x'], at['x'] + at['w'])
                     for y in range(at['y'], at['y'] + at['h'])}
            self.assertFalse(cells & taken, panel['title'])
            self.assertLessEqual(at['x'] + at['w'], 24)
            taken |= cells


class Names(Case):
    """Rules and dashboard ask for nothing that is not told, by no label that it does not have."""

    def told(self, settings):
        server = self.start_server({**QUIET, **settings})
        self.submit(server.client, {'type': 'x', 'input': 1})
        server.client.post('/admin/snapshot')
        server.client.get('/metrics')
        return Scrape(server.client).samples

    def test_all_are_told(self):
        labels = {'up': {'instance', 'job'}}
        for name, having in [*self.told({}), *self.told({'REDIS_URL': self.start_redis().url})]:
            labels.setdefault(name, {'instance', 'job'}).update(label for label, _ in having)
        for expression in rule_queries() + queries():
            self.assertTrue(selected(expression), expression)
            for name, wanted in selected(expression):
                with self.subTest(expression):
                    self.assertIn(name, labels)
                    self.assertLessEqual(wanted, labels[name])
