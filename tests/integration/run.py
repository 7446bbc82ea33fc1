#!/usr/bin/env python3
"""Runs one test file: exit 0 when all passed, 77 when everything was skipped, else 1.

    PROCTRACK_BUILD=build tests/integration/run.py test_main_job [MainJob_memory.test_…]
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


class Result(unittest.TextTestResult):
    """Knows whether anything has run at all: a class that skips as a whole counts no test."""

    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    sys.dont_write_bytecode = True
    sys.path.insert(0, HERE)
    name = os.path.splitext(os.path.basename(sys.argv[1]))[0]
    names = [f'{name}.{test}' for test in sys.argv[2:]] or [name]
    suite = unittest.defaultTestLoader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(
        verbosity=2, stream=sys.stdout, resultclass=Result).run(suite)
    if not result.wasSuccessful() or result.unexpectedSuccesses:
        return 1
    if result.passed > 0:
        return 0
    return 77 if result.skipped else 1


if __name__ == '__main__':
    sys.exit(main())
