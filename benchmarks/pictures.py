"""Makes the pictures of docs/results.md: `python benchmarks/pictures.py --data ../shared/data`.

Real scenes that training has not seen: MODIS at 1 km, bicubic and SRDA-Net at 250 m, and the finer sensor.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

import srdanet
from srdanet.evaluation.datasets import aster
from srdanet.evaluation.splits import load_splits
from srdanet.grid import coordinates, refine
from srdanet.report import write_comparison
from srdanet.rivals.interpolation import interpolate

HERE = Path(__file__).resolve().parents[1] / "docs" / "img"
PAIRS = 3
"""Pairs of the held fold to draw, those with the most relief in ASTER's detail first."""


def array(values: NDArray[np.floating], box: GeoBox) -> xr.DataArray:
    return xr.DataArray(values, coords=coordinates(box), dims=("y", "x"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    pairs = aster(parser.parse_args().data)
    held = pairs.take(load_splits().aster.mask(pairs, "test"))
    ranked = sorted(held, key=lambda pair: -float(np.nanstd(pair.aster)))
    for pair in ranked[:: max(1, len(ranked) // PAIRS)][:PAIRS]:
        fine = refine(pair.geobox, 4)
        lst = array(pair.lst, pair.geobox)
        given = {"ndvi": array(pair.ndvi, fine)}
        if np.isfinite(pair.elevation).any():
            given["elevation"] = array(pair.elevation, fine)
        result = srdanet.downscale(lst, xr.Dataset(given), to=250, day=True)
        # The two sensors differ by a constant that says nothing of detail.
        bias = float(np.nanmean(pair.aster) - np.nanmean(pair.lst))
        panels = {
            "MODIS, 1 km": lst,
            "bicubic, 250 m": array(np.asarray(interpolate(pair.lst, 4), np.float32), fine),
            "SRDA-Net, 250 m": result["lst"],
            "ASTER, 250 m": array((pair.aster - bias).astype(np.float32), fine),
        }
        place = {"tile": "h18v04", "day": True}
        print(write_comparison(HERE / f"aster-{pair.id}.png", panels, about=place, cells=40, overwrite=True))


if __name__ == "__main__":
    main()
