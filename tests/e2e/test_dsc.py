"""A study of DSC-MR goes in by storescu; the PACS holds valid results, or a report that says why there are none."""
import json
import pathlib
import subprocess
import sys

import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import checks
from case import PARAMETRIC_MAP, SECONDARY_CAPTURES, SEG, SR_3D, Bench
from study import Phantom, storescu

SMALL = {'size': 96, 'slices': 8, 'frames': 40}


def texts(ds):
    """Of a report: every text in it, also the long ones that dsrdump cuts."""
    return [e.value for e in ds.iterall() if e.keyword == 'TextValue']


class MrBench(Bench):
    """The phantom sent, the job ended, what the PACS then holds by class."""

    settings = {'study.quiet_s': 2}
    options = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.phantom = Phantom('mr-perfusion', **SMALL, **cls.options, patient_name='MARKERNAME^Anna',
                              patient_id='MARKERID-7')
        sent = storescu(cls.node.port, 'HILUM', cls.phantom.files)
        if sent.returncode:
            raise AssertionError(sent.stderr)
        cls.job, = cls.node.wait_for_jobs(1, 120)['jobs']
        objects = cls.folder / 'objects'
        objects.mkdir()
        cls.found = {}
        for i in cls.pacs.instances():
            path = objects / f'{i["id"]}.dcm'
            cls.pacs.download(i['id'], path)
            cls.found.setdefault(i['SOPClassUID'], []).append(path)

    def of(self, *classes):
        return [path for c in classes for path in self.found.get(c, [])]

    def assert_all_are_valid(self):
        paths = [path for found in self.found.values() for path in found]
        for path in paths:
            with self.subTest(object=pydicom.dcmread(path, stop_before_pixels=True).SeriesDescription):
                self.assertEqual(checks.dciodvfy(path)[0], [])
        for path in self.of(SR_3D):
            self.assertEqual(checks.pixelmed_sr(path), [])
        self.assertEqual(checks.dcentvfy(self.phantom.files[:2 * SMALL['slices']] + paths), [])

    def report(self):
        path, = self.node.state.rglob('report.json')
        return json.loads(path.read_text())


class An_mr_stroke_study(MrBench):
    options = {'seed': 7, 'side': 'right', 'dwi': True}

    def test_results_of_every_kind_are_in_the_pacs(self):
        self.assertEqual((self.job['state'], self.job['analysis']), ('done', 'mr_perfusion'), self.job)
        self.assertEqual(len(self.of(SEG)), 1)
        self.assertEqual(len(self.of(SR_3D)), 1)
        self.assertEqual(len(self.of(PARAMETRIC_MAP)), 6)  # cbf, cbv, mtt, tmax; fitted: delay, mtt
        self.assertGreaterEqual(len(self.of(*SECONDARY_CAPTURES)), 1)

    def test_every_object_is_valid_and_consistent_with_its_source(self):
        self.assert_all_are_valid()

    def test_the_segmentation_lies_on_the_lesion(self):
        path, = self.of(SEG)
        masks = {label: checks.on_grid(s, self.phantom.grid) for label, s in checks.segments(path).items()}
        core, = [m for label, m in masks.items() if label.startswith('Core')]
        hypo = sum(m for label, m in masks.items() if label.startswith(('Core', 'Penumbra'))) > 0
        core_dice = checks.dice(core, self.phantom.map('core'))
        hypo_dice = checks.dice(hypo, self.phantom.map('hypo'))
        print(f'          Dice: core by ADC {core_dice:.3f}, Tmax > 6 s {hypo_dice:.3f}')
        self.assertGreaterEqual(core_dice, 0.88)
        self.assertGreaterEqual(hypo_dice, 0.95)

    def test_the_volumes_are_those_of_run(self):
        out = self.folder / 'run'
        done = subprocess.run([self.program, 'run', self.phantom.folder / 'dicom', '--out', out],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        mine, = out.rglob('report.json')
        a, b = json.loads(mine.read_text())['measurements'], self.report()['measurements']
        self.assertEqual({m['name']: m['value'] for m in a}, {m['name']: m['value'] for m in b})

    def test_the_logs_hold_nothing_of_the_patient(self):
        self.assert_log_is_clean('Perfusion DSC', 'Diffusion trace')


class An_mr_study_without_echo_time(MrBench):
    options = {'seed': 9, 'no_echo_time': True}

    def test_is_refused_with_its_reason_in_the_report_and_on_a_page(self):
        self.assertEqual(self.job['state'], 'refused', self.job)
        self.assertIn('no echo time', self.job['reason'])
        self.assertEqual(self.report()['measurements'], [])
        self.assertEqual(self.of(SEG, PARAMETRIC_MAP), [])
        sr, = self.of(SR_3D)
        self.assertTrue(any('no echo time' in text for text in texts(pydicom.dcmread(sr))))
        page, = self.of(*SECONDARY_CAPTURES)
        self.assertGreater(pydicom.dcmread(page).pixel_array.std(), 5)  # something is printed on it

    def test_what_it_is_answered_with_is_valid(self):
        self.assert_all_are_valid()
