"""What survives what: the cells of the table in README.md that have no test elsewhere, and that
each cell names one."""

import importlib
import re
import unittest

import readme
from harness import Case, eventually
from power_load import Left, Loads
from power_loss import CHANGING
from redis_sentinel import SERVICE, ToldSentinel
from system_calls import Trace


class NoDirectory(Case):
    def test_nothing_is_kept(self):
        settings = {'DATA_DIR': ''}
        server = self.start_server(settings)
        self.submit(server.client, {'type': 'x', 'input': 1})
        self.assertEqual(server.client.get('/stats').json['durable'], False)
        server.kill()
        again = self.start_server(settings)
        self.assertEqual(again.client.get('/stats').json['total'], 0)


class OnRedis(Case):
    def test_the_server_keeps_nothing_itself(self):
        """So that it cannot lose anything, whatever becomes of its machine."""
        trace, redis = Trace(self.directory()), self.start_redis()
        server = self.start_server({'REDIS_URL': redis.url}, within=trace.command())
        loads = Loads(server)
        loads.wait_for(50)
        server.kill()
        loads.join()
        opened = [one.call for one in trace.moments() if one.call.name == 'openat'
                  and not one.begins and one.call.result >= 0]
        self.assertGreater(len(opened), 0)
        for call in opened:
            if CHANGING & set(call.words[2].split('|')):
                self.assertRegex(call.path, '^/dev/', call)


class Sentinels(Case):
    """Two nodes, and sentinels that say what they are told to."""

    def setUp(self):
        quick = ('--repl-diskless-sync-delay', '0')
        self.primary = self.start_redis(*quick)
        self.replica = self.start_redis(*quick, '--replicaof', '127.0.0.1', str(self.primary.port))
        eventually(lambda: self.primary.command('INFO', 'replication').count(b'=online') == 1)
        self.sentinels = [ToldSentinel(self.primary.port, 1) for _ in range(3)]
        for one in self.sentinels:
            self.addCleanup(one.destroy)

    def start(self, replicas):
        at = ','.join(f'127.0.0.1:{one.port}' for one in self.sentinels)
        server = self.start_server({'REDIS_URL': f'redis+sentinel://{at}/{SERVICE}',
                                    'REDIS_REQUIRED': 'true', 'REDIS_WAIT_REPLICAS': replicas})
        eventually(lambda: server.client.get('/readyz').status == 200)
        return server

    def check_after_a_kill(self, replicas):
        server = self.start(replicas)
        eventually(lambda: server.client.post(
            '/types/other/resume').status == 200, what='it can be written')
        loads = Loads(server)
        loads.wait_for(100)
        server.kill()
        told = loads.told()
        loads.join()
        left = Left(self.start(replicas).client, loads)
        self.assertEqual(left.missing(told), [])
        left.check_whole()

    def test_the_server_is_killed_that_waits(self):
        self.check_after_a_kill(1)

    def test_the_server_is_killed(self):
        self.check_after_a_kill(0)

    def test_the_primary_is_killed_before_all_has_reached_the_replica(self):
        server = self.start(0)
        loads = Loads(server)
        loads.wait_for(100)
        reached = loads.told()
        size = len(reached)
        self.primary.command('SET', 'written after all that', 1)
        self.assertEqual(self.primary.command('WAIT', 1, 10_000), 1)
        self.replica.command('REPLICAOF', 'NO', 'ONE')
        loads.wait_for(size + 100)
        self.primary.kill()
        loads.join()
        for one in self.sentinels:
            one.names, one.epoch = self.replica.port, 2
        eventually(lambda: server.client.get('/processes').status == 200, 30)
        left = Left(server.client, loads)
        self.assertEqual(left.missing(reached), [])
        lost = left.missing(loads.told())
        self.assertGreater(len(lost), 0)
        left.check_is_a_beginning(lost)
        left.check_whole()


class Table(unittest.TestCase):
    def test_each_cell_names_its_test(self):
        page = readme.sections()['What survives what']
        rows = [line.strip('|').split('|') for line in page.split('\n\n')[2].splitlines()]
        self.assertEqual(len(rows), 2 + 9)
        for row in rows[2:]:
            self.assertEqual(len(row), 5, row)
            for cell in row[1:]:
                if cell.strip() != '–':
                    self.check_cell(cell)

    def check_cell(self, cell):
        names = re.findall(r'`(test_\w+)\.(\w+)(?:\.(\w+))?`', cell)
        self.assertTrue(names, f'no test is named: {cell}')
        for module, title, method in names:
            found = getattr(importlib.import_module(module), title)
            tests = unittest.defaultTestLoader.getTestCaseNames(found)
            self.assertTrue(tests, cell)
            if method:
                self.assertIn(method, tests, cell)
