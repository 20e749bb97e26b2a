"""Random tissue: power-law clouds, and the thin curved lines that run through a breast.

Mammographic background has a power spectrum near 1 / f^3: Burgess, Jacobson and Judy, Med Phys
28(4), 2001.
"""

from __future__ import annotations

import numpy as np
from scipy import fft, ndimage

from .grid import Grid


def draw_power_law_pair(
    rng: np.random.Generator,
    shape: tuple[int, int],
    pitch_mm: float,
    exponent: float = 3.0,
    longest_mm: float = 40.0,
    shortest_mm: float = 0.0,
    stretch: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns two independent fields of mean 0 and standard deviation 1 with power ~ 1/f^exponent.

    The real and the imaginary part of one complex transform are two fields for the price of one.

    Args:
        rng: Source of chance.
        shape: (rows, columns).
        pitch_mm: Side of a pixel.
        exponent: Slope of the radially averaged power spectrum, as a positive number.
        longest_mm: Waves longer than this get no more power than this one.
        shortest_mm: Waves shorter than this are damped (a Gaussian roll-off); 0 keeps all.
        stretch: How much longer the structure is from chest wall to nipple than across.

    Returns:
        Two float32 arrays of the given shape.
    """
    size = tuple(fft.next_fast_len(n + int(longest_mm / pitch_mm) // 2) for n in shape)
    row_frequency = fft.fftfreq(size[0], pitch_mm).astype(np.float32)[:, None]
    column_frequency = fft.fftfreq(size[1], pitch_mm).astype(np.float32)[None, :]
    square = row_frequency**2 + np.float32(stretch**2) * column_frequency**2
    amplitude = np.maximum(square, np.float32(longest_mm**-2)) ** np.float32(-exponent / 4)
    if shortest_mm:
        amplitude *= np.exp(square * np.float32(-0.5 * shortest_mm**2))
    amplitude[0, 0] = 0
    spectrum = rng.standard_normal((*size, 2), dtype=np.float32).view(np.complex64)[..., 0]
    spectrum *= amplitude
    # Parseval: the variance is known beforehand, so the field need not be measured to be scaled.
    sd = np.sqrt(np.square(amplitude, dtype=np.float64).sum()) / spectrum.size
    field = fft.ifft2(spectrum, overwrite_x=True)[: shape[0], : shape[1]]
    field /= np.float32(sd)
    return np.ascontiguousarray(field.real), np.ascontiguousarray(field.imag)


def trace_lines(field: np.ndarray, pitch_mm: float, width_mm: float) -> np.ndarray:
    """Returns 0..1 ridges of constant width along the zero crossings of a smooth field.

    To first order the distance to a zero crossing is |n| / |grad n|, so the ridge
    exp(-(n / (w |grad n|))^2 / 2) has the same width `w` everywhere.
    """
    down = np.diff(field, axis=0, append=field[-1:])
    right = np.diff(field, axis=1, append=field[:, -1:])
    slope = (down * down + right * right) * np.float32((width_mm / pitch_mm) ** 2)
    return np.exp(np.float32(-0.5) * field * field / (slope + np.float32(1e-6)))


def wrap_around_nipple(
    field: np.ndarray, pitch_mm: float, grid: Grid, nipple_x_mm: float, stretch: float
) -> np.ndarray:
    """Returns a field whose rows run as arcs around the nipple and whose columns run as rays.

    Args:
        field: float32; rows are distance from the nipple, columns are the angle.
        pitch_mm: Its pixel.
        grid: Where it is wanted.
        nipple_x_mm: Place of the nipple on y = 0.
        stretch: How much longer the structure becomes along the rays.
    """
    # The angle is unrolled at this radius: there the wrapped field keeps its scale.
    reference_mm = 45.0
    # An origin in front of the skin: ducts converge on the nipple without meeting in one pixel.
    x = np.float32(nipple_x_mm + 18) - grid.x_mm[None, :]
    y = grid.y_mm[:, None]
    radius = np.sqrt(x * x + y * y)
    row = radius * np.float32(1 / (stretch * pitch_mm))
    column = np.arctan2(y, x) * np.float32(reference_mm / pitch_mm) + np.float32(field.shape[1] / 2)
    return ndimage.map_coordinates(field, np.stack([row, column]), order=1, mode="grid-wrap")


def measure_spectrum_exponent(image: np.ndarray, pitch_mm: float) -> float:
    """Returns b of the fit power = a / f^b to the radially averaged spectrum, 0.1 to 1 per mm.

    Args:
        image: 2-D region without a border, at least 20 mm wide; a Hann window is applied.
        pitch_mm: Its pixel.
    """
    window = np.outer(np.hanning(image.shape[0]), np.hanning(image.shape[1]))
    power = np.abs(fft.fft2((image - image.mean()) * window)) ** 2
    frequency = np.hypot(
        fft.fftfreq(image.shape[0], pitch_mm)[:, None],
        fft.fftfreq(image.shape[1], pitch_mm)[None, :],
    )
    edges = np.geomspace(0.1, min(1.0, 0.4 / pitch_mm), 13)
    ring = np.digitize(frequency, edges)
    rings = [k for k in range(1, edges.size) if np.count_nonzero(ring == k) > 4]
    log_power = [np.log(power[ring == k].mean()) for k in rings]
    log_frequency = [np.log(frequency[ring == k].mean()) for k in rings]
    return float(-np.polyfit(log_frequency, log_power, 1)[0])
