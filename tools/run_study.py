#!/usr/bin/python3 -B
"""Second half of tools/run: PACS, node, phantom, sending, waiting, and what came back."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / 'tests/e2e'), str(ROOT / 'tests/lib')]

import checks  # noqa: E402
from node import ENDED, Node  # noqa: E402
from orthanc import Orthanc  # noqa: E402

QUIET_S = 5
SEG = '1.2.840.10008.5.1.4.1.1.66.4'
KINDS = {'1.2.840.10008.5.1.4.1.1.88.34': 'SR (Comprehensive 3D)', SEG: 'SEG',
         '1.2.840.10008.5.1.4.1.1.30': 'Parametric Map', '1.2.840.10008.5.1.4.1.1.7': 'Secondary Capture',
         '1.2.840.10008.5.1.4.1.1.7.4': 'Secondary Capture, multi-frame'}


class Line:
    """One line that is rewritten on a terminal; in a pipe, a line when the text changes."""

    def __init__(self):
        self.last, self.is_tty = '', sys.stdout.isatty()

    def show(self, text):
        if text == self.last:
            return
        self.last = text
        print(f'\r\033[K{text}' if self.is_tty else text, end='' if self.is_tty else '\n', flush=True)

    def end(self):
        if self.is_tty and self.last:
            print(flush=True)
        self.last = ''


def bar(fraction):
    filled = round(30 * max(0.0, min(1.0, fraction)))
    return '[' + '#' * filled + '.' * (30 - filled) + ']'


def make_phantom(folder, options):
    print(f'phantom: {options.size}x{options.size}x16 slices x60 s, seed {options.seed}, stroke: {options.side}',
          flush=True)
    subprocess.run([ROOT / 'tools/phantom', 'ct-perfusion', '--out', folder, '--size', str(options.size),
                    '--seed', str(options.seed), '--side', options.side], check=True)
    return json.loads((folder / 'truth/truth.json').read_text())


def send(node, files):
    """Seconds that storescu took; the count in the node's index is shown meanwhile."""
    began, line = time.monotonic(), Line()
    sender = subprocess.Popen(['storescu', '-aet', 'MODALITY', '-aec', node.ae_title, '127.0.0.1', str(node.port),
                               *map(str, files)], env=dict(os.environ, TCP_NODELAY='1'), stderr=subprocess.PIPE)
    while sender.poll() is None:
        n = node.instances()
        line.show(f'sending: {bar(n / len(files))} {n} of {len(files)} images stored and indexed')
        time.sleep(0.3)
    line.show(f'sending: {bar(1)} {len(files)} images')
    line.end()
    if sender.returncode:
        raise RuntimeError(f'storescu failed ({sender.returncode}): {sender.stderr.read().decode()[-500:]}')
    return time.monotonic() - began


def describe(status, waited):
    if not status['jobs']:
        return f'waiting: {waited:3.0f} s, the study is complete after {QUIET_S} s of quiet'
    job = status['jobs'][0]
    counts = status['counts']
    if job['state'] == 'running':
        at = next((r for r in status['running'] if r['job'] == job['id']), {'fraction': 0, 'stage': ''})
        return f'analysis: {bar(at["fraction"])} {at["stage"]}'
    if job['state'] == 'sending':
        return (f'delivery: {counts.get("deliveries_sent", 0)} of '
                f'{counts.get("deliveries_sent", 0) + counts.get("deliveries_pending", 0)} objects in the PACS')
    return f'job: {job["state"]}'


def wait(node, timeout_s=180):
    """Status at the end of the job, and the seconds since the last image."""
    began, line = time.monotonic(), Line()
    while time.monotonic() - began < timeout_s:
        if not node.is_running():
            line.end()
            raise RuntimeError(f'the node has ended; its log is {node.log}')
        status = node.status()
        waited = time.monotonic() - began
        line.show(describe(status, waited))
        jobs = status['jobs']
        if jobs and all(j['state'] in ENDED for j in jobs):
            line.end()
            return status, waited
        closed = status['studies'] and all(s['state'] == 'closed' for s in status['studies'])
        if closed and not jobs:
            line.end()
            raise RuntimeError(f'no analysis applied: {status["studies"][0]["note"]}')
        time.sleep(0.1)
    line.end()
    raise RuntimeError(f'no result within {timeout_s} s; the node\'s log is {node.log}')


def collect(pacs, folder):
    """{SOP class: [paths]} of the results that the PACS holds."""
    folder.mkdir(exist_ok=True)
    found = {}
    for i in pacs.instances():
        if i['SOPClassUID'] == '1.2.840.10008.5.1.4.1.1.2':
            continue
        path = folder / f'{i["SeriesDescription"] or i["Modality"]}-{i["id"][:8]}.dcm'.replace('/', ' ')
        pacs.download(i['id'], path)
        found.setdefault(i['SOPClassUID'], []).append(path)
    return found


def compare(found, folder, truth):
    """Table of volumes and Dice of the SEG in the PACS against the phantom's truth."""
    import numpy as np
    masks = {}
    for path in found.get(SEG, []):
        masks |= {label: checks.on_grid(s, truth['grid']) for label, s in checks.segments(path).items()}
    empty = np.zeros(truth['grid']['shape'], bool)
    core = sum((m for label, m in masks.items() if label.startswith('Core')), empty) > 0
    hypo = sum((m for label, m in masks.items() if label.startswith(('Core', 'Penumbra'))), empty) > 0
    spacing = truth['grid']['spacing_mm']
    voxel_ml = spacing[0] * spacing[1] * spacing[2] / 1000
    print(f'{"":14}{"found":>10}{"truth":>10}{"Dice":>8}')
    for name, mask in (('core', core), ('hypo', hypo)):
        true = np.load(folder / f'truth/{name}.npy')
        said = {'core': 'core', 'hypo': 'Tmax > 6 s'}[name]
        print(f'  {said:<12}{mask.sum() * voxel_ml:>7.1f} ml{true.sum() * voxel_ml:>7.1f} ml'
              f'{checks.dice(mask, true):>8.3f}')


def report(pacs, node, folder, truth, status, times):
    found = collect(pacs, folder / 'results')
    job = status['jobs'][0]
    print(f'\nThe job is {job["state"]}' + (f': {job["reason"]}' if job['reason'] else ''))
    for kind, name in KINDS.items():
        if found.get(kind):
            print(f'  {len(found[kind]):>3} {name}')
    compare(found, folder / 'phantom', truth)
    sending_s, waited_s = times
    print(f'  sent {sending_s:.1f} s; results in the PACS {waited_s:.1f} s after the last image, '
          f'{QUIET_S} s of it quiet time')
    for page in sorted(node.state.rglob('*summary*.png')):
        print(f'  summary page: {page}')
    print(f'  objects as the PACS returns them: {folder}/results')
    missing = [KINDS[k] for k in (SEG, '1.2.840.10008.5.1.4.1.1.88.34', '1.2.840.10008.5.1.4.1.1.30') if k not in found]
    if truth['volumes_ml']['hypo'] == 0 and 'SEG' in missing:
        missing.remove('SEG')  # nothing was found, as is true: there is nothing to segment
    return missing


def prepare(folder):
    pids = folder / 'pids.json'
    if pids.exists():
        alive = [p for p in json.loads(pids.read_text()) if pathlib.Path(f'/proc/{p}/exe').exists()]
        if alive:
            sys.exit(f'run: an earlier run is kept alive; end it first: kill {" ".join(map(str, alive))}')
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--size', type=int, default=256)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--side', default='left')
    options = parser.parse_args()
    folder = ROOT / 'hilum-run'
    prepare(folder)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    pacs = Orthanc(folder / 'pacs')
    node = Node(ROOT / 'build/src/hilum', folder / 'node', pacs,
                {'study.quiet_s': QUIET_S, 'rules.0.quiet_s': QUIET_S})
    kept = False
    try:
        pacs.start()
        node.start()
        print(f'PACS: Orthanc, {pacs.url}, DICOM {pacs.ae_title} 127.0.0.1:{pacs.dicom_port}')
        print(f'node: hilum, DICOM {node.ae_title} 127.0.0.1:{node.port}, log {node.log}')
        truth = make_phantom(folder / 'phantom', options)
        sending_s = send(node, sorted((folder / 'phantom/dicom').iterdir()))
        status, waited_s = wait(node)
        missing = report(pacs, node, folder, truth, status, (sending_s, waited_s))
        if missing or status['jobs'][0]['state'] != 'done':
            print(f'run: missing in the PACS: {", ".join(missing) or "nothing, but the job is not done"}',
                  file=sys.stderr)
            return 1
        kept = options.keep
        if kept:
            (folder / 'pids.json').write_text(json.dumps([pacs.process.pid, node.process.pid]))
            print(f'  still running: {pacs.url}/app/explorer.html and the node; '
                  f'end them with: kill {node.process.pid} {pacs.process.pid}')
        return 0
    except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f'run: {error}', file=sys.stderr)
        return 1
    finally:
        if not kept:
            node.stop()
            pacs.stop()


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
