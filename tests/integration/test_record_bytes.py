"""Our redis.conf keeps records compact; what they take is measured (scripts/record_bytes does it
for more of them)."""

import record_bytes
from harness import Case


class Bytes(Case):
    def test_our_settings_keep_records_compact(self):
        default = record_bytes.in_redis(3000, *record_bytes.DEFAULTS)
        ours = record_bytes.in_redis(3000)
        self.assertEqual((default.encoding, ours.encoding), ('hashtable', 'listpack'))
        self.assertLess(ours.record, 0.6 * default.record)
        self.assertLess(ours.process, 0.75 * default.process)

    def test_the_memory_repository_is_measured_too(self):
        found = record_bytes.in_memory(300)
        for size in (found.journal, found.snapshot):
            self.assertGreater(size, 450, 'it holds input and result')
            self.assertLess(size, 4000)


class Largest(Case):
    def test_with_every_field_it_is_compact(self):
        redis = self.start_redis()
        client = self.start_server({'REDIS_URL': redis.url}).client
        process = self.submit(client, {
            'type': 't' * 64, 'input': 'i' * 1000, 'metadata': {'m': 'm' * 1000},
            'group': 'g' * 128, 'priority': 5, 'timeout_seconds': 60, 'queue_timeout_seconds': 60, 'max_attempts': 3,
            'deadline': '2999-01-01T00:00:00Z', 'retention_seconds': 60,
            'retry': {'backoff': 'exponential', 'delay_seconds': 5, 'max_delay_seconds': 300}})
        claimed = client.post('/claim', {'types': ['t' * 64], 'worker': 'w' * 128}
                              ).json['processes'][0]
        client.post(f'/processes/{process["process_id"]}/progress', {
            'lease_token': claimed['lease_token'], 'message': 'm' * 900, 'percent': 1})
        self.assertEqual(redis.command('OBJECT', 'ENCODING', f'process:{process["process_id"]}'),
                         b'listpack')
