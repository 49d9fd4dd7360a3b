"""tools/train/cardiac: a stopped run ends as an unbroken one, and what it exports says what it is."""
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import numpy as np
import pydicom
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tools/train'))

try:
    import cv2  # noqa: F401
    import torch
except ModuleNotFoundError as missing:
    print(f'skipped: {missing} (tools/setup --training)')
    sys.exit(77)

from cardiac_sax import evaluate, fit, samples  # noqa: E402


def make_data(folder):
    """Four patients of two slices each, from the phantom, laid out as Sunnybrook's PNGs."""
    for seed in range(4):
        made = folder / f'phantom-{seed}'
        subprocess.run([ROOT / 'tools/phantom', 'cardiac-cine', '--out', made, '--size', '192', '--slices', '3',
                        '--phases', '2', '--seed', str(seed)], check=True, capture_output=True)
        patient = folder / 'scd_png' / f'PH-{"AB"[seed % 2]}-{seed}'
        patient.mkdir(parents=True)
        truth = np.load(made / 'truth/label_ed.npy')
        files = sorted((made / 'dicom').iterdir())
        for k in range(2):
            pixels = pydicom.dcmread(files[2 * k]).pixel_array
            Image.fromarray((pixels * 255.0 / pixels.max()).astype(np.uint8)).save(patient / f'{k}.image.png')
            Image.fromarray((truth[k] == 1).astype(np.uint8) * 255).save(patient / f'{k}.lv.png')


class Training(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.set_num_threads(1)
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        cls.data = pathlib.Path(cls.temporary.name)
        make_data(cls.data)

    def test_a_stopped_run_ends_as_an_unbroken_one(self):
        own = samples.load_png(self.data)
        def run(name):
            return fit.Run(self.data / name, own, 4, 7, 'cpu', name)
        with mock.patch.object(fit, 'BATCH', 2), mock.patch.object(fit, 'SAVE_EVERY', 2):
            whole = run('whole').train()
            stopped = run('stopped')
            step = stopped._one
            with mock.patch.object(stopped, '_one', lambda: step() if stopped.step < 3 else 1 / 0):
                self.assertRaises(ZeroDivisionError, stopped.train)
            again = run('stopped')
            again.resume()
            self.assertEqual(again.step, 2)
            resumed = again.train()
        for a, b in zip(whole.state_dict().values(), resumed.state_dict().values()):
            self.assertTrue(torch.equal(a, b))

    def test_folds_measure_patients_that_were_not_trained_on_and_the_export_is_whole(self):
        out = self.data / 'out'
        subprocess.run([ROOT / 'tools/train/cardiac', '--data', self.data, '--out', out, '--folds', '2', '--steps', '2'],
                       check=True, capture_output=True)
        made = out / 'cardiac_sax'
        record = json.loads((made / 'training.json').read_text())
        held = [p for fold in record['folds'] for p in fold['held_out']]
        self.assertEqual(sorted(held), sorted({s.patient for s in samples.load_png(self.data)}))
        self.assertLess(record['opencv_difference'], 1e-3)
        digest = hashlib.sha256((made / 'model.onnx').read_bytes()).hexdigest()
        self.assertIn(f'sha256 = "{digest}";', (made / 'card.ucl').read_text())

    def test_a_contour_through_edge_pixels_has_less_area_than_the_pixels(self):
        square = np.zeros((20, 20), bool)
        square[5:15, 5:15] = True  # its contour runs from 5 to 14
        self.assertEqual(evaluate.contour_area(square), 81)


if __name__ == '__main__':
    unittest.main()
