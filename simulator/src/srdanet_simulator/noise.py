"""Seeded randomness: independent streams, fractal fields, hashed places, Voronoi cells.

Everything random in a simulation comes from here. Streams are named, so that a new
user of randomness does not disturb the numbers of the others; fields of places
(`hashed`, `voronoi`) depend on position alone, so that two windows on the same
land agree where they overlap.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from srdanet_simulator.parallel import each, strips, threads

Field = NDArray[np.float32]
Ints = NDArray[np.uint32]
Waves = NDArray[np.complex64]

_GOLDEN = np.uint32(0x9E3779B1)
_LARGE = 1 << 24
"""Fields of more cells are drawn as waves, which takes one Fourier transform instead of two, and less memory."""
_TOGETHER = 1 << 16
"""Waves or cells that are computed at a time, in the processor's cache."""


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """A random generator that depends on the seed and on the names alone."""
    words = [zlib.crc32(str(name).encode()) for name in names]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


def salt(seed: int, name: str) -> int:
    """A 32-bit number for `hashed` and `voronoi` that depends on the seed and the name."""
    return int(stream(seed, "salt", name).integers(1, 2**32))


def fractal(
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    slope: float,
    cell: float,
    outer: float = np.inf,
    inner: float = 0.0,
    grain: tuple[float, float] = (0.0, 1.0),
) -> Field:
    """A Gaussian random field whose spectrum falls off as wavenumber ** -slope.

    Args:
        shape: Rows and columns.
        rng: Source of randomness.
        slope: Slope of the two-dimensional power spectrum; 2 is noisy, 4 smooth, terrain about 3.3.
        cell: Cell size (m).
        outer: Wavelength (m) above which the spectrum is flat.
        inner: Wavelength (m) below which the field has no power.
        grain: Direction (radians from the x axis towards rising rows) along which the field is
            longer than across it, and how many times.

    Returns:
        (y, x) float32 with mean 0 and standard deviation 1.
    """
    factor = max(1, int(inner / (4 * cell)))
    if factor > 1:  # nothing below four coarse cells to be seen: a coarser grid holds it all
        small = (-(-shape[0] // factor) + 1, -(-shape[1] // factor) + 1)
        coarse = fractal(small, rng, slope=slope, cell=cell * factor, outer=outer, inner=inner, grain=grain)
        return enlarge(enlarge(coarse, factor, 0)[: shape[0]], factor, 1)[:, : shape[1]]
    # a margin keeps the opposite edges of a periodic field from being alike
    rows, cols = (int(fft.next_fast_len(int(n * 1.12) + 8, real=True)) for n in shape)
    ky = fft.fftfreq(rows, cell).astype(np.float32)[:, None]
    kx = fft.rfftfreq(cols, cell).astype(np.float32)[None, :]
    floor = np.float32(max(1.0 / outer, 1.0 / (cell * max(rows, cols))) ** 2)

    def shape_spectrum(waves: Waves, part: slice) -> None:
        square = ky[part] * ky[part] + kx * kx
        if grain[1] != 1:
            along = np.float32(np.cos(grain[0])) * kx + np.float32(np.sin(grain[0])) * ky[part]
            square += np.float32(grain[1] ** 2 - 1) * along * along
        gain = square + floor
        np.log(gain, out=gain)
        gain *= np.float32(-slope / 4)
        np.exp(gain, out=gain)
        if inner > 0:
            gain *= np.exp(-square * np.float32(inner * inner))
        if part.start == 0:
            gain[0, 0] = 0
        waves *= gain

    field = (_large if rows * cols > _LARGE else _small)((rows, cols), shape, rng, shape_spectrum)
    field -= np.float32(field.mean(dtype=np.float64))
    # of float32 numbers; each row's sum of squares is exact enough, and all are added in one order
    spread = np.sqrt(np.einsum("ij,ij->i", field, field).sum(dtype=np.float64) / field.size)
    field /= np.float32(max(float(spread), 1e-12))
    return field


def _small(
    periodic: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator, weigh: Callable[[Waves, slice], None]
) -> Field:
    """Part of a periodic field of white noise whose waves, some rows of wavenumbers at a time, are weighed in place."""
    waves = fft.rfft2(rng.standard_normal(periodic, dtype=np.float32), overwrite_x=True, workers=threads())
    each(lambda part: weigh(waves[part], part), strips(waves.shape, 1, _TOGETHER))
    whole = fft.irfft2(waves, s=periodic, overwrite_x=True, workers=threads())
    return np.ascontiguousarray(whole[: shape[0], : shape[1]], dtype=np.float32)


def _large(
    periodic: tuple[int, int], shape: tuple[int, int], rng: np.random.Generator, weigh: Callable[[Waves, slice], None]
) -> Field:
    """The same but for its scale, in half the time and memory: the noise is drawn as waves."""
    rows, cols = periodic
    waves = np.empty((rows, cols // 2 + 1), np.complex64)
    parts = strips((rows, cols // 2 + 1), 1, _TOGETHER)

    def draw(task: tuple[slice, np.random.Generator]) -> None:
        part, source = task
        source.standard_normal(out=waves[part].view(np.float32), dtype=np.float32)
        # of these a real field takes but the real part
        waves[part, 0] *= np.float32(np.sqrt(2))
        weigh(waves[part], part)

    each(draw, zip(parts, rng.spawn(len(parts)), strict=True))
    waves = fft.ifft(waves, axis=0, norm="forward", overwrite_x=True, workers=threads())
    field = np.empty(shape, np.float32)

    def along_rows(part: slice) -> None:
        field[part] = fft.irfft(waves[part], cols, norm="forward", overwrite_x=True)[:, : shape[1]]

    each(along_rows, strips(shape, 1, _TOGETHER))
    return field


def enlarge(values: Field, factor: int, axis: int) -> Field:
    """Interpolate linearly to cells `factor` times finer along an axis; at the edges values go on as they are."""
    rows, cols = values.shape
    out = np.empty((rows * factor, cols) if axis == 0 else (rows, cols * factor), np.float32)
    padded = np.pad(values, [(1, 1) if n == axis else (0, 0) for n in range(2)], mode="edge")

    def fill(part: slice) -> None:
        for phase in range(factor):
            offset = (phase + 0.5) / factor - 0.5
            first, share = (0, offset + 1) if offset < 0 else (1, offset)
            if axis == 0:
                low, high = (padded[part.start + n : part.stop + n] for n in (first, first + 1))
                target = out[part.start * factor + phase : part.stop * factor : factor]
            else:
                low, high = (padded[part, n : n + cols] for n in (first, first + 1))
                target = out[part, phase::factor]
            between = high - low
            between *= np.float32(share)
            np.add(low, between, out=target)

    each(fill, strips((rows, cols), 1, _TOGETHER))
    return out


def mix(*keys: ArrayLike) -> Ints:
    """A 32-bit hash of whole numbers, cell by cell (murmur3 finaliser)."""
    state: Ints = np.zeros((), np.uint32)
    for key in keys:
        state = _mixed(state, key)
    return state


def _mixed(state: Ints, key: ArrayLike) -> Ints:
    """The hash of one number more."""
    with np.errstate(over="ignore"):
        state = np.asarray((state ^ _bits(key)) * _GOLDEN)
        spare = np.empty_like(state)
        for shift, factor in ((15, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
            np.right_shift(state, np.uint32(shift), out=spare)
            np.bitwise_xor(state, spare, out=state)
            if factor != 1:
                np.multiply(state, np.uint32(factor), out=state)
    return state


def _bits(key: ArrayLike) -> Ints:
    """The lowest 32 bits of whole numbers, of any sign."""
    whole = np.asarray(key)
    if whole.dtype in (np.uint32, np.int32):
        return whole.view(np.uint32)
    return np.asarray(whole.astype(np.int64) & 0xFFFFFFFF, dtype=np.uint32)


def hashed(*keys: ArrayLike) -> Field:
    """Uniform numbers in [0, 1) that depend on whole numbers alone; float32."""
    return _uniform(mix(*keys))


def draws(*keys: ArrayLike) -> Callable[[int], Field]:
    """`hashed` of these whole numbers and one more, whatever that is: for many draws of the same."""
    state = mix(*keys)
    return lambda key: _uniform(_mixed(state, key))


def _uniform(state: Ints) -> Field:
    return cast(Field, (state >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24))


def voronoi(x: Field, y: Field, size: float, salt: int, jitter: float = 0.8) -> Ints:
    """Which Voronoi cell of a jittered grid a place lies in.

    Args:
        x: Place eastward (m).
        y: Place northward (m), same shape.
        size: Spacing of the grid of nuclei (m).
        salt: Which of the many patterns.
        jitter: How far nuclei stray from their grid, 0 (squares) to 1.

    Returns:
        The cell's hash, uint32, of x's shape.
    """
    u, v = x / np.float32(size), y / np.float32(size)
    iu, iv = np.floor(u).astype(np.int32), np.floor(v).astype(np.int32)
    # all nuclei around: their hash, and where they stand, by two jitters out of its upper and its lower half
    first = int(iu.min()) - 1, int(iv.min()) - 1
    east, north = (np.arange(low, int(i.max()) + 2, dtype=np.int32) for low, i in zip(first, (iu, iv), strict=True))
    key = mix(east[None, :], north[:, None], salt)
    ju = (key >> np.uint32(16)).astype(np.float32) * np.float32(2.0**-16)
    jv = (key & np.uint32(0xFFFF)).astype(np.float32) * np.float32(2.0**-16)
    stand_u = (east[None, :] + np.float32(0.5) + (ju - np.float32(0.5)) * np.float32(jitter)).astype(np.float32).ravel()
    stand_v = (
        (north[:, None] + np.float32(0.5) + (jv - np.float32(0.5)) * np.float32(jitter)).astype(np.float32).ravel()
    )
    here = (iv - first[1]) * np.int32(len(east)) + (iu - first[0])
    best = np.full(u.shape, np.inf, np.float32)
    owner = np.zeros(u.shape, np.int32)
    for dv in (-1, 0, 1):
        for du in (-1, 0, 1):
            there = here + np.int32(dv * len(east) + du)
            distance = np.square(stand_u.take(there) - u) + np.square(stand_v.take(there) - v)
            near = distance < best
            np.copyto(best, distance, where=near)
            np.copyto(owner, there, where=near)
    return key.ravel().take(owner)


def smoothstep(values: Field | float, low: float, high: float) -> Field:
    """0 below `low`, 1 above `high`, smooth between; low may exceed high."""
    t = np.clip((np.asarray(values, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return cast(Field, t * t * (3 - 2 * t))
