"""Submit, poll, read the result, clean up: on a real document with the analyzer that we ship."""

import datetime
import re
import uuid

from harness import Case, SharedServerCase, eventually, on_each_repository, text_stats

DOCUMENT = '''The river that runs through the old town has been straightened twice. Each time, the
people who lived beside it were told that the floods would stop. They did not stop. In the spring
of the third year the water came up through the cellars, quietly, at night, and by the morning the
market square was a lake.

Nobody was hurt. The mayor said that the next plan would be better. The river, which had heard
this before, went back to its bed in April.
'''
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$')


@on_each_repository()
class MainJob:
    @classmethod
    def arguments(cls):
        return ['--analyzer', f'text-stats={text_stats()}']

    def test_from_document_to_result_to_cleanup(self):
        answer = self.client.post('/analyze', {'input': {'text': DOCUMENT},
                                               'metadata': {'customer': 'acme'}})
        self.assertEqual(answer.status, 202, answer)
        accepted = answer.json
        process_id = accepted['process_id']
        self.assertEqual(uuid.UUID(process_id).version, 4)
        self.assertEqual(answer.header('Location'), f'/status/{process_id}')
        self.assertRegex(answer.header('Retry-After'), r'^\d+$')
        self.assertEqual(accepted['type'], 'text-stats')
        self.assertIn(accepted['status'], ('pending', 'running'))
        self.assertIs(accepted['done'], False)
        self.assertIsNone(accepted['completed_at'])

        seen = []

        def done():
            resource = self.status(self.client, process_id)
            seen.append((resource['version'], resource['status']))
            return resource if resource['done'] else None
        resource = eventually(done)
        self.assertEqual(seen, sorted(seen, key=lambda pair: pair[0]), 'versions only go up')
        self.assertEqual(resource['status'], 'completed', resource)
        self.check_finished(resource)

        answer = self.client.get(f'/result/{process_id}')
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.header('Content-Type').split(';')[0], 'application/json')
        self.assertEqual(answer.json, resource['result'])
        self.check_report(answer.json)

        before = self.client.get('/stats').json
        answer = self.client.delete('/cleanup?older_than_hours=0')
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.json['cleaned'], before['completed'])
        self.assertEqual(answer.json['by_status']['completed'], before['completed'])
        self.assertEqual(answer.json['remaining'], before['total'] - before['completed'])
        self.assertIs(answer.json['dry_run'], False)
        self.assert_problem(self.client.get(f'/status/{process_id}'), 410)
        self.assert_problem(self.client.get(f'/result/{process_id}'), 410)

    def check_finished(self, resource):
        self.assertIsNone(resource['error'])
        self.assertEqual(resource['metadata'], {'customer': 'acme'})
        self.assertEqual(resource['attempt'], 1)
        self.assertEqual(resource['progress']['step'], resource['progress']['steps'])
        self.assertGreater(resource['progress']['percent'], 90)
        self.assertNotIn('input', resource)
        for name in ('created_at', 'run_at', 'started_at', 'updated_at', 'completed_at',
                     'expires_at'):
            self.assertRegex(resource[name], TIME, name)
        if self.repository == 'memory':  # on Redis each thread looks at the clock for itself
            self.assertLessEqual(resource['created_at'], resource['started_at'])
            self.assertLessEqual(resource['started_at'], resource['completed_at'])
        kept = (datetime.datetime.fromisoformat(resource['expires_at'][:-1])
                - datetime.datetime.fromisoformat(resource['completed_at'][:-1]))
        self.assertEqual(kept, datetime.timedelta(hours=24))
        self.assertEqual(resource['usage']['exit_code'], 0)
        self.assertEqual(resource['usage']['signal'], 0)
        self.assertGreater(resource['usage']['peak_memory_kib'], 0)
        self.assertGreaterEqual(resource['usage']['wall_ms'], 0)

    def check_report(self, report):
        self.assertEqual(report['counts']['words'], len(DOCUMENT.split()), report)
        self.assertEqual(report['counts']['paragraphs'], 2)
        self.assertEqual(report['language']['code'], 'en')
        self.assertIn({'term': 'river', 'count': 2}, report['terms'])

    def test_input_is_returned_only_when_asked_for(self):
        created = self.submit(self.client, {'type': 'text-stats', 'input': {'text': 'one two'}})
        path = f'/status/{created["process_id"]}'
        self.assertNotIn('input', self.client.get(path).json)
        for fields in ('%2Binput', '+input'):
            self.assertEqual(self.client.get(f'{path}?fields={fields}').json['input'],
                             {'text': 'one two'})

    def test_many_at_once_all_end(self):
        ids = [self.submit(self.client, {'input': {'text': f'text number {number}. ' * 20}})
               ['process_id'] for number in range(40)]
        for process_id in ids:
            resource = self.wait_for_status(self.client, process_id, timeout=60)
            self.assertEqual(resource['status'], 'completed', resource)

    def test_stats_count_what_is_there(self):
        self.wait_for_status(self.client, self.submit(
            self.client, {'input': {'text': 'hello'}})['process_id'])
        stats = self.client.get('/stats').json
        self.assertEqual(stats['repository'], self.repository)
        self.assertEqual(stats['total'], sum(stats[name] for name in (
            'pending', 'running', 'completed', 'failed', 'canceled')))
        self.assertGreaterEqual(stats['completed'], 1)


class Operations(SharedServerCase):
    def test_health_readiness_version(self):
        for path in ('/healthz', '/readyz', '/version', '/stats'):
            with self.subTest(path):
                answer = self.client.get(path)
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.header('Content-Type').split(';')[0], 'application/json')
                self.assertIsInstance(answer.json, dict)

    def test_several_analyzers_need_a_type(self):
        server = self.start_server(arguments=[
            '--analyzer', f'a={text_stats()}', '--analyzer', f'b={text_stats()}'])
        self.assert_problem(server.client.post('/analyze', {'input': {'text': 'x'}}), 422)
        self.submit(server.client, {'type': 'b', 'input': {'text': 'x'}})

    def test_default_type(self):
        server = self.start_server({'DEFAULT_TYPE': 'invoice-ocr'})
        self.assertEqual(self.submit(server.client, {'input': 1})['type'], 'invoice-ocr')


class NoAnalyzer(Case):
    def test_without_type_and_default_nothing_is_accepted(self):
        server = self.start_server()
        self.assert_problem(server.client.post('/analyze', {'input': 1}), 422)
