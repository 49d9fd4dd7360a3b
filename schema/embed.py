#!/usr/bin/env python3
"""Write the migrations as C: embed.py OUT.c 001_x.sql 002_y.sql ..."""
import pathlib
import sys


def literal(text):
    lines = (line.replace('\\', '\\\\').replace('"', '\\"') for line in text.splitlines())
    return '\n'.join(f'    "{line}\\n"' for line in lines)


def main(out, *files):
    numbers = [int(pathlib.Path(f).name[:3]) for f in files]
    if numbers != list(range(1, len(files) + 1)):
        sys.exit(f'migrations must be numbered 001, 002, ... without a gap: {numbers}')
    body = ',\n'.join(literal(pathlib.Path(f).read_text()) for f in files)
    pathlib.Path(out).write_text(
        '// Written by schema/embed.py.\n#include "src/store_sql.h"\n\n'
        f'const char *const STORE_MIGRATIONS[] = {{\n{body},\n}};\n'
        f'const int STORE_VERSION = {len(files)};\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
