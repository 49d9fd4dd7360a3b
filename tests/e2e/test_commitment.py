"""Storage commitment: the node answers for what it holds, over the association that asks."""
import io
import os
import unittest
import warnings

import pydicom
from case import Bench
from dimse import CT_IMAGE, EXPLICIT, IMPLICIT, STORAGE_COMMITMENT, Association, Part10, Refused
from study import Phantom, storescu
from test_reception import nested, small_ct

MR_IMAGE = '1.2.840.10008.5.1.4.1.1.4'
ALL_HELD, FAILURES = 1, 2
NO_SUCH_OBJECT, CLASS_CONFLICT, PROCESSING_FAILURE = 0x0112, 0x0119, 0x0110


warnings.filterwarnings('ignore', module='pydicom')  # one UID is wrong on purpose


def request(transaction, references, is_implicit=False):
    data_set = pydicom.Dataset()
    data_set.TransactionUID = transaction
    items = []  # appended to a Sequence one by one they take a time that grows with the square
    for sop_class, sop_uid in references:
        item = pydicom.Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_uid
        items.append(item)
    data_set.ReferencedSOPSequence = pydicom.Sequence(items)
    out = pydicom.filebase.DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, is_implicit
    pydicom.filewriter.write_dataset(out, data_set)
    return out.getvalue()


def read(data, is_implicit=False):
    return pydicom.filereader.read_dataset(io.BytesIO(data), is_implicit, True)


def pairs(data_set, name):
    return [(i.ReferencedSOPClassUID, i.ReferencedSOPInstanceUID) for i in data_set.get(name, [])]


class Commitment(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 1, 'rules.0.quiet_s': 60}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        phantom = Phantom(size=64, slices=4, frames=4, seed=3)
        assert storescu(cls.node.port, 'HILUM', phantom.files).returncode == 0
        cls.held = [(CT_IMAGE, Part10(f).sop_uid) for f in phantom.files]

    def ask(self, references, transaction='1.2.826.0.1.20.1', syntax=EXPLICIT):
        """Event type and data set of the report."""
        peer = Association(self.node.port, [(STORAGE_COMMITMENT, [syntax])])
        is_implicit = syntax == IMPLICIT
        self.assertEqual(peer.action(1, request(transaction, references, is_implicit)), 0)
        event, data = peer.event(1)
        peer.release()
        report = read(data, is_implicit)
        self.assertEqual(report.TransactionUID, transaction)
        return event, report

    def test_1_all_that_was_stored_is_held(self):
        for syntax in (EXPLICIT, IMPLICIT):
            event, report = self.ask(self.held, syntax=syntax)
            self.assertEqual(event, ALL_HELD)
            self.assertEqual(pairs(report, 'ReferencedSOPSequence'), self.held)
            self.assertNotIn('FailedSOPSequence', report)

    def test_2_what_is_not_there_is_told_with_the_reason(self):
        wrong = [(CT_IMAGE, '1.2.826.0.1.20.99'), (MR_IMAGE, self.held[0][1])]
        event, report = self.ask(wrong + self.held[1:3])
        self.assertEqual(event, FAILURES)
        self.assertEqual(pairs(report, 'ReferencedSOPSequence'), self.held[1:3])
        self.assertEqual(pairs(report, 'FailedSOPSequence'), wrong)
        self.assertEqual([i.FailureReason for i in report.FailedSOPSequence], [NO_SUCH_OBJECT, CLASS_CONFLICT])

    def test_3_asked_after_storing_over_the_same_association(self):
        uid = '1.2.826.0.1.20.3'
        peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT]), (STORAGE_COMMITMENT, [IMPLICIT])])
        self.assertEqual(peer.store(1, CT_IMAGE, uid, small_ct(uid)), 0)
        self.assertEqual(peer.action(3, request('1.2.826.0.1.20.4', [(CT_IMAGE, uid)], True)), 0)
        self.assertEqual(peer.event(3)[0], ALL_HELD)
        self.assertEqual(peer.store(1, CT_IMAGE, uid, small_ct(uid)), 0, 'and it goes on')
        peer.release()

    def test_4_after_a_restart_and_after_a_kill(self):
        for end in (self.node.stop, self.node.kill):
            end()
            self.node.start()
            self.assertEqual(self.ask(self.held)[0], ALL_HELD)

    def test_5_a_file_that_was_taken_away_is_not_held(self):
        os.remove(next(f for f in self.node.storage_files() if Part10(f).sop_uid == self.held[5][1]))
        event, report = self.ask(self.held[4:6])
        self.assertEqual(event, FAILURES)
        self.assertEqual([i.FailureReason for i in report.FailedSOPSequence], [PROCESSING_FAILURE])

    def test_6_ten_thousand_at_once(self):
        event, report = self.ask([(CT_IMAGE, f'1.2.826.0.1.21.{i}') for i in range(10000)] + self.held[:1])
        self.assertEqual((event, len(report.FailedSOPSequence)), (FAILURES, 10000))

    def test_7_what_is_no_request_is_refused_and_costs_nothing(self):
        good = request('1.2.826.0.1.20.5', self.held[:1])
        for name, data, more in (('no transaction', request('', self.held[:1]), {}),
                                 ('nothing referenced', request('1.2.3', []), {}),
                                 ('an odd UID', request('1.2.3', [(CT_IMAGE, '../../x')]), {}),
                                 ('20000 sequences', good + nested(20000), {}),
                                 ('cut short', good[:-5], {}),
                                 ('another action', good, {'action_type': 2}),
                                 ('another class', good, {'sop_class': '1.2.840.10008.1.20.2'})):
            with self.subTest(name=name):
                peer = Association(self.node.port, [(STORAGE_COMMITMENT, [EXPLICIT])])
                self.assertNotEqual(peer.action(1, data, **more), 0)
                self.assertEqual(peer.action(1, good), 0, 'the association goes on')
                self.assertEqual(peer.event(1)[0], ALL_HELD)
                peer.release()
        peer = Association(self.node.port, [(STORAGE_COMMITMENT, [EXPLICIT])])
        peer.send(1, good, False)  # a data set without a command
        with self.assertRaises(Refused):
            peer.response()
        self.assertEqual(self.node.echo(), 0)
        self.assertEqual(os.listdir(self.node.state / 'spool'), [])
        self.assert_log_is_clean('1.2.826.0.1.2')


if __name__ == '__main__':
    unittest.main()
