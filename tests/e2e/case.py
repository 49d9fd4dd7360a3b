"""The folder, the PACS and the node that a class of tests shares."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from node import ROOT, Node
from orthanc import Orthanc

PROGRAM = os.environ.get('HILUM_PROGRAM', str(ROOT / 'build/src/hilum'))
HOOKS_PROGRAM = os.environ.get('HILUM_HOOKS_PROGRAM')

SEG = '1.2.840.10008.5.1.4.1.1.66.4'
PARAMETRIC_MAP = '1.2.840.10008.5.1.4.1.1.30'
SR_3D = '1.2.840.10008.5.1.4.1.1.88.34'
SECONDARY_CAPTURES = ('1.2.840.10008.5.1.4.1.1.7', '1.2.840.10008.5.1.4.1.1.7.4')

# What no log may hold: texts of the phantoms and the data that a log line could carry by mistake.
MARKERS = ('MARKERNAME', 'MARKERID', 'Phantom^Head', 'PHANTOM-0000', '2.25.', 'CT perfusion head',
           'Brain perfusion', 'Referrer', 'MODALITY', 'TESTER')


class Bench(unittest.TestCase):
    """One node for the class; settings and with_pacs are the class's to set."""

    settings = {'study.quiet_s': 2}
    with_pacs = True
    program = PROGRAM
    env = None

    @classmethod
    def setUpClass(cls):
        if not cls.program:
            raise unittest.SkipTest('no program with test hooks (--hooks)')
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='hilum-e2e-'))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.pacs = None
        if cls.with_pacs:
            cls.pacs = Orthanc(cls.folder / 'pacs').start()
            cls.addClassCleanup(cls.pacs.stop)
        cls.node = Node(cls.program, cls.folder / 'node', cls.pacs, cls.settings, cls.env).start()
        cls.addClassCleanup(cls.end)

    @classmethod
    def end(cls):
        cls.node.kill()

    def assert_log_is_clean(self, *markers):
        done = subprocess.run([ROOT / 'tools/check-phi.sh', '--log', self.node.log, *MARKERS, *markers],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def results_in_pacs(self, source_classes=('1.2.840.10008.5.1.4.1.1.2',)):
        return [i for i in self.pacs.instances() if i['SOPClassUID'] not in source_classes]
