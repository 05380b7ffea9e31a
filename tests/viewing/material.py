"""Products to look at: made-up fields written by `srdanet.product`, with gaps, flags and several dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.energy import degrade
from srdanet.flags import AUXILIARY_PARTIAL, GAP_NEAR, NO_AUXILIARY, NO_INPUT, flag_attributes
from srdanet.grid import Level, Tile, coarsen, coordinates, refine
from srdanet.product import Origin, write_product
from srdanet.product.record import Auxiliary, ModelRecord
from srdanet.scene import Scene

DATES = ("2020-07-15", "2020-07-17", "2020-07-24", "2020-08-02")


def field(height: int, width: int, seed: int, slope: float = 2.2) -> np.ndarray:
    """(y, x) float32 of mean 0 and standard deviation 1, with variance at every scale."""
    rng = np.random.default_rng(seed)
    wave = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)).astype(np.float32)
    wave[0, 0] = 1
    phase = rng.uniform(0, 2 * np.pi, wave.shape).astype(np.float32)
    image = np.fft.irfft2(np.exp(1j * phase) * wave ** (-slope / 2 - 0.5), (height, width))
    return np.asarray((image - image.mean()) / image.std(), np.float32)


def place(cells: int) -> GeoBox:
    """A square of 1 km cells on the coast of Liguria; 1200 are the whole tile h18v04."""
    start = (700, 200) if cells < 400 else (0, 0)
    return Tile(18, 4).geobox(Level.KM1)[start[0] : start[0] + cells, start[1] : start[1] + cells]


def truth(box: GeoBox, date: int) -> np.ndarray:
    """(y, x) K at 250 m: warm in the south, fields of the same land on every date, a cloud that moves."""
    height, width = (4 * n for n in box.shape)
    north = np.linspace(-4, 4, height, dtype=np.float32)[:, None]
    land = 301 + north + 4 * field(height, width, 1) + 1.2 * field(height, width, 7 + date, 1.2) + 1.5 * np.sin(date)
    cloud = field(height // 4, width // 4, 50 + date, 3.0) > 1.6
    return np.where(cloud.repeat(4, 0).repeat(4, 1), np.float32(np.nan), land).astype(np.float32)


def write(
    folder: Path, cells: int = 48, dates: tuple[str, ...] = DATES, *, scene: bool = True, auxiliary: bool = True
) -> None:
    """Write one product a date, and the scene beside the first."""
    box = place(cells)
    fine = refine(box, 4)
    for number, date in enumerate(dates):
        values = truth(box, number)
        coarse = degrade(values, 4)
        lst = xr.DataArray(coarse, dims=("y", "x"), coords=coordinates(box), attrs={"units": "K"})
        levels = {
            250: _level(values, fine, auxiliary=auxiliary),
            500: _level(degrade(values, 2), coarsen(fine, 2), auxiliary=auxiliary),
        }
        time = f"{date}T10:3{number}:00"
        present = ("red", "nir", "elevation", "land_cover") if auxiliary else ()
        origin = Origin(
            tile="h18v04",
            time=time,
            day=True,
            model=ModelRecord(name="made-up", version="0", sha256="ab" * 32),
            command=("srdanet", "downscale", "scene.nc", "-o", "products"),
            options={"to": 250, "conserve": None, "block": 256},
            inputs=({"file": f"MOD11A1.A20202{number:02d}.h18v04.061.hdf", "sha256": "cd" * 32, "product": "MOD11A1"},),
            auxiliary=Auxiliary(present=present, missing=("air_temperature",)),
        )
        day = np.datetime64(date).item().strftime("%Y%j")
        write_product(levels, folder, f"lst_h18v04_{day}_day", origin=origin, coarse=lst)
        if scene and not number:
            classes = np.where(field(2 * cells, 2 * cells, 3) > 0, 12, 5).astype(np.uint8)
            cover = xr.DataArray(classes, dims=("y", "x"), coords=coordinates(refine(box, 2)), name="land_cover")
            Scene.from_arrays(lst, {"land_cover": cover}, time=time, day=True).save(folder / "scene.nc")


def _level(values: np.ndarray, box: GeoBox, *, auxiliary: bool) -> xr.Dataset:
    height, width = values.shape
    known = np.isfinite(values)
    sigma = np.where(known, 0.8 + 0.25 * np.abs(field(height, width, 11)), np.nan).astype(np.float32)
    partial = np.zeros(values.shape, bool)
    partial[: height // 3, width // 2 :] = True
    near = ~known
    for axis in (0, 1):
        near = near | np.roll(near, 4, axis) | np.roll(near, -4, axis)
    quality = np.where(partial, AUXILIARY_PARTIAL.mask, 0) | np.where(near & known, GAP_NEAR.mask, 0)
    quality = quality | (0 if auxiliary else NO_AUXILIARY.mask)
    quality = np.where(known, quality, NO_INPUT.mask).astype(np.uint8)
    data = {
        "lst": (("y", "x"), values, {"units": "K"}),
        "lst_uncertainty": (("y", "x"), sigma),
        "quality": (("y", "x"), quality, flag_attributes()),
    }
    return xr.Dataset(data, coords=coordinates(box))
