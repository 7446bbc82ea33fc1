"""The client's JSON is kept and returned byte for byte."""

from harness import on_each_repository

TEXTS = (
    b'0.1', b'18446744073709551616', b'1e999', b'-0', b'-0.0', b'1E+2', b'1.10', b'0e0',
    b'123456789012345678901234567890.123456789012345678901234567890',
    b'"\\u00e9\\u0041\\/\\b\\ud83d\\ude00"', '"é😀\u2028"'.encode(), b'""', b'" "', b'"\x7f"',
    b'{ "b" : 1 ,\t"a":\r\n2 , "" : [ ] }', b'[ 1 , 2,3 ]', b'{}', b'[]', b'{ }',
    b'[[[[[[1.0]]]]]]', b'true', b'false', b'null', b'{"a":{"a":{"a":null}}}',
    b'"\\"quoted\\" \\\\ back"', b'{"__proto__": 1, "constructor": 2}',
)


@on_each_repository()
class Verbatim:
    @classmethod
    def arguments(cls):
        return ['--analyzer', 'echo=/bin/cat']

    def member(self, body, name, value):
        self.assertIn(b'"' + name + b'":' + value, body, name)

    def test_input_result_and_metadata(self):
        for text in TEXTS:
            metadata = b'{ "m" : %s , "e":"\\u0041" }' % text
            with self.subTest(text):
                body = b' {"input" :  %s  , "metadata":%s\n, "type": "echo"} ' % (text, metadata)
                answer = self.client.post('/analyze', body=body)
                self.assertEqual(answer.status, 202, answer)
                self.member(answer.body, b'metadata', metadata)
                process_id = answer.json['process_id']
                self.wait_for_status(self.client, process_id, 'completed')
                answer = self.client.get(f'/status/{process_id}?fields=%2Binput')
                self.member(answer.body, b'input', text + b',')
                self.member(answer.body, b'metadata', metadata + b',')
                self.member(answer.body, b'result', text + b',')
                self.assertEqual(self.client.get(f'/result/{process_id}').body, text)

    def test_in_lists_as_well(self):
        text = b'{ "x" :0.1,"y": 18446744073709551616 }'
        self.client.post('/analyze', body=b'{"type":"waits","input":1,"metadata":%s}' % text)
        self.member(self.client.get('/processes?type=waits').body, b'metadata', text)

    def test_metadata_left_out_or_null(self):
        for body in (b'{"type":"waits","input":1}', b'{"type":"waits","input":1,"metadata":null}'):
            answer = self.client.post('/analyze', body=body)
            self.assertEqual(answer.status, 202, answer)
            self.member(answer.body, b'metadata', b'null')
