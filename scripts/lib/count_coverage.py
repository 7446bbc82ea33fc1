#!/usr/bin/python3
"""Counts what gcovr measured, floor by floor, and says what is missing; see scripts/coverage.

    count_coverage.py --root ROOT [--missing PATTERN] COVERAGE.JSON

Each line of scripts/coverage.exceptions is `file | the line of source | reason`, blanks at its ends
aside: what is not run there need not be. The reason may be a word that a line `word = reason` above
has explained. Exit code 1 when something is missing.
"""
import argparse
import json
import os
import re
import sys
from collections import defaultdict

LINES_PERCENT = 95
BRANCHES_PERCENT = 85
# Here every branch must be taken.
WHOLE = re.compile(r'src/(repository/|http/http_guard\.c|'
                   r'storage/(journal|line_reader|sealed_line|offload|disk_directory))')


def read_exceptions(path):
    """{file: {source line: reason}}"""
    words, exceptions = {}, defaultdict(dict)
    with open(path, encoding='utf-8') as lines:
        for number, line in enumerate(lines, 1):
            line = line.strip()
            if not line or line.startswith('#'):
                continue
            parts = line.split(' | ')
            named = re.fullmatch(r'([a-z-]+) = (.+)', line)
            if named:
                words[named.group(1)] = named.group(2)
            elif len(parts) < 3:
                sys.exit(f'{path}:{number}: expected: file | source line | reason')
            elif re.fullmatch(r'[a-z-]+', parts[-1]) and parts[-1] not in words:
                sys.exit(f'{path}:{number}: no line explains "{parts[-1]}"')
            else:
                source = ' | '.join(parts[1:-1])
                exceptions[parts[0]][source] = words.get(parts[-1], parts[-1])
    return exceptions


def assertion_lines(source):
    """Numbers of the lines of assertions, which may go over several."""
    found, inside = set(), False
    for number, line in enumerate(source, 1):
        inside = inside or line.lstrip().startswith('assert(')
        if inside:
            found.add(number)
            inside = not line.rstrip().endswith(';')
    return found


class Count:
    def __init__(self):
        self.lines = self.lines_run = self.branches = self.branches_run = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def percent(self):
        return (100 * self.lines_run / max(self.lines, 1),
                100 * self.branches_run / max(self.branches, 1))


class File:
    """One source file: its count, and the lines of which something was not run."""

    def __init__(self, root, measured):
        self.name = measured['file']
        self.count = Count()
        self.missing = []  # (number, source line, has it run, what of its branches)
        with open(os.path.join(root, self.name), encoding='utf-8') as lines:
            source = lines.read().split('\n')
        assertions = assertion_lines(source)
        for line in measured['lines']:
            if not line.get('gcovr/noncode'):
                number = line['line_number']
                self.add_line(line, number, source[number - 1], number in assertions)

    def add_line(self, line, number, source, is_assertion):
        taken = [] if is_assertion else [branch['count'] > 0 for branch in line['branches']]
        self.count.lines += 1
        self.count.lines_run += line['count'] > 0
        self.count.branches += len(taken)
        self.count.branches_run += sum(taken)
        if line['count'] == 0 or not all(taken):
            marks = ''.join('+' if branch else '-' for branch in taken)
            self.missing.append((number, source, line['count'] > 0, marks))


def print_table(files):
    floors = defaultdict(Count)
    for file in files:
        floors[file.name.split('/')[1]].add(file.count)
        floors['in all'].add(file.count)
    print(f'{"":12} {"lines":>14} {"":>8} {"branches":>14}')
    for floor in sorted(floors, key=lambda name: (name == 'in all', name)):
        count = floors[floor]
        lines, branches = count.percent()
        print(f'{floor:12} {count.lines_run:6} of {count.lines:5} {lines:6.1f} % '
              f'{count.branches_run:6} of {count.branches:5} {branches:6.1f} %')
    return floors['in all'].percent()


def check_whole(files, exceptions):
    """Says which branches are missing where none may; the number of these lines."""
    wrong = excused = 0
    used = set()
    for file in files:
        if not WHOLE.match(file.name):
            continue
        for number, source, _, marks in file.missing:
            if '-' not in marks:
                continue
            if source.strip() in exceptions.get(file.name, {}):
                excused += marks.count('-')
                used.add((file.name, source.strip()))
                continue
            wrong += 1
            print(f'{file.name}:{number}: not every branch is taken ({marks}): {source.strip()}')
    for name, sources in exceptions.items():
        for source in sources:
            if (name, source) not in used:
                print(f'note: an exception that was not needed: {name} | {source}')
    print(f'journal, framing guard, repositories: {wrong} lines with branches that are missing, '
          f'{excused} branches listed as exceptions')
    return wrong


def show_missing(files):
    for file in files:
        for number, source, has_run, marks in file.missing:
            how = '' if has_run else 'not run'
            print(f'{file.name}:{number:<5} {how:8}{marks:10} {source}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', required=True)
    parser.add_argument('--missing')
    parser.add_argument('measured')
    options = parser.parse_args()
    with open(options.measured, encoding='utf-8') as measured:
        files = [File(options.root, file) for file in json.load(measured)['files']]
    if options.missing:
        show_missing([file for file in files if re.search(options.missing, file.name)])
    exceptions = read_exceptions(os.path.join(options.root, 'scripts/coverage.exceptions'))
    lines, branches = print_table(files)
    wrong = check_whole(files, exceptions)
    if lines < LINES_PERCENT:
        print(f'lines: {lines:.1f} %, but {LINES_PERCENT} % are asked for')
    if branches < BRANCHES_PERCENT:
        print(f'branches: {branches:.1f} %, but {BRANCHES_PERCENT} % are asked for')
    return 1 if wrong or lines < LINES_PERCENT or branches < BRANCHES_PERCENT else 0


if __name__ == '__main__':
    sys.exit(main())
