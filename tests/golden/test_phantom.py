"""tools/phantom: its objects are valid, its bytes repeat, and its images hold what its truth says."""
import hashlib
import json
import pathlib
import subprocess
import tempfile
import unittest

import numpy as np
import pydicom

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make(folder, *options):
    subprocess.run([ROOT / 'tools/phantom', 'ct-perfusion', '--out', folder, *map(str, options)],
                   check=True, capture_output=True)
    return sorted((pathlib.Path(folder) / 'dicom').iterdir())


class Phantom(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.out = pathlib.Path(self.folder.name)

    def test_every_layout_is_valid_and_consistent(self):
        for layout in ('one-series', 'series-per-time', 'series-per-slice', 'shuttle'):
            files = make(self.out / layout, '--size', 64, '--slices', 2, '--frames', 3, '--layout', layout)
            self.assertEqual(len(files), 6)
            for file in files:
                said = subprocess.run(['dciodvfy', file], capture_output=True, text=True)
                self.assertNotRegex(said.stdout + said.stderr, '(?m)^(Error|Warning)')
            said = subprocess.run(['dcentvfy', *files], capture_output=True, text=True)
            self.assertNotIn('Error', said.stdout + said.stderr)

    def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(self):
        def digest(name, seed):
            files = make(self.out / name, '--size', 64, '--slices', 2, '--frames', 2, '--seed', seed, '--motion', 2)
            return [hashlib.sha256(f.read_bytes()).hexdigest() for f in files]
        first = digest('a', 3)
        self.assertEqual(first, digest('b', 3))
        self.assertFalse(set(first) & set(digest('c', 4)))

    def test_area_and_peak_of_the_curves_give_the_true_blood_volume(self):
        files = make(self.out / 'p', '--size', 128, '--slices', 3, '--frames', 60, '--noise', 0)
        truth = json.loads((self.out / 'p/truth/truth.json').read_text())
        times = truth['aif']['time_s']
        frames = {}
        for f in files:
            ds = pydicom.dcmread(f)
            frames.setdefault(ds.AcquisitionNumber, {})[float(ds.SliceLocation)] = ds.pixel_array
        volume = np.array([[plane for _, plane in sorted(frames[t].items())] for t in sorted(frames)], float)
        self.assertEqual(volume.shape, (60, 3, 128, 128))

        # Far from any edge, where blur mixes nothing: white matter with white matter around it.
        label = np.load(self.out / 'p/truth/label.npy')
        white = label == 6
        for axis in (1, 2):
            for step in (-3, -2, -1, 1, 2, 3):
                white &= np.roll(label == 6, step, axis)
        self.assertGreater(white.sum(), 200)
        rise = volume - volume[:6].mean(axis=0)
        area = rise[:, white].sum(axis=0).mean() / np.sum(truth['aif']['hu']) * 100 * 0.705
        expect = np.load(self.out / 'p/truth/cbv.npy')[white].mean()
        # The scan ends before the last contrast has passed: a few per cent are missing.
        self.assertAlmostEqual(area / expect, 1.0, delta=0.05)
        artery = np.load(self.out / 'p/truth/artery.npy') == 1
        self.assertLess(abs(times[int(rise[:, artery].mean(axis=1).argmax())] - (8 + 3 * 1.9)), 1.1)

    def test_a_healthy_head_has_no_lesion_and_sides_are_the_patients(self):
        for side, sign in (('left', 1), ('right', -1), ('none', 0)):
            make(self.out / side, '--size', 64, '--slices', 8, '--frames', 1, '--side', side)
            hypo = np.load(self.out / side / 'truth/hypo.npy')
            if sign == 0:
                self.assertEqual(hypo.sum(), 0)
            else:  # columns run to the patient's left
                self.assertGreater(sign * (np.argwhere(hypo)[:, 2].mean() - 31.5), 5)


if __name__ == '__main__':
    unittest.main()
