"""Workers that hang, allocate without end or crash (faults compiled in by -Dtest_hooks) cost their own job only."""
import time

from case import HOOKS_PROGRAM, Bench
from study import Phantom, storescu


class Faulty(Bench):
    """Job 1 meets the fault each time it is tried; a second study comes right behind it."""

    program = HOOKS_PROGRAM
    fault, reason = None, None
    limits = {'work.job_timeout_s': 60, 'work.job_memory_max_bytes': 1 << 30}

    @classmethod
    def setUpClass(cls):
        cls.settings = {'study.quiet_s': 1, 'rules.0.quiet_s': 1, 'work.job_attempts_max': 2, **cls.limits}
        cls.env = {'HILUM_HOOK': cls.fault, 'HILUM_HOOK_JOB': '1'}
        super().setUpClass()

    def check(self):
        for seed in (21, 22):
            phantom = Phantom(size=128, slices=8, frames=40, seed=seed)
            self.assertEqual(storescu(self.node.port, 'HILUM', phantom.files).returncode, 0)
            time.sleep(2)  # the first study is closed, and its job made, before the second
        jobs = {j['id']: j for j in self.node.wait_for_jobs(2, 120)['jobs']}
        self.assertEqual(jobs[1]['state'], 'failed', jobs[1])
        self.assertEqual(jobs[1]['attempts'], 2)
        self.assertIn(self.reason, jobs[1]['reason'])
        self.assertEqual(jobs[2]['state'], 'done', jobs[2])
        self.assertTrue(self.node.is_running())
        self.assertEqual(self.node.echo(), 0)
        self.assertIn('job.failed', self.node.log.read_text())


class A_worker_that_hangs(Faulty):
    fault, reason = 'hang', 'longer than 5 s'
    limits = {'work.job_timeout_s': 5}

    def test_costs_its_job_only(self):
        self.check()


class A_worker_that_allocates_without_end(Faulty):
    fault, reason = 'eat', 'more memory than'

    def test_costs_its_job_only(self):
        self.check()


class A_worker_that_crashes(Faulty):
    fault, reason = 'crash', 'signal 6'

    def test_costs_its_job_only(self):
        self.check()

    def test_replay_tries_it_again(self):
        done = self.node.command('replay', '1')
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn('1 put back', done.stdout)


class A_release_build(Bench):
    with_pacs = False
    env = {'HILUM_HOOK': 'crash'}

    def test_has_no_hooks(self):
        with open(self.program, 'rb') as program:
            self.assertNotIn(b'HILUM_HOOK', program.read())
