"""Maps of places in other climates: 1 km, bicubic, TsHARP, the default model, and the truth at 250 m.

`python benchmarks/places.py --data DATA` writes docs/img/places.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

from srdanet.arrays import repeat
from srdanet.datasets import world
from srdanet.evaluation import find_method

mpl.use("Agg")
PARTS = {
    "zhangye": ("Zhangye, ASTER", slice(0, 120), slice(0, 120)),
    "imperial": ("Imperial Valley, ECOSTRESS", slice(60, 260), slice(60, 260)),
}
"""Place → what stands above it, and the rows and columns shown, in cells of the truth."""
METHODS = {"bicubic": "bicubic", "tsharp": "TsHARP", "default": "SRDA-Net"}


def draw(path: Path, data: Path) -> None:
    """Write the maps as a PNG."""
    from matplotlib import pyplot as plt

    scenes = {labelled.group: labelled for labelled in world.read(data) if labelled.group in PARTS}
    figure, axes = plt.subplots(2, 5, figsize=(15, 6.6), layout="constrained")
    for row, (name, (title, *part)) in zip(axes, PARTS.items(), strict=True):
        labelled = scenes[name]
        truth = labelled.truth[4].values
        images = {"1 km": repeat(labelled.scene.lst["lst"].values, 4)}
        images |= {what: find_method(key)[1](labelled.scene, 4)["lst"].values for key, what in METHODS.items()}
        low, high = np.nanpercentile(truth, [2, 98])
        for axis, (what, image) in zip(row, {**images, "truth": truth}.items(), strict=True):
            drawn = axis.imshow(image[tuple(part)], vmin=low, vmax=high, cmap="inferno", interpolation="none")
            axis.set_title(f"{title}: {what}" if what == "1 km" else what, fontsize=10, loc="left")
            axis.set_axis_off()
        figure.colorbar(drawn, ax=row, label="LST (K)", shrink=0.9)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("-o", "--out", type=Path, default=Path("docs/img/places.png"))
    told = parser.parse_args()
    draw(told.out, told.data)


if __name__ == "__main__":
    main()
