"""Change values in a libconfig file by their path, leaving the rest (comments too) as it is."""
import re

TOKEN = re.compile(r'(?P<skip>\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)|(?P<text>"(?:[^"\\]|\\.)*")|'
                   r'(?P<mark>[{}()\[\]=:;,])|(?P<word>[^\s{}()\[\]=:;,"#]+)', re.S)


def tokens(text):
    at = 0
    while at < len(text):
        m = TOKEN.match(text, at)
        if not m:
            raise ValueError(f'cannot read {text[at:at + 20]!r}')
        if not m['skip']:
            yield m
        at = m.end()


class Reader:
    """spans: path -> (start, end) of each value; inside: path of a group -> where its body ends."""

    def __init__(self, text):
        self.tokens = list(tokens(text))
        self.at = 0
        self.spans, self.inside = {}, {'': len(text)}
        self.group('')

    def peek(self):
        return self.tokens[self.at].group() if self.at < len(self.tokens) else ''

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def group(self, path):
        while self.peek() not in ('', '}'):
            name = self.take().group()
            if name in ';,':
                continue
            if self.take().group() not in '=:':
                raise ValueError(f'{name}: no value')
            self.value(f'{path}.{name}'.lstrip('.'))

    def value(self, path):
        start = self.take()
        if start.group() == '{':
            self.group(path)
            self.inside[path] = self.tokens[self.at].start()
            end = self.take()
        elif start.group() in '([':
            i = 0
            while self.peek() not in ')]':
                if self.peek() == ',':
                    self.take()
                    continue
                self.value(f'{path}.{i}')
                i += 1
            end = self.take()
        else:
            end = start
            while self.peek().startswith('"'):  # adjacent strings are one
                end = self.take()
        self.spans[path] = (start.start(), end.end())


def literal(value):
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        marks = '()' if any(isinstance(v, dict) for v in value) else '[]'  # groups, names
        return marks[0] + ' ' + ', '.join(map(literal, value)) + ' ' + marks[1]
    if isinstance(value, dict):
        return '{ ' + ' '.join(f'{k} = {literal(v)};' for k, v in value.items()) + ' }'
    return '"' + str(value).replace('\\', '\\\\').replace('"', '\\"') + '"'


def change(text, settings):
    """settings: {'node.port': 11112, 'destinations.0.host': '127.0.0.1'}; a new key is added to its group."""
    for path, value in settings.items():
        reader = Reader(text)
        if path in reader.spans:
            start, end = reader.spans[path]
            text = text[:start] + literal(value) + text[end:]
            continue
        group, _, name = path.rpartition('.')
        if group not in reader.inside:
            raise KeyError(f'the configuration has no group {group} for {path}')
        at = reader.inside[group]
        text = f'{text[:at]}\n{name} = {literal(value)};\n{text[at:]}'
    return text
