"""Whatever scanners make: each kind of source gives the results of the plain study (HILUM: the program)."""
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import perfusion

HILUM = os.environ['HILUM']
SMALL = {'size': 128, 'slices': 12, 'frames': 45}


class Sources(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.plain = cls.make('plain')
        cls.result = cls.run_on(cls.plain)

    @classmethod
    def make(cls, name, **options):
        return perfusion.make(cls.root / name, **{**SMALL, **options})

    @classmethod
    def run_on(cls, study):
        return perfusion.Run(HILUM, tempfile.mkdtemp(dir=cls.root), study / 'dicom', 2)

    def assert_same(self, run, plain=None, has_pages=True):
        """has_pages: pages are compared, too; they show the time of the scan."""
        self.assertEqual(run.code, 0, run.said)
        (objects, report), (expected, expected_report) = run.pixels(), (plain or self.result).pixels()
        self.assertEqual(report, expected_report)
        self.assertEqual(sorted(objects), sorted(expected))
        for name in objects:
            self.assertTrue((name.startswith('page') and not has_pages) or objects[name] == expected[name], f'{name} differs')


class Enhanced(Sources):
    def test_enhanced_objects_of_any_layout_give_the_results_of_classic_ones(self):
        for layout in ('one-series', 'series-per-time', 'series-per-slice'):
            with self.subTest(layout=layout):
                self.assert_same(self.run_on(self.make(f'enhanced-{layout}', layout=layout, enhanced=True)))
        shuttle = self.make('shuttle', layout='shuttle', dt=1.5, frames=32)
        enhanced = self.make('shuttle-enhanced', layout='shuttle', dt=1.5, frames=32, enhanced=True)
        self.assert_same(self.run_on(enhanced), self.run_on(shuttle))

    def test_results_name_the_frames_that_they_stand_on(self):
        study = self.make('enhanced', enhanced=True)
        run = self.run_on(study)
        self.assertEqual(run.code, 0, run.said)
        source = pydicom.dcmread(next((study / 'dicom').iterdir()), stop_before_pixels=True)

        def place(groups):
            return tuple(map(float, groups.PlanePositionSequence[0].ImagePositionPatient))
        for name in ('seg', 'map-cbf'):
            ds = pydicom.dcmread(run.folder / f'{name}.dcm')
            for groups in ds.PerFrameFunctionalGroupsSequence:
                image = groups.DerivationImageSequence[0].SourceImageSequence[0]
                self.assertEqual(image.ReferencedSOPInstanceUID, source.SOPInstanceUID)
                of = source.PerFrameFunctionalGroupsSequence[image.ReferencedFrameNumber - 1]
                self.assertAlmostEqual(place(of)[2], place(groups)[2], delta=0.01)
        files = sorted(run.folder.glob('*.dcm')) + sorted((study / 'dicom').iterdir())
        said = subprocess.run(['dcentvfy', *files], capture_output=True, text=True)
        self.assertNotIn('Error', said.stdout + said.stderr)
        for file in files:
            said = subprocess.run(['dciodvfy', file], capture_output=True, text=True)
            self.assertNotRegex(said.stdout + said.stderr, '(?m)^Error')


class Orders(Sources):
    """Times and places as scanners give them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scores = perfusion.score(cls.result, cls.plain)

    def assert_near(self, study, dice=0.04, ml=3.0):
        """As good as the plain study, within a bound."""
        run = self.run_on(study)
        self.assertEqual(run.code, 0, run.said)
        scores = perfusion.score(run, study)
        print('         ', study.name, {k: round(v, 3) for k, v in scores.items()}, file=sys.stderr)
        for name in ('core_dice', 'hypo_dice'):
            self.assertGreater(scores[name], self.scores[name] - dice, name)
        for name in ('core', 'hypo'):
            self.assertLess(abs(scores[f'{name}_ml'] - scores[f'{name}_true_ml']),
                            abs(self.scores[f'{name}_ml'] - self.scores[f'{name}_true_ml']) + ml, name)
        self.assertEqual(scores['aif_in_artery'], 1.0)
        return run

    def test_midnight_changes_nothing_whether_the_date_moves_or_not(self):
        for midnight in ('dated', 'undated'):
            with self.subTest(midnight=midnight):
                self.assert_same(self.run_on(self.make(f'midnight-{midnight}', midnight=midnight)), has_pages=False)
        self.assert_same(self.run_on(self.make('midnight-enhanced', midnight='dated', enhanced=True)), has_pages=False)

    def test_images_sent_twice_count_once(self):
        run = self.run_on(self.make('doubled', doubled=20))
        self.assertEqual(run.pixels()[0]['seg.dcm'], self.result.pixels()[0]['seg.dcm'])
        self.assertEqual(run.measured(), self.result.measured())
        self.assertRegex(run.told('missing_frames'), r'[1-9][0-9]* doubled')

    def test_series_of_the_same_geometry_at_other_times_are_left_out(self):
        run = self.run_on(self.make('others', other_series=True))
        self.assertEqual(run.pixels()[0]['map-cbf.dcm'], self.result.pixels()[0]['map-cbf.dcm'])
        self.assertEqual(run.measured(), self.result.measured())

    def test_missing_images_are_made_up(self):
        run = self.assert_near(self.make('missing', missing=3))
        self.assertEqual(run.verdicts()['missing_frames'], 'warn')

    def test_uneven_times_are_followed(self):
        self.assert_near(self.make('irregular', sampling='irregular'))
        self.assert_near(self.make('two-rate', sampling='two-rate', frames=38))

    def test_a_table_that_moves_to_and_fro_is_followed(self):
        self.assert_near(self.make('shuttle', layout='shuttle', dt=1.5, frames=32), dice=0.06, ml=5.0)

    def test_a_tilted_gantry_gives_the_same_lesion(self):
        run = self.run_on(self.make('tilt', tilt=20))
        self.assertEqual(run.code, 0, run.said)
        shrunk = math.cos(math.radians(20))  # slices are as much nearer to each other
        for name in ('core_volume', 'tmax6_volume'):
            self.assertAlmostEqual(run.measured()[name] / (shrunk * self.result.measured()[name]), 1, delta=0.08)

    def test_thin_slices_are_averaged_to_the_same_lesion(self):
        thick, thin = (self.run_on(self.make(f'thin-{n}', slices=6, thin=n)) for n in (1, 4))
        self.assertEqual((thick.code, thin.code), (0, 0), thin.said)
        for name in ('core_volume', 'tmax6_volume'):
            self.assertAlmostEqual(thin.measured()[name] / thick.measured()[name], 1, delta=0.08)


class Memory(unittest.TestCase):
    def test_a_volume_acquisition_takes_less_than_half_its_size_and_a_fixed_part(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            study = perfusion.make(root / 'volume', size=256, slices=14, thin=10, frames=19, dt=2.2)
            size = sum(f.stat().st_size for f in (study / 'dicom').iterdir())
            limits = 'import resource, subprocess, sys; done = subprocess.run(sys.argv[1:], capture_output=True); ' \
                     'print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)'
            said = subprocess.run([sys.executable, '-c', limits, HILUM, 'run', '--quiet', '--threads', '2', '--analysis',
                                   'ct_perfusion', '--out', root / 'out', study / 'dicom'],
                                  check=True, capture_output=True, text=True).stdout
            code, peak = map(int, said.split())
            print(f'          {size >> 20} MiB of files, peak {peak >> 20} MiB', file=sys.stderr)
            self.assertEqual(code, 0)
            self.assertLess(peak, size / 2 + (250 << 20))


class Folders(Sources):
    def test_links_are_followed_once_and_what_is_not_dicom_is_counted(self):
        folder = self.root / 'links'
        folder.mkdir()
        (folder / 'study').symlink_to(self.plain / 'dicom')
        (folder / 'again').symlink_to(self.plain / 'dicom')
        (folder / 'loop').symlink_to(folder)
        (folder / 'gone').symlink_to(folder / 'nowhere')
        (folder / 'notes.txt').write_text('not an image')
        (folder / 'DICOMDIR').write_bytes(bytes(128) + b'DICM' + b'\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0')
        run = perfusion.Run(HILUM, tempfile.mkdtemp(dir=self.root), folder, 2)
        self.assert_same(run)
        self.assertIn('2 files are not DICOM, or damaged, and were left out', run.said)


if __name__ == '__main__':
    unittest.main()
