#!/usr/bin/python3
"""Networks run the same whatever makes them fast: executor, passes, threads, again and again."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnx.shape_inference

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from networks import NETWORKS  # noqa: E402

HILUM = os.environ['HILUM']
PASSES = ('fold', 'padding', 'batchnorm', 'affine', 'stride', 'residual', 'activation', 'deconv', 'dead', 'precision', 'layout',
          'share')


class Networks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        for name, make in NETWORKS.items():
            model = make()
            onnx.checker.check_model(onnx.shape_inference.infer_shapes(model))
            onnx.save(model, cls.path / f'{name}.onnx')
            dims = model.graph.input[0].type.tensor_type.shape.dim
            shape = [d.dim_value or 2 for d in dims]
            np.save(cls.path / f'{name}.npy', np.random.default_rng(7).random(shape, 'f'))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def run_model(self, name, *options, isa='ALL'):
        out = self.path / 'out'
        subprocess.run([HILUM, 'model', 'run', self.path / f'{name}.onnx', '--input', f'x={self.path / name}.npy',
                        '--output', out, *options], check=True, env={**os.environ, 'DNNL_MAX_CPU_ISA': isa})
        names = [o.name for o in onnx.load(self.path / f'{name}.onnx').graph.output]
        return [np.load(out / f'{n}.npy') for n in names]

    def assert_close(self, got, want, bound=1e-4):
        for a, b in zip(got, want):
            self.assertEqual(a.shape, b.shape)
            self.assertLess(np.abs(a - b).max(), bound * max(1, np.abs(b).max()))

    def test_fast_executor_agrees_with_the_reference_with_and_without_each_pass(self):
        for name in NETWORKS:
            want = self.run_model(name, '--executor', 'reference', '--passes-off', ','.join(PASSES))
            self.assertTrue(all(np.isfinite(w).all() and w.std() > 0 for w in want), name)
            for off in ('', *PASSES):
                with self.subTest(network=name, off=off):
                    self.assert_close(self.run_model(name, '--passes-off', off), want)

    def test_reference_agrees_with_itself_after_passes(self):
        for name in ('unet_batchnorm', 'resnet', 'densenet', 'inception', 'vnet'):
            with self.subTest(network=name):
                self.assert_close(self.run_model(name, '--executor', 'reference'),
                                  self.run_model(name, '--executor', 'reference', '--passes-off', ','.join(PASSES)))

    def test_bf16_stays_near_f32_with_and_without_passes(self):
        for name in NETWORKS:
            want = self.run_model(name)
            for off in ('', 'layout', 'deconv,residual,activation,batchnorm'):
                with self.subTest(network=name, off=off):
                    got = self.run_model(name, '--precision', 'bf16', '--passes-off', off)
                    self.assert_close(got, want, 0.06)
                    for a, b in zip(got, want):  # no single number, but all of them
                        self.assertLess(np.sqrt(np.mean((a - b) ** 2)), 0.02 * max(b.std(), 0.1))

    def test_processors_without_avx512_compute_the_same(self):
        for name in NETWORKS:
            want = self.run_model(name)
            for isa in ('AVX2', 'SSE41'):
                with self.subTest(network=name, isa=isa):
                    got = self.run_model(name, isa=isa)
                    self.assert_close(got, want)
                    for a, b in zip(self.run_model(name, '--threads', '3', isa=isa), got):
                        self.assertEqual(a.tobytes(), b.tobytes())

    def test_bits_are_the_same_over_runs_and_threads(self):
        for name, precision in ((n, p) for n in NETWORKS for p in ('f32', 'bf16')):
            want = self.run_model(name, '--precision', precision)
            for threads in ('1', '2', '3'):
                with self.subTest(network=name, precision=precision, threads=threads):
                    for a, b in zip(self.run_model(name, '--precision', precision, '--threads', threads), want):
                        self.assertEqual(a.tobytes(), b.tobytes())


if __name__ == '__main__':
    unittest.main()
