"""
A beating heart in millimetres, with a chest about it, evaluated on any points at any time.

Axes are the heart's own: u and v lie in the short-axis plane (u to the lateral wall, v to the
diaphragm), w runs from base to apex. w = 0 is the mitral plane at end diastole; the apex stays where
it is and the mitral plane comes down to it in systole. The left ventricle is half an ellipsoid, so

    V = 2/3 pi R^2 L,    R = sqrt(3 V / (2 pi L))

for the cavity (V of the volume curve) and for cavity + wall (the wall's volume is constant). All
surfaces have soft edges of one pixel, by their approximate distance, so that areas are true.
"""
import numpy as np

BACKGROUND, CAVITY, WALL, RIGHT = range(4)
DENSITY = 1.05  # g/ml of myocardium

# Trabeculae and papillary muscles are 23 +- 3 % of a normal EDV (Chuang et al., JACC Cardiovasc Imaging
# 5:1115, 2012); here 16 % and two slender papillaries.
TRABECULAE, DEPTH_MM = 0.16, 5.0
FAT_MM = 3.0  # about the ventricles

# Signal of balanced SSFP, blood 1.
SIGNAL = {'air': 0.0, 'lung': 0.05, 'fat': 0.66, 'muscle': 0.24, 'myocardium': 0.32, 'blood': 1.0,
          'venous': 0.9, 'liver': 0.33, 'spleen': 0.5, 'marrow': 0.42, 'fluid': 0.95, 'stomach': 0.4}

SYSTOLE, RELAXED, FILLED, KICK, END = 0.36, 0.42, 0.62, 0.85, 0.97  # parts of the R-R interval


def ease(x):
    """0 to 1, flat at both ends."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(x, 0, 1))


def emptied(t):
    """Share of the stroke volume that has left the ventricle; t in R-R intervals, 0 is the R wave."""
    t = np.mod(t, 1.0)
    out = ease(t / SYSTOLE)
    out = out - 0.75 * ease((t - RELAXED) / (FILLED - RELAXED))
    out = out - 0.05 * ease((t - FILLED) / (KICK - FILLED))
    return out - 0.20 * ease((t - KICK) / (END - KICK))


class Ellipsoid:
    """Normalised radius and approximate distance in mm (below 0 inside)."""

    def __init__(self, centre, radii, turn_deg=0.0, lean=0.0):
        """lean: mm of v for each of w, of what runs obliquely to the heart's axis."""
        self.centre, self.radii, self.lean = centre, radii, lean
        self.cos, self.sin = np.cos(np.deg2rad(turn_deg)), np.sin(np.deg2rad(turn_deg))

    def distance(self, u, v, w):
        x, y, z = u - self.centre[0], v - self.centre[1], w - self.centre[2]
        y = y - self.lean * w
        x, y = x * self.cos + y * self.sin, y * self.cos - x * self.sin
        a, b, c = self.radii
        f = np.sqrt((x / a) ** 2 + (y / b) ** 2 + (z / c) ** 2) + 1e-9
        slope = np.sqrt((x / a ** 2) ** 2 + (y / b ** 2) ** 2 + (z / c ** 2) ** 2) / f + 1e-9
        return (f - 1) / slope


FLAT = 1e6  # a radius in w of what looks the same in all slices


class Ventricles:
    """Their shapes at one time."""

    def __init__(self, size, t):
        gone = float(emptied(t))
        self.volume_ml = size.edv_ml - (size.edv_ml - size.esv_ml) * gone
        self.base_mm = size.base_motion_mm * gone
        outer_mm = size.length_mm + size.tip_mm - self.base_mm
        inner_mm = outer_mm - size.tip_mm * (1 + 0.3 * gone)
        self.inner_mm = inner_mm
        self.r_mm = np.sqrt(3 * self.volume_ml * 1000 / (2 * np.pi * inner_mm))
        self.outer_r_mm = np.sqrt(3 * (self.volume_ml + size.wall_ml) * 1000 / (2 * np.pi * outer_mm))
        oval = 1.04
        base = (0, 0, self.base_mm)
        self.endo = Ellipsoid(base, (self.r_mm * oval, self.r_mm / oval, inner_mm), 20)
        self.epi = Ellipsoid(base, (self.outer_r_mm * oval, self.outer_r_mm / oval, outer_mm), 20)
        self._trabeculae(size.trabecula_ml, base, oval)
        self._right(size, gone, outer_mm)
        self.coats = [Ellipsoid(of.centre, tuple(r + FAT_MM for r in of.radii), turn)
                      for of, turn in ((self.epi, 20), (self.right_wall, -8))]
        self._papillaries(gone)

    def _right(self, size, gone, outer_mm):
        k = size.scale * (1 - 0.25 * gone)
        middle = (-self.outer_r_mm * 0.80 - 5 * k, 4.0, self.base_mm)
        radii = (31 * k, 41 * k, 0.86 * outer_mm)
        self.right = Ellipsoid(middle, radii, -8)
        self.right_wall = Ellipsoid(middle, tuple(r + 3 for r in radii), -8)

    def _trabeculae(self, muscle_ml, base, oval):
        """
        A layer of DEPTH inside the cavity that holds a constant volume of muscle: sparse at end diastole,
        dense at end systole. Readers draw the endocardium outside it, and so does the truth.
        """
        self.core = Ellipsoid(base, (self.r_mm * oval - DEPTH_MM, self.r_mm / oval - DEPTH_MM,
                                     self.inner_mm - DEPTH_MM), 20)
        core_ml = 2 / 3 * np.pi * np.prod(self.core.radii) / 1000
        self.density = min(0.85, muscle_ml / (self.volume_ml - core_ml))

    def _papillaries(self, gone):
        thick = min(3.6 * (1 + 0.2 * gone), 0.2 * self.r_mm)
        self.papillaries = []
        for angle in (40, 140):
            at = np.deg2rad(angle)
            far = 0.66 * self.r_mm
            self.papillaries.append(Ellipsoid((far * np.cos(at), far * np.sin(at), self.base_mm + 0.48 * self.inner_mm),
                                              (thick, thick, 0.24 * self.inner_mm)))

    def label(self, u, v, w):
        """BACKGROUND, CAVITY (papillary muscles and trabeculae within), WALL or RIGHT at points."""
        below = w > self.base_mm
        inside = below & (self.epi.distance(u, v, w) < 0)
        out = np.where(below & (self.right.distance(u, v, w) < 0), RIGHT, BACKGROUND)
        out = np.where(inside, WALL, out)
        return np.where(inside & (self.endo.distance(u, v, w) < 0), CAVITY, out).astype(np.uint8)

    def cavity_area_mm2(self, w):
        """Of the plane w: exact."""
        z = (w - self.base_mm) / self.inner_mm
        return np.where((z > 0) & (z < 1), np.pi * self.r_mm ** 2 * (1 - z ** 2), 0.0)


class Size:
    """Of a heart: from its volumes and mass."""

    def __init__(self, edv_ml, esv_ml, mass_g, base_motion_mm):
        self.edv_ml, self.esv_ml, self.base_motion_mm = edv_ml, esv_ml, base_motion_mm
        self.wall_ml = mass_g / DENSITY
        self.trabecula_ml = TRABECULAE * edv_ml
        self.scale = (edv_ml / 130) ** (1 / 3)
        self.length_mm, self.tip_mm = 85 * self.scale, 8.0


def cover(distance, pixel_mm):
    return np.clip(0.5 - distance / pixel_mm, 0, 1)


class Painter:
    """Lays tissues over each other."""

    def __init__(self, u, v, w, pixel_mm):
        self.at, self.pixel_mm = (u, v, w), pixel_mm
        self.signal = np.zeros(np.broadcast(u, v, w).shape, np.float32)

    def lay(self, shape, tissue, limit=None):
        """limit: how much of the point may be covered, 0..1."""
        share = cover(shape.distance(*self.at), self.pixel_mm)
        if limit is not None:
            share = share * limit
        self.signal += share * (SIGNAL[tissue] - self.signal)


CHEST = [  # centre, radii, turn, lean, tissue: what does not move, far ones first
    ((0, 12, 0), (150, 122, FLAT), 0, 0.3, 'fat'), ((0, 14, 0), (136, 108, FLAT), 0, 0.3, 'muscle'),
    ((0, 14, 0), (126, 98, FLAT), 0, 0.3, 'lung'), ((-70, -56, 0), (46, 38, 160), 30, 0.3, 'fat'),
    ((-38, 92, 60), (92, 46, 150), 6, -0.3, 'liver'), ((52, 92, 70), (46, 44, 120), -10, -0.3, 'stomach'),
    ((98, 70, 60), (20, 34, 60), 10, 0.0, 'spleen'), ((40, 102, 0), (24, 22, FLAT), 0, 0.1, 'marrow'),
    ((40, 113, 0), (9, 8, FLAT), 0, 0.1, 'fluid'), ((62, 76, -60), (11, 11, 110), 0, 0.0, 'blood'),
    ((-16, 3, -20), (62, 46, 36), 5, 0.0, 'fat')]


def paint_chest(painter):
    for centre, radii, turn, lean, tissue in CHEST:
        painter.lay(Ellipsoid(centre, radii, turn, lean), tissue)
    for k in range(-4, 5):  # ribs
        painter.lay(Ellipsoid((k * 30, 12 - 112 * np.sqrt(max(0.0, 1 - (k * 30 / 140) ** 2)), 0), (8, 5, FLAT)), 'marrow')


def paint_heart(painter, shape):
    """The ventricles at a time, and what lies above their base."""
    w = painter.at[2]
    below = np.clip(0.5 + (w - shape.base_mm) / painter.pixel_mm, 0, 1)
    above, base = 1 - below, shape.base_mm
    for tissue, grow in (('myocardium', 2.0), ('blood', 0.0)):  # thin walls, then what they hold
        painter.lay(Ellipsoid((4, 6, base - 14), (26 + grow, 25 + grow, 30 + grow)), tissue, above)
        painter.lay(Ellipsoid((-50, 16, base - 16), (24 + grow, 27 + grow, 32 + grow)), tissue, above)
        painter.lay(Ellipsoid((-14, -26, base - 20), (13 + grow, 13 + grow, 60)), tissue, above)
        painter.lay(Ellipsoid((-44, -30, base - 10), (14 + grow, 12 + grow, 60)), tissue, above)
    for coat in shape.coats:
        painter.lay(coat, 'fat', below)
    painter.lay(shape.right_wall, 'myocardium', below)
    painter.lay(shape.right, 'venous', below)
    painter.lay(shape.epi, 'myocardium', below)
    painter.lay(shape.endo, 'blood', below)
    u, v = painter.at[:2]
    ridges = 1 + 0.35 * np.cos(11 * np.arctan2(v, u) + w / 4)
    painter.lay(shape.endo, 'myocardium', below * np.clip(shape.density * ridges, 0, 1))
    painter.lay(shape.core, 'blood', below)
    for muscle in shape.papillaries:
        painter.lay(muscle, 'myocardium', below)
