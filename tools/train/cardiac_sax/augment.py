"""
Training crops: a random affine and elastic map of the image, then random contrast, all in torch.

The crop is SIZE pixels at SPACING_MM, as the pipeline cuts it; `normalise` is the pipeline's too.
All randomness of a step comes from one numpy generator, so that a resumed run repeats itself.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F

SIZE = 128
SPACING_MM = 1.33  # about what Sunnybrook's PNGs have (1.25 to 1.37), which do not say it


def percentiles(x, lo, hi):
    """Of each [n][pixels], by rank without interpolation: 0 is the least, 1 the greatest."""
    ordered = x.sort(dim=1).values
    last = x.shape[1] - 1
    def at(q):
        return ordered.gather(1, (torch.as_tensor(q).expand(len(x)) * last).round().long()[:, None])
    return at(lo), at(hi)


def normalise(x, lo=0.01, hi=0.99, every=1):
    """[n][1][y][x] to 0..1 between two percentiles of (every n-th pixel of) each crop, clipped."""
    a, b = percentiles(x.flatten(1)[:, ::every], lo, hi)
    return ((x - a[..., None, None]) / (b - a).clamp(min=1e-6)[..., None, None]).clamp(0, 1)


class Augment:
    """Batches of crops of size x size pixels, patients drawn evenly."""

    def __init__(self, samples, batch, size=SIZE):
        self.batch, self.size = batch, size
        self.by_patient = {}
        for s in samples:
            self.by_patient.setdefault(s.patient, []).append(s)
        self.patients = sorted(self.by_patient)
        self.centres = {id(s): np.argwhere(s.mask).mean(axis=0) if s.mask.any() else None for s in samples}
        yy, xx = torch.meshgrid(*[torch.linspace(-1, 1, size)] * 2, indexing='ij')
        self.base = torch.stack((xx, yy), -1)  # -1..1 over the crop
        self.poly = torch.stack((xx, yy, xx * yy, xx ** 2, yy ** 2))

    def _pick(self, rng):
        of = self.by_patient[self.patients[rng.integers(len(self.patients))]]
        return of[rng.integers(len(of))]

    def _grid(self, sample, rng):
        """Where each pixel of the crop lies in the image, in pixels (x, y)."""
        centre = self.centres[id(sample)]
        if centre is None or rng.random() < 0.12:  # far from the heart: learn to find nothing
            centre = rng.uniform(0.1, 0.9, 2) * sample.mask.shape
        else:
            reach, turn = self.size / 5 * math.sqrt(rng.random()), rng.uniform(0, 2 * math.pi)
            centre = centre + reach * np.array([math.sin(turn), math.cos(turn)])
        zoom = math.exp(rng.uniform(math.log(0.74), math.log(1.36)))  # above 1: a wider view
        stretch = math.exp(rng.normal(0, 0.06))
        angle = rng.uniform(-math.pi, math.pi) if rng.random() < 0.4 else rng.normal(0, 0.3)
        flip = -1 if rng.random() < 0.2 else 1
        c, s = math.cos(angle), math.sin(angle)
        shear = rng.normal(0, 0.05)
        turn = np.array([[c, -s], [s, c]]) @ np.array([[flip * stretch, shear], [0, 1 / stretch]]) * zoom
        scale = (SPACING_MM / sample.spacing_mm if sample.spacing_mm else 1.0) * (self.size - 1) / 2
        grid = self.base @ torch.tensor((turn * scale).T, dtype=torch.float32)
        if rng.random() < 0.5:
            knots = torch.tensor(rng.normal(0, rng.uniform(0.5, 3.0), (1, 2, 5, 5)), dtype=torch.float32)
            grid = grid + F.interpolate(knots, self.size, mode='bicubic', align_corners=True)[0].permute(1, 2, 0)
        return grid + torch.tensor(centre[::-1].copy(), dtype=torch.float32)

    def _warp(self, sample, rng):
        h, w = sample.mask.shape
        grid = self._grid(sample, rng) / torch.tensor([w - 1, h - 1]) * 2 - 1
        both = torch.stack((torch.from_numpy(sample.image), torch.from_numpy(sample.mask).float()))
        out = F.grid_sample(both[None], grid[None].float(), align_corners=True)[0]
        return out[0], (out[1] > 0.5).long()

    def _bias(self, rng, n):
        """Coil sensitivity: exp of a random quadratic; now and then a dark band of bSSFP."""
        weights = torch.tensor(rng.normal(0, 0.25, (n, 5)), dtype=torch.float32)
        field = torch.einsum('nk,kyx->nyx', weights, self.poly).exp()
        for i in np.flatnonzero(rng.random(n) < 0.1):
            angle, phase = rng.uniform(0, 2 * math.pi, 2)
            wave = self.base @ torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float32)
            band = torch.cos(wave * rng.uniform(2, 5) + phase).abs()
            field[i] *= 1 - rng.uniform(0.2, 0.7) * torch.exp(-(band / 0.15) ** 2)
        return field[:, None]

    def _contrast(self, x, rng):
        n = len(x)
        def draw(lo, hi):
            return torch.tensor(rng.uniform(lo, hi, (n, 1, 1, 1)), dtype=torch.float32)
        x = normalise(x * self._bias(rng, n), draw(0, 0.04).flatten(), draw(0.95, 1.0).flatten(), 5)
        x = x.clamp(min=1e-4) ** draw(-0.6, 0.6).exp()
        knots = torch.tensor(rng.normal(0, 0.09, (n, 4)), dtype=torch.float32)  # a wavy tone curve
        for k in range(4):
            x = x + knots[:, k, None, None, None] / (k + 1) * torch.sin(math.pi * (k + 1) * x)
        return x * draw(0.75, 1.15) + draw(-0.1, 0.1)

    def _resolution(self, x, rng):
        """Coarser acquisition: sampled down and up again."""
        for i in np.flatnonzero(rng.random(len(x)) < 0.3):
            small = [int(self.size / rng.uniform(1, 2.4)) for _ in range(2)]
            low = F.interpolate(x[i:i + 1], small, mode='bilinear', align_corners=False, antialias=True)
            x[i:i + 1] = F.interpolate(low, self.size, mode='bicubic', align_corners=False)
        return x

    def _noise(self, x, rng):
        """Rician, over white or slightly smooth noise."""
        sd = torch.tensor(rng.uniform(0, 0.09, len(x)) * (rng.random(len(x)) < 0.7), dtype=torch.float32)
        white = torch.from_numpy(rng.standard_normal((2, *x.shape), np.float32))
        real = x + white[0] * sd[:, None, None, None]
        imaginary = white[1] * sd[:, None, None, None]
        return torch.where(real > 0, torch.hypot(real, imaginary), imaginary.abs())

    def draw(self, rng):
        """(float32 [n][1][y][x] in 0..1, int64 [n][y][x])"""
        pairs = [self._warp(self._pick(rng), rng) for _ in range(self.batch)]
        x = torch.stack([p[0] for p in pairs])[:, None]
        x = self._noise(self._resolution(self._contrast(x, rng), rng), rng)
        return normalise(x), torch.stack([p[1] for p in pairs])
