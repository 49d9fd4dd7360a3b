#!/usr/bin/env python3
"""Refuse C and C++ that clang-format would lay out otherwise."""
import pathlib
import subprocess
import sys

FOLDERS = ('base', 'kernels', 'pipeline', 'scp', 'src', 'tests')


def main(root):
    files = sorted(f for d in FOLDERS for f in (root / d).rglob('*') if f.suffix in ('.c', '.h', '.cc', '.hh'))
    done = subprocess.run(['clang-format', '--dry-run', '-Werror', *files], capture_output=True, text=True)
    places = [line for line in done.stderr.splitlines() if 'error:' in line]
    print('\n'.join(places) or done.stderr or f'{len(files)} files are formatted')
    return done.returncode


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1])))
