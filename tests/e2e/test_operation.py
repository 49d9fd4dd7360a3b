"""What an operator counts on: a disk that fills and empties, a stroke before a backlog, systemd, confined children."""
import os
import pathlib
import re
import socket
import struct
import subprocess
import tempfile
import time
import unittest

from case import Bench
from dimse import CT_IMAGE, EXPLICIT, VERIFICATION, IMPLICIT, Association, Part10, Refused, explicit
from node import Node
from study import Phantom, storescu
from test_reception import small_ct

MIB = 1 << 20


def large_ct(uid, size):
    return small_ct(uid, (0x0009, 0x1001, explicit(0x0009, 0x1001, 'OB', os.urandom(size))))


class A_disk_that_fills(Bench):
    """State on a tmpfs of 96 MiB of which nothing is kept free: writes themselves fail."""

    with_pacs = False
    settings = {'study.quiet_s': 2, 'receive.spool_free_bytes_min': 0}

    @classmethod
    def setUpClass(cls):
        cls.disk = pathlib.Path(tempfile.mkdtemp(prefix='hilum-disk-'))
        cls.addClassCleanup(cls.disk.rmdir)
        mounted = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', cls.disk], capture_output=True)
        if mounted.returncode:
            raise unittest.SkipTest('no right to mount a tmpfs')
        cls.addClassCleanup(subprocess.run, ['umount', '-l', cls.disk])
        cls.settings = dict(cls.settings, **{'node.state_dir': str(cls.disk / 'state')})
        super().setUpClass()
        cls.node.state = cls.disk / 'state'

    def send(self, numbers):
        """{number: status} of instances of 3 MiB, each over its own association."""
        found = {}
        for i in numbers:
            uid = f'1.2.826.0.1.30.{i}'
            peer = Association(self.node.port, [(CT_IMAGE, [EXPLICIT])], timeout_s=60)
            found[i] = peer.store(1, CT_IMAGE, uid, large_ct(uid, 3 * MIB))
            peer.release()
        return found

    def test_answers_out_of_resources_keeps_what_it_has_and_goes_on_by_itself(self):
        filler = self.disk / 'filler'
        filler.write_bytes(bytes(40 * MIB))
        statuses = self.send(range(30))
        kept = [i for i, status in statuses.items() if status == 0]
        self.assertGreater(len(kept), 5)
        self.assertEqual({s for s in statuses.values() if s}, {0xA700}, statuses)

        self.assertTrue(self.node.is_running())
        held = {Part10(f).sop_uid for f in self.node.storage_files()}
        self.assertEqual(held, {f'1.2.826.0.1.30.{i}' for i in kept}, 'nothing half-written, nothing lost')
        self.assertEqual(os.listdir(self.node.state / 'spool'), [])

        filler.unlink()
        refused = [i for i in statuses if i not in kept]
        again = self.send(refused[:8])
        self.assertEqual(set(again.values()), {0}, 'space has come back')
        self.assertEqual(self.node.instances(), len(kept) + 8)
        self.node.kill()
        self.node.start()
        self.assertEqual(self.node.instances(), len(kept) + 8)


class A_stroke_behind_a_backlog(Bench):
    """Ten routine studies are released at once and wait for the one worker; then a stroke comes."""

    with_pacs = False

    @classmethod
    def setUpClass(cls):
        rule = {'name': 'routine', 'calling_ae': 'MODALITY', 'analyses': ['ct_perfusion'], 'priority': -5}
        stroke = {'name': 'stroke', 'calling_ae': 'STROKE', 'analyses': ['ct_perfusion'], 'priority': 100, 'quiet_s': 1}
        cls.settings = {'study.quiet_s': 600, 'rules': [rule, stroke]}
        super().setUpClass()

    def starts(self):
        return [line for line in self.node.log.read_text().splitlines() if 'job.start' in line]

    def send(self, phantom, calling):
        sent = subprocess.run(['storescu', '-aet', calling, '-aec', 'HILUM', '127.0.0.1', str(self.node.port),
                               *phantom.files], capture_output=True, env=dict(os.environ, TCP_NODELAY='1'))
        self.assertEqual(sent.returncode, 0)

    def test_is_analysed_next(self):
        phantoms = [Phantom(size=128, slices=8, frames=40, seed=seed) for seed in range(40, 51)]
        for phantom in phantoms[:10]:
            self.send(phantom, 'MODALITY')
        for study in self.node.status()['studies']:
            self.assertEqual(self.node.command('release', study['id']).returncode, 0)
        self.send(phantoms[10], 'STROKE')
        status = self.node.wait(lambda s: any(j['rule'] == 'stroke' for j in s['jobs']), 60, 'the stroke has a job')
        started = len(self.starts())
        stroke = next(j['id'] for j in status['jobs'] if j['rule'] == 'stroke')
        self.assertGreater(sum(j['state'] == 'queued' for j in status['jobs']), 1, 'a backlog')
        self.node.wait(lambda s: any(j['id'] == stroke and j['state'] in ('done', 'refused') for j in s['jobs']), 120,
                       'the stroke is done')
        place = next(i for i, line in enumerate(self.starts()) if f'job={stroke} ' in line)
        self.assertLessEqual(place, started, 'at most the job that ran was before it')


class A_service_manager(unittest.TestCase):
    def test_is_told_ready_alive_and_stopping(self):
        with tempfile.TemporaryDirectory(prefix='hilum-notify-') as folder:
            path = os.path.join(folder, 'socket')
            manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            manager.bind(path)
            manager.settimeout(10)
            node = Node(os.environ['HILUM_PROGRAM'], pathlib.Path(folder) / 'node',
                        env={'NOTIFY_SOCKET': path, 'WATCHDOG_USEC': '400000'})
            try:
                node.start()
                self.assertEqual(manager.recv(100), b'READY=1')
                began = time.monotonic()
                self.assertEqual([manager.recv(100) for _ in range(5)], [b'WATCHDOG=1'] * 5)
                self.assertLess(time.monotonic() - began, 5)
                self.assertEqual(node.stop(), 0)
                rest = []
                manager.settimeout(0.5)
                while True:
                    try:
                        rest.append(manager.recv(100))
                    except socket.timeout:
                        break
                self.assertIn(b'STOPPING=1', rest)
            finally:
                node.kill()
                manager.close()


class Metrics(Bench):
    settings = {'study.quiet_s': 1, 'rules.0.quiet_s': 1}
    with_pacs = False

    def metrics(self):
        """{'name{labels}': value}; every line must be one of the text format."""
        done = self.node.command('status', '--metrics')
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {}
        for line in done.stdout.splitlines():
            if not re.fullmatch(r'# HELP hilum_\w+ \S.*|# TYPE hilum_\w+ (gauge|counter)', line):
                match = re.fullmatch(r'(hilum_\w+(?:\{\w+="[^"]*"\})?) (\d+)', line)
                self.assertIsNotNone(match, line)
                self.assertNotIn(match[1], found)
                found[match[1]] = int(match[2])
        self.assertNotRegex(done.stdout, 'MODALITY|Phantom|2\\.25')
        return found

    def test_count_what_came_and_what_became_of_it(self):
        before = self.metrics()
        phantom = Phantom(size=128, slices=8, frames=40, seed=41)
        self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
        self.node.wait(lambda s: s['jobs'] and s['jobs'][0]['state'] == 'sending', 60, 'results to be sent')
        self.node.wait(lambda s: s['destinations'][0]['last_fault'], 30, 'no PACS is there')
        after = self.metrics()
        images = len(phantom.files)
        self.assertEqual(after['hilum_instances_stored_total'] - before['hilum_instances_stored_total'], images)
        self.assertEqual((after['hilum_instances'], after['hilum_studies'], after['hilum_studies_open']), (images, 1, 0))
        self.assertEqual((after['hilum_jobs{state="sending"}'], after['hilum_jobs{state="queued"}']), (1, 0))
        self.assertGreater(after['hilum_deliveries{state="pending"}'], 5)
        self.assertEqual(after['hilum_destination_failing{destination="pacs"}'], 1)
        self.assertGreater(after['hilum_received_bytes_total'], images * 30000)


class A_command_without_end(Bench):
    with_pacs = False
    settings = {'receive.receivers': 1}

    def test_costs_its_receiver_not_the_machines_memory(self):
        peer = Association(self.node.port, [(VERIFICATION, [IMPLICIT])])
        part = bytes(100000)
        head = struct.pack('<HHI', 0, 0x1000, 0xFFFFFFF0)
        most = 0
        with self.assertRaises((Refused, OSError)):
            for i in range(40000):
                body = (head if i == 0 else b'') + part
                peer.socket.sendall(struct.pack('>BBIIBB', 4, 0, len(body) + 6, len(body) + 2, 1, 1) + body)
                if i % 500 == 0:
                    most = max(most, *map(self.resident, self.node.children()), 0)
            peer.response()
        self.assertLess(most, 1200 * MIB)
        self.node.wait(lambda s: s['receive']['associations'] == 0, 10, 'the receiver is free')
        self.assertEqual(self.node.echo(), 0)

    def resident(self, pid):
        try:
            return int(pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]) * 4096
        except OSError:
            return 0


if __name__ == '__main__':
    unittest.main()
