"""CT perfusion from files to results, on phantoms whose truth is known (HILUM: the program)."""
import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import perfusion

HILUM = os.environ['HILUM']
SMALL = {'size': 128, 'slices': 12, 'frames': 45}
LARGE = {'size': 256}  # voxels of 1 mm: resampling blurs those of 2 mm


class CtPerfusion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.left = perfusion.make(cls.root / 'left', **SMALL, seed=1, side='left')

    def run_on(self, study, threads=1):
        out = tempfile.mkdtemp(dir=self.root)
        return perfusion.Run(HILUM, out, study / 'dicom', threads)

    def make(self, name, **options):
        return perfusion.make(self.root / name, **{**SMALL, **options})

    def assert_found(self, run, study, core=0.78, hypo=0.92):
        self.assertEqual(run.code, 0, run.said)
        scores = perfusion.score(run, study)
        print('         ', {k: round(v, 3) for k, v in scores.items()})
        self.assertGreaterEqual(scores['core_dice'], core)
        self.assertGreaterEqual(scores['hypo_dice'], hypo)
        self.assertLess(abs(scores['core_ml'] - scores['core_true_ml']), 6)
        self.assertLess(abs(scores['hypo_ml'] - scores['hypo_true_ml']), 10)
        self.assertEqual(scores['aif_in_artery'], 1.0)
        return scores

    def assert_same_results(self, a, b):
        (objects_a, report_a), (objects_b, report_b) = a.pixels(), b.pixels()
        self.assertEqual(report_a, report_b)
        self.assertEqual(sorted(objects_a), sorted(objects_b))
        for name in objects_a:
            self.assertTrue(objects_a[name] == objects_b[name], f'{name} differs')

    def test_a_stroke_on_the_left_is_found_and_every_number_agrees_with_the_masks(self):
        run = self.run_on(self.left)
        self.assert_found(run, self.left)
        self.assertEqual(run.verdicts()['motion'], 'ok')
        self.assertIn('0 frames left out', run.told('motion'))
        said = run.measured()
        self.assertEqual(said['rcbf30_volume'], said['core_volume'])
        self.assertGreaterEqual(said['rcbf38_volume'], said['rcbf34_volume'])
        self.assertGreaterEqual(said['rcbf30_volume'], said['rcbf20_volume'])
        self.assertAlmostEqual(said['mismatch_volume'], said['tmax6_volume'] - said['core_volume'], delta=0.01)
        self.assertEqual([f['id'] for f in run.report['findings']], ['aif', 'vof'])

    def test_a_stroke_on_the_right_of_another_head_is_found(self):
        study = self.make('right', seed=2, side='right')
        self.assert_found(self.run_on(study), study)

    def test_a_healthy_brain_has_no_lesion(self):
        run = self.run_on(self.make('healthy', seed=3, side='none'))
        self.assertEqual(run.code, 0, run.said)
        self.assertEqual((run.measured()['core_volume'], run.measured()['tmax6_volume']), (0, 0))

    def test_a_head_that_moves_gives_what_it_gives_at_rest(self):
        rest = self.make('rest', **LARGE, seed=1, side='left')
        still = perfusion.score(self.run_on(rest), rest)
        study = self.make('motion', **LARGE, seed=1, side='left', motion=3)
        run = self.run_on(study)
        moved = self.assert_found(run, study)
        self.assertEqual(run.verdicts()['motion'], 'warn')
        self.assertGreater(moved['core_dice'], still['core_dice'] - 0.08)
        self.assertGreater(moved['hypo_dice'], still['hypo_dice'] - 0.03)

    def test_much_noise_and_motion_at_once_leave_the_lesion_where_it_is(self):
        study = self.make('noisy', **LARGE, seed=1, side='left', motion=4, noise=8)
        self.assert_found(self.run_on(study), study, core=0.6, hypo=0.90)

    def test_a_scan_without_bolus_is_refused_with_the_reason(self):
        run = self.run_on(self.make('nobolus', frames=30, no_bolus=True))
        self.assertEqual(run.code, perfusion.REFUSED, run.said)
        self.assertIn('bolus', run.report['reason'])
        self.assertEqual(run.report['measurements'], [])

    def test_a_scan_too_short_is_refused_with_the_reason(self):
        for frames in (5, 18):
            with self.subTest(frames=frames):
                run = self.run_on(self.make(f'short-{frames}', frames=frames))
                self.assertEqual(run.code, perfusion.REFUSED, run.said)
                self.assertIn(f'{frames} time points', run.report['reason'])
                self.assertEqual(run.verdicts()['duration'], 'fail')
                self.assertEqual(sorted(f.name for f in run.folder.glob('*.dcm')), ['page-summary.dcm', 'sr.dcm'])

    def test_phases_and_a_plain_head_are_no_perfusion_and_the_operator_is_told_so(self):
        for frames, times in ((1, '1 time'), (3, '3 times')):
            with self.subTest(frames=frames):
                run = self.run_on(self.make(f'phases-{frames}', frames=frames))
                self.assertEqual(run.code, perfusion.NOT_WANTED)
                self.assertIn(f'ct_perfusion does not apply: CT taken at most {times} at a position', run.said)

    def test_each_check_warns_of_its_own_fault_and_of_no_other(self):
        faults = {  # options of the phantom -> the checks that warn
            'none': ({}, set()),
            'motion': ({'motion': 4}, {'motion'}),
            'baseline': ({'delay': 0.5}, {'baseline'}),
            'weak bolus': ({'peak': 90, 'noise': 3}, {'bolus'}),
            'early end': ({'frames': 30}, {'truncation'}),
            'few slices': ({'slices': 12}, {'coverage'}),
            'noise': ({'noise': 12}, {'noise'}),
            'wide bolus': ({'bolus_width': 2.1, 'frames': 80}, {'aif_shape'}),
            'late bolus': ({'delay': 32, 'frames': 90}, {'aif_shape'}),
            'no vein': ({'no_vein': True}, {'aif_vof_order'}),
            'both sides': ({'side': 'both'}, {'bilateral'}),
            'lost images': ({'missing': 3}, {'missing_frames'}),
        }
        for fault, (options, expected) in faults.items():
            with self.subTest(fault=fault):
                study = self.make('fault ' + fault, **{'slices': 16, 'frames': 55, 'seed': 5, **options})
                run = self.run_on(study)
                self.assertEqual(run.code, 0, run.said)
                warned = {check for check, verdict in run.verdicts().items() if verdict != 'ok'}
                self.assertEqual(warned, expected, [run.told(check) for check in warned ^ expected])
                shutil.rmtree(study)

    def test_a_table_that_moves_to_and_fro_is_followed(self):
        study = self.make('shuttle', seed=1, side='left', layout='shuttle', dt=1.5, frames=32)
        self.assert_found(self.run_on(study), study)

    def test_series_of_times_or_slices_and_names_of_files_change_nothing(self):
        plain = self.run_on(self.left)
        for layout in ('series-per-time', 'series-per-slice'):
            study = self.make(layout, seed=1, side='left', layout=layout)
            with self.subTest(layout=layout):
                self.assert_same_results(plain, self.run_on(study))
        shuffled = self.root / 'shuffled/dicom'
        shuffled.mkdir(parents=True)
        files = sorted((self.left / 'dicom').iterdir())
        numbers = random.Random(1).sample(range(len(files)), len(files))
        for file, number in zip(files, numbers):
            shutil.copyfile(file, shuffled / f'{number:05d}')
        self.assert_same_results(plain, self.run_on(shuffled.parent))

    def test_threads_change_nothing(self):
        self.assert_same_results(self.run_on(self.left, 1), self.run_on(self.left, 2))

    def test_missing_images_are_made_up_and_told(self):
        study = self.root / 'missing'
        (study / 'dicom').mkdir(parents=True)
        for i, file in enumerate(sorted((self.left / 'dicom').iterdir())):
            if i % 30 != 7:
                shutil.copyfile(file, study / 'dicom' / file.name)
        (study / 'truth').symlink_to(self.left / 'truth')
        run = self.run_on(study)
        self.assert_found(run, study)
        self.assertEqual(run.verdicts()['missing_frames'], 'warn')

    def test_a_scan_over_midnight_is_one_scan(self):
        study = self.root / 'midnight'
        (study / 'dicom').mkdir(parents=True)
        (study / 'truth').symlink_to(self.left / 'truth')
        for file in sorted((self.left / 'dicom').iterdir()):
            ds = pydicom.dcmread(file)
            since = (float(ds.AcquisitionTime[:2]) * 3600 + float(ds.AcquisitionTime[2:4]) * 60
                     + float(ds.AcquisitionTime[4:]))
            first = getattr(self, 'first', None)
            self.first = since if first is None else min(first, since)
        for file in sorted((self.left / 'dicom').iterdir()):
            ds = pydicom.dcmread(file)
            since = (float(ds.AcquisitionTime[:2]) * 3600 + float(ds.AcquisitionTime[2:4]) * 60
                     + float(ds.AcquisitionTime[4:]))
            at = (since - self.first + 86400 - 20) % 86400
            text = f'{int(at // 3600):02d}{int(at % 3600 // 60):02d}{at % 60:06.3f}'
            ds.AcquisitionTime = ds.ContentTime = text
            for word in ('AcquisitionDateTime',):
                if word in ds:
                    del ds[word]
            ds.save_as(study / 'dicom' / file.name)
        self.assert_found(self.run_on(study), study)


if __name__ == '__main__':
    unittest.main()
