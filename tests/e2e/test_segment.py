"""A hospital drops a model with its card into the node's folder: its PACS gets SEG and SR back, with no code."""
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import checks
import chest
from case import SECONDARY_CAPTURES, SEG, SR_3D, Bench
from node import ROOT
from study import storescu

NAME = 'bone_example'


class A_dropped_in_model(Bench):
    settings = {'study.quiet_s': 2, 'rules.0.quiet_s': 2, 'rules.0.modality': 'CT',
                'rules.0.body_part': '', 'rules.0.analyses': [NAME]}

    @classmethod
    def setUpClass(cls):
        cls.env = {'HILUM_MODELS': ''}  # only what the configuration names
        models = tempfile.TemporaryDirectory()
        cls.addClassCleanup(models.cleanup)
        subprocess.run([ROOT / 'tools/example-model', models.name], check=True, capture_output=True)
        cls.settings = {**cls.settings, 'node.models': [models.name]}
        super().setUpClass()
        cls.phantom = chest.Chest(axes=chest.oblique(), seed=3)
        cls.files = cls.phantom.write(cls.folder / 'study')
        sent = storescu(cls.node.port, 'HILUM', cls.files)
        if sent.returncode:
            raise AssertionError(sent.stderr)
        cls.job, = cls.node.wait_for_jobs(1)['jobs']
        cls.node.wait(lambda s: cls.pacs.count() >= 3, 60, 'results in the PACS')
        cls.found = {}
        for i in cls.pacs.instances():
            path = cls.folder / f'{i["id"]}.dcm'
            cls.pacs.download(i['id'], path)
            cls.found.setdefault(i['SOPClassUID'], []).append(path)

    def test_the_job_is_done_and_the_pacs_holds_seg_report_and_page(self):
        self.assertEqual((self.job['state'], self.job['analysis']), ('done', NAME))
        self.assertEqual(len(self.found[SEG]), 1)
        self.assertEqual(len(self.found[SR_3D]), 1)
        self.assertEqual(sum(len(self.found.get(c, [])) for c in SECONDARY_CAPTURES), 1)

    def test_the_mask_lies_on_the_bone(self):
        segment = checks.segments(self.found[SEG][0])['Bone']
        dice = checks.dice(self.phantom.mask(segment), self.phantom.bone())
        print(f'          Dice {dice:.4f}')
        self.assertGreater(dice, 0.97)

    def test_the_objects_are_valid(self):
        for path in (*self.found[SEG], *self.found[SR_3D]):
            self.assertEqual(checks.dciodvfy(path)[0], [])
        self.assertEqual(checks.pixelmed_sr(self.found[SR_3D][0]), [])

    def test_the_logs_hold_nothing_of_the_patient(self):
        self.assert_log_is_clean()
