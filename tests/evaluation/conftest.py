"""Small made-up sets in the layout of the real ones; every patch differs from every other and from its mirror."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.evaluation.datasets import AsterSet, ImtSet
from srdanet.grid import TILE_SIDE, Level, Tile

SIDE = 8


@pytest.fixture
def patches() -> ImtSet:
    """Twelve patches of 8 x 8 cells on four dates, in columns on both sides of every edge of the split."""
    rng = np.random.default_rng(4)
    col = np.array([0, 64, 576, 632, 640, 696, 704, 768, 0, 64, 128, 192], dtype=np.int16)
    doy = np.array([5, 5, 5, 37, 37, 37, 5, 37, 113, 128, 193, 225])
    shape = (len(col), SIDE, SIDE)
    ramp = np.arange(SIDE)[:, None] * 0.8 - np.arange(SIDE) * 0.3
    return ImtSet(
        lst_day=(295 + ramp + rng.normal(0, 2, shape)).astype(np.float32),
        lst_night=(280 + ramp + rng.normal(0, 1, shape)).astype(np.float32),
        reflectance=rng.uniform(0, 0.6, (len(col), 3, SIDE, SIDE)).astype(np.float32),
        elevation=rng.uniform(0, 3000, shape).astype(np.float32),
        date=np.datetime64("2020-01-01") + (doy - 1).astype("timedelta64[D]"),
        composite=((doy - 1) // 16 * 16 + 1).astype(np.int16),
        row=np.arange(len(col), dtype=np.int16) * 64,
        col=col,
    )


@pytest.fixture
def pairs() -> AsterSet:
    """Five pairs of 8 x 8 cells of 1 km: two overlap, one stands just inside the buffer, two far apart."""
    rng = np.random.default_rng(5)
    left, top = Tile(18, 4).corner
    col = np.array([10, 280, 291, 295, 400])
    row = np.array([100, 103, 100, 100, 700])
    aster = rng.normal(300, 3, (5, 32, 32)).astype(np.float32)
    aster[:, :2, :5] = np.nan
    elevation = np.full((5, 32, 32), np.nan, dtype=np.float32)
    elevation[3] = rng.uniform(0, 900, (32, 32))
    return AsterSet(
        id=np.array([3, 1, 4, 15, 9], dtype=np.int16),
        lst=rng.normal(299, 2, (5, 8, 8)).astype(np.float32),
        ndvi=rng.uniform(0, 0.9, (5, 32, 32)).astype(np.float32),
        aster=aster,
        elevation=elevation,
        cover_percent=np.full((5, 7, 32, 32), 255, dtype=np.uint8),
        x0=left + col * TILE_SIDE / 1200,
        y0=top - row * Level.KM1.metres,
    )
