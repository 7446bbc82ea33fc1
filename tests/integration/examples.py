"""Reads and matches the stories in api/examples; their README.md says how they are written."""

import glob
import json
import os
import re

from server_process import text_stats

API = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'api')
UUID = re.compile(r'[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}')
TIME = re.compile(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z')
WHOLE = re.compile(r'\{\{(\w+)(?::(\w+))?\}\}')
KINDS = {
    'time': lambda value: isinstance(value, str) and TIME.fullmatch(value),
    'integer': lambda value: re.fullmatch(r'-?\d+', str(value)) and value is not True,
    'text': lambda value: isinstance(value, str) and value,
    'anything': lambda value: True,
}


def load():
    """file name -> story, with the paths of this build put in."""
    stories = {}
    for path in sorted(glob.glob(os.path.join(API, 'examples', '*.json'))):
        with open(path, encoding='utf-8') as file:
            text = file.read().replace('$TEXT_STATS', text_stats())
        stories[os.path.basename(path)] = json.loads(text)
    return stories


def fill_in(node, kept):
    """The node with each {{NAME}} replaced by what was kept under it."""
    if isinstance(node, dict):
        return {name: fill_in(value, kept) for name, value in node.items()}
    if isinstance(node, list):
        return [fill_in(item, kept) for item in node]
    if isinstance(node, str):
        return WHOLE.sub(lambda match: kept.get(match.group(1), match.group(0)), node)
    return node


def match_text(expected, value, kept, where):
    placeholder = WHOLE.fullmatch(expected)
    if placeholder is None:
        expected = fill_in(expected, kept)
        return [] if value == expected else [f'{where}: {value!r} instead of {expected!r}']
    kind, name = placeholder.groups()
    if kind in ('id', 'keep'):
        fits = isinstance(value, str) and (kind == 'keep' or UUID.fullmatch(value))
        if fits:
            kept[name] = value
    elif kind in kept:
        fits = value == kept[kind]
    else:
        fits = KINDS[kind](value)
    return [] if fits else [f'{where}: {value!r} does not match {expected}']


def mismatches(expected, value, kept, where='body'):
    """What of the expectation the value does not hold; more than expected is fine."""
    if isinstance(expected, str):
        return match_text(expected, value, kept, where)
    if isinstance(expected, dict) and isinstance(value, dict):
        found = []
        for name, part in expected.items():
            if name not in value:
                found.append(f'{where}/{name} is missing')
            else:
                found += mismatches(part, value[name], kept, f'{where}/{name}')
        return found
    if isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        return [fault for number, part in enumerate(expected)
                for fault in mismatches(part, value[number], kept, f'{where}/{number}')]
    return [] if expected == value else [f'{where}: {value!r} instead of {expected!r}']


def events_of(text):
    """The events of a stream that has ended: what they have of id, event and data, as it is."""
    events = []
    for block in text.split('\n\n'):
        fields = [line.split(': ', 1) for line in block.split('\n') if line and line[0] != ':']
        event = {name: value for name, value in fields if name in ('id', 'event')}
        data = [value for name, value in fields if name == 'data']
        if data:
            events.append({**event, 'data': json.loads('\n'.join(data))})
    return events


def answer_mismatches(expected, answer, kept):
    found = []
    if answer.status != expected['status']:
        return [f'status {answer.status} instead of {expected["status"]}: {answer}']
    if 'body' in expected:  # first, as it may keep what the headers refer to
        found += mismatches(expected['body'], answer.json, kept)
    if 'events' in expected:
        found += mismatches(expected['events'], events_of(answer.body.decode()), kept, 'events')
    for name, text in expected.get('headers', {}).items():
        value = answer.header(name)
        if name == 'Content-Type' and value is not None:
            value = value.split(';')[0]
        found += match_text(text, value, kept, name)
    return found
