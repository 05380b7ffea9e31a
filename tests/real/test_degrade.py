"""The energy mean against 2 km images that others made, and closure of real 1 km images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from srdanet.energy import conserve, degrade

pytestmark = pytest.mark.real


def pairs(shared_data: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """(1 km, 2 km) images, day and night, K."""
    folder = shared_data / "imt-modis-2020-h18v04" / "original_tifs"
    out = []
    for fine in sorted(folder.glob("1km_MOD11A1*.tif")):
        with rasterio.open(fine) as a, rasterio.open(folder / fine.name.replace("1km", "2km", 1)) as b:
            out += list(zip(a.read().astype(np.float64), b.read().astype(np.float64), strict=True))
    return out


def test_two_kilometre_originals_are_reproduced(shared_data: Path) -> None:
    found = pairs(shared_data)
    assert len(found) == 8
    for fine, coarse in found:
        assert np.abs(degrade(fine, 2) - coarse).max() < 1e-4
        assert np.abs(degrade(fine.astype(np.float32), 2) - coarse).max() < 1e-4


def test_the_plain_mean_would_not_do(shared_data: Path) -> None:
    fine, coarse = pairs(shared_data)[0]
    assert np.abs(fine.reshape(32, 2, 32, 2).mean((1, 3)) - coarse).max() > 1e-3


def test_interpolated_images_are_closed_with_less_error(shared_data: Path) -> None:
    for fine, coarse in pairs(shared_data):
        blurred = degrade(fine, 2).repeat(2, 0).repeat(2, 1)
        blurred = (blurred + np.roll(blurred, 1, 0) + np.roll(blurred, 1, 1) + np.roll(blurred, (1, 1), (0, 1))) / 4
        closed = conserve(blurred, coarse)
        assert np.abs(degrade(closed, 2) - coarse).max() < 1e-3
        assert np.sqrt(((closed - fine) ** 2).mean()) < np.sqrt(((blurred - fine) ** 2).mean())
