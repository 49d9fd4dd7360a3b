"""The subcommands as people and scripts use them: words, exit statuses, what they print."""
import json
import subprocess
import tempfile
import time
import unittest

from case import PROGRAM, Bench
from study import Phantom, data, storescu


def hilum(*words, timeout_s=120):
    return subprocess.run([PROGRAM, *map(str, words)], capture_output=True, text=True, timeout=timeout_s)


class Words(unittest.TestCase):
    def test_help_names_every_command_and_each_explains_itself(self):
        done = hilum('--help')
        self.assertEqual(done.returncode, 0)
        for name in ('serve', 'run', 'status', 'send', 'replay', 'release', 'check-config'):
            self.assertIn(f'  {name} ', done.stdout)
            with self.subTest(command=name):
                one = hilum(name, '--help')
                self.assertEqual(one.returncode, 0)
                self.assertTrue(one.stdout.startswith(f'usage: hilum {name}'), one.stdout)

    def test_version_is_said(self):
        self.assertRegex(hilum('--version').stdout, r'^hilum \d+\.\d+\.\d+\n$')

    def test_wrong_words_are_a_usage_error(self):
        for words in ([], ['fly'], ['run'], ['run', '--nonsense', '.'], ['run', '--analysis', 'none', '.'],
                      ['send', 'localhost'], ['send', 'localhost', 'port', '.'], ['replay', 'x'], ['release'],
                      ['serve', 'extra'], ['status', '--rows', '0']):
            with self.subTest(words=words):
                done = hilum(*words)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertTrue(done.stderr)

    def test_a_configuration_error_names_file_line_key_and_what_was_expected(self):
        with tempfile.NamedTemporaryFile('w', suffix='.conf') as f:
            f.write('node = {\n    port = 99999;\n};\n')
            f.flush()
            done = hilum('check-config', '--config', f.name)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f'{f.name}:2: node.port: 99999 is not in 0..65535', done.stderr)

    def test_what_is_not_there_is_an_error_with_its_name(self):
        done = hilum('check-config', '--config', '/no/such/file')
        self.assertEqual(done.returncode, 1)
        self.assertIn('/no/such/file', done.stderr)


class Running(unittest.TestCase):
    def run_into(self, *words):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name, hilum('run', '--out', folder.name, *words)

    def test_nothing_that_applies_is_exit_status_3(self):
        folder, done = self.run_into(data('lung/LIDC-IDRI-0002'))
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn('ct_perfusion does not apply: ', done.stdout)

    def test_no_dicom_at_all_is_exit_status_3(self):
        _, done = self.run_into(__file__)
        self.assertEqual(done.returncode, 3)
        self.assertIn('no DICOM files', done.stderr)

    def test_a_refusal_is_exit_status_4_with_its_reason_in_the_report(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=9, no_bolus=True)
        folder, done = self.run_into(phantom.folder / 'dicom')
        self.assertEqual(done.returncode, 4, done.stderr)
        with open(f'{folder}/ct_perfusion/report.json') as f:
            report = json.load(f)
        self.assertEqual(report['status'], 'refused')
        self.assertTrue(report['reason'])
        self.assertEqual(report['measurements'], [])
        self.assertIn('fail', [q['verdict'] for q in report['quality']])

    def test_two_studies_get_a_folder_each(self):
        a, b = (Phantom(size=128, slices=8, frames=40, seed=s) for s in (21, 22))
        folder, done = self.run_into('--quiet', a.folder / 'dicom', b.folder / 'dicom')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, '')
        reports = []
        for name in ('ct_perfusion', 'ct_perfusion-2'):
            with open(f'{folder}/{name}/report.json') as f:
                reports.append(json.load(f)['study_uid'])
        self.assertEqual(len(set(reports)), 2)


class Operating(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 600, 'rules.0.quiet_s': 600, 'rules.0.destinations': []}

    def test_send_status_and_release(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=21)
        done = hilum('send', '--called', 'HILUM', '127.0.0.1', self.node.port, phantom.folder / 'dicom')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f'{len(phantom.files)} stored, 0 not stored', done.stdout)
        self.assertIn('100 % sending', done.stderr)

        status = self.node.command('status')
        self.assertEqual(status.returncode, 0, status.stderr)
        self.assertRegex(status.stdout, r'1 studies \(1 open\)')
        self.assertEqual(self.node.command('release', 99).returncode, 1)
        self.assertEqual(self.node.command('release', 1).returncode, 0)
        self.node.wait_for_jobs(1)
        # Without destinations the results stay on the node, and the job is done.
        job, = self.node.status()['jobs']
        self.assertEqual(job['state'], 'done')
        self.assertRegex(self.node.command('status').stdout, r'ct_perfusion +done')

    def test_a_wrong_title_is_told(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=21)
        done = hilum('send', '--called', 'NOBODY', '127.0.0.1', self.node.port, phantom.files[0])
        self.assertEqual(done.returncode, 1)
        self.assertIn('rejected', done.stderr)


class Late_images(Bench):
    settings = {'study.quiet_s': 2, 'rules.0.quiet_s': 2}

    def test_run_the_analysis_again_and_supersede_the_first_results(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=21)
        early, late = phantom.files[:-8], phantom.files[-8:]
        self.assertEqual(storescu(self.node.port, 'HILUM', early).returncode, 0)
        self.node.wait_for_jobs(1)
        first = self.pacs.count()
        self.assertEqual(storescu(self.node.port, 'HILUM', late).returncode, 0)
        jobs = self.node.wait_for_jobs(2)['jobs']
        self.assertEqual([j['state'] for j in jobs], ['done', 'done'])
        self.assertEqual(self.pacs.count(), 2 * first)


class A_dead_pacs(Bench):
    settings = {'study.quiet_s': 1, 'rules.0.quiet_s': 1}

    def test_gets_what_it_missed_when_it_is_back(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=22)
        self.pacs.stop()
        self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
        self.node.wait(lambda s: s['jobs'] and s['jobs'][0]['state'] == 'sending'
                       and any(d['attempts'] for d in s['deliveries']), 60, 'the first try has failed')
        self.assertIn('unreachable', self.node.command('status').stdout)
        time.sleep(1)
        self.pacs.start()
        job, = self.node.wait_for_jobs(1)['jobs']
        self.assertEqual(job['state'], 'done')
        self.assertGreater(self.pacs.count(), 5)


class A_pacs_that_refuses(Bench):
    settings = {'study.quiet_s': 1, 'rules.0.quiet_s': 1, 'destinations.0.attempts_max': 2,
                'destinations.0.port': 9}

    def test_is_a_dead_letter_with_its_reason_and_can_be_replayed(self):
        phantom = Phantom(size=128, slices=8, frames=40, seed=22)
        self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
        job, = self.node.wait_for_jobs(1)['jobs']
        self.assertEqual(job['state'], 'failed')
        self.assertIn('not delivered to pacs: unreachable', job['reason'])
        status = self.node.status()
        self.assertTrue(status['dead'])
        self.assertIn('dead letters', self.node.command('status').stdout)
        done = self.node.command('replay')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f'{len(status["dead"])} put back\n')


class Stopping(Bench):
    with_pacs = False
    settings = {'study.quiet_s': 1, 'rules.0.quiet_s': 1, 'rules.0.destinations': []}

    def test_is_orderly_and_the_next_start_goes_on(self):
        phantom = Phantom(size=256, slices=16, frames=60, seed=7, patient_name='MARKERNAME^Anna',
                          patient_id='MARKERID-7')
        self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
        self.assertEqual(self.node.stop(), 0)
        self.assertTrue((self.node.state / 'stopped').exists())
        self.node.start()
        self.assertFalse((self.node.state / 'stopped').exists())
        job, = self.node.wait_for_jobs(1)['jobs']
        self.assertEqual(job['state'], 'done')
        self.assertEqual(self.node.instances(), len(phantom.files))

    def test_a_second_node_on_the_same_state_is_refused(self):
        done = subprocess.run([PROGRAM, 'serve', '--config', self.node.config], capture_output=True, text=True,
                              timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn('another node runs', done.stderr)


if __name__ == '__main__':
    unittest.main()
