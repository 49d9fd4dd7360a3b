#!/usr/bin/python3
"""hilum.Proposal and hilum.PsRoiPool against NumPy, with ties, empty bins, no boxes, and things that do not fit."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools'))
from torch_nets import regions  # noqa: E402

HILUM = os.environ['HILUM']
RATIOS, SCALES = (0.5, 1.0, 2.0), (2.0, 4.0)


class Regions(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name)
        self.addCleanup(self.folder.cleanup)

    def run_op(self, kind, inputs, outputs, fails=False, **attributes):
        names = [f'i{k}' for k in range(len(inputs))]
        node = helper.make_node(kind, names, outputs, domain='hilum', **attributes)
        graph = helper.make_graph(
            [node], 'one', [helper.make_tensor_value_info(n, TensorProto.FLOAT, x.shape) for n, x in zip(names, inputs)],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs])
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13), helper.make_opsetid('hilum', 1)],
                                    ir_version=8), self.path / 'm.onnx')
        ports = []
        for name, x in zip(names, inputs):
            np.save(self.path / f'{name}.npy', x.astype('f'))
            ports += ['--input', f'{name}={self.path / name}.npy']
        done = subprocess.run([HILUM, 'model', 'run', self.path / 'm.onnx', *ports, '--output', self.path],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 1 if fails else 0, done.stderr)
        return done.stderr if fails else [np.load(self.path / f'{o}.npy') for o in outputs]

    def propose(self, scores, deltas, image, **options):
        got = self.run_op('Proposal', [scores, deltas, image], ['rois', 'found'], feature_stride=16, ratios=RATIOS,
                          scales=SCALES, pre_nms_top_n=options.get('pre', 6000), post_nms_top_n=options.get('post', 300),
                          nms_threshold=options.get('threshold', 0.7), min_size=float(options.get('min_size', 16)))
        want = regions.propose(scores, deltas, image, 16, RATIOS, SCALES, **options)
        return got, want

    def make(self, n=1, h=9, w=11, spread=0.3, seed=1):
        rng = np.random.default_rng(seed)
        scores = rng.random((n, 12, h, w)).astype('f')
        deltas = (rng.standard_normal((n, 24, h, w)) * spread).astype('f')
        return scores, deltas, np.array([[h * 16, w * 16, 1.0]] * n, 'f')

    def test_proposals_agree_with_numpy(self):
        for seed, options in enumerate(({}, {'post': 40, 'threshold': 0.5}, {'pre': 50}, {'min_size': 60},
                                        {'post': 7, 'threshold': 0.3})):
            with self.subTest(options=options):
                got, want = self.propose(*self.make(2, seed=seed), **options)
                np.testing.assert_allclose(got[0], want[0], atol=1e-3)
                np.testing.assert_array_equal(got[1], want[1])

    def test_of_equal_scores_the_first_goes_first(self):
        scores, deltas, image = self.make()
        got, want = self.propose(np.round(scores * 4) / 4, deltas, image, post=50)
        np.testing.assert_allclose(got[0], want[0], atol=1e-3)

    def test_where_no_box_is_large_enough_the_image_is_the_region(self):
        got, _ = self.propose(*self.make(), min_size=1000, post=3)
        np.testing.assert_array_equal(got[0], [[0, 0, 0, 175, 143]] * 3)
        np.testing.assert_array_equal(got[1], [[0]] * 3)

    def test_numbers_that_are_none_are_no_boxes(self):
        scores, deltas, image = self.make()
        scores[:] = np.nan
        deltas[:] = np.inf
        got = self.run_op('Proposal', [scores, deltas, image], ['rois'], ratios=RATIOS, scales=SCALES, post_nms_top_n=2)
        np.testing.assert_array_equal(got[0], [[0, 0, 0, 175, 143]] * 2)

    def test_pooling_agrees_with_numpy(self):
        rng = np.random.default_rng(3)
        x = rng.standard_normal((2, 2 * 49, 15, 13)).astype('f')
        corners = np.sort(rng.uniform(-30, 260, (40, 2, 2)), 1).reshape(40, 4)
        rois = np.column_stack([rng.integers(0, 2, 40), corners]).astype('f')
        rois[0, 1:] = [400, 400, 500, 500]  # outside: empty bins
        rois[1, 1:] = [50, 50, 40, 40]  # inside out: a tenth of a pixel
        got = self.run_op('PsRoiPool', [x, rois], ['y'], group_size=7, spatial_scale=1 / 16)
        np.testing.assert_allclose(got[0], regions.pool(x, rois), atol=1e-6)
        self.assertTrue((got[0][0] == 0).all())

    def test_what_does_not_fit_is_refused_by_name(self):
        scores, deltas, image = self.make()
        text = self.run_op('Proposal', [scores, deltas[:, :20], image], ['r'], True, ratios=RATIOS, scales=SCALES)
        self.assertIn('do not fit 6 anchors', text)
        text = self.run_op('Proposal', [scores, deltas, image], ['r'], True, ratios=RATIOS)
        self.assertIn('scales and ratios', text)
        text = self.run_op('PsRoiPool', [scores, np.zeros((1, 5))], ['y'], True, group_size=5)
        self.assertIn('group_size 5 do not fit', text)
        text = self.run_op('PsRoiPool', [np.zeros((1, 49, 4, 4)), np.full((1, 5), 3.0)], ['y'], True, group_size=7)
        self.assertIn('region of image 3', text)


if __name__ == '__main__':
    unittest.main()
