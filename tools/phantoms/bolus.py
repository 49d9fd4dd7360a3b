"""
A contrast bolus and what tissue makes of it.

    tissue(t) = CBF / (6000 kappa) * (artery * R)(t - delay),  R(0) = 1, integral of R = MTT

kappa = 0.705 ml/g, (1 - 0.45)/(1 - 0.25)/1.04: large- to small-vessel haematocrit over density, as
the analyses use it, so that CBF and CBV come out in ml/100 g/min and ml/100 g.
"""
import numpy as np
from scipy import special

KAPPA = 0.705
STEP_S = 0.1


def gamma_variate(t, t0, alpha, beta):
    """Peak 1 at t0 + alpha beta."""
    u = np.maximum(t - t0, 0) / (alpha * beta)
    return u ** alpha * np.exp(alpha * (1 - u))


class Bolus:
    """The arterial curve on a fine time grid, HU above baseline, with a second pass."""

    def __init__(self, duration_s, start_s, peak_hu, alpha=3.0, beta=1.9):
        self.t = np.arange(0, duration_s + 60, STEP_S)
        first = gamma_variate(self.t, start_s, alpha, beta)
        spread = np.exp(-self.t / 7.0)
        again = self._convolve(gamma_variate(self.t, start_s + 13, alpha, beta), spread / spread.sum())
        self.artery = peak_hu * (first + 0.30 * again)
        self.kinds = {'box': self._box, 'exponential': self._exponential, 'gamma': self._gamma}

    def _convolve(self, a, b):
        n = len(self.t)
        size = 2 * n
        return np.fft.irfft(np.fft.rfft(a, size) * np.fft.rfft(b, size), size)[:n]

    def _box(self, mtt_s):
        return np.clip((mtt_s - self.t) / STEP_S + 0.5, 0, 1)

    def _exponential(self, mtt_s):
        return np.exp(-self.t / mtt_s)

    def _gamma(self, mtt_s):
        """Transit times of gamma shape 4: between a box and an exponential."""
        return special.gammaincc(4.0, 4.0 * self.t / mtt_s)

    def residue_curve(self, kind, mtt_s):
        """(artery * R) in HU s, on the fine grid."""
        residue = self.kinds[kind](mtt_s)
        residue = residue * mtt_s / np.trapz(residue, dx=STEP_S)
        residue[0] *= 0.5  # trapezoid
        return self._convolve(self.artery, residue) * STEP_S

    def vein(self):
        """Outflow: the arterial curve after a transit of 8 s, its area kept."""
        h = self.t ** 3 * np.exp(-self.t / 2.0)
        return self._convolve(self.artery, h / h.sum())

    def at(self, curve, times_s):
        return np.interp(times_s, self.t, curve, left=0.0)
