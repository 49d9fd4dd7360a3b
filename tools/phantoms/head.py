"""
A head in millimetres: which tissue lies where, evaluated on any grid.

Axes are DICOM's patient axes: x to the patient's left, y to the back, z to the top; the origin
lies midway between the temples, z = 0 at the level of the third ventricle's floor. Shapes are
simple (ellipses, tubes, the zero lines of a smooth random field as sulci), sizes are an adult's.
"""
import numpy as np
from scipy import ndimage

AIR, FAT, MUSCLE, BONE, DIPLOE, CSF, WHITE, GREY, ARTERY, SINUS, FALX, REST, FOAM, CALCIUM = range(14)

# Baseline HU of each tissue, in the order above; textbook values for 120 kV.
HU = np.array([-1000, -85, 45, 1250, 550, 6, 29, 38, 44, 50, 48, 90, -880, 160], np.float32)

HALF_X, HALF_Y, HEIGHT = 76.0, 95.0, 102.0  # half axes of the scalp


class Grid:
    """
    size x size pixels of a square field of view, and the z of each slice, in mm.

    Images are written with the gantry tilted, and each slice as so many thin ones: the anatomy stays.
    """

    def __init__(self, size, slices, fov_mm=250.0, slice_mm=5.0, lowest_mm=-18.0, tilt_deg=0.0, thin=1):
        self.tilt_deg, self.thin = tilt_deg, thin
        self.size, self.slices, self.slice_mm = size, slices, slice_mm
        self.spacing_mm = fov_mm / size
        self.axis_mm = (np.arange(size, dtype=np.float32) - (size - 1) / 2) * np.float32(self.spacing_mm)
        self.z_mm = lowest_mm + slice_mm * np.arange(slices)
        self.voxel_ml = self.spacing_mm ** 2 * slice_mm / 1000


def smooth_field(rng, grid, sigma_mm, sigma_z_mm):
    """A random field of mean 0 and standard deviation 1, the same on every grid size."""
    step = 2.0  # mm
    n = 136
    levels = 90
    field = rng.standard_normal((levels, n, n)).astype(np.float32)
    field = ndimage.gaussian_filter(field, (sigma_z_mm / step, sigma_mm / step, sigma_mm / step), mode='wrap')
    field /= field.std()
    at = grid.axis_mm / step + (n - 1) / 2
    out = np.empty((grid.slices, grid.size, grid.size), np.float32)
    yy, xx = np.meshgrid(at, at, indexing='ij')
    coarse = ndimage.spline_filter(field, order=3, output=np.float32)
    for k, z in enumerate(grid.z_mm):
        level = z / step + levels / 2
        lo = int(np.floor(level))
        part = np.float32(level - lo)
        sheet = coarse[lo % levels] * (1 - part) + coarse[(lo + 1) % levels] * part
        out[k] = ndimage.map_coordinates(sheet, [yy, xx], order=3, mode='nearest', prefilter=False)
    return out


def ellipse(x, y, cx, cy, rx, ry, turn_deg=0.0):
    """Normalised radius: below 1 inside."""
    turn = np.deg2rad(turn_deg)
    u = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn)
    v = -(x - cx) * np.sin(turn) + (y - cy) * np.cos(turn)
    return np.hypot(u / rx, v / ry)


def tube(x, y, points, radius_mm):
    """Mask of what lies within radius of a polyline in the plane."""
    inside = np.zeros(x.shape, bool)
    for (ax, ay), (bx, by) in zip(points, points[1:] or points):
        dx, dy = bx - ax, by - ay
        along = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-6), 0, 1)
        inside |= np.hypot(x - ax - along * dx, y - ay - along * dy) < radius_mm
    return inside


def between(z, lo, hi):
    """0..1..0 bump of z over lo..hi, or 0 outside: the half width of a round thing cut at z."""
    u = (z - (lo + hi) / 2) / ((hi - lo) / 2)
    return np.sqrt(max(0.0, 1 - u * u))


class Shell:
    """Scalp and skull of one slice: depths in mm below the skin, along the ray from the middle."""

    def __init__(self, x, y, z):
        self.scale = np.sqrt(max(0.05, 1 - (z / HEIGHT) ** 2))
        a, b = HALF_X * self.scale, HALF_Y * self.scale
        width = 1 + 0.07 * np.clip(y / b, -1.2, 1.2)  # broader behind
        rho = np.maximum(np.sqrt((x / (a * width)) ** 2 + (y / b) ** 2), 1e-3)
        r = np.maximum(np.hypot(x, y), 1e-3)
        self.depth = r / rho - r
        sine = y / r  # -1 in front, 1 behind
        lateral = 1 - sine ** 2
        temple = np.exp(-((sine + 0.35) / 0.3) ** 2) * max(0.0, min(1.0, (18 - z) / 20))
        self.scalp = 4.2 + 1.5 * (sine > 0) * sine ** 2 + 6.0 * temple
        skull = 7.0 + 1.6 * sine ** 4 - 1.8 * lateral ** 2 - 1.2 * temple
        self.skull = skull / self.scale
        self.inner = self.scalp + self.skull
        self.back_mm = b - (4.2 + 1.5) - (7.0 + 1.6) / self.scale  # inner table behind, on the midline
        self.front_mm = -(b - 4.2 - (7.0 + 1.6) / self.scale)
        self.width_mm = a

    def paint(self, label, z):
        depth, scalp, inner = self.depth, self.scalp, self.inner
        label[depth > 0] = MUSCLE
        label[(depth > 1.6) & (depth < scalp - 0.8)] = FAT
        if z < 18:  # the temporal muscle replaces fat
            label[(depth > 2.5) & (depth < scalp) & (scalp > 6.5)] = MUSCLE
        label[(depth > scalp) & (depth < inner)] = BONE
        table = 1.9 / self.scale
        label[(depth > scalp + table) & (depth < inner - table * 0.9)] = DIPLOE
        label[depth >= inner] = CSF


def ventricles(x, y, z):
    """CSF spaces inside the brain: lateral, third and fourth ventricle, Sylvian fissures, cisterns."""
    ax = np.abs(x)
    inside = np.zeros(x.shape, bool)
    if 4 < z < 34:
        grow = between(z, 4, 34)
        inside |= ellipse(ax, y, 8 + 0.15 * (z - 4), -22, 5.0 * grow + 0.5, 14 * grow + 1, -18) < 1  # frontal horns
        inside |= (z > 14) & (ellipse(ax, y, 11, 2, 5.5 * grow, 20 * grow, -8) < 1)  # bodies
        inside |= (z < 30) & (ellipse(ax, y, 21, 30, 6.5 * grow, 13 * grow, 12) < 1)  # trigones
    if -6 < z < 12:
        inside |= (ax < 2.2) & (y > -16) & (y < 8)  # third
    if z < -8:
        inside |= ellipse(x, y, 0, 36, 6, 5) < 1  # fourth
        inside |= ellipse(x, y, 0, -10, 11, 8) < 1  # suprasellar cistern
    if -2 < z < 8:
        inside |= ellipse(x, y, 0, 17, 8, 3.5) < 1  # quadrigeminal
    if -12 < z < 18:
        inside |= tube(ax, y, [(34, -20), (45, -10), (46, 4), (56, 10)], 1.8)  # Sylvian
    return inside


def deep_grey(x, y, z):
    ax = np.abs(x)
    inside = np.zeros(x.shape, bool)
    if -2 < z < 28:
        grow = between(z, -6, 28)
        inside |= ellipse(ax, y, 15, -17, 5 * grow, 10 * grow, -15) < 1  # caudate
        inside |= ellipse(ax, y, 26, -4, 7 * grow, 16 * grow, -12) < 1  # lentiform
        inside |= ellipse(ax, y, 10, 8, 8 * grow, 13 * grow, 10) < 1  # thalamus
    return inside


def arteries(x, y, z, slice_mm):
    """Masks (all arteries, middle cerebral ones) of one slice."""
    ax = np.abs(x)
    half = slice_mm / 2
    every = np.zeros(x.shape, bool)
    middle = np.zeros(x.shape, bool)
    if z < -9:  # internal carotids, basilar
        every |= ellipse(ax, y, 11, -18, 2.3, 2.3) < 1
        every |= ellipse(x, y, 0, 3, 1.9, 1.9) < 1
    if abs(z + 8) <= half:  # M1, A1 and P1 lie in one slice: the circle of Willis
        middle |= tube(ax, y, [(11, -18), (24, -20), (36, -16)], 1.6)
        every |= tube(ax, y, [(11, -18), (5, -26), (2.5, -32)], 1.3)
        every |= tube(ax, y, [(0, 3), (8, 4), (18, 12)], 1.2)
    if -9 < z < 16:  # M2 in the fissure
        middle |= ellipse(ax, y, 43 + 0.15 * z, -11 + 0.2 * z, 1.4, 1.4) < 1
        middle |= ellipse(ax, y, 46.5, 1 + 0.3 * z, 1.3, 1.3) < 1
    if z >= 12:  # M3 and M4 near the surface, thinner upward
        out = 52 - max(0.0, z - 25) * 0.35
        for angle in (-38, -5, 26):
            at = np.deg2rad(angle + 0.25 * z)
            middle |= ellipse(ax, y, out * np.cos(at), 1.05 * out * np.sin(at), 0.95, 0.95) < 1
    if -9 < z < 52:  # A2 and pericallosal
        every |= ellipse(ax, y, 2.2, -36 - 0.25 * min(z, 25) + 0.3 * max(0, z - 25), 1.3, 1.3) < 1
    return every | middle, middle


def sinuses(x, y, z, shell):
    back = shell.back_mm
    inside = (np.abs(x) < 4.2 * (1 - (back - y) / 9)) & (y < back) & (y > back - 8)  # sagittal, triangular
    if z > 20:
        inside |= (np.abs(x) < 1.8) & (y > shell.front_mm + 0.5) & (y < shell.front_mm + 3.5)
    if z < -5:  # torcula and transverse
        inside |= ellipse(x, y, 0, back - 5, 6.5, 4.5) < 1
        inside |= (shell.depth > shell.inner) & (shell.depth < shell.inner + 4) & (y > 0.62 * back) & (z < -9)
    if 0 < z < 12:  # straight sinus, vein of Galen
        inside |= (np.abs(x) < 1.6) & (y > 20) & (y < back)
    return inside & (shell.depth >= shell.inner)


def head_rest(x, y, label):
    bowl = ellipse(x, y, 0, 18, 104, 98)
    air = label == AIR
    label[air & (y > 62) & (bowl < 1.0) & (bowl > 0.955)] = FOAM
    label[air & (y > 55) & (bowl >= 1.0) & (bowl < 1.03)] = REST


class Head:
    """label [slices][y][x]; middle: artery voxels of the middle cerebral arteries."""

    def __init__(self, grid, rng):
        shape = (grid.slices, grid.size, grid.size)
        self.grid = grid
        self.label = np.zeros(shape, np.uint8)
        self.middle = np.zeros(shape, bool)
        folds = smooth_field(rng, grid, 3.1, 9.0)
        y, x = np.meshgrid(grid.axis_mm, grid.axis_mm, indexing='ij')
        for k, z in enumerate(grid.z_mm):
            self._slice(k, x, y, z, folds[k])

    def _slice(self, k, x, y, z, folds):
        label, spacing = self.label[k], self.grid.spacing_mm
        shell = Shell(x, y, z)
        shell.paint(label, z)
        in_brain = shell.depth - shell.inner
        brain = in_brain > 2.0
        spaces = ventricles(x, y, z) & brain

        # Sulci: the zero lines of a smooth random field, about 1.3 mm wide, 20 mm deep.
        slope = np.hypot(*np.gradient(folds, spacing)) + 1e-4
        medial = (y < -26) | (y > 28) | (z > 32)  # where the hemispheres face each other
        depth = np.where(medial, np.minimum(in_brain, np.abs(x) + 4), in_brain)
        sulcus = (np.abs(folds) / slope < 0.65) & (depth < 19)
        fissure = (np.abs(x) < 1.0) & medial
        outside = ~brain | sulcus | fissure

        # Cortex: 3 mm along every surface but that of the ventricles.
        to_surface = ndimage.distance_transform_edt(~outside) * spacing
        grey = brain & (to_surface < 3.0) & (depth < 24) | deep_grey(x, y, z)
        label[brain] = WHITE
        label[grey & brain] = GREY
        label[brain & (outside | spaces)] = CSF
        label[fissure & brain & (np.abs(x) < 0.6)] = FALX
        if -1 < z < 9:
            label[ellipse(x, y, 0, 22, 1.6, 1.6) < 1] = CALCIUM  # pineal gland
        if z < -14:  # petrous ridges in the lowest slices
            label[tube(np.abs(x), y, [(22, 6), (62, 26)], 0.35 * (-z - 10)) & (in_brain > 0)] = BONE
        label[sinuses(x, y, z, shell)] = SINUS
        every, self.middle[k] = arteries(x, y, z, self.grid.slice_mm)
        label[every & (in_brain > 0)] = ARTERY
        self.middle[k] &= in_brain > 0
        head_rest(x, y, label)
