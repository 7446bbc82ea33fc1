"""api/ tells the truth: its examples are replayed, and what the server answers fits what
openapi.yaml describes, member by member."""

import re

import examples
from harness import Case, SharedServerCase, eventually, on_each_repository
from json_schema import Schemas

METHODS = ('get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace')
# Answers that no short story can provoke; what makes each is another test's matter.
ELSEWHERE_STATUSES = {'408', '500', '503', '507'}  # a body that stays out, a storage that fails
ELSEWHERE = {
    ('post', '/analyze', '409'),  # two requests with one key in the same instant
    ('post', '/analyze/batch', '409'),
    ('get', '/events', '200'),  # a stream without end
    ('post', '/admin/snapshot', '200'),  # on memory; 501 on Redis
    ('post', '/admin/snapshot', '501'),
    ('post', '/admin/snapshot', '409'),  # two in the same instant
}
PATH_PARAMETERS = {'{process_id}': '00000000-0000-4000-8000-000000000000', '{group}': 'a:b',
                   '{type}': 'a'}


def operations(document):
    """(method, path template, operation) of all."""
    for path, item in document['paths'].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


class Description:
    """openapi.json, asked what a certain answer should look like."""

    def __init__(self, document):
        self.document = document
        self.schemas = Schemas(document)
        self.patterns = [(re.compile(re.sub(r'\{\w+\}', '[^/]+', path)), path)
                         for path in sorted(document['paths'], key=lambda path: '{' in path)]

    def template(self, target):
        path = target.split('?')[0]
        for pattern, template in self.patterns:
            if pattern.fullmatch(path):
                return template
        return None

    def response(self, method, template, status):
        responses = self.document['paths'][template].get(method, {}).get('responses', {})
        return self.schemas.resolve(responses.get(str(status), responses.get('default')))

    def request_faults(self, method, target, document):
        """What about a request that was accepted is not as described."""
        operation = self.document['paths'][self.template(target)][method]
        body = operation.get('requestBody')
        if body is None:
            return [] if document is None else ['a request body that is not described']
        return self.schemas.faults(body['content']['application/json']['schema'], document)

    def faults(self, method, target, answer):
        """What about the answer is not as described; nothing for a method without description."""
        template = self.template(target)
        if template is None or method not in self.document['paths'][template]:
            return []
        described = self.response(method, template, answer.status)
        if described is None:
            return [f'{method} {template}: status {answer.status} is not described']
        found = [f'header {name} is missing' for name, header in
                 described.get('headers', {}).items()
                 if self.schemas.resolve(header).get('required') and answer.header(name) is None]
        content = described.get('content')
        if content is None:
            return found + (['a body that is not described'] if answer.body else [])
        media_type = (answer.header('Content-Type') or '').split(';')[0]
        if media_type not in content:
            return found + [f'media type {media_type} is not described']
        if media_type == 'text/event-stream':
            return found + self.stream_faults(answer.body.decode())
        body = answer.json if media_type.endswith('json') else answer.body.decode()
        return found + self.schemas.faults(content[media_type]['schema'], body, closed=True)

    def stream_faults(self, text):
        """What about the processes that its events without a name carry is not as described."""
        process = self.document['components']['schemas']['Process']
        return [fault for event in examples.events_of(text) if 'event' not in event
                for fault in self.schemas.faults(process, event['data'], closed=True)]


class Document(SharedServerCase):
    """What openapi.json says about itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        answer = cls.client.get('/openapi.json')
        cls.document = answer.json
        cls.description = Description(cls.document)

    def test_it_is_the_yaml_file(self):
        try:
            import yaml
        except ImportError:
            self.skipTest('no YAML parser for this Python')
        with open(f'{examples.API}/openapi.yaml', encoding='utf-8') as file:
            self.assertEqual(self.document, yaml.safe_load(file))

    def test_its_version_is_that_of_the_program(self):
        self.assertEqual(self.document['info']['version'],
                         self.client.get('/version').json['version'])

    def test_every_answer_has_an_example_that_fits(self):
        schemas = self.description.schemas
        for method, path, operation in operations(self.document):
            for status, response in operation['responses'].items():
                content = schemas.resolve(response).get('content', {})
                for media_type, body in content.items():
                    with self.subTest(f'{method} {path} {status} {media_type}'):
                        values = [schemas.resolve(example)['value']
                                  for example in body.get('examples', {}).values()]
                        values += [body['example']] if 'example' in body else []
                        self.assertTrue(values, 'no example')
                        for value in values:
                            self.assertEqual(schemas.faults(body['schema'], value, closed=True), [])
                            if media_type == 'application/problem+json' and status != 'default':
                                self.assertEqual(str(value['status']), status)

    def test_examples_of_requests_and_parameters_fit(self):
        schemas = self.description.schemas
        for method, path, operation in operations(self.document):
            for example in operation.get('requestBody', {}).get('content', {}).get(
                    'application/json', {}).get('examples', {}).values():
                schema = operation['requestBody']['content']['application/json']['schema']
                self.assertEqual(schemas.faults(schema, example['value'], closed=True), [])
            for parameter in operation.get('parameters', []):
                parameter = schemas.resolve(parameter)
                with self.subTest(f'{method} {path} {parameter["name"]}'):
                    self.assertEqual(schemas.faults(parameter['schema'], parameter['example']), [])

    def test_every_path_is_served_with_exactly_these_methods(self):
        for path, item in self.document['paths'].items():
            target = path
            for parameter, value in PATH_PARAMETERS.items():
                target = target.replace(parameter, value)
            with self.subTest(path):
                allowed = self.client.request('OPTIONS', target).header('Allow')
                expected = {method.upper() for method in METHODS if method in item} | {'OPTIONS'}
                expected |= {'HEAD'} if 'GET' in expected else set()
                self.assertEqual({word.strip() for word in allowed.split(',')}, expected)

    def test_every_status_that_can_be_is_shown_in_an_example(self):
        shown = set()
        for story in examples.load().values():
            for step in story['steps']:
                template = self.description.template(step['request']['path'])
                shown.add((step['request']['method'].lower(), template,
                           str(step['response']['status'])))
        described = {(method, path, status) for method, path, operation in
                     operations(self.document) for status in operation['responses']
                     if status != 'default'}
        elsewhere = ELSEWHERE | {key for key in described if key[2] in ELSEWHERE_STATUSES}
        self.assertEqual(described - shown - elsewhere, set(), 'not shown')
        self.assertEqual(elsewhere & shown, set(), 'shown after all')


def was_taken(answer):
    """Whether the server took all of the request."""
    return answer.status == 204 or answer.status < 300 and not answer.json.get('rejected')


@on_each_repository(Case)
class Replay:
    """The stories, one by one."""

    def replay(self, story):
        settings = dict(story.get('settings', {}))
        if self.repository == 'redis':
            settings['REDIS_URL'] = self.start_redis().url
        client = self.start_server(settings, story.get('arguments', [])).client
        description, kept = Description(client.get('/openapi.json').json), {}
        for step in story['steps']:  # the first that fails ends the story: others build on it
            self.play(client, step, description, kept)

    def play(self, client, step, description, kept):
        request = examples.fill_in(step['request'], kept)

        def matches():
            answer = client.request(request['method'], request['path'], request.get('text'),
                                    request.get('headers'), request.get('body'))
            found = description.faults(request['method'].lower(), request['path'], answer)
            found += examples.answer_mismatches(step['response'], answer, kept)
            if request.get('body') is not None and was_taken(answer):
                found += description.request_faults(request['method'].lower(), request['path'],
                                                    request['body'])
            self.assertEqual(found, [], f'step "{step["name"]}"')
            return True
        if step.get('repeat'):
            eventually(matches)
        else:
            matches()


def add_stories():
    """A test of its own for each story, so that a failure names it."""
    for file, story in examples.load().items():
        for name in ('memory', 'redis'):
            def test(self, story=story):
                self.replay(story)
            test.__doc__ = f'{file}: {story["title"]}'
            setattr(globals()[f'Replay_{name}'],
                    'test_' + re.sub(r'\W', '_', file.removesuffix('.json')), test)


add_stories()
