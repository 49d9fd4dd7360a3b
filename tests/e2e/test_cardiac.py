"""A cine study goes in by storescu; the PACS holds valid results that agree with the truth."""
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'lib'))
import cardiac
import checks
from case import SECONDARY_CAPTURES, SEG, SR_3D, Bench
from study import storescu

SETTINGS = {'study.quiet_s': 3}


class A_cine_study(Bench):
    settings = SETTINGS

    def send(self, **options):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        study = cardiac.make(pathlib.Path(folder.name) / 'study', size=160, slices=13, phases=16,
                             patient_name='MARKERNAME^Anna', patient_id='MARKERID-7', **options)
        sent = storescu(self.node.port, 'HILUM', sorted((study / 'dicom').iterdir()))
        self.assertEqual(sent.returncode, 0, sent.stderr)
        return cardiac.truth(study)

    def test_comes_back_as_segmentation_report_and_page(self):
        truth = self.send(seed=5, long_axis=True)
        status = self.node.wait_for_jobs(1, 600)
        self.assertEqual((status['jobs'][0]['state'], status['jobs'][0]['analysis']), ('done', 'cardiac_cine'))
        found = {}
        for i in self.results_in_pacs():
            path = self.folder / f'{i["id"]}.dcm'
            self.pacs.download(i['id'], path)
            found.setdefault(i['SOPClassUID'], []).append((i, path))
        self.assertEqual({c: len(v) for c, v in found.items() if c in (SEG, SR_3D)}, {SEG: 1, SR_3D: 1})
        pages = [v for c in SECONDARY_CAPTURES for v in found.get(c, [])]
        self.assertEqual(len(pages), 1)
        self.assertGreater(len(self.pacs.preview(pages[0][0]['id'])), 10000)
        for _, path in (v for of in found.values() for v in of):
            self.assertEqual(checks.dciodvfy(path)[0], [])
        self.assertEqual(checks.pixelmed_sr(found[SR_3D][0][1]), [])
        report, = self.node.state.rglob('report.json')
        said = {m['name']: m['value'] for m in json.loads(report.read_text())['measurements']}
        self.assertLess(abs(said['lv_edv'] / truth['volumes_ml']['EDV'] - 1), 0.03)
        self.assert_log_is_clean()
