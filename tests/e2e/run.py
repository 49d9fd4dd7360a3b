#!/usr/bin/python3 -B
"""
End-to-end tests: a modality (storescu), the node, and a PACS (Orthanc), all real, all on loopback.

usage: run.py [--hilum PROGRAM] [--hooks PROGRAM] [--counts FILE] [PATTERN...]

--hilum   the program under test (build/src/hilum)
--hooks   the same built with -Dtest_hooks=true; without it the tests of faults are skipped
--counts  file to write "passed failed skipped" to
PATTERN   run only tests whose name holds one of these
"""
import argparse
import os
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))


class Result(unittest.TestResult):
    """One line a test, as it ends."""

    def __init__(self):
        super().__init__()
        self.passed, self.failed, self.left_out, self.reasons = 0, 0, 0, []

    def startTest(self, test):
        super().startTest(test)
        self.began, self.sub_failures = time.monotonic(), 0

    def say(self, test, word, more=''):
        name = test.id() if hasattr(test, 'id') else str(test)
        seconds = time.monotonic() - getattr(self, 'began', time.monotonic())
        print(f'  {word:<7} {seconds:6.1f} s  {name.replace("_", " ")}{more}', flush=True)

    def addSuccess(self, test):
        self.passed += 1
        self.say(test, 'ok')

    def _bad(self, test, error):
        self.failed += 1
        self.say(test, 'FAILED')
        text = self._exc_info_to_string(error, test)
        print('    ' + text.strip().replace('\n', '\n    '), flush=True)

    def addFailure(self, test, error):
        self._bad(test, error)

    def addError(self, test, error):
        self._bad(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.sub_failures += 1
            if self.sub_failures == 1:
                self.failed += 1
            self.say(subtest, 'FAILED')
            text = self._exc_info_to_string(error, test)
            print('    ' + text.strip().splitlines()[-1], flush=True)

    def addSkip(self, test, reason):
        self.left_out += 1
        self.say(test, 'skipped', f': {reason}')


def flatten(suite):
    for entry in suite:
        if isinstance(entry, unittest.TestSuite):
            yield from flatten(entry)
        else:
            yield entry


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--hilum', type=pathlib.Path, default=ROOT / 'build/src/hilum')
    parser.add_argument('--hooks', type=pathlib.Path)
    parser.add_argument('--counts', type=pathlib.Path)
    parser.add_argument('patterns', nargs='*', metavar='PATTERN')
    options = parser.parse_args()
    if not options.hilum.exists():
        parser.error(f'{options.hilum} is not built')
    os.environ['HILUM_PROGRAM'] = str(options.hilum.resolve())
    if options.hooks:
        os.environ['HILUM_HOOKS_PROGRAM'] = str(options.hooks.resolve())

    suite = unittest.defaultTestLoader.discover(str(HERE), top_level_dir=str(HERE))
    if options.patterns:
        suite = unittest.TestSuite(t for t in flatten(suite) if any(p in t.id() for p in options.patterns))
    result = Result()
    suite.run(result)
    if options.counts:
        options.counts.write_text(f'{result.passed} {result.failed} {result.left_out}\n')
    print(f'end to end: {result.passed} passed, {result.failed} failed, {result.left_out} skipped')
    return 1 if result.failed else 0


if __name__ == '__main__':
    sys.exit(main())
