"""hilum model check: what a card lacks, and cards drafted from what nnU-Net and MONAI leave beside a model (HILUM)."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
HILUM = os.environ['HILUM']

PLANS = {
    'dataset_name': 'Dataset017_Abdomen',
    'configurations': {
        '2d': {'patch_size': [512, 512], 'spacing': [0.8, 0.8], 'normalization_schemes': ['CTNormalization']},
        '3d_fullres': {'patch_size': [32, 32, 32], 'spacing': [2.5, 0.8, 0.75],
                       'normalization_schemes': ['CTNormalization'], 'use_mask_for_norm': [False]},
    },
    'foreground_intensity_properties_per_channel': {
        '0': {'max': 3000.0, 'mean': 80.5, 'median': 90.0, 'min': -900.0, 'percentile_00_5': -160.0,
              'percentile_99_5': 240.0, 'std': 60.25}},
}
DATASET_V2 = {'channel_names': {'0': 'CT'}, 'labels': {'background': 0, 'left kidney': 1}, 'numTraining': 40,
              'file_ending': '.nii.gz', 'name': 'Kidney 17'}
DATASET_V1 = {'modality': {'0': 'MRI'}, 'labels': {'0': 'background', '1': 'my structure'}, 'name': 'Odd'}
METADATA = {
    'version': '0.5.3', 'name': 'Spleen CT segmentation', 'description': 'A "3D" spleen network',
    'intended_use': 'An example, not for diagnosis', 'eval_metrics': {'mean_dice': 0.961},
    'network_data_format': {
        'inputs': {'image': {'type': 'image', 'format': 'hounsfield', 'modality': 'CT', 'num_channels': 1,
                             'spatial_shape': [32, 32, 32], 'channel_def': {'0': 'image'}}},
        'outputs': {'pred': {'type': 'image', 'format': 'segmentation', 'num_channels': 2,
                             'channel_def': {'0': 'background', '1': 'spleen'}}}},
}
INFERENCE = {'preprocessing': {'transforms': [
    {'_target_': 'LoadImaged', 'keys': 'image'},
    {'_target_': 'Orientationd', 'keys': 'image', 'axcodes': 'RAS'},
    {'_target_': 'Spacingd', 'keys': 'image', 'pixdim': [1.5, 1.5, 2.0], 'mode': 'bilinear'},
    {'_target_': 'ScaleIntensityRanged', 'keys': 'image', 'a_min': -57, 'a_max': 164, 'b_min': 0, 'b_max': 1}]}}


class ModelCheck(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        subprocess.run([ROOT / 'tools/example-model', cls.root], check=True, capture_output=True)
        cls.example = cls.root / 'bone_example'

    def bare(self, **files):
        """A folder with the example's network and JSON files, without a card."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        shutil.copy(self.example / 'model.onnx', folder / 'network.onnx')
        for name, content in files.items():
            path = folder / (name.replace('__', '/') + '.json')
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content))
        return folder

    def check(self, *words):
        done = subprocess.run([HILUM, 'model', 'check', *map(str, words)], capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def complete(self, folder):
        """Give the draft what it says must be given."""
        card = folder / 'card.ucl'
        text = re.sub(r'# must be given: +type_code = ""; type_meaning = "";.*',
                      'type_code = "272673000"; type_meaning = "Bone";', card.read_text())
        card.write_text(re.sub(r'# must be given: intended_use = "";', 'intended_use = "A test";', text))

    def test_a_whole_model_is_described_and_runs(self):
        code, out, err = self.check(self.example)
        self.assertEqual((code, err), (0, ''))
        self.assertIn('bone_example 1.0.0', out)
        self.assertIn('Bone (272673000, SCT)', out)
        self.assertRegex(out, r'runs +[0-9.e-]+ s a patch')

    def test_a_model_of_the_tree_is_left_to_its_analysis(self):
        code, out, _ = self.check(ROOT / 'models/cardiac_sax')
        self.assertEqual(code, 0)
        self.assertIn('belongs to    cardiac_cine', out)

    def test_what_is_wrong_is_named(self):
        for pattern, instead, words in (
                ('channels = 2', 'channels = 3', r'its output is float\[1,2,32,32,32\]'),
                ('name = "image"', 'name = "picture"', r'input\.name: the model has 1 inputs, the first image'),
                ('name = "logits"', 'name = "mask"', r'output\.name: the model has no output mask'),
                ('sha256 = "..', 'sha256 = "00', 'is not the file that the card means'),
                ('weights = "model', 'weights = "other', 'other.onnx'),
                ('spacing_mm', 'spacing', r'card\.ucl:\d+: input\.spacing: unknown key')):
            folder = pathlib.Path(tempfile.mkdtemp(dir=self.root)) / 'bone_example'
            shutil.copytree(self.example, folder)
            card = folder / 'card.ucl'
            card.write_text(re.sub(pattern, instead, card.read_text()))
            with self.subTest(words=words):
                code, _, err = self.check(folder)
                self.assertEqual(code, 1)
                self.assertRegex(err, words)

    def test_nnu_net_s_files_make_a_card(self):
        folder = self.bare(plans=PLANS, dataset=DATASET_V2)
        code, out, err = self.check(folder)
        self.assertEqual(code, 1)
        self.assertIn('1 keys must be given', err)
        self.assertIn('# must be given: intended_use', out)
        for line in ('name = "kidney_17";', 'modality = "CT";', 'spacing_mm = (2.5, 0.8, 0.75);', 'patch = (32, 32, 32);',
                     'normalise = "ct";', 'clip_lo = -160; clip_hi = 240;', 'mean = 80.5; sd = 60.25;', 'channels = 2;',
                     'type_code = "64033007"; type_meaning = "Kidney";', 'laterality_code = "7771000"; laterality_meaning = "Left";'):
            self.assertIn(line, out)
        self.assertFalse((folder / 'card.ucl').exists())
        self.assertEqual(self.check(folder, '--write-card')[0], 1)
        code, _, err = self.check(folder)
        self.assertEqual(code, 1)
        self.assertIn('card.intended_use: must be given', err)
        self.complete(folder)
        code, out, err = self.check(folder)
        self.assertEqual((code, err), (0, ''), out)
        code, _, err = self.check(folder, '--write-card')
        self.assertEqual(code, 1)
        self.assertIn('it is not written over', err)

    def test_monai_s_files_make_a_card(self):
        folder = self.bare(metadata=METADATA, configs__inference=INFERENCE)
        code, out, err = self.check(folder, '--write-card')
        self.assertEqual(code, 1)
        self.assertIn('0 keys must be given', err)
        code, out, err = self.check(folder)
        self.assertEqual((code, err), (0, ''))
        text = (folder / 'card.ucl').read_text()
        for line in ('name = "spleen_ct_segmentation";', 'version = "0.5.3";', 'directions = "RAS";',
                     'spacing_mm = (1.5, 1.5, 2);', 'clip_lo = -57; clip_hi = 164;', 'type_code = "78961009"', 'mean = 0.961;'):
            self.assertIn(line, text)

    def test_what_nobody_knows_is_asked_for(self):
        code, out, err = self.check(self.bare(dataset=DATASET_V1))
        self.assertEqual(code, 1)
        self.assertIn('modality = "MR";', out)
        asked = re.findall(r'# must be given: +(\w+)', out)
        self.assertEqual(asked, ['intended_use', 'spacing_mm', 'patch', 'normalise', 'type_code'])
        self.assertIn('5 keys must be given', err)

    def test_folders_without_a_model_or_with_broken_files_are_refused(self):
        empty = pathlib.Path(tempfile.mkdtemp(dir=self.root))
        self.assertIn('one .onnx file was expected, not 0', self.check(empty)[2])
        broken = self.bare()
        (broken / 'plans.json').write_text('{"configurations": [')
        code, _, err = self.check(broken)
        self.assertEqual(code, 1)
        self.assertIn('plans.json: ', err)


if __name__ == '__main__':
    unittest.main()
