"""Enhanced CT goes in over the network: the index counts its frames, and the job is made and done."""
from case import SEG, SR_3D, Bench
from study import Phantom, storescu

QUIET_S = 3


class An_enhanced_study(Bench):
    settings = {'study.quiet_s': QUIET_S, 'rules.0.quiet_s': QUIET_S}

    def test_objects_of_many_frames_are_analysed(self):
        phantom = Phantom(size=128, slices=12, frames=45, seed=3, enhanced=True, layout='series-per-time')
        self.assertEqual(len(phantom.files), 45)
        sent = storescu(self.node.port, 'HILUM', phantom.files, True, '-R')
        self.assertEqual(sent.returncode, 0, sent.stderr)
        self.node.wait(lambda s: s['jobs'] and all(j['state'] in ('done', 'failed', 'refused') for j in s['jobs']),
                       120, 'the job of the study ended')
        job, = self.node.status()['jobs']
        self.assertEqual((job['state'], job['analysis']), ('done', 'ct_perfusion'), job)
        classes = [i['SOPClassUID'] for i in self.pacs.instances()]
        self.assertEqual((classes.count(SEG), classes.count(SR_3D)), (1, 1))
