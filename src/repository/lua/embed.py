#!/usr/bin/env python3
"""Writes a C file that holds Lua files as texts: embed.py OUTPUT FILE..."""

import pathlib
import sys


def numbers(text):
    """As numbers, since a C compiler need not take strings of this length."""
    codes = [str(code) for code in text] + ["0"]
    lines = [", ".join(codes[i : i + 24]) for i in range(0, len(codes), 24)]
    return ",\n    ".join(lines)


def main():
    output, *paths = map(pathlib.Path, sys.argv[1:])
    parts = ['#include "repository/redis_scripts.h"\n']
    for path in paths:
        name, text = path.stem, path.read_bytes()
        parts.append("const char redis_lua_%s[] = {\n    %s};\n" % (name, numbers(text)))
    output.write_text("\n".join(parts), encoding="ascii")


main()
