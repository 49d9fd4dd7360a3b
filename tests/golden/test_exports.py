#!/usr/bin/python3
"""Modules of many kinds, exported by PyTorch at every opset that it has from 11 on, give what PyTorch gives."""
import contextlib
import io
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import warnings

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
try:
    import torch
    from torch_modules import all_modules
except ImportError:
    print('skipped: no PyTorch (tools/setup)')
    sys.exit(77)
warnings.filterwarnings('ignore')

HILUM = os.environ['HILUM']
OPSETS = range(11, 17)
BOUND = 1e-4  # of the largest number
NOT_EXPORTED = {('einsum_attention', 11), ('bilinear_products', 11)}  # Einsum came with opset 12


class Exports(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)

    def export(self, module, xs, dynamic, count, opset):
        with contextlib.redirect_stdout(io.StringIO()):
            torch.onnx.export(module, xs, str(self.path / 'm.onnx'), opset_version=opset, dynamic_axes=dynamic,
                              input_names=[f'x{i}' for i in range(len(xs))], output_names=[f'y{i}' for i in range(count)])

    def run_model(self, xs, count, *options):
        ports = []
        for i, x in enumerate(xs):
            np.save(self.path / f'x{i}.npy', x.numpy())
            ports += ['--input', f'x{i}={self.path}/x{i}.npy']
        done = subprocess.run([HILUM, 'model', 'run', self.path / 'm.onnx', *ports, '--output', self.path, *options],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [np.load(self.path / f'y{i}.npy') for i in range(count)]

    def assert_close(self, got, want):
        for i, (a, b) in enumerate(zip(got, want)):
            self.assertEqual(a.shape, b.shape)
            far = np.abs(a.astype(float) - b.astype(float)).max() if a.size else 0
            self.assertLess(far, BOUND * max(1e-6, np.abs(b).max()), f'output {i}')

    def test_exports_at_every_opset(self):
        for name, module, shapes, dynamic in all_modules():
            torch.manual_seed(1)
            module.eval()
            xs = tuple(torch.randn(s) for s in shapes)
            with torch.no_grad():
                y = module(*xs)
            want = [t.numpy() for t in (y if isinstance(y, (tuple, list)) else (y,))]
            for opset in OPSETS:
                if (name, opset) in NOT_EXPORTED:
                    continue
                with self.subTest(module=name, opset=opset):
                    self.export(module, xs, dynamic, len(want), opset)
                    self.assert_close(self.run_model(xs, len(want)), want)
            with self.subTest(module=name, executor='reference'):
                self.assert_close(self.run_model(xs, len(want), '--executor', 'reference'), want)

    def test_open_axes_take_other_lengths(self):
        for name, module, shapes, dynamic in all_modules():
            if not dynamic:
                continue
            module.eval()
            axes = dynamic['x0']
            other = [tuple(2 * n if i == 0 and d in axes else n for d, n in enumerate(s)) for i, s in enumerate(shapes)]
            xs = tuple(torch.randn(s) for s in other)
            with torch.no_grad():
                y = module(*xs)
            want = [t.numpy() for t in (y if isinstance(y, (tuple, list)) else (y,))]
            self.export(module, tuple(torch.randn(s) for s in shapes), dynamic, len(want), 13)
            with self.subTest(module=name):
                self.assert_close(self.run_model(xs, len(want)), want)


if __name__ == '__main__':
    unittest.main(warnings='ignore')
