"""A model dropped in with a card: CT in, SEG and SR out, right on the grid and refused where it must be (HILUM)."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import pydicom

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/lib'))
import checks
import chest

HILUM = os.environ['HILUM']
DONE, USAGE, NOT_WANTED, REFUSED = 0, 2, 3, 4
NAME = 'bone_example'


class Segment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.models = cls.root / 'models'
        subprocess.run([ROOT / 'tools/example-model', cls.models], check=True, capture_output=True)
        cls.plain = chest.Chest()
        cls.plain.write(cls.root / 'plain')

    def card_with(self, *changes, name=NAME):
        """A folder of models whose card has other text: (pattern, replacement)."""
        models = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        shutil.copytree(self.models / NAME, models / name)
        path = models / name / 'card.ucl'
        text = path.read_text()
        for pattern, instead in changes:
            text, n = re.subn(pattern, instead, text, flags=re.S)
            self.assertEqual(n, 1, pattern)
        path.write_text(text)
        return models

    def run_on(self, study, models=None, threads=1, name=NAME):
        out = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        done = subprocess.run([HILUM, 'run', '--quiet', '--threads', str(threads), '--out', out, '--analysis', name, study],
                              capture_output=True, text=True, env=dict(os.environ, HILUM_MODELS=str(models or self.models)))
        folder = out / name
        report = json.loads((folder / 'report.json').read_text()) if folder.exists() else None
        return done.returncode, done.stdout + done.stderr, report, folder

    def dice_of(self, phantom, folder):
        (label, segment), = checks.segments(folder / 'seg.dcm').items()
        self.assertEqual(label, 'Bone')
        return checks.dice(phantom.mask(segment), phantom.bone())

    def test_the_mask_is_that_of_a_direct_computation_on_every_geometry(self):
        cases = {
            'axial': self.plain,
            'oblique': chest.Chest(axes=chest.oblique(), seed=2),
            'thin': chest.Chest((90, 96, 112), (0.9, 1.1, 0.9), seed=3),
            'thick': chest.Chest((17, 120, 130), (5.0, 0.8, 0.8), seed=4),
            'feet first': chest.Chest(axes=np.array([[-1, 0, 0], [0, 1, 0]]), seed=5),
            'coronal': chest.Chest((60, 80, 97), (1.4, 1.2, 1.0), np.array([[1, 0, 0], [0, 0, -1]]), seed=6),
            'small': chest.Chest((20, 31, 29), (2.0, 3.1, 3.3), seed=7),
        }
        for name, phantom in cases.items():
            with self.subTest(geometry=name):
                study = self.root / f'geometry-{name}'
                phantom.write(study)
                code, said, report, folder = self.run_on(study)
                self.assertEqual(code, DONE, said)
                dice = self.dice_of(phantom, folder)
                print(f'          {name}: Dice {dice:.4f}')
                self.assertGreater(dice, 0.97)
                ml = phantom.bone().sum() * phantom.spacing_mm.prod() / 1000
                self.assertAlmostEqual(report['measurements'][0]['value'], ml, delta=0.05 * ml)

    def test_axes_that_a_network_was_trained_in_change_nothing_for_a_symmetric_one(self):
        masks = {}
        for directions in ('', 'SPL', 'RAS', 'IAR', 'LSP'):
            models = self.card_with(('directions = ""', f'directions = "{directions}"'))
            code, said, _, folder = self.run_on(self.root / 'plain', models)
            self.assertEqual(code, DONE, said)
            masks[directions] = checks.segments(folder / 'seg.dcm')['Bone'][0]
        for directions, mask in masks.items():
            self.assertGreater(checks.dice(mask, masks['']), 0.999, directions)

    def test_axes_turn_an_asymmetric_network(self):
        """A network that shifts by a voxel of its last axis: the mask moves where the card says."""
        import torch
        moved = {}
        for directions in ('SPL', 'SPR', 'LSP'):
            models = self.card_with(('directions = ""', f'directions = "{directions}"'), ('spacing_mm = 1.5', 'spacing_mm = 0.0'))
            net = torch.nn.Conv3d(1, 2, 3, padding=1)
            with torch.no_grad():
                net.weight.zero_()
                net.weight[1, 0, 1, 1, 2] = 1.0  # what lies one further along the last axis
                net.bias.copy_(torch.tensor([0.0, -0.65]))
            path = models / NAME / 'model.onnx'
            torch.onnx.export(net, torch.zeros(1, 1, 32, 32, 32), str(path), opset_version=13,
                              input_names=['image'], output_names=['logits'])
            card = models / NAME / 'card.ucl'
            card.write_text(re.sub(r'sha256 = "[^"]*"', f'sha256 = "{self.digest(path)}"', card.read_text()))
            code, said, _, folder = self.run_on(self.root / 'plain', models)
            self.assertEqual(code, DONE, said)
            moved[directions] = self.plain.mask(checks.segments(folder / 'seg.dcm')['Bone'])
        dense = np.round(self.plain.hu) > 300
        for directions, axis, step in (('SPL', 2, 1), ('SPR', 2, -1), ('LSP', 1, 1)):
            expect = np.roll(dense, -step, axis)
            inner = (slice(1, -1),) * 3
            self.assertGreater(checks.dice(moved[directions][inner], expect[inner]), 0.995, directions)

    @staticmethod
    def digest(path):
        import hashlib
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def test_kinds_of_output_agree(self):
        """Classes and probabilities of the same network give the mask of its logits."""
        import torch
        sys.path.insert(0, str(ROOT / 'tools'))
        from importlib.machinery import SourceFileLoader
        from importlib.util import module_from_spec, spec_from_loader
        loader = SourceFileLoader('example_model', str(ROOT / 'tools/example-model'))
        example = module_from_spec(spec_from_loader('example_model', loader))
        sys.dont_write_bytecode = True
        loader.exec_module(example)

        class Kind(torch.nn.Module):
            def __init__(self, kind):
                super().__init__()
                self.net, self.kind = example.Threshold(), kind

            def forward(self, image):
                logits = self.net(image)
                return {'labels': lambda: logits.argmax(1, keepdim=True), 'probabilities': lambda: logits.softmax(1),
                        'sigmoid': lambda: logits[:, 1:]}[self.kind]()

        _, _, _, folder = self.run_on(self.root / 'plain')
        plain = self.plain.mask(checks.segments(folder / 'seg.dcm')['Bone'])
        for kind in ('labels', 'probabilities', 'sigmoid'):
            changes = [('kind = "logits"', f'kind = "{kind}"')]
            if kind == 'sigmoid':
                changes += [('channels = 2', 'channels = 1'),
                            (r'\{\s*channel = 0;\s*name = "background";\s*\},', ''), ('channel = 1;', 'channel = 0;')]
            if kind == 'labels':
                changes += [('channel = 1;', 'class = 1;')]
            models = self.card_with(*changes)
            path = models / NAME / 'model.onnx'
            torch.onnx.export(Kind(kind), torch.zeros(1, 1, 32, 32, 32), str(path), opset_version=13,
                              input_names=['image'], output_names=['logits'])
            card = models / NAME / 'card.ucl'
            card.write_text(re.sub(r'sha256 = "[^"]*"', f'sha256 = "{self.digest(path)}"', card.read_text()))
            code, said, _, folder = self.run_on(self.root / 'plain', models)
            self.assertEqual(code, DONE, said)
            mask = self.plain.mask(checks.segments(folder / 'seg.dcm')['Bone'])
            with self.subTest(kind=kind):
                self.assertGreater(checks.dice(mask, plain), 0.97 if kind == 'sigmoid' else 0.93)

    def calibrate(self, models, *options):
        """Patches of another chest, scaled as the card says, calibrate the model in its folder."""
        samples = models / 'samples'
        samples.mkdir()
        scaled = np.clip((chest.Chest((64, 96, 96), (1.5, 1.5, 1.5), seed=9).hu + 1000) / 2000, 0, 1).astype('f')
        for i, (z, y, x) in enumerate(np.ndindex(2, 3, 3)):
            np.save(samples / f'{i:02}.npy', scaled[None, None, 32 * z:, 32 * y:, 32 * x:][..., :32, :32, :32])
        return subprocess.run([HILUM, 'model', 'calibrate', models / NAME, '--data', samples, *options],
                              capture_output=True, text=True)

    def test_a_card_is_calibrated_in_its_folder_and_runs_in_8_bits(self):
        models = self.card_with()
        done = self.calibrate(models)
        self.assertEqual(done.returncode, DONE, done.stderr)
        self.assertIn('steps that stay out of 8 bits: none', done.stdout)
        keys = dict(re.findall(r'^    (\w+) = "(.*)";$', done.stdout, re.M))
        self.assertEqual(keys, {'precision': 'int8', 'calibrated': 'model.int8',
                                'calibrated_sha256': self.digest(models / NAME / 'model.int8')})
        card = models / NAME / 'card.ucl'
        lines = '\n'.join(f'    {key} = "{value}";' for key, value in keys.items())
        card.write_text(card.read_text().replace('    precision = "f32";', lines))
        code, said, report, folder = self.run_on(self.root / 'plain', models)
        self.assertEqual(code, DONE, said)
        self.assertEqual(report['precision'], 'int8')
        _, _, exact, plain = self.run_on(self.root / 'plain')
        self.assertNotEqual(report['measurements'], exact['measurements'])  # it did compute otherwise
        dice = checks.dice(*(self.plain.mask(checks.segments(f / 'seg.dcm')['Bone']) for f in (folder, plain)))
        print(f'          int8 and float: Dice {dice:.4f}')
        self.assertGreater(dice, 0.99)
        two = self.run_on(self.root / 'plain', models, threads=2)
        self.assertEqual(*(pydicom.dcmread(f / 'seg.dcm').PixelData for f in (folder, two[3])))
        (models / NAME / 'model.int8').write_text('other')
        self.assertEqual(subprocess.run([HILUM, 'model', 'check', models / NAME], capture_output=True).returncode, 1)

    def test_a_card_is_not_calibrated_with_other_weights_or_elsewhere(self):
        models = self.card_with()
        self.assertIn('lies beside', self.calibrate(models, '--out', str(self.root / 'other.int8')).stderr)
        models = self.card_with(('sha256 = "[0-9a-f]{8}', 'sha256 = "00000000'))
        self.assertIn('not the file that the card means', self.calibrate(models).stderr)
        self.assertFalse((models / NAME / 'model.int8').exists())

    def test_the_objects_are_valid(self):
        _, _, _, folder = self.run_on(self.root / 'plain')
        self.assertEqual(sorted(f.name for f in folder.iterdir()),
                         ['page-summary.dcm', 'report.json', 'seg.dcm', 'sr.dcm', 'summary.png'])
        for name in ('seg.dcm', 'sr.dcm', 'page-summary.dcm'):
            self.assertEqual(checks.dciodvfy(folder / name)[0], [], name)
        self.assertEqual(checks.pixelmed_sr(folder / 'sr.dcm'), [])
        self.assertEqual(checks.dcentvfy([*(self.root / 'plain').iterdir(), *folder.glob('*.dcm')]), [])
        segment, = pydicom.dcmread(folder / 'seg.dcm').SegmentSequence
        code, = segment.SegmentedPropertyTypeCodeSequence
        self.assertEqual((code.CodeValue, code.CodingSchemeDesignator), ('272673000', 'SCT'))

    def test_threads_change_nothing(self):
        one, two = (self.run_on(self.root / 'plain', threads=n) for n in (1, 2))
        self.assertEqual(one[2]['measurements'], two[2]['measurements'])
        self.assertEqual(*(pydicom.dcmread(r[3] / 'seg.dcm').PixelData for r in (one, two)))
        self.assertEqual(*((r[3] / 'summary.png').read_bytes() for r in (one, two)))

    def test_the_report_says_model_precision_and_checks(self):
        _, _, report, _ = self.run_on(self.root / 'plain')
        self.assertEqual((report['model'], report['precision']), (f'{NAME} 1.0.0', 'f32'))
        self.assertEqual({c['check']: c['verdict'] for c in report['quality']},
                         {'geometry': 'ok', 'values': 'ok', 'found': 'ok'})

    def assert_refused(self, result, words, is_validated=False):
        code, said, report, folder = result
        self.assertEqual(code, REFUSED, said)
        self.assertIn(words, report['reason'])
        self.assertEqual(report['measurements'], [])
        self.assertFalse((folder / 'seg.dcm').exists())
        self.assertEqual(checks.dciodvfy(folder / 'sr.dcm')[0], [])
        if is_validated:
            self.assertEqual(checks.pixelmed_sr(folder / 'sr.dcm'), [])

    def test_what_the_card_does_not_vouch_for_is_refused(self):
        gaps = self.root / 'gaps'
        self.plain.write(gaps, skip=(11, 12, 25))
        self.assert_refused(self.run_on(gaps), 'slices are missing', is_validated=True)
        odd = self.root / 'odd'
        self.plain.write(odd, scale=10)
        self.assert_refused(self.run_on(odd), 'of the values are not of such images')
        for change, words in ((('volume_max_ml = 5000.0', 'volume_max_ml = 2.0'), 'plausible'),
                              (('volume_max_ml = 5000.0', 'volume_min_ml = 4000.0'), '4e+03 ml or more'),
                              (('channels = 2;', 'channels = 2; empty = "refuse";'), 'nothing was found'),
                              (('slices_min = 8;', 'slices_min = 8; pixel_max_mm = 0.5;'), 'pixels of 0.9 mm')):
            with self.subTest(words=words):
                changes = [change]
                if 'empty' in change[1]:
                    changes.append(('part_min_ml = 0.1', 'part_min_ml = 90000.0'))
                self.assert_refused(self.run_on(self.root / 'plain', self.card_with(*changes)), words)

    def test_a_mask_at_the_border_is_told(self):
        _, _, report, _ = self.run_on(self.root / 'plain', self.card_with(('border = true', 'border = false')))
        border, = [c for c in report['quality'] if c['check'] == 'border']
        self.assertEqual(border['verdict'], 'warn')

    def test_other_studies_are_not_wanted_and_the_reason_is_told(self):
        foot = self.root / 'foot'
        self.plain.write(foot, body_part='FOOT')
        few = self.root / 'few'
        self.plain.write(few, skip=range(6, 40))
        mr = self.root / 'mr'
        self.plain.write(mr, modality='MR')
        parts = self.card_with(('slices_min = 8;', 'slices_min = 8; body_parts = ["CHEST"];'))
        for study, models, words in ((foot, parts, 'another part of the body (CT)'),
                                     (few, None, 'fewer slices than the model wants (CT)'),
                                     (mr, None, 'no series of its modality (CT)')):
            code, said, _, _ = self.run_on(study, models)
            self.assertEqual(code, NOT_WANTED, said)
            self.assertIn(words, said)

    def test_a_card_that_is_wrong_is_told_with_its_place(self):
        code, said, _, _ = self.run_on(self.root / 'plain', self.card_with(('patch = ', 'pach = ')))
        self.assertEqual(code, USAGE)
        self.assertIn("there is no analysis 'bone_example'", said)
        self.assertRegex(said, r'card\.ucl:\d+: input\.pach: unknown key \(did you mean patch\?\)')
        code, said, _, _ = self.run_on(self.root / 'plain', self.card_with(('sha256 = "....', 'sha256 = "0000')))
        self.assertEqual(code, 1)
        self.assertIn('is not the file that the card means', said)
        code, said, _, _ = self.run_on(self.root / 'plain', self.card_with(('patch = .32, 32, 32.', 'patch = [16, 16, 16]')))
        self.assertEqual(code, 1)
        self.assertIn('model bone_example: ', said)


if __name__ == '__main__':
    unittest.main()
