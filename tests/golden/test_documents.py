"""
The documents against the program: conf/hilum.conf and the manual pages against the table of the
configuration and the commands' --help, links against the tree.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/e2e'))

import settings_file  # noqa: E402

CONF = ROOT / 'conf/hilum.conf'
MAN = ROOT / 'docs/man'
PROGRAM = os.environ['HILUM_PROGRAM']
CONF_TABLE = os.environ['CONF_TABLE']
UNITS = {'s': 'seconds', 'bytes': 'bytes', 'deg': 'degrees'}


def output(*words):
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise AssertionError(f'{words}: exit status {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout


def table():
    return json.loads(output(CONF_TABLE))


def number(value):
    return str(int(value)) if value == int(value) else f'{value:g}'


def default(key):
    """As it stands in a configuration file; None: it must be given."""
    if key['type'] == 'names':
        return '[ ]'
    value = key.get('initial')
    if value is None:
        return None
    if key['type'] == 'text':
        return f'"{value}"'
    if key['type'] == 'bool':
        return 'true' if value else 'false'
    return number(value)


class Conf:
    """conf/hilum.conf as people read it: {key: (value, the comment that it stands under)}."""

    def __init__(self):
        text = CONF.read_text()
        # The options of analyses are commented out: here they count as given.
        self.text = re.sub(r'^(\s*)# (\w+ = [^;\n]*;)$', r'\1\2', text, flags=re.M)
        self.reader = settings_file.Reader(self.text)
        self.keys = {}
        for path, (start, end) in self.reader.spans.items():
            if self.text[start] not in '{(':
                name = re.sub(r'\.\d+(?=\.|$)', '', path)
                if not re.search(r'\.\d+$', path):  # of a list of names
                    # of a list of groups the first explains the keys
                    self.keys.setdefault(name, (' '.join(self.text[start:end].split()), self.comment(start)))

    def comment(self, at):
        """The comment above the run of lines in which this place lies."""
        lines = self.text[:at].split('\n')[:-1]
        while lines and re.match(r'\s*\w+ = ', lines[-1]) and not lines[-1].rstrip().endswith(('{', '(')):
            lines.pop()
        block = []
        while lines and lines[-1].lstrip().startswith('#'):
            block.insert(0, lines.pop().strip().lstrip('# '))
        return ' '.join(block)

    def peers(self):
        """The list of peers is empty; its keys stand in the comment above: {key: text}."""
        above = self.text[:self.text.index('\npeers = (')]
        block = above[above.rindex('\n\n'):]
        return dict(re.findall(r'^#   (\w+) +(.*)$', block, re.M))


class The_example_configuration(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.table, cls.conf = table(), Conf()

    def keys(self):
        for section in self.table['sections']:
            for key in section['keys']:
                yield section['name'], key

    def test_holds_every_key_and_no_other(self):
        expected = {f'{section}.{key["name"]}' for section, key in self.keys()}
        found = set(self.conf.keys) | {f'peers.{name}' for name in self.conf.peers()}
        self.assertEqual(found, expected)

    def test_shows_or_names_each_default(self):
        for section, key in self.keys():
            name, value = f'{section}.{key["name"]}', default(key)
            if section == 'peers':
                continue
            shown, comment = self.conf.keys[name]
            if value is None:
                self.assertIn('must be given', comment, name)
            elif shown != value:
                self.assertIn(f'default {value}', comment, name)

    def test_says_unit_and_range(self):
        peers = self.conf.peers()
        for section, key in self.keys():
            name = f'{section}.{key["name"]}'
            comment = peers[key['name']] if section == 'peers' else self.conf.keys[name][1]
            if key['type'] in ('int', 'real'):
                self.assertIn(f'{number(key["lo"])} to {number(key["hi"])}', comment, name)
                self.assertIn(UNITS.get(key['unit'], key['unit']).lower(), comment.lower(), name)
            elif key['type'] == 'text':
                self.assertRegex(comment, rf'(at most|to) {number(key["hi"])} characters', name)

    def test_is_correct(self):
        self.assertIn('correct', output(PROGRAM, 'check-config', '--config', CONF))

    def test_defaults_of_analyses_and_the_manual_page_are_those_of_the_table(self):
        done = subprocess.run([ROOT / 'tools/make-conf-docs', '--check', CONF_TABLE], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def commands():
    return re.findall(r'^  ([a-z-]+) +\S', output(PROGRAM, '--help'), re.M)


def options_of(text):
    return set(re.findall(r'(?<![\w-])--[a-z][a-z-]*', text))


class The_manual_pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        source = (MAN / 'hilum.1').read_text()
        body = source[source.index('.SH COMMANDS'):source.index('.SH EXIT STATUS')]
        parts = re.split(r'^\.SS (.*)$', body, flags=re.M)
        cls.commands = {name.replace('\\-', '-').strip('"'): text.replace('\\-', '-')
                        for name, text in zip(parts[1::2], parts[2::2])}

    def test_have_every_command_and_no_other(self):
        self.assertEqual(list(self.commands), commands())

    def test_have_every_option_and_no_other(self):
        for name, text in self.commands.items():
            with self.subTest(command=name):
                self.assertEqual(options_of(text) - {'--help'}, options_of(output(PROGRAM, name, '--help')))

    def test_are_formatted_without_a_warning(self):
        for page in sorted(MAN.iterdir()):
            with self.subTest(page=page.name):
                done = subprocess.run(['man', '--warnings', '-l', str(page)], capture_output=True, text=True,
                                      env=dict(os.environ, MANWIDTH='80', LC_ALL='C.UTF-8'))
                self.assertEqual((done.returncode, done.stderr), (0, ''))
                self.assertIn('DESCRIPTION', done.stdout)

    def test_say_the_version_of_the_program(self):
        version = output(PROGRAM, '--version').split()[1]
        for page in MAN.iterdir():
            self.assertIn(f'"Hilum {version}"', page.read_text(), page.name)


class Links(unittest.TestCase):
    def test_lead_somewhere(self):
        documents = [*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md'), ROOT / 'schema/README.md']
        for document in documents:
            for target in re.findall(r'\]\(([^)#\s]+)(?:#[^)]*)?\)', document.read_text()):
                if '://' not in target:
                    with self.subTest(document=document.name, target=target):
                        self.assertTrue((document.parent / target).exists())

    def test_the_index_names_every_document(self):
        index = (ROOT / 'docs/README.md').read_text()
        for document in (ROOT / 'docs').glob('*.md'):
            if document.name != 'README.md':
                self.assertIn(f']({document.name})', index)


if __name__ == '__main__':
    unittest.main()
