"""CT and MR perfusion against the phantom's truth: makes studies, runs `hilum run` on them, scores what comes out."""
import json
import pathlib
import subprocess

import numpy as np
import pydicom

import checks

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFUSED, NOT_WANTED = 4, 3  # exit codes of hilum run


def make(folder, kind='ct-perfusion', **options):
    """A phantom study; options are those of tools/phantom ct-perfusion, or of another kind."""
    words = []
    for name, value in options.items():
        words += [f'--{name.replace("_", "-")}'] + ([] if value is True else [str(value)])
    subprocess.run([ROOT / 'tools/phantom', kind, '--out', folder, *words],
                   check=True, capture_output=True)
    return pathlib.Path(folder)


class Run:
    """One `hilum run`: its exit code, what it said, its report, its objects."""

    def __init__(self, hilum, out, study, threads=1, analysis='ct_perfusion', config=None):
        words = ['--config', config] if config else []
        done = subprocess.run([hilum, 'run', '--quiet', '--out', out, '--threads', str(threads), *words, study],
                              capture_output=True, text=True)
        self.code, self.said = done.returncode, done.stdout + done.stderr
        self.folder = pathlib.Path(out) / analysis
        report = self.folder / 'report.json'
        self.report = json.loads(report.read_text()) if report.exists() else None

    def measured(self):
        return {m['name']: m['value'] for m in self.report['measurements']}

    def verdicts(self):
        return {q['check']: q['verdict'] for q in self.report['quality']}

    def told(self, check):
        return next(q['text'] for q in self.report['quality'] if q['check'] == check)

    def masks(self, grid):
        """{first word of the segment's label: mask on the phantom's grid}"""
        return {label.split()[0]: checks.on_grid(s, grid)
                for label, s in checks.segments(self.folder / 'seg.dcm').items()}

    def map(self, name):
        """A parametric map, slices from foot to head."""
        ds = pydicom.dcmread(self.folder / f'map-{name}.dcm')
        frames = np.frombuffer(ds.FloatPixelData, '<f4').reshape(-1, ds.Rows, ds.Columns)
        z = [float(g.PlanePositionSequence[0].ImagePositionPatient[2]) for g in ds.PerFrameFunctionalGroupsSequence]
        return frames[np.argsort(z)]

    def pixels(self):
        """Everything that is seen or measured, without UIDs and times: equal for equal results."""
        objects = {}
        for path in sorted(self.folder.glob('*.dcm')):
            ds = pydicom.dcmread(path)
            for word in ('PixelData', 'FloatPixelData'):
                if word in ds:
                    objects[path.name] = bytes(ds[word].value)
        report = {k: self.report[k] for k in ('measurements', 'findings', 'quality')}
        return objects, report


def truth(study, name):
    return np.load(pathlib.Path(study) / f'truth/{name}.npy')


def correlation(map_, truth_, tissue):
    """Over the tissue that the map holds; a finer truth is averaged to the map's pixels."""
    block = truth_.shape[1] // map_.shape[1]
    if block > 1:
        shape = (len(truth_), map_.shape[1], block, map_.shape[2], block)
        truth_, tissue = truth_.reshape(shape).mean((2, 4)), tissue.reshape(shape).all((2, 4))
    here = tissue & (map_ > 0)
    return float(np.corrcoef(map_[here], truth_[here])[0, 1])


def score(run, study):
    """Dice, volumes in ml, correlation, and the share of the AIF's voxels that lie in an open artery."""
    about = json.loads((pathlib.Path(study) / 'truth/truth.json').read_text())
    masks, measured = run.masks(about['grid']), run.measured()
    tissue = truth(study, 'parenchyma')
    aif = masks['Arterial']
    return {
        'core_dice': checks.dice(masks['Core'], truth(study, 'core')),
        'hypo_dice': checks.dice(masks['Core'] | masks['Penumbra'], truth(study, 'hypo')),
        'core_ml': measured['core_volume'], 'core_true_ml': about['volumes_ml']['core'],
        'hypo_ml': measured['tmax6_volume'], 'hypo_true_ml': about['volumes_ml']['hypo'],
        'cbf_r': correlation(run.map('cbf'), truth(study, 'cbf'), tissue),
        'cbv_r': correlation(run.map('cbv'), truth(study, 'cbv'), tissue),
        'aif_in_artery': float((truth(study, 'artery')[aif] == 1).mean()),
    }
