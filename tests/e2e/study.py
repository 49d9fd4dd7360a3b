"""Studies to send: phantoms (made once and kept), real data where it is there; and how they are sent."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / 'build-test/phantoms'


def data(name):
    """A folder of the real data, or the test is skipped."""
    folder = pathlib.Path(os.environ.get('HILUM_DATA', ROOT.parent / 'shared/data')) / name
    if not folder.is_dir():
        raise unittest.SkipTest(f'no data: {name} (set HILUM_DATA)')
    return folder


def generator_version():
    sources = sorted((ROOT / 'tools/phantoms').glob('*.py'))
    return hashlib.sha256(b''.join(f.read_bytes() for f in sources)).hexdigest()[:12]


class Phantom:
    """A phantom of a kind of tools/phantom and of these options ({'size': 128, 'side': 'right'})."""

    def __init__(self, kind='ct-perfusion', **options):
        words = [w for k, v in sorted(options.items())
                 for w in ([f'--{k.replace("_", "-")}'] if v is True else [f'--{k.replace("_", "-")}', str(v)])]
        name = hashlib.sha256(' '.join([kind, *words]).encode()).hexdigest()[:12]
        self.folder = CACHE / generator_version() / name
        if not (self.folder / 'made').exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            subprocess.run([ROOT / 'tools/phantom', kind, '--out', self.folder, *words], check=True,
                           capture_output=True)
            (self.folder / 'made').touch()
        self.files = sorted((self.folder / 'dicom').iterdir())
        self.truth = json.loads((self.folder / 'truth/truth.json').read_text())
        self.grid = self.truth['grid']

    def map(self, name):
        return np.load(self.folder / 'truth' / f'{name}.npy')


def storescu(port, called, files, nodelay=True, *options):
    """DCMTK's storescu as modality; returns the finished process."""
    env = dict(os.environ)
    if nodelay:
        env['TCP_NODELAY'] = '1'
    return subprocess.run(['storescu', '-aet', 'MODALITY', '-aec', called, *options, '127.0.0.1', str(port),
                           *map(str, files)], capture_output=True, text=True, env=env)
