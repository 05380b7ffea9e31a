"""Towns and villages in the flat, with parks, thinning outward."""

from __future__ import annotations

import numpy as np

from srdanet_simulator.land.landscape import Character
from srdanet_simulator.land.lattice import Broad
from srdanet_simulator.noise import Field, fractal, smoothstep, stream
from srdanet_simulator.parallel import each, strips


def towns(seed: int, x: Field, y: Field, kind: Character, steep: Field, often: Broad | None = None) -> Field:
    """Share of sealed ground if all its parcels were built up, 0-1.

    Args:
        seed: Seed of the land.
        x: Place eastward (m), (y, x).
        y: Place northward (m).
        kind: What kind of country.
        steep: Steepness of the land (rise over run): nobody builds where it is above 0.1.
        often: Towns per 1000 square kilometres where that changes over the land.
    """
    cell = float(x[0, 1] - x[0, 0])
    shape = (x.shape[0], x.shape[1])
    rng = stream(seed, "towns")
    area = shape[0] * shape[1] * cell * cell / 1e9  # in 1000 km2
    most = kind.towns if often is None else float(often.values.max())
    big, small = int(rng.poisson(most * area)), int(rng.poisson(14 * most * area))
    # Zipf's rule for the radius of towns; villages are hamlets of 150-500 m
    radius = np.concatenate([np.clip(900 * rng.pareto(1.8, big) + 700, 0, 8000), rng.uniform(120, 450, small)])
    rows, cols = rng.integers(0, shape[0], radius.size), rng.integers(0, shape[1], radius.size)
    flat = steep[rows, cols] < 0.1
    if often is not None:
        flat &= most * rng.random(radius.size) < often.at(rows, cols)
    density = np.zeros(shape, np.float32)
    wobble = fractal(shape, rng, slope=2.6, cell=cell, outer=2500)
    for r, c, size in zip(rows[flat].tolist(), cols[flat].tolist(), radius[flat].tolist(), strict=True):
        reach = int(3 * size / cell) + 2
        part = slice(max(r - reach, 0), r + reach), slice(max(c - reach, 0), c + reach)
        away = np.hypot(x[part] - x[r, c], y[part] - y[r, c]) / np.float32(size) + np.float32(0.34) * wobble[part]
        np.maximum(density[part], 0.95 * smoothstep(away, 1.4, 0.25), out=density[part])
    del wobble
    parks = fractal(shape, rng, slope=2.2, cell=cell, outer=1200)

    def leave_parks(part: slice) -> None:
        density[part] *= 1 - smoothstep(parks[part], 0.9, 1.3)

    each(leave_parks, strips(shape, 1))
    return density
