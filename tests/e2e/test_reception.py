"""Whatever peers send: valid files are kept bit by bit, the rest is refused, and the node lives."""
import argparse
import hashlib
import os
import pathlib
import random
import socket
import struct
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

from case import Bench
from dimse import (CT_IMAGE, EXPLICIT, IMPLICIT, VERIFICATION, Association, Part10, Refused, command, explicit,
                   trickle)
from study import Phantom, data, storescu


def small_ct(sop_uid, *more):
    """Bytes of a minimal CT data set; more: elements to put in, sorted by the caller's tags."""
    parts = [(0x0008, 0x0016, 'UI', CT_IMAGE), (0x0008, 0x0018, 'UI', sop_uid), (0x0008, 0x0060, 'CS', 'CT'),
             (0x0010, 0x0010, 'PN', 'MARKERNAME^X'), (0x0010, 0x0020, 'LO', 'MARKERID'),
             (0x0020, 0x000D, 'UI', '1.2.826.0.1.7.1'), (0x0020, 0x000E, 'UI', '1.2.826.0.1.7.2'),
             (0x0028, 0x0010, 'US', struct.pack('<H', 2)), (0x0028, 0x0011, 'US', struct.pack('<H', 2)),
             (0x7FE0, 0x0010, 'OW', bytes(8))]
    found = {(g, e): explicit(g, e, vr, v) for g, e, vr, v in parts}
    for group, number, raw in more:
        found[group, number] = raw
    return b''.join(raw for _, raw in sorted(found.items()))


def nested(depth):
    """A sequence within a sequence, depth times, of undefined length."""
    head = struct.pack('<HH2sHI', 0x0040, 0x0555, b'SQ', 0, 0xFFFFFFFF) + struct.pack('<HHI', 0xFFFE, 0xE000, 0xFFFFFFFF)
    tail = struct.pack('<HHI', 0xFFFE, 0xE00D, 0) + struct.pack('<HHI', 0xFFFE, 0xE0DD, 0)
    return head * depth + tail * depth


class Receiving(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 2}

    def tearDown(self):
        self.assertTrue(self.node.is_running(), 'the node has ended')
        self.assertEqual(self.node.echo(), 0)

    def store(self, data_set, sop_uid, sop_class=CT_IMAGE, syntax=EXPLICIT):
        """Status of a C-STORE, or the word for how the association ended."""
        try:
            peer = Association(self.node.port, [(sop_class, [syntax])])
        except Refused as refused:
            return refused.args[0]
        try:
            context = peer.context(sop_class, syntax)
            if context is None:
                return 'no context'
            return peer.store(context, sop_class, sop_uid, data_set)
        except Refused as refused:
            return refused.args[0]
        finally:
            peer.close()

    def stored_data_sets(self):
        found = {}
        for f in self.node.storage_files():
            part = Part10(f)
            found[part.sop_uid] = part.data
        return found

    def test_a_plain_image_is_kept_bit_by_bit(self):
        uid = '1.2.826.0.1.7.3.1'
        data_set = small_ct(uid)
        self.assertEqual(self.store(data_set, uid), 0)
        self.assertEqual(self.stored_data_sets()[uid], data_set)

    def test_a_repeated_image_is_success_and_changes_nothing(self):
        uid = '1.2.826.0.1.7.3.2'
        self.assertEqual(self.store(small_ct(uid), uid), 0)
        before = self.node.status()['counts'], len(self.node.storage_files())
        self.assertEqual(self.store(small_ct(uid), uid), 0)
        self.assertEqual((self.node.status()['counts'], len(self.node.storage_files())), before)

    def test_a_uid_unlike_that_of_the_command_is_refused(self):
        self.assertNotIn(self.store(small_ct('1.2.826.0.1.7.3.3'), '1.2.826.0.1.7.3.4'), (0,))

    def test_a_uid_that_is_a_path_is_refused_and_makes_no_file(self):
        for uid in ('../../../../tmp/hilum-evil', '/tmp/hilum-evil', '1.2..3', '1.2.3; rm', '1' * 65):
            with self.subTest(uid=uid):
                self.assertNotEqual(self.store(small_ct(uid), uid), 0)
        self.assertFalse(pathlib.Path('/tmp/hilum-evil').exists())

    def test_a_data_set_without_study_is_refused(self):
        uid = '1.2.826.0.1.7.3.5'
        raw = small_ct(uid).replace(explicit(0x0020, 0x000D, 'UI', '1.2.826.0.1.7.1'), b'')
        self.assertNotEqual(self.store(raw, uid), 0)

    def test_twenty_thousand_nested_sequences_are_refused(self):
        uid = '1.2.826.0.1.7.3.6'
        status = self.store(small_ct(uid, (0x0040, 0x0555, nested(20000))), uid)
        self.assertNotEqual(status, 0)

    def test_lengths_beyond_the_data_are_refused(self):
        for name, raw in {
            'element of 4 GB': struct.pack('<HH2sHI', 0x0009, 0x1001, b'OB', 0, 0xFFFFFFF0),
            'text of 60000 bytes': struct.pack('<HH2sH', 0x0009, 0x1001, b'LO', 60000),
            'item that is too long': struct.pack('<HH2sHI', 0x0009, 0x1001, b'SQ', 0, 16)
            + struct.pack('<HHI', 0xFFFE, 0xE000, 4000) + bytes(8),
        }.items():
            with self.subTest(name=name):
                uid = '1.2.826.0.1.7.4.' + str(len(name))
                self.assertNotEqual(self.store(small_ct(uid, (0x0009, 0x1001, raw)), uid), 0)

    def test_a_data_set_cut_anywhere_is_refused_or_lacks_only_pixels(self):
        uid = '1.2.826.0.1.7.5.1'
        whole = small_ct(uid)
        pixels = whole.index(struct.pack('<HH', 0x7FE0, 0x0010))
        for size in range(0, pixels, 7):
            if size and self.store(whole[:size], uid) == 0:
                # Cut between two elements it may be a shorter, whole data set - never less than its UIDs.
                self.assertGreater(size, whole.index(b'1.2.826.0.1.7.2'))
        self.assertNotEqual(self.store(whole[:-3], '1.2.826.0.1.7.5.2'), 0)

    def test_random_bytes_on_the_port_cost_only_their_connection(self):
        rng = random.Random(5)
        for _ in range(60):
            with socket.create_connection(('127.0.0.1', self.node.port), 10) as s:
                s.settimeout(0.2)
                kind = rng.choice((0, 1, 2, 4, 5, 7, 71))
                size = rng.choice((0, 4, 68, 500, 0xFFFFFFFF, 0x7FFFFFFF))
                try:
                    s.sendall(struct.pack('>BBI', kind, 0, size) + rng.randbytes(rng.randrange(400)))
                    s.recv(100)
                except OSError:
                    pass

    def test_broken_associations_leave_no_files_and_no_rows(self):
        before = self.node.instances()
        uid = '1.2.826.0.1.7.6.1'
        for how in ('abort', 'close'):
            peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])])
            peer.start_store(1, CT_IMAGE, uid)
            peer.send(1, small_ct(uid)[:100], True)  # wrongly flagged, and then gone
            getattr(peer, how)()
        self.assertEqual(self.node.instances(), before)

    def test_a_slow_peer_holds_up_nobody(self):
        slow = [socket.create_connection(('127.0.0.1', self.node.port), 10) for _ in range(2)]
        for s in slow:
            s.sendall(b'\1\0')
        try:
            self.assertEqual(self.node.echo(), 0)
        finally:
            for s in slow:
                s.close()

    def test_an_unknown_sop_class_and_a_wrong_called_title_are_rejected(self):
        self.assertEqual(self.store(b'', '1.2.3', sop_class='1.2.826.0.1.99.99'), 'no context')
        with self.assertRaises(Refused):
            Association(self.node.port, [(VERIFICATION, [IMPLICIT])], called='SOMEBODY')

    def test_the_log_holds_nothing_of_peers_and_patients(self):
        self.assert_log_is_clean('1.2.826.0.1.7')


class Odd_files(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 2}

    def test_every_odd_file_is_kept_bit_by_bit_or_refused(self):
        folder = data('odd-dicom')
        kept = refused = 0
        seen = {}
        for path in sorted(f for f in folder.rglob('*') if f.is_file()):
            try:
                part = Part10(path)
            except (ValueError, struct.error):
                continue
            status = self.offer(part)
            with self.subTest(file=str(path.relative_to(folder))):
                self.assertTrue(self.node.is_running())
                if status == 0:
                    kept += 1
                    seen.setdefault(part.sop_uid, hashlib.sha256(part.data).hexdigest())
                else:
                    refused += 1
        print(f'          {kept} kept ({len(seen)} different), {refused} refused')
        self.assertGreater(kept, 200)
        held = {}
        for f in self.node.storage_files():
            part = Part10(f)
            held[part.sop_uid] = hashlib.sha256(part.data).hexdigest()
        self.assertEqual({u: h for u, h in held.items() if seen.get(u) != h}, {})
        self.assertEqual(set(seen) - set(held), set())
        self.assertEqual(self.node.instances(), len(seen))
        self.node.wait(lambda s: all(t['state'] == 'closed' for t in s['studies']), 60, 'odd studies closed')
        self.assertEqual([j for j in self.node.status()['jobs'] if j['state'] == 'done'], [])

    def offer(self, part):
        try:
            peer = Association(self.node.port, [(part.sop_class, [part.syntax])])
            context = peer.context(part.sop_class, part.syntax)
            if context is None:
                peer.release()
                return 'no context'
            status = peer.store(context, part.sop_class, part.sop_uid, part.data)
            peer.release()
            return status
        except Refused as refused:
            return refused.args[0]


class Studies_that_nothing_wants(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 2,
                'rules': [{'name': 'stroke perfusion', 'modality': 'CT', 'analyses': ['ct_perfusion']},
                          {'name': 'stroke perfusion, MR', 'modality': 'MR', 'analyses': ['mr_perfusion']}]}

    def check(self, folder, pattern):
        files = sorted(f for f in folder.rglob(pattern) if f.is_file())
        before = self.node.status()['counts'].get('studies', 0)
        peer_files = 0
        by_kind = {}
        for f in files:
            try:
                part = Part10(f)
            except (ValueError, struct.error):
                continue
            by_kind.setdefault((part.sop_class, part.syntax), []).append(part)
        for (sop_class, syntax), parts in by_kind.items():
            peer = Association(self.node.port, [(sop_class, [syntax])])
            for part in parts:
                status = peer.store(peer.context(sop_class, syntax), sop_class, part.sop_uid, part.data)
                self.assertEqual(status, 0, part.sop_uid)
                peer_files += 1
            peer.release()
        self.assertGreater(peer_files, 10)
        status = self.node.wait(lambda s: len(s['studies']) > before
                                and all(t['state'] == 'closed' for t in s['studies']), 60, 'study closed')
        self.assertEqual(status['jobs'], [])
        self.assertTrue(all(t['note'] for t in status['studies']), status['studies'])

    def test_a_chest_ct_has_no_job_and_the_node_says_so(self):
        self.check(data('lung/LIDC-IDRI-0001'), '*')

    def test_a_cardiac_mr_without_a_rule_for_it_has_no_job_and_the_node_says_so(self):
        self.check(data('cardiac/scd_dicom'), '*')


class Limits(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 2, 'receive.receivers': 1, 'receive.associations_max': 2,
                'receive.idle_timeout_s': 3}

    def test_associations_beyond_the_limit_are_rejected_or_wait_and_idle_ones_end(self):
        held = []
        outcomes = []
        for _ in range(5):
            try:
                held.append(Association(self.node.port, [(VERIFICATION, [IMPLICIT])], timeout_s=6))
                outcomes.append('served')
            except Refused as refused:
                outcomes.append(refused.args[0])
            except socket.timeout:
                outcomes.append('waits')
        for peer in held:
            peer.close()
        self.assertIn('rejected', outcomes)
        # The receivers see the ends in their own time: until then the answer is a transient rejection.
        self.node.wait(lambda s: s['receive']['associations'] == 0, 10, 'the associations have ended')
        self.assertEqual(self.node.echo(), 0)

    def test_silent_peers_lose_their_association_and_their_receiver_is_free_again(self):
        self.node.wait(lambda s: s['receive']['associations'] == 0, 10, 'nobody is there')
        silent = [Association(self.node.port, [(VERIFICATION, [IMPLICIT])], timeout_s=15) for _ in range(2)]
        self.assertEqual([peer.socket.recv(1) for peer in silent], [b'\7', b'\7'], 'A-ABORT after idle_timeout_s')
        self.node.wait(lambda s: s['receive']['associations'] == 0, 10, 'the receivers are free')
        for peer in silent:
            peer.close()


class Slow_peers(Bench):
    """Each sends something all the time: no time-out between two reads ever meets them."""

    with_pacs = False
    settings = {'study.quiet_s': 2, 'receive.receivers': 1, 'receive.associations_max': 1,
                'receive.idle_timeout_s': 2, 'receive.dimse_timeout_s': 2, 'receive.bytes_per_s_min': 1000,
                'receive.association_timeout_s': 8}

    def setUp(self):
        self.node.wait(lambda s: s['receive']['associations'] == 0, 10, 'the receiver is free')

    def assert_free_again(self, reason):
        self.node.wait(lambda s: s['receive']['associations'] == 0, 10, 'the receiver is free')
        self.assertEqual(self.node.echo(), 0)
        self.assertRegex(self.node.log.read_text(), reason)

    def test_an_association_request_byte_by_byte(self):
        contexts = [(VERIFICATION, [IMPLICIT])]
        request = Association.request(argparse.Namespace(contexts=contexts), 'HILUM', 'TESTER', 65536)
        with socket.create_connection(('127.0.0.1', self.node.port), 10) as peer:
            seconds, _ = trickle(peer, request, 0.3)
        self.assertLess(seconds, 5)
        self.assert_free_again('no whole message')

    def test_a_command_byte_by_byte(self):
        peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])])
        words = command((0x0002, CT_IMAGE), (0x0100, 0x0001), (0x0110, 1), (0x0700, 0), (0x0800, 1), (0x1000, '1.2.3'))
        pdv = struct.pack('>IBB', len(words) + 2, 1, 3) + words
        seconds, answer = trickle(peer.socket, struct.pack('>BBI', 4, 0, len(pdv)) + pdv, 0.3)
        self.assertLess(seconds, 6)
        self.assertEqual(answer[:1], b'\7', 'A-ABORT')
        self.assert_free_again('no whole message|read timeout')

    def test_a_data_set_byte_by_byte(self):
        peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])])
        data_set = small_ct('1.2.826.0.1.7.8.1')
        peer.start_store(1, CT_IMAGE, '1.2.826.0.1.7.8.1')
        pdv = struct.pack('>IBB', len(data_set) + 2, 1, 2) + data_set
        seconds, answer = trickle(peer.socket, struct.pack('>BBI', 4, 0, len(pdv)) + pdv, 0.1)
        self.assertLess(seconds, 6)
        self.assertEqual(answer[:1], b'\7', 'A-ABORT')
        self.assert_free_again('more slowly than|broke off')
        self.assertEqual(os.listdir(self.node.state / 'spool'), [])

    def test_a_data_set_in_pdus_of_a_byte(self):
        peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])])
        peer.start_store(1, CT_IMAGE, '1.2.826.0.1.7.8.3')
        began = time.monotonic()
        with self.assertRaises(OSError):
            for byte in small_ct('1.2.826.0.1.7.8.3'):
                peer.socket.sendall(struct.pack('>BBIIBBB', 4, 0, 7, 3, 1, 0, byte))
                time.sleep(0.05)
        self.assertLess(time.monotonic() - began, 9)
        self.assert_free_again('more slowly than receive.bytes_per_s_min')
        self.assertEqual(os.listdir(self.node.state / 'spool'), [])

    def test_a_data_set_that_keeps_just_above_the_rate_is_kept(self):
        uid = '1.2.826.0.1.7.8.2'
        data_set = small_ct(uid, (0x0009, 0x1001, explicit(0x0009, 0x1001, 'OB', bytes(9000))))
        peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])])
        peer.start_store(1, CT_IMAGE, uid)
        for at in range(0, len(data_set), 600):
            part = data_set[at:at + 600]
            pdv = struct.pack('>IBB', len(part) + 2, 1, 2 if at + 600 >= len(data_set) else 0) + part
            peer.socket.sendall(struct.pack('>BBI', 4, 0, len(pdv)) + pdv)
            time.sleep(0.3)
        self.assertEqual(peer.response(), 0)
        peer.release()

    def test_echoes_without_end(self):
        peer = Association(self.node.port, [(VERIFICATION, [IMPLICIT])])
        began = time.monotonic()
        with self.assertRaises(Refused) as refused:
            while time.monotonic() < began + 30:
                peer.echo()
                time.sleep(0.2)
        self.assertIn(refused.exception.args[0], ('aborted', 'closed'))
        self.assertLess(time.monotonic() - began, 12)
        self.assert_free_again('association_timeout_s')


class Spool(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 2, 'receive.spool_free_bytes_min': 2 ** 40}

    def test_a_full_disk_answers_out_of_resources(self):
        uid = '1.2.826.0.1.7.9.1'
        peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])])
        status = peer.store(1, CT_IMAGE, uid, small_ct(uid))
        peer.release()
        self.assertEqual(status & 0xFF00, 0xA700)
        self.assertEqual(self.node.instances(), 0)


class Four_at_once(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 60, 'rules.0.quiet_s': 60}

    def test_four_senders_side_by_side_lose_nothing(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=11)
        with ThreadPoolExecutor(4) as pool:
            done = list(pool.map(lambda i: storescu(self.node.port, 'HILUM', phantom.files[i::4]), range(4)))
        self.assertEqual([d.returncode for d in done], [0] * 4)
        self.assertEqual(self.node.instances(), len(phantom.files))
        self.assertEqual(len(self.node.storage_files()), len(phantom.files))
        self.assertEqual(os.listdir(self.node.state / 'spool') if (self.node.state / 'spool').is_dir() else [], [])


if __name__ == '__main__':
    unittest.main()
