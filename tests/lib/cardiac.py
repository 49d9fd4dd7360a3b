"""Cardiac cine against truth: makes phantoms, runs `hilum run` on studies, reads what comes out."""
import json
import os
import pathlib
import subprocess

import numpy as np
import pydicom

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFUSED, NOT_WANTED = 4, 3  # exit codes of hilum run


def make(folder, **options):
    """A phantom study; options are those of tools/phantom cardiac-cine."""
    words = []
    for name, value in options.items():
        words += [f'--{name.replace("_", "-")}'] + ([] if value is True else [str(value)])
    subprocess.run([ROOT / 'tools/phantom', 'cardiac-cine', '--out', folder, *words], check=True, capture_output=True)
    return pathlib.Path(folder)


def truth(study):
    return json.loads((pathlib.Path(study) / 'truth/truth.json').read_text())


class Run:
    """One `hilum run`: its exit code, what it said, its report, its objects."""

    def __init__(self, hilum, out, study, threads=1, config=None, models=None):
        words = ['--config', str(config)] if config else []
        done = subprocess.run([hilum, 'run', '--quiet', *words, '--analysis', 'cardiac_cine', '--out', out,
                               '--threads', str(threads), study], capture_output=True, text=True,
                              env={**os.environ, **({'HILUM_MODELS': str(models)} if models else {})})
        self.code, self.said = done.returncode, done.stdout + done.stderr
        self.folder = pathlib.Path(out) / 'cardiac_cine'
        report = self.folder / 'report.json'
        self.report = json.loads(report.read_text()) if report.exists() else None

    def measured(self):
        return {m['name']: m['value'] for m in self.report['measurements']}

    def verdicts(self):
        return {q['check']: q['verdict'] for q in self.report['quality']}

    def told(self, check):
        return next(q['text'] for q in self.report['quality'] if q['check'] == check)

    def pixels(self):
        """Everything that is seen or measured, without UIDs and times: equal for equal results."""
        objects = {}
        for path in sorted(self.folder.glob('*.dcm')):
            ds = pydicom.dcmread(path)
            if 'PixelData' in ds:
                objects[path.name] = bytes(ds.PixelData)
        return objects, {k: self.report[k] for k in ('measurements', 'findings', 'quality')}

    def segments(self):
        """{name: [(SOP Instance UID and frame that it was drawn on, mask [y][x])]}"""
        ds = pydicom.dcmread(self.folder / 'seg.dcm')
        n, rows, columns = int(ds.NumberOfFrames), ds.Rows, ds.Columns
        bits = np.unpackbits(np.frombuffer(ds.PixelData, np.uint8), bitorder='little')[:n * rows * columns]
        frames = bits.reshape(n, rows, columns).astype(bool)
        names = {s.SegmentNumber: s.TrackingID for s in ds.SegmentSequence}
        out = {name: [] for name in names.values()}
        for mask, groups in zip(frames, ds.PerFrameFunctionalGroupsSequence):
            number = groups.SegmentIdentificationSequence[0].ReferencedSegmentNumber
            source = groups.DerivationImageSequence[0].SourceImageSequence[0]
            out[names[number]].append(((source.ReferencedSOPInstanceUID, int(source.get('ReferencedFrameNumber', 0))),
                                       mask))
        return out
