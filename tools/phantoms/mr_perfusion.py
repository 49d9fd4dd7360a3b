"""
A DSC-MR perfusion study of the head, with the stroke of ct_perfusion and its exact truth.

    S(t) = S0 f(t) exp(-TE dR2*(t)),   dR2* = gain CBF / (6000 kappa) (artery * R)(t - delay)

f: the first images are brighter, before T1 weighting is in its steady state. Noise is Rician. Arteries
in the circle of Willis drop to the noise floor, as those of patients do: their curves are cut off.
With --dwi the study has b 0 and b 1000 images and an ADC map on a grid of their own; ADC is low in the core.
"""
import numpy as np
from scipy import ndimage

from .bolus import Bolus
from .ct_perfusion import CORE, Curves, Motion, Perfusion, write_truth
from .head import ARTERY, CSF, GREY, WHITE, Grid, Head
from .mr_study import Images
from .progress import Progress

FOV_MM = 240.0
# Signal before contrast of each tissue, in the order of head.py; T2*-weighted, fat suppressed.
SIGNAL = np.array([0, 25, 110, 20, 45, 640, 300, 345, 330, 300, 120, 8, 8, 60], np.float32)
ARTERY_PEAK = 55.0  # 1/s, of an artery that fills its voxel only in part
ADC = {WHITE: 720.0, GREY: 830.0, CSF: 2900.0}  # 1e-6 mm2/s
CORE_ADC, OTHER_ADC = 430.0, 1100.0


class Contrast:
    """dR2* of every voxel, 1/s."""

    def __init__(self, options, grid, head, perfusion, last_s):
        peak = 0.0 if options.no_bolus else ARTERY_PEAK
        self.bolus = Bolus(last_s, options.delay, peak)
        self.curves = Curves(head, perfusion, self.bolus, options.residue)
        self.factor = np.ones(head.label.shape, np.float32)
        self.factor[perfusion.parenchyma] = options.tissue_gain
        artery = head.label == ARTERY
        willis = artery & (np.abs(grid.z_mm + 8) <= 8)[:, None, None]
        self.saturated = artery if options.saturation else willis
        self.factor[self.saturated] = 6.0
        self.leak = self._leak(options, grid, head) if options.leakage else None

    def _leak(self, options, grid, head):
        """A tumour in the hemisphere without the stroke, whose vessels leak: T1 shortens, R2* seems to fall."""
        sign = -1 if options.side == 'left' else 1
        y, x = np.meshgrid(grid.axis_mm, grid.axis_mm, indexing='ij')
        z = (grid.z_mm - 32)[:, None, None]
        inside = np.sqrt((sign * x - 36) ** 2 + (y + 22) ** 2 + z ** 2) < 15
        return inside & ((head.label == GREY) | (head.label == WHITE))

    def at(self, times_s):
        out = self.curves.at(times_s) * self.factor
        if self.leak is not None:
            area = np.cumsum(self.bolus.artery) * 0.1
            for k, t in enumerate(times_s):
                out[k][self.leak[k]] -= 0.006 * self.bolus.at(area, t)
        return out


class Pose(Motion):
    """
    Motion of an image that is band-limited, as one sampled in k-space is: splines, which hardly blur. The
    linear steps of CT's phantom would blur each frame another way, and blur is signal here.
    """

    def move(self, volume, frame, grid):
        dx, dy, dz, turn = self.path[frame]
        if self.is_still or not np.any(self.path[frame]):
            return volume
        turn = np.deg2rad(turn)
        matrix = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        centre = (grid.size - 1) / 2
        offset = centre - matrix @ (np.array([dy, dx]) / grid.spacing_mm + centre)
        moved = np.stack([ndimage.affine_transform(s, matrix, offset, order=5, mode='nearest') for s in volume])
        return np.maximum(ndimage.shift(moved, (dz / grid.slice_mm, 0, 0), order=3, mode='nearest'), 0)


def frame_times(options, slices):
    """s, [frames][slices]: slices are taken one after the other, even ones first."""
    order = np.argsort(np.r_[np.arange(0, slices, 2), np.arange(1, slices, 2)])
    return np.round(np.arange(options.frames)[:, None] * options.tr + order * options.tr / slices, 4)


def steady(frame):
    """How much brighter than in its steady state a frame is."""
    return 1 + 0.4 * np.exp(-frame / 0.6)


def rician(signal, sigma, rng):
    noisy = np.hypot(signal + sigma * rng.standard_normal(signal.shape, dtype=np.float32),
                     sigma * rng.standard_normal(signal.shape, dtype=np.float32))
    return np.clip(np.rint(noisy), 0, 4095).astype(np.uint16)


def blur(volume, grid, sigma_mm=0.5):
    return ndimage.gaussian_filter(volume, (0, sigma_mm / grid.spacing_mm, sigma_mm / grid.spacing_mm))


def write_dsc(options, images, grid, head, contrast, motion, times):
    still = SIGNAL[head.label]
    sigma = options.noise / 100 * SIGNAL[WHITE]
    per_time = options.layout == 'series-per-time'
    images.open(grid, 'PERFUSION', f'Perfusion DSC {grid.slice_mm:g} mm', ['ORIGINAL', 'PRIMARY', 'OTHER', 'PERFUSION'],
                tr_ms=1000 * options.tr, te_ms=None if options.no_echo_time else options.te, contrast=True)
    progress = Progress('images', options.frames * grid.slices)
    for i in range(options.frames):
        exact = still * np.exp(-options.te / 1000 * contrast.at(times[i])) * steady(i)
        moved = motion.move(blur(exact, grid), i, grid)
        stored = rician(moved, sigma, np.random.default_rng([options.seed, i]))
        for k in range(grid.slices):
            images.write(series=100 + i if per_time else 4, number=k + 1 if per_time else i * grid.slices + k + 1,
                         slice_index=k, time_s=float(times[i][k]), time_index=i, pixels=stored[k])
            progress.step()


def write_dwi(options, images, like):
    """b 0, b 1000 and ADC on slices of 4.5 mm, 160 x 160: another grid than the DSC's, the same head."""
    grid = Grid(160, 24, fov_mm=230.0, slice_mm=4.5, lowest_mm=-20.0)
    rng = np.random.default_rng(options.seed)
    head = Head(grid, rng)
    perfusion = Perfusion(head, rng, options.side, like)
    adc = np.full(head.label.shape, OTHER_ADC, np.float32)
    for tissue, value in ADC.items():
        adc[head.label == tissue] = value
    adc[(perfusion.zone == CORE) & perfusion.parenchyma] = CORE_ADC
    b0 = SIGNAL[head.label] * np.float32(1.2)
    sigma = options.noise / 100 * SIGNAL[WHITE]
    noise = np.random.default_rng([options.seed, 10 ** 6])
    stack = {b: rician(blur(b0 * np.exp(-b * 1e-6 * adc), grid), sigma, noise) for b in (0, 1000)}
    ratio = np.log(np.maximum(stack[0], 1) / np.maximum(stack[1000], 1).astype(np.float32))
    maps = np.where(stack[0] > 60, np.clip(ratio * 1000, 0, 4000), 0).astype(np.uint16)
    for b, volume in stack.items():
        images.open(grid, 'DIFFUSION', 'Diffusion trace', ['DERIVED', 'PRIMARY', 'DIFFUSION', 'TRACEW'], tr_ms=5200, te_ms=80,
                    b_value=b)
        for k in range(grid.slices):
            images.write(series=2, number=k + 1 + (grid.slices if b else 0), slice_index=k, time_s=-240.0,
                         time_index=1000 + b, pixels=volume[k])
    images.open(grid, 'DIFFUSION', 'ADC', ['DERIVED', 'PRIMARY', 'DIFFUSION', 'ADC'], tr_ms=5200, te_ms=80)
    for k in range(grid.slices):
        images.write(series=3, number=k + 1, slice_index=k, time_s=-200.0, time_index=3000, pixels=maps[k])


def shorten(options, times):
    """With --truncated the scan ends 9 s after the artery's peak."""
    if options.truncated:
        options.frames = min(options.frames, int((options.delay + 5.7 + 9) / options.tr) + 1)
    return times[:options.frames]


def key(options):
    return 'mr-perfusion ' + ' '.join(
        f'{k}={v}' for k, v in sorted(vars(options).items()) if k not in ('out', 'make'))


def make(options):
    grid = Grid(options.size, options.slices, fov_mm=FOV_MM)
    rng = np.random.default_rng(options.seed)
    head = Head(grid, rng)
    perfusion = Perfusion(head, rng, options.side)
    uids = key(options)
    times = shorten(options, frame_times(options, grid.slices))
    contrast = Contrast(options, grid, head, perfusion, times.max())
    motion = Pose(options.frames, options.motion, rng)
    options.dt, options.sampling = options.tr, 'even'
    truth = write_truth(options.out / 'truth', options, grid, head, perfusion, contrast.bolus, contrast.curves, motion)
    np.save(options.out / 'truth/saturated.npy', contrast.saturated)
    if options.leakage:
        np.save(options.out / 'truth/leak.npy', contrast.leak)

    folder = options.out / 'dicom'
    folder.mkdir(parents=True, exist_ok=True)
    images = Images(folder, uids, options.patient_name, options.patient_id)
    write_dsc(options, images, grid, head, contrast, motion, times)
    if options.dwi:
        write_dwi(options, images, grid)
    return truth
