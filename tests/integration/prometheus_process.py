"""A real Prometheus, in its own temporary directory, and what it knows."""

import os
import shutil
import subprocess
import tempfile
import urllib.parse

import yaml

from http_client import Client
from polling import PATIENCE, eventually
from redis_process import free_port


class Prometheus:
    """Scrapes and evaluates each second: config is that of a file, with which rules and targets."""

    def __init__(self, binary, config):
        self.directory = tempfile.mkdtemp(prefix='proctrack-prometheus-')
        self.process = self.client = None
        config = {**config, 'global': {'scrape_interval': '1s', 'evaluation_interval': '1s'}}
        with open(self._path('config'), 'w', encoding='utf-8') as file:
            yaml.safe_dump(config, file)
        try:
            self._start(binary)
        except BaseException:
            self.destroy()
            raise

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _start(self, binary):
        for _ in range(5):  # somebody else may have taken the port meanwhile
            port = free_port()
            with open(self._path('log'), 'ab') as log:
                self.process = subprocess.Popen(
                    [binary, f'--config.file={self._path("config")}', '--log.level=warn',
                     f'--storage.tsdb.path={self._path("data")}',
                     f'--web.listen-address=127.0.0.1:{port}'],
                    cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            self.client = Client('127.0.0.1', port)
            if eventually(self._is_ready, 60, what='Prometheus is ready') is True:
                return
        raise AssertionError('Prometheus does not start:\n' + self.log())

    def _is_ready(self):
        if self.process.poll() is not None:
            return 'ended'
        try:
            return self.client.get('/-/ready').status == 200
        except OSError:
            return False

    def log(self):
        with open(self._path('log'), encoding='utf-8', errors='replace') as log:
            return log.read()

    def ask(self, path, **parameters):
        answer = self.client.get(f'/api/v1/{path}?{urllib.parse.urlencode(parameters)}')
        assert answer.status == 200, (parameters, answer)
        assert 'warnings' not in answer.json, (parameters, answer)
        return answer.json['data']

    def query(self, expression, **parameters):
        """[(labels, value)] now, or at a time."""
        return [(series['metric'], float(series['value'][1])) for series in
                self.ask('query', query=expression, **parameters)['result']]

    def values(self, selector, period):
        """Every sample of the period: [(labels, [(time, value)])]."""
        return [(series['metric'], [(time, float(value)) for time, value in series['values']])
                for series in self.ask('query', query=f'{selector}[{period}]')['result']]

    def rules(self):
        """name -> what became of it."""
        return {rule['name']: rule for group in self.ask('rules')['groups']
                for rule in group['rules']}

    def destroy(self):
        if self.client is not None:
            self.client.close()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20 * PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
