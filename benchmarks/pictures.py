"""Makes the pictures of docs/results.md: `python benchmarks/pictures.py --data ../shared/data`.

Real scenes that training has not seen: MODIS at 1 km, bicubic at 250 m, SRDA-Net at 500 m and 250 m, and the
finer sensor (ASTER, Landsat) at 250 m.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from srdanet.baselines import BICUBIC
from srdanet.datasets import aster, orleans
from srdanet.datasets.splits import aster_part
from srdanet.downscaling.run import downscale_scene
from srdanet.product.record import Origin
from srdanet.scene import LabelledScene
from srdanet_simulator.comparison import write_comparison

HERE = Path(__file__).resolve().parents[1] / "docs" / "img"
PAIRS = 3
"""Pairs of the held fold to draw, those with the most relief in ASTER's detail first."""
DATES = ("2017-01-19", "2018-02-23")
"""Dates of Orleans on which the two sensors differ by less than 1 K (standard deviation at 1 km)."""


def scenes(data: Path) -> Iterator[tuple[str, str, LabelledScene]]:
    """File name, sensor and scene: held-out ASTER pairs from the liveliest to the calmest, and Orleans."""
    held = aster_part(aster.read(data), "test")
    ranked = sorted(held, key=lambda pair: -float(np.nanstd(pair.truth[4].values)))
    for pair in ranked[:: max(1, len(ranked) // PAIRS)][:PAIRS]:
        yield f"aster-{pair.attributes['id']}", "ASTER", pair
    for date in orleans.read(data):
        if date.group in DATES:
            yield f"landsat-{date.group}", "Landsat 8", date


def draw(name: str, sensor: str, labelled: LabelledScene) -> Path:
    """Write one picture."""
    scene, truth = labelled.scene, labelled.truth[4]
    half, quarter = (result["lst"] for _, result in downscale_scene(scene, to=250))
    # The two sensors differ by a constant that says nothing of detail.
    bias = float(np.nanmean(truth) - np.nanmean(scene.lst["lst"]))
    panels = {
        "MODIS, 1 km": scene.lst["lst"],
        "bicubic, 250 m": BICUBIC(scene, 4)["lst"],
        "SRDA-Net, 500 m": half,
        "SRDA-Net, 250 m": quarter,
        f"{sensor}, 250 m": (truth - bias).astype(np.float32),
    }
    origin = Origin(tile="h18v04", time=scene.when, day=True)
    return write_comparison(HERE / f"{name}.png", panels, origin=origin, cells=40, overwrite=True)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    for scene in scenes(parser.parse_args().data):
        print(draw(*scene))


if __name__ == "__main__":
    main()
