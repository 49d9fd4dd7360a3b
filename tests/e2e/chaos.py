#!/usr/bin/python3 -B
"""
Kill -9 at random points, and see whether anything that was acknowledged is lost.

usage: chaos.py --hilum PROGRAM [--rounds N] [--seed S] [--keep]

Each round sends one study; at a random moment of its way the node, a receiver, a worker or Orthanc
is killed, and node and Orthanc are started again. A sender repeats what was not acknowledged, as a
modality does. At the end: every acknowledged instance lies in the storage bit by bit, every job has
ended, and the PACS holds the results of each study once.
"""
import argparse
import collections
import hashlib
import os
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

from dimse import CT_IMAGE, EXPLICIT, Association, Part10, Refused
from node import ENDED, Node
from orthanc import Orthanc
from study import Phantom

TARGETS = ('node', 'receiver', 'worker', 'orthanc')


class Sender(threading.Thread):
    """Sends the files of a study until each has been acknowledged; acknowledged: UID -> SHA-256."""

    def __init__(self, port, files, acknowledged):
        super().__init__(daemon=True)
        self.port, self.acknowledged = port, acknowledged
        self.parts = [Part10(f) for f in files]
        self.refusals = collections.Counter()
        self.until = time.monotonic() + 120

    def run(self):
        waiting = collections.deque(self.parts)
        while waiting and time.monotonic() < self.until:
            try:
                peer = Association(self.port, [(CT_IMAGE, [EXPLICIT])], timeout_s=20)
                while waiting:
                    part = waiting[0]
                    status = peer.store(1, CT_IMAGE, part.sop_uid, part.data)
                    if status != 0:
                        self.refusals[hex(status)] += 1
                        break
                    self.acknowledged[part.sop_uid] = hashlib.sha256(part.data).hexdigest()
                    waiting.popleft()
                peer.release()
            except (Refused, OSError):
                pass
            if waiting:
                time.sleep(0.1)
        self.left = len(waiting)


class Chaos:
    def __init__(self, hilum, folder, seed, studies):
        self.rng = random.Random(seed)
        self.pacs = Orthanc(folder / 'pacs').start()
        quiet = {'study.quiet_s': 1, 'rules.0.quiet_s': 1, 'work.job_attempts_max': 10}
        self.node = Node(hilum, folder / 'node', self.pacs, quiet).start()
        self.studies, self.acknowledged, self.problems = studies, {}, []
        self.kills = collections.Counter()

    def pids(self, target):
        if target == 'node':
            return [self.node.process.pid]
        if target == 'orthanc':
            return [self.pacs.process.pid]
        return [pid for pid, words in self.node.children().items() if target in words]

    def strike(self, target):
        """Kill -9 one process of that kind; bring back what nobody else would."""
        pids = self.pids(target)
        if not pids:
            return
        os.kill(self.rng.choice(pids), signal.SIGKILL)
        self.kills[target] += 1
        if target == 'node':
            self.node.process.wait()
            self.node.start()
        elif target == 'orthanc':
            self.pacs.process.wait()
            time.sleep(self.rng.uniform(0, 2))
            self.pacs.start()

    def round(self, i):
        target = TARGETS[i % len(TARGETS)]
        sender = Sender(self.node.port, self.studies[i].files, self.acknowledged)
        sender.start()
        # A worker exists to be struck only once its job runs; others at any point of the way.
        after_s = self.rng.uniform(0, 1.2) if target == 'receiver' else self.rng.uniform(0, 5)
        began = time.monotonic()
        if target == 'worker':
            while time.monotonic() - began < 20 and not self.has_running_job():
                time.sleep(0.02)
            time.sleep(self.rng.uniform(0, 0.5))
        else:
            time.sleep(after_s)
        self.strike(target)
        sender.join(150)
        if sender.is_alive() or sender.left:
            self.problems.append(f'round {i}: the sender could not send everything: {dict(sender.refusals)}')
        self.settle(i)
        return f'round {i + 1}: {target} killed, {time.monotonic() - began:.1f} s'

    def has_running_job(self):
        try:
            return any(j['state'] == 'running' for j in self.node.status()['jobs'])
        except Exception:  # noqa: BLE001 - it may be starting
            return False

    def settle(self, i):
        """Until every study is closed and every job has ended."""
        try:
            self.node.wait(lambda s: len(s['studies']) > 0 and all(t['state'] == 'closed' for t in s['studies'])
                           and s['jobs'] and all(j['state'] in ENDED for j in s['jobs']), 120, f'round {i} settled')
        except AssertionError as error:
            self.problems.append(str(error)[:1500])

    def check(self):
        held = {}
        for f in self.node.storage_files():
            part = Part10(f)
            if part.sop_uid in held:
                self.problems.append(f'two files hold the same instance: {f.name}')
            held[part.sop_uid] = hashlib.sha256(part.data).hexdigest()
        lost = [u for u, digest in self.acknowledged.items() if held.get(u) != digest]
        if lost:
            self.problems.append(f'{len(lost)} of {len(self.acknowledged)} acknowledged instances are lost or changed')
        counts = self.node.status()['counts']
        if counts.get('instances') != len(held):
            self.problems.append(f'{counts.get("instances")} rows, {len(held)} files')
        self.check_results()

    def check_results(self):
        """Of each study with a job done, the PACS holds each result object once."""
        sets = collections.defaultdict(collections.Counter)
        for s in self.pacs.get('/series?expand'):
            study = self.pacs.get(f'/studies/{s["ParentStudy"]}')['MainDicomTags']['StudyInstanceUID']
            sets[study][s['MainDicomTags'].get('SeriesDescription', '')] += len(s['Instances'])
        if len(sets) != len(self.studies):
            self.problems.append(f'the PACS holds results of {len(sets)} of {len(self.studies)} studies')
        kinds = {tuple(sorted(c.items())) for c in sets.values()}
        if len(kinds) > 1:
            self.problems.append(f'the results of the studies differ: {[sum(n for _, n in k) for k in kinds]} objects')
        jobs = self.node.status()['jobs']
        bad = [(j['state'], j['reason']) for j in jobs if j['state'] not in ('done', 'refused')]
        if bad:
            self.problems.append(f'jobs that did not end well: {bad}')

    def end(self):
        self.node.kill()
        self.pacs.stop()


def make_studies(rounds, seed):
    return [Phantom(size=128, slices=8, frames=40, seed=1000 * seed + i) for i in range(rounds)]


def run(hilum, rounds, seed, folder, say=print):
    """List of problems; empty is good."""
    chaos = Chaos(hilum, folder, seed, make_studies(rounds, seed))
    try:
        for i in range(rounds):
            say(chaos.round(i))
        chaos.check()
        say(f'{len(chaos.acknowledged)} instances acknowledged; killed: {dict(chaos.kills)}')
    finally:
        chaos.end()
    return chaos.problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--hilum', required=True)
    parser.add_argument('--rounds', type=int, default=50)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--keep', action='store_true', help='leave the folder with storage and logs')
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='hilum-chaos-'))
    problems = run(options.hilum, options.rounds, options.seed, folder, lambda text: print(text, flush=True))
    if options.keep or problems:
        print(f'left in {folder}')
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print('\n'.join(problems) or 'nothing is lost, every job has ended, results arrived once')
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
