"""Invented temperatures: fields whose relation to real predictors is drawn at random.

A network trained on real places alone memorises their slopes and fails where others hold. Here the relation
has any strength, sign, curvature and spatial change, down to none, and part of the detail has causes that no predictor
shows, so that a small error can be reached only by inferring the relation from the image.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from srdanet.arrays import Float32, Float64

CONTRAST = (0.5, 7.0)
"""Least and greatest standard deviation (K) of an invented field; drawn evenly on a logarithmic scale."""
DRIVERS = 4
"""Most predictors that a field depends on."""
SLOPE = (1.0, 2.2)
"""Range of the exponent of the amplitude spectrum of hidden causes."""


def temperature(channels: Float32, level: float, rng: np.random.Generator) -> Float32:
    """A field of temperature on the predictors' grid.

    Args:
        channels: (N, y, x) predictors, NaN = missing; what is constant or missing has no part in the field.
        level: Mean of the field, K.
        rng: Draws everything.

    Returns:
        (y, x) K, defined everywhere.
    """
    shape = channels.shape[1:]
    known = [z for z in (_standardised(c) for c in channels) if z is not None]
    rng.shuffle(known)
    detail = np.zeros(shape)
    for z in known[: int(rng.integers(1, DRIVERS + 1))]:
        detail += rng.normal() * _change(shape, rng) * _curve(z, rng)
    causes = _hidden(shape, rng)
    if known and rng.random() < 0.5:
        # A cause of the predictors' own texture that lies elsewhere: not everything that looks alike goes together.
        causes = causes + rng.uniform(0.3, 2) * np.roll(known[-1][::-1], rng.integers(0, shape[0], 2), (0, 1))
    share = rng.beta(0.6, 0.6)
    field = np.sqrt(1 - share) * _unit(detail) + np.sqrt(share) * _unit(causes)
    field = field + rng.uniform(0, 1) * _unit(
        gaussian_filter(rng.normal(size=shape), shape[0] * rng.uniform(0.06, 0.3))
    )
    contrast = np.exp(rng.uniform(*np.log(CONTRAST)))
    return np.asarray(level + contrast * np.clip(_unit(field), -4, 4), np.float32)


def _standardised(values: Float32) -> Float64 | None:
    """Mean 0 and standard deviation 1, gaps 0; None for a constant or missing channel."""
    known = np.isfinite(values)
    if known.mean() < 0.5:
        return None
    mean, std = values[known].mean(dtype=float), values[known].std(dtype=float)
    return None if std < 1e-3 * max(1.0, abs(mean)) else np.clip(np.where(known, (values - mean) / std, 0), -4, 4)


def _curve(z: Float64, rng: np.random.Generator) -> Float64:
    """A monotonous or bent function of a standardised predictor."""
    kind = rng.random()
    if kind < 0.5:
        return z
    if kind < 0.8:
        return np.asarray(np.tanh(rng.uniform(0.5, 2) * (z - rng.normal())))
    return np.asarray(z + rng.uniform(-0.4, 0.4) * (z**2 - 1))


def _change(shape: tuple[int, ...], rng: np.random.Generator) -> Float64:
    """A factor around 1 that changes slowly from place to place."""
    smooth = _unit(gaussian_filter(rng.normal(size=shape), shape[0] * rng.uniform(0.1, 0.4)))
    return 1 + rng.uniform(0, 0.7) * smooth


def _hidden(shape: tuple[int, ...], rng: np.random.Generator) -> Float64:
    """Detail without a visible cause: noise with a power-law spectrum, and now and then patches with sharp edges."""
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    frequency[0, 0] = 1
    amplitude = frequency ** -rng.uniform(*SLOPE)
    amplitude[0, 0] = 0
    field = _unit(np.fft.irfft2(np.fft.rfft2(rng.normal(size=shape)) * amplitude, shape))
    if rng.random() < 0.3:
        edges = np.sort(rng.normal(size=int(rng.integers(1, 5))))
        field = 0.3 * field + rng.normal(size=len(edges) + 1)[np.digitize(field, edges)]
    return np.asarray(field)


def _unit(values: Float64) -> Float64:
    centred = values - values.mean()
    return np.asarray(centred / max(float(centred.std()), 1e-6))
