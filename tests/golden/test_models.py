"""models/: each card names its weights; cardiac_sax finds the ventricle of the phantom."""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import numpy as np
import pydicom
from scipy import ndimage

ROOT = pathlib.Path(__file__).resolve().parents[2]
HILUM = os.environ['HILUM']
SIZE, SPACING_MM = 128, 1.33  # of the card's input


def crop(image, centre, spacing_mm, order):
    at = (np.arange(SIZE) - (SIZE - 1) / 2) * SPACING_MM / spacing_mm
    grid = np.meshgrid(centre[0] + at, centre[1] + at, indexing='ij')
    return ndimage.map_coordinates(image.astype(np.float32), grid, order=order, mode='constant')


def normalise(x):
    ordered, last = np.sort(x.ravel()), x.size - 1
    lo, hi = ordered[round(0.01 * last)], ordered[round(0.99 * last)]
    return np.clip((x - lo) / (hi - lo), 0, 1)


def largest(mask):
    part, n = ndimage.label(mask)
    return part == 1 + np.bincount(part.ravel())[1:].argmax() if n else mask


class Models(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = pathlib.Path(self.folder.name)

    def test_every_card_names_the_weights_beside_it(self):
        cards = sorted((ROOT / 'models').glob('*/card.ucl'))
        self.assertTrue(cards)
        for path in cards:
            text = path.read_text()
            weights = path.parent / re.search(r'\bweights = "([^"]+)";', text).group(1)
            said = re.search(r'\bsha256 = "([0-9a-f]{64})";', text).group(1)
            self.assertEqual(hashlib.sha256(weights.read_bytes()).hexdigest(), said, path.parent.name)

    def test_cardiac_sax_finds_the_ventricle_of_the_phantom(self):
        subprocess.run([ROOT / 'tools/phantom', 'cardiac-cine', '--out', self.out / 'p', '--phases', '12', '--seed', '5'],
                       check=True, capture_output=True)
        truth = json.loads((self.out / 'p/truth/truth.json').read_text())
        spacing_mm, phase = truth['spacing_mm'][1], truth['ed_phase']
        label = np.load(self.out / 'p/truth/label_ed.npy')
        files = sorted((self.out / 'p/dicom').iterdir())
        slices = [k for k, area in enumerate(truth['area_mm2']) if area[phase] > 800]
        self.assertGreater(len(slices), 6)
        images = np.stack([pydicom.dcmread(files[12 * k + phase]).pixel_array for k in slices])
        centre = np.argwhere(label[slices] == 1).mean(axis=0)[1:] + (6, -8)  # not quite the middle
        x = np.stack([normalise(crop(image, centre, spacing_mm, 1)) for image in images])[:, None]
        np.save(self.out / 'x.npy', x.astype(np.float32))
        subprocess.run([HILUM, 'model', 'run', ROOT / 'models/cardiac_sax/model.onnx', '--input',
                        f'image={self.out / "x.npy"}', '--output', self.out], check=True, capture_output=True)
        found = [largest(answer) for answer in np.load(self.out / 'logits.npy').argmax(axis=1) == 1]
        for k, mask in zip(slices, found):
            cavity = crop(label[k] == 1, centre, spacing_mm, 0) > 0.5
            dice = 2 * (mask & cavity).sum() / (mask.sum() + cavity.sum())
            self.assertGreater(dice, 0.92, f'slice {k}')
        self.assert_8_bits_agree(found)

    def assert_8_bits_agree(self, found):
        """The calibrated network labels the same pixels, nearly."""
        subprocess.run([HILUM, 'model', 'run', ROOT / 'models/cardiac_sax/model.int8', '--input',
                        f'image={self.out / "x.npy"}', '--output', self.out / 'int8'], check=True, capture_output=True)
        other = [largest(answer) for answer in np.load(self.out / 'int8/logits.npy').argmax(axis=1) == 1]
        both, sizes = sum((a & b).sum() for a, b in zip(found, other)), sum(a.sum() + b.sum() for a, b in zip(found, other))
        self.assertGreater(2 * both / sizes, 0.995)


if __name__ == '__main__':
    unittest.main()
