"""The part of JSON Schema 2020-12 that api/openapi.yaml uses. An unknown keyword is an error, so
that nothing in the description can go unchecked."""

import datetime
import re

ANNOTATIONS = {'description', 'title', 'default', 'example', 'examples', 'deprecated', 'summary'}
TYPES = {
    'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None),
}
UUID = re.compile(r'[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}')
URI_REFERENCE = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*")


def is_of_type(value, name):
    if name == 'integer':
        return is_of_type(value, 'number') and value == int(value)
    if name == 'number':
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def is_date_time(text):
    try:
        datetime.datetime.fromisoformat(re.sub(r'[zZ]$', '+00:00', text))
        return 'T' in text.upper()
    except ValueError:
        return False


FORMATS = {
    'uuid': UUID.fullmatch,
    'date-time': is_date_time,
    'uri-reference': URI_REFERENCE.fullmatch,
}


class Schemas:
    """document is the whole description, which $ref points into. With closed=True a member that
    the schema does not name is an error even where the schema would let it pass: that is how an
    undocumented member is found."""

    def __init__(self, document):
        self.document = document

    def resolve(self, node):
        """The node itself, or what its $ref (and what it says beside it) stands for."""
        while isinstance(node, dict) and '$ref' in node:
            target = self.document
            for part in node['$ref'].removeprefix('#/').split('/'):
                target = target[part.replace('~1', '/').replace('~0', '~')]
            node = {**target, **{key: value for key, value in node.items() if key != '$ref'}}
        return node

    def flattened(self, node):
        """The node with the parts of its allOf, which are objects, made one: so that closed=True
        knows the members of all."""
        node = self.resolve(node)
        parts = [self.flattened(part) for part in node.get('allOf', ())]
        if not parts:
            return node
        merged = {'type': 'object', 'properties': {}, 'required': []}
        for part in parts:
            if part.keys() - ANNOTATIONS - merged.keys():
                raise ValueError(f'allOf: only objects are understood, not {part.keys()}')
            merged['properties'].update(part.get('properties', {}))
            merged['required'] += part.get('required', [])
        return merged

    def faults(self, schema, value, closed=False, where='$'):
        """What is wrong with the value, as a list of sentences."""
        found = []
        schema = self.flattened(schema)
        for keyword, argument in schema.items():
            if keyword in ANNOTATIONS or keyword in ('additionalProperties',):
                continue
            check = getattr(self, f'check_{keyword}', None)
            if check is None:
                raise ValueError(f'{where}: keyword {keyword} is not understood')
            found += [fault if isinstance(fault, str) and fault.startswith('$') else
                      f'{where}: {fault}' for fault in check(argument, value, closed, where)]
        if isinstance(value, dict):
            found += self.extra_members(schema, value, closed, where)
        return found

    def extra_members(self, schema, value, closed, where):
        known, more = schema.get('properties', {}), schema.get('additionalProperties')
        for name in value.keys() - known.keys():
            if more is False or (closed and more is None and known):
                yield f'{where}: member {name} is not described'
            elif isinstance(more, dict):
                yield from self.faults(more, value[name], closed, f'{where}/{name}')

    def check_type(self, argument, value, *_):
        names = argument if isinstance(argument, list) else [argument]
        if not any(is_of_type(value, name) for name in names):
            yield f'{value!r} is not of type {argument}'

    def check_enum(self, argument, value, *_):
        if value not in argument:
            yield f'{value!r} is none of {argument}'

    def check_const(self, argument, value, *_):
        if value != argument:
            yield f'{value!r} is not {argument!r}'

    def check_pattern(self, argument, value, *_):
        if isinstance(value, str) and not re.search(argument, value):
            yield f'{value!r} does not match {argument}'

    def check_format(self, argument, value, *_):
        if isinstance(value, str) and not FORMATS[argument](value):
            yield f'{value!r} is no {argument}'

    def check_minimum(self, argument, value, *_):
        if is_of_type(value, 'number') and value < argument:
            yield f'{value} is below {argument}'

    def check_maximum(self, argument, value, *_):
        if is_of_type(value, 'number') and value > argument:
            yield f'{value} is above {argument}'

    def check_minLength(self, argument, value, *_):
        if isinstance(value, str) and len(value) < argument:
            yield f'{value!r} is too short'

    def check_maxLength(self, argument, value, *_):
        if isinstance(value, str) and len(value) > argument:
            yield f'{value!r} is too long'

    def check_minItems(self, argument, value, *_):
        if isinstance(value, list) and len(value) < argument:
            yield f'{len(value)} items are too few'

    def check_maxItems(self, argument, value, *_):
        if isinstance(value, list) and len(value) > argument:
            yield f'{len(value)} items are too many'

    def check_required(self, argument, value, *_):
        if isinstance(value, dict):
            for name in argument:
                if name not in value:
                    yield f'member {name} is missing'

    def check_properties(self, argument, value, closed, where):
        if isinstance(value, dict):
            for name, schema in argument.items():
                if name in value:
                    yield from self.faults(schema, value[name], closed, f'{where}/{name}')

    def check_items(self, argument, value, closed, where):
        if isinstance(value, list):
            for number, item in enumerate(value):
                yield from self.faults(argument, item, closed, f'{where}/{number}')

    def check_oneOf(self, argument, value, closed, where):
        outcomes = [self.faults(schema, value, closed, where) for schema in argument]
        if outcomes.count([]) != 1:
            yield f'{value!r} matches {outcomes.count([])} of the alternatives: {outcomes}'
