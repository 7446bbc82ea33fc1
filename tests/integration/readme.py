"""Takes README.md apart: its fenced blocks, its console sessions, its tables."""

import os
import re
import shlex
from dataclasses import dataclass, field

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'README.md')
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
HEADING = re.compile(r'^## (.*)$', re.MULTILINE)
ROW = re.compile(r'^\| `([A-Z_]+)` \| (.*?) \| (.*) \|$', re.MULTILINE)


@dataclass
class Step:
    """A command of a console session and what the page says it prints."""

    command: str
    output: list = field(default_factory=list)


def text():
    with open(PATH, encoding='utf-8') as page:
        return page.read()


def sections():
    """heading -> text of everything below `## heading`."""
    parts = HEADING.split(text())
    return dict(zip(parts[1::2], parts[2::2]))


def blocks(section, language):
    return [body for kind, body in FENCE.findall(section) if kind == language]


def session(block):
    """The steps of a ```console block: `$ ` starts a command, `> ` or a backslash continues it."""
    steps = []
    for line in block.splitlines():
        if line.startswith('$ '):
            steps.append(Step(line[2:]))
        elif steps and not steps[-1].output and (line.startswith('> ') or
                                                 steps[-1].command.endswith('\\')):
            steps[-1].command += '\n' + line.removeprefix('> ')
        else:
            steps[-1].output.append(line)
    return steps


def steps(section):
    return [step for block in blocks(section, 'console') for step in session(block)]


def run_arguments(section):
    """What the section's only `scripts/run …` line hands to proctrackd."""
    lines = [line for body in blocks(section, 'sh') for line in body.splitlines()
             if line.startswith('scripts/run')]
    (line,) = lines
    return shlex.split(line)[1:]


def anchors():
    """What a link can name: the headings, as GitHub names them."""
    return {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-')
            for title in re.findall(r'^#+ (.*)$', FENCE.sub('', text()), re.MULTILINE)}


def metrics():
    """Family -> type, of the chapter on metrics. A name that begins with _ is one of the cache."""
    section = sections()['Metrics'].split('\n### ')[0]
    found = {}
    for names, kind in re.findall(r'^\| (`.*?`\*?) \| (gauge|counter|histogram) \|', section,
                                  re.MULTILINE):
        for name in re.findall(r'`([a-z_]+)', names):
            name = f'status_cache{name}' if name.startswith('_') else name
            found[f'proctrackd_{name}'] = kind
    for name in re.findall(r'`(process_\w+)`', section):
        found[name] = 'counter' if name.endswith('_total') else 'gauge'
    return found


def redis_keys():
    """key as it is shown -> type, of the table of what Redis holds."""
    rows = re.findall(r'^\| (`process.*?) \| (\w+) \|', sections()['What Redis holds'], re.MULTILINE)
    return {key.strip('`'): kind for keys, kind in rows for key in keys.split(', ')}


def settings():
    """name -> default, of the table in the configuration chapter."""
    return {name: default.strip('`') for name, default, _ in ROW.findall(sections()['Configuration'])}
