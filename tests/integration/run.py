#!/usr/bin/env python3
"""Runs one test file: exit 0 when all passed, 77 when everything was skipped, else 1.

    PROCTRACK_BUILD=build tests/integration/run.py test_main_job [MainJob_memory.test_…]
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    sys.dont_write_bytecode = True
    sys.path.insert(0, HERE)
    name = os.path.splitext(os.path.basename(sys.argv[1]))[0]
    names = [f'{name}.{test}' for test in sys.argv[2:]] or [name]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    expected = suite.countTestCases()
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(suite)
    if expected == 0 or not result.wasSuccessful() or result.unexpectedSuccesses:
        return 1
    # A class whose setUpClass skips counts once, and none of its tests has run.
    ran = result.testsRun - len(result.skipped)
    return 77 if result.skipped and ran <= 0 else 0


if __name__ == '__main__':
    sys.exit(main())
