"""An event stream on which nothing happens: a comment every 15 s tells that it is alive. It takes
no part in the idle timeout, which is shorter here."""

import time

from following import FollowCase
from harness import PATIENCE


class Pings(FollowCase):
    settings = {'IO_THREADS': 1, 'IDLE_TIMEOUT_SECONDS': 2}

    def test_a_silent_stream_says_that_it_is_alive(self):
        process_id = self.make()
        streams = [self.follow(process_id) for _ in range(3)]
        for stream in streams:
            self.assertEqual(stream.next().id, '1')
        began = time.monotonic()
        for stream in streams:
            self.assertEqual(stream.wait_for_comment(30), 'ping')
        self.assertGreater(time.monotonic() - began, 14)
        self.assertLess(time.monotonic() - began, 15 + 5 * PATIENCE)
        self.client.close()  # this connection has been idle too long
        self.claim_one()
        for stream in streams:
            self.assertEqual(stream.next().id, '2')
