"""A stroke study goes in by storescu; the PACS holds valid results that agree with the truth."""
import json
import pathlib
import subprocess
import sys
import time

import pydicom

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import checks
from case import PARAMETRIC_MAP, SECONDARY_CAPTURES, SEG, SR_3D, Bench
from study import Phantom, storescu

QUIET_S = 3


class A_stroke_study(Bench):
    settings = {'study.quiet_s': QUIET_S, 'rules.0.quiet_s': QUIET_S}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.phantom = Phantom(size=256, slices=16, frames=60, seed=7, patient_name='MARKERNAME^Anna',
                              patient_id='MARKERID-7')
        sent = storescu(cls.node.port, 'HILUM', cls.phantom.files)
        if sent.returncode:
            raise AssertionError(sent.stderr)
        began = time.monotonic()
        cls.node.wait(lambda s: s['jobs'] and all(j['state'] in ('done', 'failed', 'refused') for j in s['jobs']),
                      120, 'the job of the study ended')
        cls.seconds = time.monotonic() - began
        cls.objects = cls.folder / 'objects'
        cls.objects.mkdir()
        cls.found = {}
        for i in cls.pacs.instances():
            path = cls.objects / f'{i["id"]}.dcm'
            cls.pacs.download(i['id'], path)
            cls.found.setdefault(i['SOPClassUID'], []).append((i, path))

    def of(self, *classes):
        return [path for c in classes for _, path in self.found.get(c, [])]

    def test_results_are_in_the_pacs_within_thirty_seconds_of_the_quiet_time(self):
        job, = self.node.status()['jobs']
        self.assertEqual((job['state'], job['analysis']), ('done', 'ct_perfusion'), job)
        self.assertLess(self.seconds, QUIET_S + 30)
        self.assertEqual(len(self.of(SEG)), 1)
        self.assertEqual(len(self.of(SR_3D)), 1)
        self.assertEqual(len(self.of(PARAMETRIC_MAP)), 7)  # CBF, CBV, MTT, Tmax; three that are fitted
        self.assertGreaterEqual(len(self.of(*SECONDARY_CAPTURES)), 1)

    def test_every_object_is_valid_for_dciodvfy(self):
        for path in self.of(SEG, SR_3D, PARAMETRIC_MAP, *SECONDARY_CAPTURES):
            with self.subTest(object=pydicom.dcmread(path, stop_before_pixels=True).SeriesDescription):
                errors, _ = checks.dciodvfy(path)
                self.assertEqual(errors, [])

    def test_the_report_is_valid_for_pixelmed(self):
        path, = self.of(SR_3D)
        self.assertEqual(checks.pixelmed_sr(path), [])

    def test_source_and_results_are_consistent_for_dcentvfy(self):
        results = self.of(SEG, SR_3D, PARAMETRIC_MAP, *SECONDARY_CAPTURES)
        self.assertEqual(checks.dcentvfy(self.phantom.files[:40] + results), [])

    def test_the_segmentation_lies_on_the_lesion(self):
        path, = self.of(SEG)
        masks = {label: checks.on_grid(s, self.phantom.grid) for label, s in checks.segments(path).items()}
        core, = [m for label, m in masks.items() if label.startswith('Core')]
        self.assertEqual(int(sum(m.sum() for m in masks.values())), int((sum(masks.values()) > 0).sum()),
                         'segments overlap')
        hypo = sum(m for label, m in masks.items() if label.startswith(('Core', 'Penumbra'))) > 0
        core_dice = checks.dice(core, self.phantom.map('core'))
        hypo_dice = checks.dice(hypo, self.phantom.map('hypo'))
        print(f'          Dice: core {core_dice:.3f}, Tmax > 6 s {hypo_dice:.3f}')
        self.assertGreaterEqual(core_dice, 0.78)
        self.assertGreaterEqual(hypo_dice, 0.92)

    def test_the_volume_of_the_segmentation_is_that_of_the_report(self):
        path, = self.of(SEG)
        voxel_ml = self.phantom.grid['spacing_mm'][0] * self.phantom.grid['spacing_mm'][1] ** 2 / 1000
        core, = [s[0] for label, s in checks.segments(path).items() if label.startswith('Core')]
        report, = self.node.state.rglob('report.json')
        said = {m['name']: m['value'] for m in json.loads(report.read_text())['measurements']}
        self.assertAlmostEqual(core.sum() * voxel_ml, said['core_volume'], delta=0.05)
        sr, = self.of(SR_3D)
        numbers = subprocess.run(['dsrdump', str(sr)], capture_output=True, text=True).stdout
        self.assertRegex(numbers, r'(?i)volume')

    def test_every_series_shows_a_preview(self):
        for info, _ in [v for c in SECONDARY_CAPTURES for v in self.found.get(c, [])]:
            self.assertGreater(len(self.pacs.preview(info['id'])), 10000)

    def test_sending_the_study_again_changes_nothing(self):
        before = self.node.status()['counts']
        held = self.pacs.count()
        sent = storescu(self.node.port, 'HILUM', self.phantom.files)
        self.assertEqual(sent.returncode, 0, sent.stderr)
        time.sleep(QUIET_S + 3)
        self.node.wait_closed()
        self.assertEqual(self.node.status()['counts'], before)
        self.assertEqual(self.pacs.count(), held)

    def test_the_logs_hold_nothing_of_the_patient(self):
        self.assertIn('job', self.node.log.read_text())
        self.assert_log_is_clean()

    def test_run_gives_the_same_volumes(self):
        out = self.folder / 'run'
        done = subprocess.run([self.program, 'run', self.phantom.folder / 'dicom', '--out', out],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        mine, = pathlib.Path(out).rglob('report.json')
        nodes, = self.node.state.rglob('report.json')
        a, b = (json.loads(f.read_text())['measurements'] for f in (mine, nodes))
        self.assertEqual({m['name']: m['value'] for m in a}, {m['name']: m['value'] for m in b})


class A_healthy_head(Bench):
    settings = {'study.quiet_s': 2, 'rules.0.quiet_s': 2}

    def test_has_no_core_and_results_all_the_same(self):
        phantom = Phantom(size=256, slices=16, frames=60, seed=8, side='none')
        self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
        status = self.node.wait_for_jobs(1)
        self.assertEqual(status['jobs'][0]['state'], 'done')
        report, = self.node.state.rglob('report.json')
        said = {m['name']: m['value'] for m in json.loads(report.read_text())['measurements']}
        self.assertEqual(said['core_volume'], 0)
        self.assertEqual(len([i for i in self.results_in_pacs() if i['SOPClassUID'] == SR_3D]), 1)


class A_failed_injection(Bench):
    settings = {'study.quiet_s': 2, 'rules.0.quiet_s': 2}

    def test_is_refused_with_a_report_that_says_why(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=9, no_bolus=True)
        self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
        job, = self.node.wait_for_jobs(1)['jobs']
        self.assertEqual(job['state'], 'refused', job)
        self.assertTrue(job['reason'])
        found = [i['SOPClassUID'] for i in self.results_in_pacs()]
        self.assertEqual(found.count(SR_3D), 1)
        self.assertEqual(found.count(SEG), 0)
