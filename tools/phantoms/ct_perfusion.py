"""
A CT perfusion study of the head, with a stroke of known size in the left or right MCA territory.

The truth is exact: each voxel has its CBF, CBV, MTT and delay, and its curve is made from them.
core: the analyses' own rule on the true maps, CBF < 30 % of the mean of normal tissue, within hypo.
hypo: delay + MTT / 2 > 6 s, the centre of the residue function. The phantom keeps a gap about that
bound (outside below 4.8 s, inside above 8 s), so that the mask does not hang on its definition.
"""
import json

import numpy as np
from scipy import ndimage

from . import head as anatomy
from .bolus import KAPPA, Bolus
from .dicom import Study
from .enhanced_ct import EnhancedStudy
from .head import ARTERY, CSF, GREY, SINUS, WHITE, Grid, Head, smooth_field
from .noise import Scanner
from .progress import Progress

NORMAL = {GREY: (62.0, 4.0), WHITE: (27.0, 4.8)}  # CBF ml/100 g/min, MTT s
CORE, PENUMBRA, OLIGAEMIA = 3, 2, 1

# For each zone: factor of CBF in grey and white matter, MTT s, delay s.
ZONES = {
    CORE: (0.13, 0.17, 11.0, 6.5),
    PENUMBRA: (0.60, 0.66, 9.0, 4.8),
    OLIGAEMIA: (0.95, 0.97, 5.4, 1.4),
}


def zones(grid, rng, side, like):
    """Which part of the MCA territory a voxel lies in; wobbly ellipsoids in the middle of the grid like."""
    out = np.zeros((grid.slices, grid.size, grid.size), np.uint8)
    wobble = smooth_field(rng, grid, 9.0, 9.0)
    for one in {'none': (), 'both': ('left', 'right')}.get(side, (side,)):
        paint_zones(out, grid, wobble, 1 if one == 'left' else -1, like)
    return out


def paint_zones(out, grid, wobble, sign, like):
    y, x = np.meshgrid(grid.axis_mm, grid.axis_mm, indexing='ij')
    middle_mm = float(np.mean(like.z_mm))
    tall = min(1.0, like.slices * like.slice_mm / 80)
    for k, z in enumerate(grid.z_mm):
        v = (z - middle_mm) / tall
        far = np.sqrt(((sign * x - 47) / 33) ** 2 + ((y - 2) / 43) ** 2 + (v / 31) ** 2) + 0.05 * wobble[k]
        near = np.sqrt(((sign * x - 37) / 15) ** 2 + ((y + 3) / 21) ** 2 + (v / 18) ** 2) + 0.08 * wobble[k]
        own = sign * x > 6
        out[k][own & (far < 1.2)] = OLIGAEMIA
        out[k][own & (far < 1.0)] = PENUMBRA
        out[k][own & (near < 1.0)] = CORE


class Perfusion:
    """The true maps; 0 outside parenchyma."""

    def __init__(self, head, rng, side, like=None):
        grid, label = head.grid, head.label
        self.zone = zones(grid, rng, side, like or grid)
        self.parenchyma = (label == GREY) | (label == WHITE)
        self.zone[~self.parenchyma] = 0
        vary = 1 + 0.08 * np.clip(smooth_field(rng, grid, 7.0, 7.0), -2, 2)
        vary_mtt = 1 + 0.04 * np.clip(smooth_field(rng, grid, 9.0, 9.0), -2, 2)
        self.cbf = np.zeros(label.shape, np.float32)
        self.mtt = np.zeros(label.shape, np.float32)
        self.delay = np.zeros(label.shape, np.float32)
        for tissue, (cbf, mtt) in NORMAL.items():
            here = label == tissue
            self.cbf[here], self.mtt[here] = cbf, mtt
            for zone, (of_grey, of_white, zone_mtt, delay) in ZONES.items():
                part = here & (self.zone == zone)
                self.cbf[part] *= of_grey if tissue == GREY else of_white
                self.mtt[part], self.delay[part] = zone_mtt, delay
        self.cbf *= vary
        self.mtt *= vary_mtt
        self.delay[self.parenchyma] += 0.4  # from the artery to the tissue
        self.cbv = self.cbf * self.mtt / 60
        self.tmax = self.delay + self.mtt / 2
        self.hypo = self.parenchyma & (self.tmax > 6)
        normal = self.parenchyma & (self.tmax <= 5)
        self.normal_cbf = float(self.cbf[normal].mean())
        self.core = self.hypo & (self.cbf < 0.30 * self.normal_cbf)


class Curves:
    """Enhancement of every voxel at any time, by a table over rounded MTT and delay."""

    def __init__(self, head, perfusion, bolus, residue):
        self.bolus, self.residue, self.shape = bolus, residue, head.label.shape
        tissue = np.flatnonzero(perfusion.parenchyma)
        mtt = np.rint(perfusion.mtt.ravel()[tissue] * 10).astype(np.int32)
        delay = np.rint(perfusion.delay.ravel()[tissue] * 10).astype(np.int32)
        pairs, index = np.unique(mtt * 1000 + delay, return_inverse=True)
        self.tissue, self.index = tissue, index.astype(np.int32)
        self.weight = (perfusion.cbf.ravel()[tissue] / (6000 * KAPPA)).astype(np.float32)
        self.pairs = [(pair // 1000 / 10, pair % 1000 / 10) for pair in pairs]
        self.fine = {m: bolus.residue_curve(residue, m) for m in {m for m, _ in self.pairs}}
        self.vein = bolus.vein()
        self.groups = self._vessels(head, perfusion)

    def _vessels(self, head, perfusion):
        """(voxels, curve, gain, delay): arteries, those beyond the clot, sinuses."""
        artery = head.label == ARTERY
        sign = 0
        if perfusion.hypo.any():
            sign = 1 if np.argwhere(perfusion.hypo)[:, 2].mean() > head.grid.size / 2 else -1
        x = head.grid.axis_mm[None, None, :]
        beyond = artery & head.middle & (sign * x > 20) if sign else np.zeros_like(artery)
        self.beyond = beyond
        return [(np.flatnonzero(artery & ~beyond), self.bolus.artery, 1.0, 0.0),
                (np.flatnonzero(beyond), self.bolus.artery, 0.55, 4.0),
                (np.flatnonzero(head.label == SINUS), self.vein, 1.0, 0.0)]

    def at(self, times_s):
        """times_s: [slices], s. Returns float32 [slices][y][x], HU above baseline."""
        out = np.zeros(self.shape, np.float32)
        flat = out.reshape(-1)
        plane = self.shape[1] * self.shape[2]
        for time_s in sorted(set(times_s)):
            hit = [k for k, t in enumerate(times_s) if t == time_s]
            lo, hi = hit[0] * plane, (hit[-1] + 1) * plane
            table = np.array([self.bolus.at(self.fine[m], time_s - d) for m, d in self.pairs], np.float32)
            a, b = np.searchsorted(self.tissue, (lo, hi))
            flat[self.tissue[a:b]] = table[self.index[a:b]] * self.weight[a:b]
            for voxels, curve, gain, delay in self.groups:
                a, b = np.searchsorted(voxels, (lo, hi))
                flat[voxels[a:b]] = gain * self.bolus.at(curve, time_s - delay)
        return out


class Motion:
    """A rigid path: still at first, then slow drift with two sudden moves, up to size mm."""

    def __init__(self, frames, size_mm, rng):
        path = ndimage.gaussian_filter1d(rng.standard_normal((frames, 4)), 4, axis=0)
        for at in rng.integers(frames // 4, frames, 2):
            path[at:] += rng.standard_normal(4) * 0.5
        path -= path[0]
        path *= np.clip((np.arange(frames) - 3) / 4, 0, 1)[:, None]
        top = np.abs(path).max(axis=0)
        path /= np.where(top > 0, top, 1)
        # x and y reach size, z half of it, rotation about z one degree a millimetre
        self.path = path * np.array([1, 1, 0.5, 1.0]) * size_mm
        self.is_still = size_mm == 0

    def move(self, volume, frame, grid):
        dx, dy, dz, turn = self.path[frame]
        if self.is_still or not np.any(self.path[frame]):
            return volume
        turn = np.deg2rad(turn)
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        centre = (grid.size - 1) / 2
        offset = centre - matrix @ (np.array([dy, dx]) / grid.spacing_mm + centre)
        moved = np.stack([ndimage.affine_transform(s, matrix, offset, order=1, mode='nearest') for s in volume])
        return ndimage.shift(moved, (dz / grid.slice_mm, 0, 0), order=1, mode='nearest')


def frame_times(options, grid):
    """s, [frames][slices]. A shuttle visits the upper half of the slices half an interval later."""
    index = np.arange(options.frames, dtype=float)
    if options.sampling == 'two-rate':  # fast until the bolus has passed, then half as often
        turn = int(0.6 * options.frames)
        index[turn:] = turn + 2 * (index[turn:] - turn)
    elif options.sampling == 'irregular':
        index[1:] += np.random.default_rng([options.seed, 77]).uniform(-0.3, 0.3, options.frames - 1)
    times = index[:, None] * options.dt + np.zeros((1, grid.slices))
    if options.layout == 'shuttle':
        times[:, grid.slices // 2:] += options.dt / 2
    return np.round(times, 3)


def series_of(layout, slice_index, time_index, slices, frames):
    """(series number, description, instance number)"""
    if layout == 'series-per-time':
        return 100 + time_index, f'Perfusion phase {time_index + 1}', slice_index + 1
    if layout == 'series-per-slice':
        return 100 + slice_index, f'Perfusion slice {slice_index + 1}', time_index + 1
    return 4, 'Perfusion 5.0 mm', time_index * slices + slice_index + 1


def baseline(head, perfusion):
    volume = anatomy.HU[head.label]
    volume[perfusion.core] -= 1.5  # early oedema
    return volume


def write_truth(folder, options, grid, head, perfusion, bolus, curves, motion):
    folder.mkdir(parents=True, exist_ok=True)
    artery = (head.label == ARTERY).astype(np.uint8) + curves.beyond
    for name, array in (('core', perfusion.core), ('hypo', perfusion.hypo), ('cbf', perfusion.cbf),
                        ('cbv', perfusion.cbv), ('mtt', perfusion.mtt), ('delay', perfusion.delay),
                        ('tmax', perfusion.tmax), ('artery', artery), ('sinus', head.label == SINUS),
                        ('label', head.label), ('parenchyma', perfusion.parenchyma)):
        np.save(folder / f'{name}.npy', array)
    def ml(mask):
        return round(float(mask.sum()) * grid.voxel_ml, 3)

    times = [float(t) for t in frame_times(options, grid)[:, 0]]
    text = {
        'volumes_ml': {'core': ml(perfusion.core), 'hypo': ml(perfusion.hypo),
                       'penumbra': ml(perfusion.hypo & ~perfusion.core),
                       'parenchyma': ml(perfusion.parenchyma)},
        'normal_cbf': round(perfusion.normal_cbf, 3),
        'aif': {'time_s': times, 'hu': [round(float(v), 3) for v in bolus.at(bolus.artery, times)]},
        'vof': {'time_s': times, 'hu': [round(float(v), 3) for v in bolus.at(bolus.vein(), times)]},
        'grid': {'shape': list(head.label.shape), 'spacing_mm': [grid.slice_mm] + 2 * [grid.spacing_mm],
                 'first_voxel_mm': [float(grid.axis_mm[0]), float(grid.axis_mm[0]), float(grid.z_mm[0])],
                 'order': 'arrays are [slice][row][column]; slices go up, rows back, columns left'},
        'motion_mm_deg': [[round(float(v), 4) for v in row] for row in motion.path],
        'masks': {'core': 'CBF < 30 % of the mean of normal tissue, within hypo',
                  'hypo': 'delay + MTT / 2 > 6 s, parenchyma only',
                  'artery': '1 artery, 2 artery beyond the occlusion'},
        'options': {k: v if isinstance(v, (int, float, bool)) else str(v)
                    for k, v in sorted(vars(options).items()) if k not in ('out', 'make')},
    }
    (folder / 'truth.json').write_text(json.dumps(text, indent=1) + '\n')
    return text


def key(options):
    """What the UIDs hang on: every option but where to put the files."""
    return 'ct-perfusion ' + ' '.join(
        f'{k}={v}' for k, v in sorted(vars(options).items()) if k not in ('out', 'make'))


class Writer:
    """Writes the images of a time as the options want them: thin, missing, doubled, beside other series."""

    def __init__(self, options, study, scanner):
        self.options, self.study, self.scanner = options, study, scanner
        rng = np.random.default_rng([options.seed, 78])
        shape = (options.frames, options.slices * options.thin)
        self.is_missing = rng.random(shape) < options.missing / 100
        self.is_doubled = rng.random(shape) < options.doubled / 100
        self.is_missing[0] = False  # the first image of a slice tells where it lies

    def stored(self, exact, *seed):
        noise = self.scanner.noise(exact.shape, np.random.default_rng([self.options.seed, *seed]))
        return np.clip(np.rint(exact + noise + 1024), 0, 4095).astype(np.uint16)

    def write(self, exact, i, times, progress):
        options = self.options
        for j in range(options.thin):
            stored = self.stored(exact, i, *([j] if j else []))
            for k in range(options.slices):
                place = k * options.thin + j
                series, name, number = series_of(options.layout, place, i, options.slices * options.thin, options.frames)
                for copy in range(1 + int(self.is_doubled[i, place])):
                    if not self.is_missing[i, place]:
                        self.study.write(series, name, number, place, float(times[k]), i, stored[k], copy)
                progress.step()

    def write_others(self, still):
        """Series of the same geometry: without contrast 4 minutes before, and 4 minutes after."""
        for series, name, time_s in ((2, 'Head without contrast', -240.0), (9, 'Head delayed', 240.0)):
            stored = self.stored(self.scanner.blur(still), series)
            for k in range(self.options.slices * self.options.thin):
                self.study.write(series, name, k + 1, k, time_s, 100000 + series, stored[k // self.options.thin])


START_S = 10 * 3600 + 7 * 60
MIDNIGHT_S = 86400 - 60 - 20  # the first image is taken 60 s after the start


def make(options):
    grid = Grid(options.size, options.slices, tilt_deg=options.tilt, thin=options.thin)
    rng = np.random.default_rng(options.seed)
    head = Head(grid, rng)
    perfusion = Perfusion(head, rng, options.side)
    times = frame_times(options, grid)
    peak_hu = 0.0 if options.no_bolus else options.peak
    bolus = Bolus(times.max(), options.delay, peak_hu, beta=1.9 * options.bolus_width)
    curves = Curves(head, perfusion, bolus, options.residue)
    if options.no_vein:
        curves.groups = curves.groups[:2]
    motion = Motion(options.frames, options.motion, rng)
    truth = write_truth(options.out / 'truth', options, grid, head, perfusion, bolus, curves, motion)

    folder = options.out / 'dicom'
    folder.mkdir(parents=True, exist_ok=True)
    study = (EnhancedStudy if options.enhanced else Study)(
        folder, grid, key(options), options.patient_name, options.patient_id, 'CT perfusion head',
        START_S if options.midnight == 'no' else MIDNIGHT_S)
    study.moves_date = options.midnight != 'undated'
    scanner = Scanner(grid, options.noise)
    writer = Writer(options, study, scanner)
    still = baseline(head, perfusion)
    progress = Progress('images', options.frames * options.slices * options.thin)
    for i in range(options.frames):
        exact = scanner.blur(motion.move(still + curves.at(times[i]), i, grid))
        writer.write(exact, i, times[i], progress)
    if options.other_series:
        writer.write_others(still)
    study.finish()
    return truth
