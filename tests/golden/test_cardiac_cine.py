"""Cardiac cine from files to results, on phantoms whose truth is known (HILUM: the program)."""
import os
import pathlib
import random
import shutil
import sys
import tempfile
import unittest

import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import cardiac
import checks
import rv_card

HILUM = os.environ['HILUM']
SMALL = {'size': 160, 'phases': 16, 'slices': 13}


class CardiacCine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.study = cls.make('ge', seed=1, long_axis=True)
        cls.plain = cls.run_on(cls.study)

    @classmethod
    def make(cls, name, **options):
        return cardiac.make(cls.root / name, **{**SMALL, **options})

    @classmethod
    def run_on(cls, study, threads=2):
        return cardiac.Run(HILUM, tempfile.mkdtemp(dir=cls.root), study / 'dicom', threads)

    def assert_measured(self, run, study):
        self.assertEqual(run.code, 0, run.said)
        said, truth = run.measured(), cardiac.truth(study)
        ml = truth['volumes_ml']
        print(f'          EDV {said["lv_edv"]:.1f} of {ml["EDV"]}, ESV {said["lv_esv"]:.1f} of {ml["ESV"]}, '
              f'mass {said["lv_mass"]:.0f} of {truth["mass_g"]}')
        self.assertLess(abs(said['lv_edv'] / ml['EDV'] - 1), 0.03)
        self.assertLess(abs(said['lv_esv'] - ml['ESV']), 0.03 * ml['EDV'])
        self.assertLess(abs(said['lv_ef'] - truth['ef_percent']), 3)
        self.assertLess(abs(said['lv_mass'] / truth['mass_g'] - 1), 0.20)
        for name in ('ed_phase', 'es_phase'):
            away = abs(said[name] - truth[name])
            self.assertLessEqual(min(away, len(truth['time_ms']) - away), 1, name)

    def test_a_stack_in_one_series_gives_its_volumes(self):
        self.assert_measured(self.plain, self.study)
        said = self.plain.measured()
        self.assertAlmostEqual(said['lv_sv'], said['lv_edv'] - said['lv_esv'], places=2)
        self.assertAlmostEqual(said['lv_ef'], 100 * said['lv_sv'] / said['lv_edv'], places=2)
        self.assertAlmostEqual(said['cardiac_output'], said['lv_sv'] * said['heart_rate'] / 1000, places=2)
        self.assertAlmostEqual(said['heart_rate'], 60000 / 880, places=1)
        self.assertEqual(self.plain.report['model'].split()[0], 'cardiac_sax')
        self.assertNotIn('rv_edv', said)

    def test_the_segmentation_holds_the_volumes_and_names_the_images(self):
        run, said = self.plain, self.plain.measured()
        images = {}
        for path in (self.study / 'dicom').iterdir():
            ds = pydicom.dcmread(path, stop_before_pixels=True)
            images[ds.SOPInstanceUID] = ds
        segments = run.segments()
        self.assertEqual(list(segments), ['lv_cavity_ed', 'lv_cavity_es', 'lv_myocardium_ed', 'lv_myocardium_es'])
        voxel_ml = (340 / 160) ** 2 * 8 / 1000
        for name, value in (('lv_cavity_ed', 'lv_edv'), ('lv_cavity_es', 'lv_esv')):
            total = sum(mask.sum() for _, mask in segments[name]) * voxel_ml
            self.assertAlmostEqual(total, said[value], delta=0.05)
        grams = sum(mask.sum() for _, mask in segments['lv_myocardium_ed']) * voxel_ml * 1.05
        self.assertAlmostEqual(grams, said['lv_mass'], delta=0.1)
        for name, phase in (('lv_cavity_ed', 'ed_phase'), ('lv_cavity_es', 'es_phase')):
            for (uid, _), _ in segments[name]:
                same_place = sorted(float(ds.TriggerTime) for ds in images.values()
                                    if ds.ImagePositionPatient == images[uid].ImagePositionPatient)
                self.assertEqual(same_place.index(float(images[uid].TriggerTime)), said[phase])

    def test_objects_satisfy_the_validators(self):
        for path in sorted(self.plain.folder.glob('*.dcm')):
            errors, warnings = checks.dciodvfy(path)
            self.assertEqual(errors, [], path.name)
            self.assertEqual([w for w in warnings if '99HILUM' not in w], [], path.name)
        self.assertEqual(checks.pixelmed_sr(self.plain.folder / 'sr.dcm'), [])

    def test_a_series_a_slice_and_an_enhanced_object_give_the_same(self):
        for layout in ('siemens', 'enhanced'):
            with self.subTest(layout=layout):
                study = self.make(layout, seed=2, layout=layout)
                run = self.run_on(study)
                self.assert_measured(run, study)
                self.assertEqual(checks.pixelmed_sr(run.folder / 'sr.dcm'), [])

    def test_order_of_files_and_threads_change_nothing(self):
        shuffled = self.root / 'shuffled/dicom'
        shuffled.mkdir(parents=True)
        files = sorted((self.study / 'dicom').iterdir())
        for file, number in zip(files, random.Random(1).sample(range(len(files)), len(files))):
            shutil.copyfile(file, shuffled / f'{number:05d}')
        other = self.run_on(shuffled.parent, threads=1)
        (objects_a, report_a), (objects_b, report_b) = self.plain.pixels(), other.pixels()
        self.assertEqual(report_a, report_b)
        self.assertEqual(sorted(objects_a), sorted(objects_b))
        for name in objects_a:
            self.assertTrue(objects_a[name] == objects_b[name], f'{name} differs')

    def test_a_thin_wall_has_its_base_counted_and_called_doubtful(self):
        study = self.make('thin', seed=1, size=256, slices=14, edv=177, esv=120, mass=91)
        run, truth = self.run_on(study), cardiac.truth(study)
        self.assertEqual(run.code, 0, run.said)
        print(f'          EDV {run.measured()["lv_edv"]:.1f} of {truth["volumes_ml"]["EDV"]}')
        self.assertIn('2 to 12 count at end diastole', run.told('slices'))
        self.assertEqual(run.verdicts()['base'], 'warn')
        self.assertEqual(self.plain.verdicts()['base'], 'ok')

    def assert_refused(self, run, check, words):
        self.assertEqual(run.code, cardiac.REFUSED, run.said)
        self.assertEqual(run.report['status'], 'refused')
        self.assertIn(words, run.report['reason'])
        self.assertEqual(run.verdicts()[check], 'fail')
        self.assertEqual(run.report['measurements'], [])
        self.assertEqual(sorted(p.name for p in run.folder.glob('*.dcm')), ['page-summary.dcm', 'sr.dcm'])

    def test_one_phase_three_slices_and_no_heart_are_refused(self):
        self.assert_refused(self.run_on(self.make('one', seed=3, defect='one-phase')), 'phases', '1 phases')
        self.assert_refused(self.run_on(self.make('three', seed=3, slices=3)), 'slices', '3 short-axis slices')
        run = self.run_on(self.make('none', seed=3, defect='no-heart', phases=8))
        self.assertEqual(run.code, cardiac.REFUSED, run.said)
        self.assertIn('heart', run.report['reason'])

    def test_a_gap_and_beats_that_differ_are_told(self):
        run = self.run_on(self.make('gap', seed=4, defect='missing-slice', phases=12))
        self.assertEqual(run.code, 0, run.said)
        self.assertEqual(run.verdicts()['spacing'], 'warn')
        self.assertIn('a gap of 16.0 mm', run.told('spacing'))
        run = self.run_on(self.make('beats', seed=4, defect='arrhythmia', phases=12))
        self.assertEqual(run.code, 0, run.said)
        self.assertEqual(run.verdicts()['rhythm'], 'warn')

    def test_a_model_that_knows_the_right_ventricle_has_it_printed(self):
        rv_card.write(self.root / 'models')
        out = tempfile.mkdtemp(dir=self.root)
        run = cardiac.Run(HILUM, out, self.study / 'dicom', 2, models=self.root / 'models')
        self.assertEqual(run.code, 0, run.said)
        said, truth = run.measured(), cardiac.truth(self.study)['rv_ml']
        print(f'          RV: EDV {said["rv_edv"]:.0f} of {truth["EDV"]:.0f}, ESV {said["rv_esv"]:.0f} of {truth["ESV"]:.0f}')
        self.assertLess(abs(said['rv_edv'] / truth['EDV'] - 1), 0.5)  # a network made up of grey values
        self.assertGreater(said['rv_esv'], 0)
        self.assertIn('rv_cavity_ed', run.segments())
        self.assertEqual(said['lv_edv'], self.plain.measured()['lv_edv'])
        self.assertEqual(checks.pixelmed_sr(run.folder / 'sr.dcm'), [])

    def test_long_axes_alone_are_not_wanted(self):
        alone = self.root / 'long/dicom'
        alone.mkdir(parents=True)
        for path in (self.study / 'dicom').iterdir():
            if path.name.startswith('04'):
                shutil.copyfile(path, alone / path.name)
        run = self.run_on(alone.parent)
        self.assertEqual(run.code, cardiac.NOT_WANTED, run.said)
        self.assertIn('no stack of slices across the heart', run.said)


if __name__ == '__main__':
    unittest.main()
