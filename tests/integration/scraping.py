"""GET /metrics, as numbers: by family name and labels."""

import re

SAMPLE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
OPENMETRICS = {'Accept': 'application/openmetrics-text;version=1.0.0'}


class Scrape:
    """One answer of /metrics in the older format."""

    def __init__(self, client):
        answer = client.get('/metrics')
        assert answer.status == 200, answer
        assert answer.header('Content-Type') == 'text/plain; version=0.0.4; charset=utf-8', answer
        self.text = answer.body.decode()
        self.samples = {}
        for line in self.text.splitlines():
            if line.startswith('#'):
                continue
            match = SAMPLE.fullmatch(line)
            assert match, line
            name, labels, value = match.groups()
            key = (name, frozenset(LABEL.findall(labels or '')))
            assert key not in self.samples, f'twice: {line}'
            self.samples[key] = float(value)

    def value(self, name, default=None, **labels):
        """Of the one series with exactly these labels."""
        return self.samples.get((name, frozenset(labels.items())), default)

    def total(self, name, **labels):
        """Of all series that have these labels, and perhaps others."""
        wanted = set(labels.items())
        return sum(value for (found, having), value in self.samples.items()
                   if found == name and wanted <= having)

    def answers(self, route, method, code):
        return self.value('proctrackd_http_requests_total', 0, route=route, method=method,
                          code=str(code))

    def timed(self, route, method, code):
        """How many of the answers are in the histogram of times."""
        return self.value('proctrackd_http_request_duration_seconds_count', 0, route=route,
                          method=method, code=str(code))

    def values_of(self, name, label):
        return {dict(labels)[label] for found, labels in self.samples if found == name}

    @property
    def names(self):
        return {name for name, _ in self.samples}
