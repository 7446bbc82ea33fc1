"""What deploy/prometheus and deploy/grafana ship, taken apart."""

import json
import os
import re

import yaml

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
DEPLOY = os.path.join(ROOT, 'deploy', 'prometheus')
DASHBOARD = os.path.join(ROOT, 'deploy', 'grafana', 'proctrackd.json')
RULES = os.path.join(DEPLOY, 'proctrackd.rules.yaml')
CASES = os.path.join(DEPLOY, 'proctrackd.rules.test.yaml')
CONFIG = os.path.join(DEPLOY, 'prometheus.yaml')
SELECTOR = re.compile(r'\b((?:proctrackd|process)_[a-z_]+|up)\b(?:\s*\{([^}]*)\})?')
MATCHER = re.compile(r'\b([a-z_]+)\s*(?:=~|!~|!=|=)\s*"')


def read_yaml(path):
    with open(path, encoding='utf-8') as file:
        return yaml.safe_load(file)


def alerts_of(document):
    """name -> rule, of a file of rules."""
    return {rule['alert']: rule for group in document['groups'] for rule in group['rules']}


def selected(expression):
    """[(metric, {label, ...})] that a query asks for."""
    return [(name, set(MATCHER.findall(labels or '')))
            for name, labels in SELECTOR.findall(expression)]


def dashboard():
    with open(DASHBOARD, encoding='utf-8') as file:
        return json.load(file)


def panels_with_queries():
    return [panel for panel in dashboard()['panels'] if panel['type'] != 'row']


def queries():
    """Of all panels, as Grafana would send them."""
    return [target['expr'].replace('$__rate_interval', '1m').replace('$instance', '.*')
            for panel in panels_with_queries() for target in panel['targets']]


def rule_queries():
    return [rule['expr'] for rule in alerts_of(read_yaml(RULES)).values()]
