"""How a whole simulated tile varies, and its picture: `python simulator/benchmarks/land.py -o tile.png`.

Printed: the standard deviation of the means of 100 km squares, and their share of all variance at 1 km, of height and
true LST by day. Drawn: height, greenness, land cover, and LST as MOD11A1 would have it, by day and by night, with the
air above.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LightSource, ListedColormap
from numpy.typing import NDArray

from srdanet.energy import aggregate
from srdanet.predictors import land_cover
from srdanet_simulator import Simulation, companion, simulate

mpl.use("Agg")
import matplotlib.pyplot as plt

COLOURS = {
    "forest": "#2d6a3e",
    "shrub": "#a58f5a",
    "grass": "#a8c46a",
    "wetland": "#5fa8a0",
    "crop": "#e2c46b",
    "urban": "#8c8c8c",
    "snow": "#f4f8fb",
    "bare": "#d9c8ae",
    "water": "#3f74b5",
}
SQUARE = 108
"""1 km cells along 100 km."""
HEIGHTS = ListedColormap(mpl.colormaps["gist_earth"](np.linspace(0.33, 1, 256)))
"""The part of the map that stands for land."""


def main() -> None:
    """Simulate, measure, and draw if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, help="draw it too")
    parser.add_argument("--tile", default="h18v04")
    parser.add_argument("--size", type=int, default=1200, help="1 km cells on a side")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--date", default="2020-06-15")
    asked = parser.parse_args()
    if asked.size < 2 * SQUARE:
        parser.error(f"--size {asked.size}: {2 * SQUARE} cells at least, for squares of {SQUARE} to differ")
    day = simulate(asked.seed, asked.size, asked.tile, asked.date)
    heights = np.asarray(aggregate(day.predictors["elevation"], 4))
    for name, field in (("height (m)", heights), ("true LST (K)", np.asarray(day.truth_at(1000)))):
        spread, share = variety(field)
        print(f"{name}: {spread:.3g} ({share:.0%})")
    if asked.output is not None:
        draw(day, companion(day), asked.output)


def variety(field: NDArray[np.floating]) -> tuple[float, float]:
    """Standard deviation of the means of 100 km squares of a 1 km field, and their share of its variance."""
    rows, cols = (n // SQUARE * SQUARE for n in field.shape)
    means = field[:rows, :cols].reshape(rows // SQUARE, SQUARE, cols // SQUARE, SQUARE).mean((1, 3), dtype=np.float64)
    return float(means.std()), float(means.var() / field[:rows, :cols].var(dtype=np.float64))


def draw(day: Simulation, night: Simulation, path: Path) -> None:
    """The picture, as PNG."""
    figure, axes = plt.subplots(2, 3, figsize=(13.5, 8.2), layout="constrained")

    height = np.asarray(day.predictors["elevation"], float)[::4, ::4]
    sea = height == 0
    light = LightSource(315, 45).hillshade(height, vert_exag=6, dx=926.6, dy=926.6)
    image(axes[0, 0], np.where(sea, np.nan, height), "Height", "m", HEIGHTS, (0.0, float(height.max())))
    axes[0, 0].imshow(light, cmap="gray", alpha=np.where(sea, 0.0, 0.35))
    red, nir = (np.asarray(day.predictors[name], float)[::4, ::4] for name in ("red", "nir"))
    image(axes[0, 1], np.where(sea, np.nan, (nir - red) / (nir + red)), "NDVI", "1", "YlGn", (0, 0.9))
    classes(axes[0, 2], np.asarray(day.predictors["land_cover"])[::2, ::2])
    for axis, scene, label in ((axes[1, 0], day, "day"), (axes[1, 1], night, "night")):
        image(axis, scene.lst, f"LST by {label}, {scene.time.astype('datetime64[m]')} UTC", "K", "inferno")
    image(axes[1, 2], np.asarray(day.predictors["t2m"], float), "Air at 2 m by day", "K", "inferno")
    for axis in axes.ravel():
        axis.set_axis_off()
    figure.savefig(path, dpi=110)


def image(
    axis: Axes,
    values: NDArray[np.floating],
    title: str,
    unit: str,
    cmap: str | Colormap,
    limits: tuple[float, float] | None = None,
) -> None:
    """One field with its bar; between its 1st and 99th percentile where no limits are given."""
    low, high = limits or tuple(float(v) for v in np.nanpercentile(values, (1, 99)))
    axis.set_facecolor("white")
    drawn = axis.imshow(values, cmap=cmap, vmin=low, vmax=high, interpolation="none")
    axis.set_title(title, fontsize=11)
    axis.figure.colorbar(drawn, ax=axis, fraction=0.046, label=unit, pad=0.02)


def classes(axis: Axes, igbp: NDArray[np.uint8]) -> None:
    """Groups of land cover, with their names."""
    shares = land_cover.fractions(igbp, 1)
    axis.imshow(np.argmax(shares, 0), cmap=ListedColormap(list(COLOURS.values())), vmin=0, vmax=8, interpolation="none")
    axis.set_title("Land cover", fontsize=11)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    axis.legend(
        handles, list(COLOURS), loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=5, fontsize=8, frameon=False
    )


if __name__ == "__main__":
    main()
