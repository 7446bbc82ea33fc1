"""HEAD, OPTIONS, 405 with Allow, CORS, BASE_PATH."""

from harness import UNKNOWN_ID, Case, SharedServerCase

ROUTES = {
    '/analyze': {'POST'},
    f'/status/{UNKNOWN_ID}': {'GET', 'HEAD'},
    f'/result/{UNKNOWN_ID}': {'GET', 'HEAD'},
    '/cleanup': {'DELETE'},
    '/processes': {'GET', 'HEAD'},
    f'/processes/{UNKNOWN_ID}': {'DELETE'},
    f'/processes/{UNKNOWN_ID}/cancel': {'POST'},
    f'/processes/{UNKNOWN_ID}/retry': {'POST'},
    '/stats': {'GET', 'HEAD'},
    '/metrics': {'GET', 'HEAD'},
    '/healthz': {'GET', 'HEAD'},
    '/readyz': {'GET', 'HEAD'},
    '/version': {'GET', 'HEAD'},
    '/admin/snapshot': {'POST'},
    '/admin/audit': {'POST'},
    '/openapi.json': {'GET', 'HEAD'},
}
METHODS = ('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'BREW')


def words(header):
    return {word.strip() for word in (header or '').split(',')}


class Methods(SharedServerCase):
    def test_wrong_methods_get_405_with_allow(self):
        for path, allowed in ROUTES.items():
            for method in METHODS:
                if method in allowed | {'OPTIONS'}:
                    continue
                with self.subTest(f'{method} {path}'):
                    answer = self.client.request(method, path)
                    self.assertEqual(answer.status, 405, answer)
                    self.assertEqual(words(answer.header('Allow')), allowed | {'OPTIONS'})
                    if method != 'HEAD':
                        self.assert_problem(answer, 405)

    def test_options(self):
        for path, allowed in ROUTES.items():
            with self.subTest(path):
                answer = self.client.request('OPTIONS', path)
                self.assertIn(answer.status, (200, 204), answer)
                self.assertEqual(words(answer.header('Allow')), allowed | {'OPTIONS'})
                self.assertEqual(answer.body, b'')

    def test_head_is_get_without_the_body(self):
        process_id = self.submit(self.client, {'type': 'x', 'input': 1})['process_id']
        for path in (f'/status/{process_id}', '/version', '/processes', '/openapi.json',
                     f'/status/{UNKNOWN_ID}'):
            with self.subTest(path), self.server.connect() as connection:
                expected = self.client.get(path, {'X-Request-Id': 'same'})  # problems show it
                connection.send(f'HEAD {path} HTTP/1.1\r\nHost: h\r\n'
                                'X-Request-Id: same\r\n\r\n'.encode())
                answer = connection.read_answer(bodyless=True)
                self.assertEqual(answer.status, expected.status)
                for name in ('Content-Length', 'Content-Type', 'ETag'):
                    self.assertEqual(answer.header(name), expected.header(name), name)
                connection.send(b'GET /version HTTP/1.1\r\nHost: h\r\n\r\n')
                self.assertEqual(connection.read_answer().status, 200, 'nothing followed it')

    def test_answers_carry_what_browsers_and_caches_need(self):
        answer = self.client.get('/stats')
        self.assertEqual(answer.header('X-Content-Type-Options'), 'nosniff')
        self.assertIn('no-', answer.header('Cache-Control') or '')
        self.assertIsNotNone(answer.header('Date'))


class Cors(SharedServerCase):
    settings = {'CORS_ALLOW_ORIGINS': 'https://app.example, http://localhost:3000'}

    def preflight(self, origin, path='/analyze', method='POST'):
        return self.client.request('OPTIONS', path, headers={
            'Origin': origin, 'Access-Control-Request-Method': method,
            'Access-Control-Request-Headers':
                'content-type, idempotency-key, prefer,if-match, If-None-Match, x-other'})

    def test_preflight_of_an_allowed_origin(self):
        for origin in ('https://app.example', 'http://localhost:3000'):
            with self.subTest(origin):
                answer = self.preflight(origin)
                self.assertIn(answer.status, (200, 204), answer)
                self.assertEqual(answer.header('Access-Control-Allow-Origin'), origin)
                self.assertIn('POST', words(answer.header('Access-Control-Allow-Methods')))
                allowed = {word.lower()
                           for word in words(answer.header('Access-Control-Allow-Headers'))}
                self.assertEqual(allowed, {'content-type', 'idempotency-key', 'prefer', 'if-match',
                                           'if-none-match'})
                self.assertIn('Origin', words(answer.header('Vary')))

    def test_preflight_of_another_origin(self):
        for origin in ('https://evil.example', 'https://app.example.evil.example',
                       'http://app.example', 'null', 'HTTPS://APP.EXAMPLE:443'):
            with self.subTest(origin):
                answer = self.preflight(origin)
                self.assertIsNone(answer.header('Access-Control-Allow-Origin'), answer)

    def test_answers_to_an_allowed_origin(self):
        for path, status in (('/stats', 200), (f'/status/{UNKNOWN_ID}', 404), ('/nope', 404)):
            with self.subTest(path):
                answer = self.client.get(path, {'Origin': 'https://app.example'})
                self.assertEqual(answer.status, status)
                self.assertEqual(answer.header('Access-Control-Allow-Origin'),
                                 'https://app.example')
                exposed = words(answer.header('Access-Control-Expose-Headers'))
                self.assertLessEqual({'Location', 'Retry-After', 'ETag'}, exposed)
                self.assertIn('Origin', words(answer.header('Vary')))

    def test_without_origin_nothing_is_granted(self):
        answer = self.client.get('/stats')
        self.assertIsNone(answer.header('Access-Control-Allow-Origin'))


class CorsOff(Case):
    def test_default_allows_no_origin(self):
        client = self.start_server().client
        answer = client.get('/stats', {'Origin': 'https://app.example'})
        self.assertEqual(answer.status, 200)
        self.assertIsNone(answer.header('Access-Control-Allow-Origin'))

    def test_every_origin(self):
        client = self.start_server({'CORS_ALLOW_ORIGINS': '*'}).client
        answer = client.get('/stats', {'Origin': 'https://app.example'})
        self.assertEqual(answer.header('Access-Control-Allow-Origin'), '*')


class CrossSite(SharedServerCase):
    """What browsers send for pages without asking beforehand: POST without a body, or as text."""

    settings = {'CORS_ALLOW_ORIGINS': 'https://app.example'}
    STRANGERS = ({'Origin': 'https://evil.example'}, {'Origin': 'null'},
                 {'Origin': 'https://evil.example', 'Sec-Fetch-Site': 'cross-site'},
                 {'Sec-Fetch-Site': 'same-site'})

    def own_origin(self):
        return f'http://{self.server.host}:{self.server.port}'

    def test_pages_of_other_sites_change_nothing(self):
        process_id = self.submit(self.client, {'type': 'none', 'input': 1})['process_id']
        for headers in self.STRANGERS:
            for method, path in (('POST', '/processes/cancel?status=pending'),
                                 ('POST', f'/processes/{process_id}/cancel'),
                                 ('POST', '/types/none/pause'), ('POST', '/claim'),
                                 ('POST', '/analyze'), ('DELETE', f'/processes/{process_id}'),
                                 ('DELETE', '/cleanup')):
                with self.subTest(f'{method} {path}', headers=headers):
                    problem = self.assert_problem(
                        self.client.request(method, path, headers=headers), 403,
                        type='/problems/cross-origin')
                    self.assertIn('CORS_ALLOW_ORIGINS', problem['detail'])
            for method in ('GET', 'HEAD', 'OPTIONS'):
                answer = self.client.request(method, '/processes', headers=headers)
                self.assertIn(answer.status, (200, 204), method)
        self.assertEqual(self.status(self.client, process_id)['status'], 'pending')
        self.assertFalse(self.client.get('/types').json['types'][0]['paused'])

    def test_all_others_do(self):
        for headers in ({}, {'Origin': 'https://app.example'}, {'Origin': self.own_origin()},
                        {'Origin': 'https://app.example', 'Sec-Fetch-Site': 'cross-site'},
                        {'Origin': 'https://proxied.example', 'Sec-Fetch-Site': 'same-origin'},
                        {'Sec-Fetch-Site': 'none'}):
            with self.subTest(headers=headers):
                answer = self.client.post('/types/other/resume', headers=headers)
                self.assertEqual(answer.status, 200, answer)

    def test_every_origin(self):
        client = self.start_server({'CORS_ALLOW_ORIGINS': '*'}).client
        answer = client.post('/types/other/resume', headers={
            'Origin': 'https://evil.example', 'Sec-Fetch-Site': 'cross-site'})
        self.assertEqual(answer.status, 200, answer)


class BasePath(Case):
    def test_everything_is_also_below_it(self):
        client = self.start_server({'BASE_PATH': '/api'}).client
        answer = client.post('/api/analyze', {'type': 'x', 'input': 1})
        self.assertEqual(answer.status, 202, answer)
        process_id = answer.json['process_id']
        self.assertEqual(answer.header('Location'), f'/api/status/{process_id}')
        self.assertEqual(answer.json['links']['self'], f'/api/status/{process_id}')
        self.assertEqual(client.get(f'/api/status/{process_id}').status, 200)
        self.assertEqual(client.get(f'/status/{process_id}').status, 200)
        for path in ('/healthz', '/stats', '/openapi.json', '/processes'):
            self.assertEqual(client.get(f'/api{path}').status, 200, path)
        for path in ('/apix/healthz', '/api/api/healthz', '/ap/healthz', '/api/nope'):
            self.assert_problem(client.get(path), 404)
        self.assertEqual(client.request('PUT', '/api/stats').status, 405)
