"""Makes the pictures of docs/results.md: `python benchmarks/pictures.py --data ../shared/data`.

Real scenes that training has not seen: MODIS at 1 km, bicubic at 250 m, SRDA-Net at 500 m and 250 m, and the
finer sensor (ASTER, Landsat) at 250 m.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import srdanet
from srdanet.evaluation.datasets import aster
from srdanet.evaluation.orleans import orleans
from srdanet.evaluation.splits import load_splits
from srdanet.grid import coordinates, refine
from srdanet.interpolation import interpolate
from srdanet_simulator.comparison import write_comparison

HERE = Path(__file__).resolve().parents[1] / "docs" / "img"
PAIRS = 3
"""Pairs of the held fold to draw, those with the most relief in ASTER's detail first."""
DATES = ("2017-01-19", "2018-02-23")
"""Dates of Orleans on which the two sensors differ by less than 1 K (standard deviation at 1 km)."""


@dataclass(frozen=True)
class Scene:
    """One picture's content."""

    name: str
    lst: NDArray[np.float32]
    """(y, x) K at 1 km."""
    geobox: GeoBox
    given: Mapping[str, NDArray[Any]]
    """Predictors at 250 m."""
    truth: NDArray[np.float32]
    """(4y, 4x) K of the finer sensor."""
    sensor: str
    time: np.datetime64 | None = None


def scenes(data: Path) -> Iterator[Scene]:
    """Held ASTER pairs from the liveliest to the calmest, and Orleans."""
    pairs = aster(data)
    held = pairs.take(load_splits().aster.mask(pairs, "test"))
    ranked = sorted(held, key=lambda pair: -float(np.nanstd(pair.aster)))
    for pair in ranked[:: max(1, len(ranked) // PAIRS)][:PAIRS]:
        given = {"ndvi": pair.ndvi}
        if np.isfinite(pair.elevation).any():
            given["elevation"] = pair.elevation
        yield Scene(f"aster-{pair.id}", pair.lst, pair.geobox, given, pair.aster, "ASTER")
    for day in orleans(data):
        if str(day.date) in DATES:
            given = {"ndvi": day.indices["ndvi"].values}
            yield Scene(f"landsat-{day.date}", day.lst, day.geobox, given, day.landsat, "Landsat 8", day.date)


def draw(scene: Scene) -> Path:
    """Write one picture."""
    fine = refine(scene.geobox, 4)
    lst = array(scene.lst, scene.geobox)
    auxiliary = xr.Dataset({name: array(values, fine) for name, values in scene.given.items()})
    half, quarter = (
        srdanet.downscale(lst, auxiliary, factor=factor, time=scene.time, day=True)["lst"] for factor in (2, 4)
    )
    # The two sensors differ by a constant that says nothing of detail.
    bias = float(np.nanmean(scene.truth) - np.nanmean(scene.lst))
    panels = {
        "MODIS, 1 km": lst,
        "bicubic, 250 m": array(np.asarray(interpolate(scene.lst, 4), np.float32), fine),
        "SRDA-Net, 500 m": half,
        "SRDA-Net, 250 m": quarter,
        f"{scene.sensor}, 250 m": array((scene.truth - bias).astype(np.float32), fine),
    }
    about = {"tile": "h18v04", "day": True} | ({} if scene.time is None else {"time": str(scene.time)})
    return write_comparison(HERE / f"{scene.name}.png", panels, about=about, cells=40, overwrite=True)


def array(values: NDArray[Any], box: GeoBox) -> xr.DataArray:
    """Values on a grid."""
    return xr.DataArray(values, coords=coordinates(box), dims=("y", "x"))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for scene in scenes(parser.parse_args().data):
        print(draw(scene))


if __name__ == "__main__":
    main()
