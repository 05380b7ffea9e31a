"""Pictures of real scenes, for docs/results.md and the notebook: `python benchmarks/pictures.py --data ../shared/data`.

Real scenes that training has not seen: MODIS at 1 km, bicubic at 250 m, SRDA-Net at 500 m and 250 m, and the
finer sensor (ASTER, Landsat) at 250 m.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import xarray as xr

import srdanet
from srdanet.datasets import aster, orleans
from srdanet.datasets.splits import aster_part
from srdanet.grid import coordinates, refine
from srdanet.interpolation import interpolate
from srdanet.product.record import Origin
from srdanet.scene import LabelledScene
from srdanet_simulator.comparison import write_comparison

HERE = Path(__file__).resolve().parents[1] / "docs" / "img"
PAIRS = 3
"""Pairs of the held fold to draw, those with the most relief in ASTER's detail first."""
DATES = ("2017-01-19", "2018-02-23")
"""Dates of Orleans on which the two sensors differ by less than 1 K (standard deviation at 1 km)."""
SENSORS = {"aster": "ASTER", "orleans": "Landsat 8"}


def liveliest(data: Path) -> list[LabelledScene]:
    """Held ASTER pairs from the liveliest to the calmest."""
    held = aster_part(aster.read(data), "test")
    ranked = sorted(held, key=lambda pair: -float(pair.truth[4].std()))
    return ranked[:: max(1, len(ranked) // PAIRS)][:PAIRS]


def scenes(data: Path) -> Iterator[LabelledScene]:
    """Some ASTER pairs, and Orleans."""
    yield from liveliest(data)
    yield from (day for day in orleans.read(data) if day.group in DATES)


def draw(labelled: LabelledScene, path: Path) -> Path:
    """Write one picture."""
    scene, truth = labelled.scene, labelled.truth[4]
    lst = scene.lst["lst"]
    half, quarter = (
        srdanet.downscale(lst, scene.auxiliary, factor=factor, time=scene.time, day=True)["lst"] for factor in (2, 4)
    )
    bicubic = np.asarray(interpolate(lst.values, 4), np.float32)
    # The two sensors differ by a constant that says nothing of detail.
    bias = float(truth.mean() - lst.mean())
    panels = {
        "MODIS, 1 km": lst,
        "bicubic, 250 m": xr.DataArray(bicubic, coordinates(refine(scene.geobox, 4)), ("y", "x")),
        "SRDA-Net, 500 m": half,
        "SRDA-Net, 250 m": quarter,
        f"{SENSORS[labelled.source]}, 250 m": truth - bias,
    }
    origin = Origin(tile="h18v04", day=True, time=scene.when)
    return write_comparison(path, panels, origin=origin, cells=40, overwrite=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for scene in scenes(parser.parse_args().data):
        name = f"{scene.source.replace('orleans', 'landsat')}-{scene.group}.png"
        print(draw(scene, HERE / name))


if __name__ == "__main__":
    main()
