#!/usr/bin/env python3
"""Writes the API description as a C source that holds it as JSON text.

Usage: embed.py openapi.yaml openapi_json.c
"""
import json
import sys

import yaml


class Loader(yaml.SafeLoader):
    """Keeps what looks like a time as the text that it is."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def main():
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        text = json.dumps(yaml.load(file, Loader), ensure_ascii=False, separators=(",", ":"))
    data = text.encode()
    rows = [
        ",".join(str(byte if byte < 128 else byte - 256) for byte in data[i : i + 24])
        for i in range(0, len(data), 24)
    ]
    with open(target, "w", encoding="utf-8") as file:
        file.write('#include "http/openapi_json.h"\n\n')
        file.write("const char openapi_json[] = {\n" + ",\n".join(rows) + "};\n")
        file.write(f"const size_t openapi_json_len = {len(data)};\n")


if __name__ == "__main__":
    main()
