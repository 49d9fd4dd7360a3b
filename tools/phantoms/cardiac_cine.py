"""
A short-axis cine of a beating heart with known volumes, as balanced SSFP shows it.

The truth is exact: volumes of the shapes of heart.py at the time each image shows, and the areas of the
cavity in each slice and phase. The base moves by one slice spacing unless told otherwise, so that
Simpson's rule over whole slices is right at end diastole and end systole. Papillary muscles and
trabeculae count as cavity, not as mass.
"""
import json

import numpy as np
from scipy import ndimage

from . import heart
from .mr import Frame, Plane, Study
from .progress import Progress

FOV_MM = 340.0
BLOOD = 620.0  # stored value of blood without coil shading
SUBPLANES = (-1 / 3, 0.0, 1 / 3)  # of a slice's thickness: partial volume
NAME = 'sBTFE cine SA'

# The heart's axes in the patient: apex to the left, front and below; rows run to the lateral wall.
AXIS = np.array([0.70, -0.50, -0.51]) / np.linalg.norm([0.70, -0.50, -0.51])
ROW = np.array([0.60, 0.80, 0.0]) - np.dot([0.60, 0.80, 0.0], AXIS) * AXIS
ROW /= np.linalg.norm(ROW)
DOWN = np.cross(ROW, AXIS)
ORIGIN = np.array([38.0, -12.0, 15.0])  # the middle of the mitral plane, mm
VIEW = np.array([-11.0, 7.0])  # u, v of the middle of the images


def to_patient(point):
    """Heart's (u, v, w) to LPS mm."""
    return ORIGIN + point[0] * ROW + point[1] * DOWN + point[2] * AXIS


class View:
    """An image plane in the heart's axes: its middle, rows, columns."""

    def __init__(self, options, middle, row, column, index):
        self.size, self.pixel_mm = options.size, FOV_MM / options.size
        self.row, self.column = np.array(row, float), np.array(column, float)
        self.normal = np.cross(self.row, self.column)
        self.thickness_mm = options.thickness
        self.first = np.array(middle, float) - (self.row + self.column) * self.pixel_mm * (options.size - 1) / 2
        turn = np.stack((ROW, DOWN, AXIS))
        self.plane = Plane(to_patient(self.first), self.row @ turn, self.column @ turn, index)

    def points(self, offset_mm=0.0):
        """(u, v, w) of the pixels, each [y][x]."""
        step = np.arange(self.size) * self.pixel_mm
        first = self.first + offset_mm * self.normal
        return [first[i] + step[None, :] * self.row[i] + step[:, None] * self.column[i] for i in range(3)]


class Artist:
    """Signal of a view at a time; the chest is painted once, the breath shifts all of it."""

    def __init__(self, view, breath_mm, rng, has_heart):
        self.view, self.has_heart = view, has_heart
        self.offsets = [s * view.thickness_mm for s in SUBPLANES]
        self.points = [[p - b for p, b in zip(view.points(o), (*breath_mm, 0.0))] for o in self.offsets]
        self.chest = []
        for points in self.points:
            painter = heart.Painter(*points, view.pixel_mm)
            heart.paint_chest(painter)
            self.chest.append(painter.signal)
        u, v, w = self.points[1]
        near = (np.abs(u + 20) < 85) & (np.abs(v) < 75)
        rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
        self.box = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] if near.any() else np.s_[0:0, 0:0]
        grain = ndimage.gaussian_filter(rng.standard_normal(u.shape), 3.0 / view.pixel_mm)
        coil = np.exp(-(u + 30) / 300 - (v + 20) / 260 - w / 900)  # a surface coil in front
        self.gain = (coil * (1 + 0.05 * grain / grain.std())).astype(np.float32)

    def draw(self, shape):
        total = np.zeros_like(self.gain)
        for points, chest in zip(self.points, self.chest):
            signal = chest.copy()
            if self.has_heart:
                painter = heart.Painter(*(p[self.box] for p in points), self.view.pixel_mm)
                painter.signal = signal[self.box]
                heart.paint_heart(painter, shape)
            total += signal
        return ndimage.gaussian_filter(total / len(self.points), 0.45) * self.gain

    def label(self, shape):
        return shape.label(*self.points[1]) if self.has_heart else np.zeros(self.gain.shape, np.uint8)


def store(signal, noise, rng):
    """Magnitude with Rician noise, 12 bits."""
    sd = noise / 100
    noisy = np.hypot(signal + sd * rng.standard_normal(signal.shape), sd * rng.standard_normal(signal.shape))
    return np.clip(np.rint(noisy * BLOOD), 0, 4095).astype('<u2')


class Plan:
    """Where the slices lie and when each image is taken."""

    def __init__(self, options, size, rng):
        gap, n = options.spacing, options.slices
        reach = int(np.ceil((size.length_mm + size.tip_mm) / gap))
        first = -2 if n > reach + 1 else -1 if n > reach else max(0, (reach - n) // 2)
        self.w_mm = (first + 0.5 + np.arange(n)) * gap
        self.breath_mm = rng.normal(0, options.breathing, (n, 2))
        spread = rng.uniform(-0.28, 0.28, n) if options.defect == 'arrhythmia' else np.zeros(n)
        self.rr_ms = np.round(options.rr_ms * (1 + spread))
        start = np.zeros(n) if options.layout == 'siemens' else np.round(rng.uniform(10, 18, n), 2)
        start[rng.random(n) < 0.3] = 0.0
        if options.layout == 'enhanced':
            start[:] = 0.0
        phases = 1 if options.defect == 'one-phase' else options.phases
        self.trigger_ms = start[:, None] + np.arange(phases) * self.rr_ms[:, None] / options.phases
        self.cycle = np.mod(self.trigger_ms / self.rr_ms[:, None] + options.shift, 1.0)
        self.slices = [k for k in range(n) if not (options.defect == 'missing-slice' and k == n // 2)]
        self.phases = phases


def right_volume_ml(shape):
    """By counting on a grid of 1 mm."""
    u, v, w = np.meshgrid(np.arange(-110, 40.0), np.arange(-60, 70.0), np.arange(-5, 110.0), indexing='ij')
    return float((shape.label(u, v, w) == heart.RIGHT).sum()) / 1000


def measure(options, size, plan):
    """The numbers of truth.json."""
    middle = np.mod(np.median(plan.trigger_ms / plan.rr_ms[:, None], axis=0) + options.shift, 1.0)
    shapes = [heart.Ventricles(size, t) for t in middle]
    volume = np.array([s.volume_ml for s in shapes])
    area = np.array([[float(heart.Ventricles(size, plan.cycle[k, i]).cavity_area_mm2(plan.w_mm[k]))
                      for i in range(plan.phases)] for k in range(options.slices)])
    ed, es = int(volume.argmax()), int(volume.argmin())
    def r(values, digits=2):
        return np.round(values, digits).tolist()
    edv, esv = float(volume[ed]), float(volume[es])
    has_heart = options.defect != 'no-heart'
    return {
        'volumes_ml': {'EDV': round(edv, 2), 'ESV': round(esv, 2)} if has_heart else {},
        'ef_percent': round(100 * (1 - esv / edv), 2), 'stroke_ml': round(edv - esv, 2),
        'output_l_min': round((edv - esv) * 60 / options.rr_ms, 3), 'heart_rate': round(60000 / options.rr_ms, 2),
        'mass_g': options.mass, 'ed_phase': ed, 'es_phase': es,
        'rv_ml': {'EDV': round(right_volume_ml(shapes[ed]), 2), 'ESV': round(right_volume_ml(shapes[es]), 2)},
        'time_ms': r(np.median(plan.trigger_ms, axis=0)), 'lv_ml': r(volume),
        'simpson_ml': r((area[plan.slices].sum(axis=0)) * options.spacing / 1000),
        'area_mm2': r(area), 'slice_w_mm': r(plan.w_mm), 'base_mm': r([s.base_mm for s in shapes]),
        'written_slices': plan.slices, 'rr_ms': plan.rr_ms.tolist(), 'breath_mm': r(plan.breath_mm),
        'has_heart': has_heart, 'spacing_mm': [options.spacing, FOV_MM / options.size, FOV_MM / options.size],
        'notes': 'area_mm2 is [slice][phase], base first; the cavity holds papillary muscles and trabeculae; label_ed.npy and '
                 'label_es.npy are [slice][row][column]: 1 LV cavity, 2 myocardium, 3 RV cavity',
        'options': {k: v if isinstance(v, (int, float, bool)) else str(v)
                    for k, v in sorted(vars(options).items()) if k not in ('out', 'make')}}


def short_axis(options, plan, size, rng):
    """(frames by slice and phase, {ED, ES: labels [slice][y][x]} of the phases with most and least volume)"""
    progress = Progress('images', len(plan.slices) * plan.phases)
    frames, labels = [], {}
    truth = measure(options, size, plan)
    for k in plan.slices:
        view = View(options, (*VIEW, plan.w_mm[k]), (1, 0, 0), (0, 1, 0), k)
        artist = Artist(view, plan.breath_mm[k], rng, truth['has_heart'])
        for i in range(plan.phases):
            shape = heart.Ventricles(size, plan.cycle[k, i])
            noise = np.random.default_rng([options.seed, k, i])
            frames.append(Frame(view.plane, i, plan.trigger_ms[k, i], plan.rr_ms[k],
                                store(artist.draw(shape), options.noise, noise)))
            for name in ('ed', 'es'):
                if i == truth[f'{name}_phase']:
                    labels.setdefault(name, []).append(artist.label(shape))
            progress.step()
    return frames, {name: np.stack(of) for name, of in labels.items()}, truth


def long_axis(options, plan, size, rng):
    """A two- and a four-chamber cine: what a reader must not take for short-axis slices."""
    out = []
    for number, row in enumerate(((1, 0.1, 0), (0.25, 1, 0))):
        row = np.array(row) / np.linalg.norm(row)
        view = View(options, (-8, 5, 40), row, (0, 0, 1), number)
        artist = Artist(view, (0, 0), rng, options.defect != 'no-heart')
        out.append([Frame(view.plane, i, i * options.rr_ms / options.phases, options.rr_ms,
                          store(artist.draw(heart.Ventricles(size, i / options.phases)), options.noise,
                                np.random.default_rng([options.seed, 1000 + number, i])))
                    for i in range(plan.phases)])
    return out


def write_images(options, study, plan, frames, extras):
    if options.layout == 'enhanced':
        study.write_enhanced(frames, 7, NAME, options.spacing)
    for n, frame in enumerate(frames):
        if options.layout == 'ge':
            study.write_classic(frame, 7, NAME, n + 1, None, plan.phases)
        elif options.layout == 'siemens':
            study.write_classic(frame, 10 + frame.plane.slice_index, NAME, frame.phase + 1, options.spacing, plan.phases)
    for k, cine in enumerate(extras):
        for n, frame in enumerate(cine):
            study.write_classic(frame, 40 + k, NAME, n + 1, None, plan.phases)


def make(options):
    rng = np.random.default_rng(options.seed)
    moved_mm = options.spacing if options.base_motion is None else options.base_motion
    size = heart.Size(options.edv, options.esv, options.mass, moved_mm)
    plan = Plan(options, size, rng)
    frames, labels, truth = short_axis(options, plan, size, rng)
    extras = long_axis(options, plan, size, rng) if options.long_axis else []

    key = 'cardiac-cine ' + ' '.join(f'{k}={v}' for k, v in sorted(vars(options).items()) if k not in ('out', 'make'))
    folder = options.out / 'dicom'
    folder.mkdir(parents=True, exist_ok=True)
    write_images(options, Study(folder, key, options, FOV_MM / options.size), plan, frames, extras)
    (options.out / 'truth').mkdir(exist_ok=True)
    for name, label in labels.items():
        np.save(options.out / 'truth' / f'label_{name}.npy', label)
    (options.out / 'truth/truth.json').write_text(json.dumps(truth, indent=1) + '\n')
    return truth
