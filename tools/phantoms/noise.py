"""CT noise: coloured like filtered back projection, stronger in the middle of the head."""
import numpy as np
from scipy import fft


class Scanner:
    """The blur (MTF) and the noise colour of a reconstruction kernel, applied by FFT in the plane."""

    def __init__(self, grid, noise_hu, blur_mm=0.75):
        fy = np.fft.fftfreq(grid.size, grid.spacing_mm)[:, None]
        fx = np.fft.rfftfreq(grid.size, grid.spacing_mm)[None, :]
        f = np.hypot(fx, fy)
        self.mtf = np.exp(-2 * (np.pi * blur_mm * f) ** 2).astype(np.float32)
        # Amplitude: part flat (dose is finite at every frequency), part ramp, rolled off by the kernel.
        colour = np.sqrt(0.35 + f / 0.2) * np.exp(-(f / 0.45) ** 2)
        counts = np.full(colour.shape, 2.0)
        counts[:, 0] = 1
        if grid.size % 2 == 0:
            counts[:, -1] = 1
        self.colour = (colour / np.sqrt((counts * colour ** 2).sum() / grid.size ** 2)).astype(np.float32)
        r = np.hypot(grid.axis_mm[:, None], grid.axis_mm[None, :])
        self.level = (noise_hu * (0.8 + 0.35 * np.exp(-(r / 55) ** 2))).astype(np.float32)
        self.level *= noise_hu / max(self.level[r < 65].mean(), 1e-6)

    def blur(self, volume):
        return fft.irfft2(fft.rfft2(volume, workers=2) * self.mtf, s=volume.shape[1:], workers=2)

    def noise(self, shape, rng):
        white = rng.standard_normal(shape, dtype=np.float32)
        return fft.irfft2(fft.rfft2(white, workers=2) * self.colour, s=shape[1:], workers=2) * self.level
