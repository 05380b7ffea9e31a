"""Small results for the tests of outputs: asymmetric, with a gap, on the MODIS sphere."""

from __future__ import annotations

import numpy as np
import xarray as xr

from srdanet.energy import degrade
from srdanet.flags import NO_INPUT, flag_attributes
from srdanet.grid import Level, Tile, coarsen, coordinates
from srdanet.product.record import ModelRecord, Origin

ABOUT = Origin(
    tile="h18v04",
    time="2020-07-15T10:32:00",
    day=True,
    model=ModelRecord(name="default", version="1", sha256="ab" * 32),
    inputs=({"file": "MOD11A1.A2020197.h18v04.061.hdf", "sha256": "cd" * 32},),
)


def truth(height: int, width: int) -> np.ndarray:
    """(y, x) K: every cell says where it is; a corner is missing."""
    rows, cols = np.mgrid[:height, :width]
    values = (290 + 0.01 * rows + 0.003 * cols + np.sin(rows / 3) * np.cos(cols / 5)).astype(np.float32)
    values[: height // 4, : width // 3] = np.nan
    return values


def level(metres: int, height: int, width: int) -> xr.Dataset:
    """One level of a result whose 250 m truth has `height` x `width` cells."""
    factor = metres // 250
    fine = Tile(18, 4).geobox(Level.M250)[800 : 800 + height, 400 : 400 + width]
    lst = truth(height, width)
    box, values = (fine, lst) if factor == 1 else (coarsen(fine, factor), degrade(lst, factor))
    quality = np.where(np.isfinite(values), 0, NO_INPUT.mask).astype(np.uint8)
    data = {
        "lst": (("y", "x"), values, {"units": "K"}),
        "lst_uncertainty": (("y", "x"), np.where(np.isfinite(values), np.float32(0.75), np.float32(np.nan))),
        "quality": (("y", "x"), quality, flag_attributes()),
    }
    return xr.Dataset(data, coords=coordinates(box))
