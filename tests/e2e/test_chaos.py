"""Kill -9 of node, receiver, worker and PACS; a few rounds here, chaos.py does as many as one likes."""
import pathlib
import shutil
import tempfile
import unittest

import chaos
from case import PROGRAM


class Killing(unittest.TestCase):
    def test_at_random_points_loses_nothing_that_was_acknowledged(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix='hilum-chaos-'))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        problems = chaos.run(PROGRAM, 8, 3, folder, lambda text: print('         ', text, flush=True))
        self.assertEqual(problems, [])
