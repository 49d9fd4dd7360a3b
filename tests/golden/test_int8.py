#!/usr/bin/python3
"""Networks in 8 bits: calibrated, refused when changed, near float, the same bits whatever computes them."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from networks import NETWORKS  # noqa: E402

HILUM = os.environ['HILUM']
# Of each network: the root of the mean squared difference over the standard deviation of its outputs that it may have
# from float. Weights are random, so ranges are wide: these are no bounds for trained networks.
BOUNDS = {'unet': 0.06, 'unet_batchnorm': 0.09, 'unet_3d': 0.05, 'nnunet': 0.1, 'nnunet_3d': 0.1, 'vnet': 0.06,
          'resnet': 0.03, 'densenet': 0.03, 'inception': 0.02, 'transformer': 0.02, 'upsampling': 0.05}
ALL_8BIT = ('unet', 'unet_batchnorm', 'unet_3d', 'upsampling')  # float at the ends only


def upsampling():
    """Nearest and linear Resize between convolutions, joined with what was there before."""
    from networks import Net
    net = Net(8)
    x = net.relu(net.conv('x', 1, 16))
    y = net.relu(net.conv(net.pool(x), 16, 24))
    a = net.op('Resize', y, '', net.const(np.array([1, 1, 2, 2], 'f')), mode='nearest',
               coordinate_transformation_mode='asymmetric', nearest_mode='floor')
    b = net.op('Resize', y, '', net.const(np.array([1, 1, 2, 2], 'f')), mode='linear',
               coordinate_transformation_mode='half_pixel')
    y = net.relu(net.conv(net.op('Concat', a, x, b, axis=1), 64, 16))
    return net.model([1, 1, 24, 20], net.conv(y, 16, 2, 1))


class Int8(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.path = pathlib.Path(cls.folder.name)
        for name, make in {**NETWORKS, 'upsampling': upsampling}.items():
            model = make()
            onnx.save(model, cls.path / f'{name}.onnx')
            shape = [d.dim_value or 2 for d in model.graph.input[0].type.tensor_type.shape.dim]
            (cls.path / name).mkdir()
            for i in range(6):
                np.save(cls.path / name / f'{i}.npy', np.random.default_rng(i).random(shape, 'f'))
            cls.calibrate(name, '--metric', 'error', '--bound', str(BOUNDS[name]))

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @classmethod
    def calibrate(cls, name, *options, check=True, out=None):
        out = out or cls.path / f'{name}.int8'
        return subprocess.run([HILUM, 'model', 'calibrate', cls.path / f'{name}.onnx', '--data', cls.path / name,
                               '--out', out, *options], check=check, capture_output=True, text=True)

    def run_model(self, name, *options, isa='ALL', end='int8'):
        out = self.path / 'out'
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run([HILUM, 'model', 'run', self.path / f'{name}.{end}', '--input',
                        f'x={self.path / name / "3.npy"}', '--output', out, *options], check=True,
                       env={**os.environ, 'DNNL_MAX_CPU_ISA': isa})
        return [np.load(out / f'{o.name}.npy') for o in onnx.load(self.path / f'{name}.onnx').graph.output]

    def show(self, name, *options):
        text = subprocess.run([HILUM, 'model', 'show', self.path / f'{name}.int8', *options], check=True,
                              capture_output=True, text=True).stdout
        return [line.split() for line in text.split('as it runs:')[1].splitlines()]

    def test_results_stay_near_float_on_samples_that_did_not_calibrate(self):
        for name, bound in BOUNDS.items():
            with self.subTest(network=name):
                for a, b in zip(self.run_model(name), self.run_model(name, end='onnx')):
                    self.assertLess(np.sqrt(np.mean((a - b) ** 2)), 2 * bound * b.std())
                    self.assertGreater(np.abs(a - b).max(), 0)

    def test_networks_of_convolutions_have_one_quantisation_and_nothing_in_float_between(self):
        for name in ALL_8BIT:
            with self.subTest(network=name):
                kinds = [line[1] for line in self.show(name) if len(line) > 1 and line[0].isdigit()]
                self.assertEqual(kinds.count('QuantizeLinear'), 1)
                self.assertFalse({'DequantizeLinear', 'Conv', 'ConvTranspose'} & set(kinds), kinds)

    def test_bits_are_those_of_the_reference_on_any_processor_and_number_of_threads(self):
        for name in ALL_8BIT + ('nnunet', 'resnet', 'densenet'):
            want = self.run_model(name)
            for options, isa in ((('--threads', '3'), 'ALL'), (('--passes-off', 'join'), 'ALL'),
                                 (('--threads', '2'), 'AVX512_CORE'), ((), 'AVX2'), (('--threads', '2'), 'SSE41'),
                                 (('--executor', 'reference'), 'ALL')):
                with self.subTest(network=name, options=options, isa=isa):
                    for a, b in zip(self.run_model(name, *options, isa=isa), want):
                        if name in ALL_8BIT and '--executor' not in options:
                            self.assertEqual(a.tobytes(), b.tobytes())
                        else:  # what is float beside differs in its last bits, and a rounding with it
                            self.assertLess(np.abs(a - b).max(), 0.02 * np.abs(b).max())

    def test_concat_copies_nothing(self):
        codes = [line[2] for line in self.show('unet') if len(line) > 2 and line[1] == 'Concat']
        self.assertEqual(codes, ['concat:joined'] * 2)

    def test_show_tells_scales(self):
        self.assertTrue(any('(q-0)*' in word for line in self.show('unet') for word in line))

    def test_the_bound_brings_steps_back_to_more_bits(self):
        out = self.path / 'strict.int8'
        text = self.calibrate('unet', '--metric', 'error', '--bound', '0.02', out=out).stdout
        self.assertNotIn('stay out of 8 bits: none', text)
        self.assertLess(float(text.split('error ')[1].split()[0]), 0.02)
        again = self.path / 'again.int8'
        self.calibrate('unet', '--metric', 'error', '--bound', '0.02', '--threads', '2', out=again)
        self.assertEqual(out.read_text(), again.read_text())
        failed = self.calibrate('unet', '--metric', 'error', '--bound', '1e-7', out=out, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn('more than the bound', failed.stderr)

    def refused(self, path, *options):
        result = subprocess.run([HILUM, 'model', 'check', path, *options], capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        return result.stderr

    def test_a_calibration_that_does_not_fit_is_refused(self):
        text = (self.path / 'unet.int8').read_text()
        changed = self.path / 'changed.int8'
        changed.write_text(text.replace('hi = 2.', 'hi = 3.', 1))
        self.assertIn('checksum', self.refused(changed))
        other = self.path / 'densenet.onnx'
        shutil.copy(other, self.path / 'other.onnx')
        shutil.copy(self.path / 'unet.int8', self.path / 'other.int8')
        self.assertIn('another network', self.refused(self.path / 'other.onnx', '--precision', 'int8'))
        shutil.copy(other, self.path / 'none.onnx')
        self.assertIn('calibrate', self.refused(self.path / 'none.onnx', '--precision', 'int8'))

    def test_a_model_elsewhere_is_brought_beside_its_calibration(self):
        folder = self.path / 'elsewhere'
        folder.mkdir()
        self.calibrate('resnet', '--metric', 'error', '--bound', '0.03', out=folder / 'r.int8')
        subprocess.run([HILUM, 'model', 'check', folder / 'r.int8'], check=True, capture_output=True)


if __name__ == '__main__':
    unittest.main()
