"""docs/conformance.md against a running node: what it accepts, refuses and answers, on the wire."""
import os
import pathlib
import re
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'tests/e2e'))

from pydicom import dcmread  # noqa: E402
from pydicom._uid_dict import UID_dictionary  # noqa: E402

import dimse  # noqa: E402
from node import Node  # noqa: E402
from test_reception import nested, small_ct  # noqa: E402

TEXT = (ROOT / 'docs/conformance.md').read_text()
HTJ2K = ['1.2.840.10008.1.2.4.201', '1.2.840.10008.1.2.4.202', '1.2.840.10008.1.2.4.203',
         '1.2.840.10008.1.2.4.204', '1.2.840.10008.1.2.4.205']  # younger than this pydicom
PRIVATE = '1.2.826.0.1.3680043.2.1143.107.104.103.1'
ALL_CONTEXTS = 128
MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4'


def section(title):
    """The text below the heading that begins with that, to the next heading."""
    start = re.search(rf'^#+ {re.escape(title)}.*$', TEXT, re.M)
    return re.split(r'^#+ ', TEXT[start.end():], maxsplit=1, flags=re.M)[0]


def column(text, number):
    rows = [re.split(r' *\| *', line.strip('| ')) for line in text.splitlines() if line.startswith('|')]
    return [row[number] for row in rows[2:]]


class Conformance(unittest.TestCase):
    settings = {'receive.instance_bytes_max': 1048576, 'peers': [{'ae_title': 'TESTER'}]}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='hilum-conformance-')
        cls.addClassCleanup(folder.cleanup)
        cls.node = Node(os.environ['HILUM_PROGRAM'], folder.name, settings=cls.settings).start()
        cls.addClassCleanup(cls.node.kill)

    def offer(self, contexts):
        peer = dimse.Association(self.node.port, contexts)
        accepted = [i for i in range(len(contexts)) if 2 * i + 1 in peer.accepted]
        peer.release()
        return accepted

    def test_sop_classes_are_those_of_the_table(self):
        known = [uid for uid, entry in UID_dictionary.items() if entry[1] == 'SOP Class'] + [PRIVATE]
        accepted = []
        for at in range(0, len(known), ALL_CONTEXTS):
            part = known[at:at + ALL_CONTEXTS]
            accepted += [part[i] for i in self.offer([(uid, [dimse.EXPLICIT]) for uid in part])]
        table = column(section('Appendix A'), 1)
        self.assertEqual(set(accepted), set(table) | {dimse.VERIFICATION, dimse.STORAGE_COMMITMENT})
        self.assertEqual(int(re.search(r'Storage: (\d+) classes', TEXT)[1]), len(table))

    def test_transfer_syntaxes_are_those_of_the_table(self):
        known = [uid for uid, entry in UID_dictionary.items() if entry[1] == 'Transfer Syntax'] + HTJ2K
        accepted = self.offer([(dimse.CT_IMAGE, [uid]) for uid in known])
        self.assertEqual({known[i] for i in accepted}, set(column(section('3.2.3'), 1)))

    def test_the_first_syntax_that_is_taken_is_chosen(self):
        peer = dimse.Association(self.node.port, [(dimse.CT_IMAGE, ['1.2.3.4', dimse.EXPLICIT, dimse.IMPLICIT])])
        self.assertEqual(peer.accepted, {1: dimse.EXPLICIT})
        peer.release()

    def test_rejections_are_those_of_the_table(self):
        found = set()
        for titles in ({'called': 'NOBODY'}, {'calling': 'NOBODY'}):
            with self.assertRaises(dimse.Refused) as refused:
                dimse.Association(self.node.port, [(dimse.VERIFICATION, [dimse.IMPLICIT])], **titles)
            found.add(tuple(refused.exception.args[1][1:4]))
        rows = section('3.2.2')[section('3.2.2').index('| result |'):]
        table = {tuple(int(column(rows, i)[n].split()[0]) for i in range(3)) for n in range(len(column(rows, 0)))}
        self.assertEqual(found | {(2, 3, 1)}, table)  # the third, congestion: tests/e2e

    def store(self, data_set, sop_class=dimse.CT_IMAGE, uid='1.2.826.0.1.7.9'):
        peer = dimse.Association(self.node.port, [(dimse.CT_IMAGE, [dimse.EXPLICIT])])
        try:
            return peer.store(1, sop_class, uid, data_set)
        finally:
            peer.release()

    def test_statuses_are_those_of_the_table(self):
        uid = '1.2.826.0.1.7.9'
        found = {
            self.store(small_ct(uid)), self.store(small_ct(uid)),
            self.store(small_ct(uid), sop_class=MR_IMAGE),
            self.store(small_ct(uid) + bytes(2 << 20)),
            self.store(small_ct('1.2.826.0.1.7.8')),
            self.store(small_ct(uid, (0x0040, 0x0555, nested(17)))),
        }
        self.assertEqual({f'{status:04X}' for status in found}, set(column(section('3.2.5'), 0)))

    def test_other_messages_end_the_association(self):
        peer = dimse.Association(self.node.port, [(dimse.CT_IMAGE, [dimse.EXPLICIT])])
        peer.send(1, dimse.command((0x0002, dimse.CT_IMAGE), (0x0100, 0x0020), (0x0110, 1), (0x0700, 0),
                                   (0x0800, 1)), True)  # C-FIND
        self.addCleanup(peer.close)
        with self.assertRaises(dimse.Refused) as refused:
            peer.response()
        self.assertEqual(refused.exception.args[0], 'aborted')

    def test_files_bear_the_implementation_that_is_stated(self):
        self.store(small_ct('1.2.826.0.1.7.7'), uid='1.2.826.0.1.7.7')
        meta = dcmread(self.node.storage_files()[0], stop_before_pixels=True).file_meta
        stated = re.search(r'in files: (\S+), (\S+)', TEXT).groups()
        self.assertEqual(stated, (meta.ImplementationClassUID, meta.ImplementationVersionName))


if __name__ == '__main__':
    unittest.main()
