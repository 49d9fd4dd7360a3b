"""Who may speak: titles, addresses, certificates; what is spoken on the encrypted port; a new configuration."""
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import settings_file
from case import Bench
from certificates import Authority
from dimse import IMPLICIT, VERIFICATION, Association, Refused
from node import is_listening
from orthanc import free_port
from study import Phantom

BCP_195 = {'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384',
           'ECDHE-RSA-AES256-GCM-SHA384'}
TITLE_NOT_RECOGNISED = b'\0\1\1\3'  # permanent, service user, calling AE title not recognised


class Encrypted(Bench):
    """A node with both ports, and the certificates of a hospital and of a stranger."""

    with_pacs = False

    @classmethod
    def setUpClass(cls):
        cls.keys = pathlib.Path(tempfile.mkdtemp(prefix='hilum-keys-'))
        cls.addClassCleanup(shutil.rmtree, cls.keys, ignore_errors=True)
        cls.hospital = Authority(cls.keys / 'hospital', 'Hospital')
        cls.stranger = Authority(cls.keys / 'stranger', 'Stranger')
        cls.certificate, cls.key = cls.hospital.issue('node')
        cls.tls_port = free_port()
        cls.settings = {
            'study.quiet_s': 1, 'rules.0.quiet_s': 1, 'receive.receivers': 2, 'tls.port': cls.tls_port,
            'tls.certificate': str(cls.certificate), 'tls.private_key': str(cls.key),
            'tls.trusted': str(cls.hospital.certificate),
            'peers': [{'ae_title': 'TESTER'}, {'ae_title': 'SAFE', 'tls': True},
                      {'ae_title': 'ELSEWHERE', 'address': '192.0.2.77'}, {'ae_title': 'HERE', 'address': '127.0.0.1'}],
            **cls.more()}
        super().setUpClass()

    @classmethod
    def more(cls):
        return {}

    def echoscu(self, identity, calling='SAFE', trusted=None):
        """Exit status of an encrypted C-ECHO; identity: (certificate, key) or None."""
        words = ['+tls', identity[1], identity[0]] if identity else ['+tla']
        done = subprocess.run(['echoscu', '-to', '5', *words, '+cf', trusted or self.hospital.certificate, '-aet', calling,
                               '-aec', 'HILUM', '127.0.0.1', str(self.tls_port)], capture_output=True, text=True)
        return done.returncode

    def s_client(self, *words):
        done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{self.tls_port}', '-cert', self.certificate,
                               '-key', self.key, *words], input='', capture_output=True, text=True, timeout=20)
        return done.stdout

    def handshake(self, *words):
        """(version, cipher) that came about, or None."""
        for line in self.s_client(*words).splitlines():
            if line.startswith('New, ') and 'Cipher is' in line:
                version, cipher = line.removeprefix('New, ').split(', Cipher is ')
                return None if cipher == '(NONE)' else (version, cipher)
        return None

    def serial(self):
        shown = self.s_client()
        pem = shown[shown.index('-----BEGIN'):shown.index('-----END')] + '-----END CERTIFICATE-----\n'
        return subprocess.run(['openssl', 'x509', '-noout', '-serial'], input=pem, capture_output=True, text=True).stdout

    def rejection(self, calling):
        with self.assertRaises(Refused) as refused:
            Association(self.node.port, [(VERIFICATION, [IMPLICIT])], calling=calling)
        return refused.exception.args

    def reload(self, settings, expect='rules='):
        text = self.node.config.read_text()
        self.node.config.write_text(settings_file.change(text, settings))
        told = self.node.log.read_text().count('node.reload')
        self.node.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + 10
        while self.node.log.read_text().count('node.reload') == told and time.monotonic() < until:
            time.sleep(0.05)
        line = [x for x in self.node.log.read_text().splitlines() if 'node.reload' in x][-1]
        self.assertIn(expect, line)


class Peers(Encrypted):
    def test_an_unknown_title_is_rejected_with_the_reason(self):
        self.assertEqual(self.rejection('NOBODY'), ('rejected', TITLE_NOT_RECOGNISED))

    def test_a_known_title_from_another_address_is_rejected_with_the_reason(self):
        self.assertEqual(self.rejection('ELSEWHERE'), ('rejected', TITLE_NOT_RECOGNISED))
        Association(self.node.port, [(VERIFICATION, [IMPLICIT])], calling='HERE').release()

    def test_one_that_must_come_encrypted_is_rejected_when_it_does_not(self):
        self.assertEqual(self.rejection('SAFE'), ('rejected', TITLE_NOT_RECOGNISED))
        self.assertEqual(self.echoscu(self.hospital.issue('ct1')), 0)

    def test_a_known_certificate_does_not_make_an_unknown_title_known(self):
        self.assertNotEqual(self.echoscu(self.hospital.issue('ct2'), calling='NOBODY'), 0)


class Tls(Encrypted):
    def tearDown(self):
        self.assertEqual(self.node.echo(), 0)

    def test_without_a_certificate_nobody_is_served(self):
        self.assertNotEqual(self.echoscu(None), 0)
        self.assertEqual(self.echoscu(self.hospital.issue('ct3')), 0)

    def test_a_certificate_of_another_authority_is_refused(self):
        self.assertNotEqual(self.echoscu(self.stranger.issue('ct4')), 0)

    def test_only_versions_and_suites_of_bcp_195_are_spoken(self):
        low = 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'
        for version in ('-tls1', '-tls1_1'):
            self.assertIsNone(self.handshake(version, '-cipher', low), version)
        self.assertEqual(self.handshake('-tls1_3')[0], 'TLSv1.3')
        listed = subprocess.run(['openssl', 'ciphers', '-tls1_2', '-s', low], capture_output=True, text=True, check=True)
        suites = listed.stdout.strip().split(':')
        self.assertGreater(len(suites), 40)
        taken = {s for s in suites if self.handshake('-tls1_2', '-cipher', s + ':@SECLEVEL=0')}
        self.assertEqual(taken, {s for s in BCP_195 if 'RSA' in s}, 'of a server whose key is RSA')

    def test_bytes_without_tls_cost_only_their_connection(self):
        with self.assertRaises((Refused, OSError)):
            Association(self.tls_port, [(VERIFICATION, [IMPLICIT])], timeout_s=5)

    def test_images_come_and_are_kept(self):
        certificate, key = self.hospital.issue('ct5')
        phantom = Phantom(size=64, slices=4, frames=4, seed=3)
        done = subprocess.run(['storescu', '+tls', key, certificate, '+cf', self.hospital.certificate, '-aet', 'SAFE', '-aec',
                               'HILUM', '127.0.0.1', str(self.tls_port), *phantom.files], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.node.instances(), len(phantom.files))


class A_new_configuration(Encrypted):
    def test_sighup_reads_the_certificate_anew_and_ends_no_association(self):
        before = self.serial()
        lasting = Association(self.node.port, [(VERIFICATION, [IMPLICIT])])
        certificate, key = self.hospital.issue('renewed')
        self.key.write_bytes(key.read_bytes())
        self.certificate.write_bytes(certificate.read_bytes())
        self.reload({})
        self.assertNotEqual(self.serial(), before)
        self.assertEqual(lasting.echo(), 0)
        lasting.release()
        self.assertEqual(self.echoscu(self.hospital.issue('ct6')), 0)

    def test_sighup_makes_a_new_peer_known(self):
        self.assertEqual(self.rejection('LATER'), ('rejected', TITLE_NOT_RECOGNISED))
        self.reload({'peers': [{'ae_title': 'TESTER'}, {'ae_title': 'SAFE'}, {'ae_title': 'LATER'}]})
        Association(self.node.port, [(VERIFICATION, [IMPLICIT])], calling='LATER').release()

    def test_a_configuration_that_is_wrong_changes_nothing(self):
        good = self.node.config.read_text()
        for wrong, expect in (({'receive.idle_timeout_s': 0}, 'idle_timeout_s'),
                              ({'tls.private_key': str(self.keys / 'none')}, 'private key'),
                              ({'tls.private_key': str(self.stranger.issue('odd')[1])}, 'is not that of'),
                              ({'node.ae_title': 'OTHER'}, 'takes a new start')):
            with self.subTest(expect=expect):
                self.reload(wrong, expect)
                self.assertEqual(self.node.echo(), 0)
                self.node.config.write_text(good)
        self.reload({})
        self.assertEqual(self.node.echo(), 0)


class Results_to_an_encrypted_destination(Encrypted):
    @classmethod
    def more(cls):
        cls.port, cls.received = free_port(), cls.keys / 'received'
        cls.received.mkdir()
        certificate, key = cls.hospital.issue('pacs')
        pacs = subprocess.Popen(['storescp', '+tls', key, certificate, '+cf', cls.hospital.certificate, '-od',
                                 cls.received, str(cls.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cls.addClassCleanup(pacs.wait)
        cls.addClassCleanup(pacs.kill)
        return {'destinations.0.host': '127.0.0.1', 'destinations.0.port': cls.port, 'destinations.0.tls': True,
                'destinations.0.backoff_first_s': 1}

    def test_arrive(self):
        for _ in range(100):
            if is_listening(self.port):
                break
            time.sleep(0.1)
        phantom = Phantom(size=128, slices=8, frames=40, seed=31)
        done = subprocess.run(['storescu', '-aet', 'TESTER', '-aec', 'HILUM', '127.0.0.1', str(self.node.port),
                               *phantom.files], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        job = self.node.wait_for_jobs(1, 120)['jobs'][0]
        self.assertEqual(job['state'], 'done', job)
        self.assertGreater(len(list(self.received.iterdir())), 6)
