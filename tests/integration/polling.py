"""Waiting for something to become true, with a deadline instead of a blind sleep."""

import os
import time

# Sanitizer builds on a busy machine need more patience than a release build on an idle one.
PATIENCE = float(os.environ.get('PROCTRACK_TEST_PATIENCE', '1'))


def eventually(condition, timeout=15.0, interval=0.01, what=None):
    """Calls condition() until it returns something true, which is returned.

    An AssertionError inside the condition counts as "not yet" and is raised at the deadline.
    """
    deadline = time.monotonic() + timeout * PATIENCE
    while True:
        failure = None
        try:
            outcome = condition()
            if outcome:
                return outcome
        except AssertionError as caught:
            outcome, failure = None, caught
        if time.monotonic() >= deadline:
            if failure is not None:
                raise failure
            said = what() if callable(what) else what or condition
            raise AssertionError(f'not within {timeout} s: {said} (last: {outcome!r})')
        time.sleep(interval)
        interval = min(interval * 1.5, 0.2)
