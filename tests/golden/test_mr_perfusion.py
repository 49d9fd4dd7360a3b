"""MR perfusion from files to results, on phantoms whose truth is known (HILUM: the program)."""
import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

import numpy as np
import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import perfusion

HILUM = os.environ['HILUM']
SMALL = {'slices': 14, 'frames': 40}
DATA = pathlib.Path(os.environ.get('HILUM_DATA') or pathlib.Path(__file__).resolve().parents[3] / 'shared/data')


class MrPerfusion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.left = perfusion.make(cls.root / 'left', 'mr-perfusion', **SMALL, seed=1, side='left')

    def run_on(self, study, threads=1, **options):
        """options: of the analysis, by their keys in the configuration."""
        out = tempfile.mkdtemp(dir=self.root)
        config = pathlib.Path(out) / 'hilum.conf'
        keys = ' '.join(f'{key} = {value};' for key, value in options.items())
        config.write_text(f'analysis = {{ mr_perfusion = {{ {keys} }}; }};\n')
        return perfusion.Run(HILUM, out, study / 'dicom', threads, analysis='mr_perfusion',
                             config=config if options else None)

    def make(self, name, **options):
        return perfusion.make(self.root / name, 'mr-perfusion', **{**SMALL, **options})

    def assert_found(self, run, study, core=0.95, hypo=0.97):
        self.assertEqual(run.code, 0, run.said)
        scores = perfusion.score(run, study)
        print('         ', {k: round(v, 3) for k, v in scores.items()})
        self.assertGreaterEqual(scores['core_dice'], core)
        self.assertGreaterEqual(scores['hypo_dice'], hypo)
        self.assertEqual(scores['aif_in_artery'], 1.0)
        return scores

    def assert_same_results(self, a, b):
        (objects_a, report_a), (objects_b, report_b) = a.pixels(), b.pixels()
        self.assertEqual(report_a, report_b)
        self.assertEqual(sorted(objects_a), sorted(objects_b))
        for name in objects_a:
            self.assertTrue(objects_a[name] == objects_b[name], f'{name} differs')

    def assert_refused(self, run, word):
        self.assertEqual(run.code, perfusion.REFUSED, run.said)
        self.assertIn(word, run.report['reason'])
        self.assertEqual(run.report['measurements'], [])

    def test_a_stroke_on_the_left_is_found_and_every_number_agrees_with_the_masks(self):
        run = self.run_on(self.left)
        scores = self.assert_found(run, self.left)
        self.assertGreater(scores['cbf_r'], 0.9)
        said = run.measured()
        self.assertEqual(said['rcbf30_volume'], said['core_volume'])
        self.assertAlmostEqual(said['mismatch_volume'], said['tmax6_volume'] - said['core_volume'], delta=0.01)
        warned = [c for c, v in run.verdicts().items() if v != 'ok']
        self.assertEqual(warned, ['coverage'])  # 14 slices of 5 mm
        self.assertIn('no diffusion', run.told('diffusion'))

    def test_flow_and_volume_say_that_they_are_relative(self):
        run = self.run_on(self.left)
        for name, code in (('cbf', '126397'), ('cbv', '126398')):
            ds = pydicom.dcmread(run.folder / f'map-{name}.dcm')
            shared = ds.SharedFunctionalGroupsSequence[0]
            mapping = shared.RealWorldValueMappingSequence[0]
            self.assertEqual(mapping.MeasurementUnitsCodeSequence[0].CodeValue, '1')
            self.assertIn(code, str(mapping))
        label = perfusion.truth(self.left, 'label')
        white = (label == 6) & ~perfusion.truth(self.left, 'hypo')
        self.assertAlmostEqual(float(np.median(run.map('cbv')[white & (run.map('cbv') > 0)])), 1.0, delta=0.1)

    def test_a_stroke_on_the_right_of_another_head_is_found(self):
        study = self.make('right', seed=2, side='right', delay=20, frames=48)
        self.assert_found(self.run_on(study), study)

    def test_a_healthy_brain_has_no_lesion(self):
        run = self.run_on(self.make('healthy', seed=3, side='none'))
        self.assertEqual(run.code, 0, run.said)
        self.assertEqual((run.measured()['core_volume'], run.measured()['tmax6_volume']), (0, 0))

    def test_a_head_that_moves_is_followed(self):
        study = self.make('motion', seed=1, side='left', motion=3, slices=20)
        run = self.run_on(study)
        self.assert_found(run, study, core=0.85, hypo=0.90)
        self.assertEqual(run.verdicts()['motion'], 'warn')

    def test_the_core_is_of_diffusion_where_the_study_has_it(self):
        study = self.make('dwi', seed=1, side='left', dwi=True)
        run = self.run_on(study)
        self.assert_found(run, study, core=0.92)
        self.assertIn('core by ADC in 24 slices', run.told('diffusion'))
        self.assertEqual(pydicom.dcmread(run.folder / 'seg.dcm').SegmentSequence[0].SegmentLabel, 'Core (ADC < 620)')
        for path in (study / 'dicom').glob('003-*'):  # without the map, of b 0 and b 1000
            path.unlink()
        made = self.run_on(study)
        self.assert_found(made, study, core=0.85)
        self.assertIn('of two b-values', made.told('diffusion'))

    def test_arteries_that_fall_to_the_noise_are_taken_only_when_all_do(self):
        study = self.make('saturated', seed=1, side='left', saturation=True)
        run = self.run_on(study)
        self.assert_found(run, study, core=0.9, hypo=0.95)
        self.assertEqual(run.verdicts()['saturation'], 'warn')
        self.assertEqual(self.run_on(self.left).verdicts()['saturation'], 'ok')

    def test_leakage_is_corrected_where_that_is_asked_for(self):
        study = self.make('leak', seed=1, side='left', leakage=True)
        leak, label = perfusion.truth(study, 'leak'), perfusion.truth(study, 'label')
        true = perfusion.truth(study, 'cbv')
        white = (label == 6) & ~perfusion.truth(study, 'hypo') & ~leak

        def part(run):
            """Blood volume of the tumour over the truth, both relative to white matter."""
            found = run.map('cbv')
            here, tissue = leak & (found != 0), white & (found > 0)
            return (found[here].mean() / true[here].mean()) / (found[tissue].mean() / true[tissue].mean())

        plain, corrected = self.run_on(study), self.run_on(study, leakage_correction=1)
        print('          blood volume of the tumour:', round(part(plain), 2), round(part(corrected), 2), 'of the truth')
        self.assertNotIn('leakage', plain.verdicts())
        self.assertEqual(corrected.verdicts()['leakage'], 'ok')
        self.assertLess(part(plain), 0.8)
        self.assertAlmostEqual(part(corrected), 1.0, delta=0.15)

    def test_what_cannot_be_trusted_is_refused_with_the_reason(self):
        small = {'slices': 8, 'seed': 1}
        self.assert_refused(self.run_on(self.make('no-echo', no_echo_time=True, **small)), 'no echo time')
        self.assert_refused(self.run_on(self.make('no-bolus', no_bolus=True, **small)), 'bolus')
        self.assert_refused(self.run_on(self.make('truncated', truncated=True, **small)), 'truncation')
        self.assert_refused(self.run_on(self.make('early', delay=0, **small)), 'baseline')
        self.assert_refused(self.run_on(self.make('short', **{**small, 'frames': 18})), '18 time points')

    def test_diffusion_alone_is_not_wanted(self):
        study = self.root / 'dwi-only'
        (study / 'dicom').mkdir(parents=True)
        source = self.make('dwi-source', slices=4, frames=12, seed=1, dwi=True)
        for pattern in ('002-*', '003-*'):
            for path in (source / 'dicom').glob(pattern):
                shutil.copyfile(path, study / 'dicom' / path.name)
        self.assertEqual(self.run_on(study).code, perfusion.NOT_WANTED)

    def test_real_diffusion_images_are_not_taken_for_perfusion(self):
        if not (DATA / 'mr/MR_ubermuda_trace').is_dir():
            self.skipTest('no data')
        out = tempfile.mkdtemp(dir=self.root)
        run = perfusion.Run(HILUM, out, DATA / 'mr/MR_ubermuda_trace', analysis='mr_perfusion')
        self.assertEqual(run.code, perfusion.NOT_WANTED, run.said)

    def test_threads_series_of_times_and_names_of_files_change_nothing(self):
        plain = self.run_on(self.left)
        self.assert_same_results(plain, self.run_on(self.left, 2))
        study = self.make('series-per-time', seed=1, side='left', layout='series-per-time')
        self.assert_same_results(plain, self.run_on(study))
        shuffled = self.root / 'shuffled/dicom'
        shuffled.mkdir(parents=True)
        files = sorted((self.left / 'dicom').iterdir())
        for file, number in zip(files, random.Random(1).sample(range(len(files)), len(files))):
            shutil.copyfile(file, shuffled / f'{number:05d}')
        self.assert_same_results(plain, self.run_on(shuffled.parent))


if __name__ == '__main__':
    unittest.main()
