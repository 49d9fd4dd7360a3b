"""Whatever scanners make: each kind of source gives the results of the plain study (HILUM: the program)."""
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

    def assert_same(self, run, plain=None):
        self.assertEqual(run.code, 0, run.said)
        (objects, report), (expected, expected_report) = run.pixels(), (plain or self.result).pixels()
        self.assertEqual(report, expected_report)
        self.assertEqual(sorted(objects), sorted(expected))
        for name in objects:
            self.assertTrue(objects[name] == expected[name], f'{name} differs')


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


if __name__ == '__main__':
    unittest.main()
