"""Figures of a comparison: ratios to bicubic with their intervals, spectra, and maps of one place at each level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from srdanet.arrays import Float32
from srdanet.evaluation.metrics import OCTAVES
from srdanet.evaluation.scoring import BICUBIC_NAME
from srdanet.grid import cell_size
from srdanet.product.quicklook import colour_bar, draw_map, save_figure, shared_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from srdanet.baselines import Method
    from srdanet.scene import LabelledScene

_GREY = "#888888"
COLOURS = (
    "#1f77b4", "#ff7f0e", "#000000", "#7f7f7f", "#2ca02c", "#d62728", "#ff9896", "#9467bd", "#8c564b", "#e377c2",
    "#bcbd22", "#17becf", "#aec7e8", "#ffbb78", "#98df8a", "#b2182b", "#c5b0d5", "#c49c94", "#f7b6d2", "#dbdb8d",
)  # fmt: skip
"""Of the methods, in the order of the list."""
_WIDEST = 3
"""Panels in a row."""
_FARTHEST = 2.0
"""Ratios beyond this are drawn at the edge."""


class _Panel(NamedTuple):
    """The methods on the finest whole images of one set, case and time of day."""

    title: str
    rows: Sequence[Mapping[str, Any]]


def draw_ratios(path: Path, data: Mapping[str, Any]) -> None:
    """Each method's error as a share of bicubic's, with its 95 % interval.

    Args:
        path: The PNG to be written.
        data: What `tables.as_dict` gives.
    """
    from matplotlib.ticker import MaxNLocator

    panels = _panels(data)
    most = max((len(panel.rows) for panel in panels), default=1)
    figure, grid = _grid(len(panels), 3.6, 0.9 + 0.23 * most)
    for axes, panel in zip(grid, panels, strict=True):
        rows = [row for row in panel.rows if row["share"] is not None][::-1]
        places = np.arange(len(rows))
        shares = np.array([row["share"] for row in rows], float)
        limits = np.array([[np.nan if v is None else v for v in row["share_interval_95"]] for row in rows], float)
        known = np.isfinite(limits).all(axis=1) & (shares < _FARTHEST)
        axes.axvline(1, color=_GREY, linewidth=0.8)
        axes.hlines(places[known], limits[known, 0], limits[known, 1], color="#333333", linewidth=1.2)
        axes.scatter(shares.clip(max=_FARTHEST), places, s=16, color="#b2182b", zorder=3)
        axes.set_yticks(places, [row["method"] for row in rows], fontsize=7)
        axes.set_xlim(right=min(_FARTHEST, max(1.1, float(np.nanmax(shares, initial=1)) * 1.08)))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(axis="x", labelsize=7)
        axes.set_title(panel.title, loc="left", fontsize=8)
        axes.set_xlabel("error / error of bicubic", fontsize=7)
    figure.tight_layout()
    save_figure(figure, path)


def draw_spectra(path: Path, data: Mapping[str, Any]) -> None:
    """Each method's power as a share of the truth's at each wavelength; 1 is right, below it detail is lacking.

    Args:
        path: The PNG to be written.
        data: What `tables.as_dict` gives.
    """
    panels = [panel for panel in _panels(data) if any(_powers(row) for row in panel.rows)]
    figure, grid = _grid(len(panels), 3.6, 2.8)
    lines = {}
    for axes, panel in zip(grid, panels, strict=True):
        axes.axhline(1, color=_GREY, linewidth=0.8)
        for row in panel.rows:
            number = data["methods"].index(row["method"])
            # Where colours are used twice, dots tell the second use.
            style = "--" if row["method"] == BICUBIC_NAME else "-" if number < len(COLOURS) else ":"
            powers = _powers(row)
            if powers:
                colour = COLOURS[number % len(COLOURS)]
                (line,) = axes.plot(*zip(*powers, strict=True), style, color=colour, linewidth=1, marker=".")
                lines[row["method"]] = line
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_ylim(1e-2, 10)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.tick_params(labelsize=7)
        axes.set_title(panel.title, loc="left", fontsize=8)
        axes.set_xlabel("shortest wavelength of the band, km", fontsize=7)
        axes.set_ylabel("power / power of the truth", fontsize=7)
    figure.tight_layout()
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="upper left", bbox_to_anchor=(1, 1), fontsize=7, frameon=False)
    else:
        figure.text(0.1, 0.5, "no square of 32 x 32 cells without a gap", fontsize=8)
    save_figure(figure, path)


def _powers(row: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Shortest wavelength (km) and ratio of power of each band that is known."""
    known = ((n, row["metrics"].get(f"spectral_ratio_{n}")) for n in OCTAVES)
    return [(n * row["level"] / 1000, ratio) for n, ratio in known if ratio]


def draw_levels(path: Path, places: Mapping[str, LabelledScene], method: Method, cells: int = 24) -> None:
    """Maps of each place at 1000, 500 and 250 m by a method, and the truth at 250 m; one row a place.

    Args:
        path: The PNG to be written.
        places: Title to labelled scene whose truth is known at factor 4.
        method: The method.
        cells: Coarse cells along the side of the square that is shown, from the scene's middle.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.5, 3.1 * len(places)))
    widths = (1, 1, 1, 1, 0.05)
    grid = figure.add_gridspec(len(places), len(widths), width_ratios=widths, wspace=0.08, hspace=0.2)
    for number, (title, labelled) in enumerate(places.items()):
        scene = labelled.scene
        size = cell_size(scene.geobox)
        panels = {f"{title}, {size:.0f} m": (1, scene.lst["lst"].values)}
        panels |= {f"{size / f:.0f} m": (f, method(scene, f)["lst"].values) for f in (2, 4)}
        panels[f"truth, {size / 4:.0f} m"] = (4, labelled.truth[4].values)
        images = {name: _middle(image, factor, cells) for name, (factor, image) in panels.items()}
        limits = shared_range(*images.values())
        shown = None
        for column, (name, image) in enumerate(images.items()):
            axes = figure.add_subplot(grid[number, column])
            metres = size / list(panels.values())[column][0]
            shown = draw_map(axes, image, metres, limits, title=name, scale_bar=column == 0)
        colour_bar(figure, shown, figure.add_subplot(grid[number, len(widths) - 1]))
    save_figure(figure, path)


def _middle(image: np.ndarray, factor: int, cells: int) -> Float32:
    """The square of coarse cells in the middle of an image."""
    rows, cols = (n // factor for n in image.shape)
    tall, wide = min(cells, rows), min(cells, cols)
    row, col = (rows - tall) // 2 * factor, (cols - wide) // 2 * factor
    return np.asarray(image[row : row + tall * factor, col : col + wide * factor], np.float32)


def _panels(data: Mapping[str, Any]) -> list[_Panel]:
    """Whole images at the finest level, by set, case and time of day."""
    panels = []
    for table in data["tables"]:
        rows = [row for row in table["rows"] if not row["stratum"]]
        finest = min(row["level"] for row in rows)
        rows = [row for row in rows if row["level"] == finest]
        for label in dict.fromkeys(row["label"] for row in rows):
            panels.append(_Panel(f"{table['name']}: {label}", [row for row in rows if row["label"] == label]))
    return panels


def _grid(panels: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.figure import Figure

    across = max(1, min(_WIDEST, panels))
    down = max(1, -(-panels // across))
    figure = Figure(figsize=(width * across, height * down))
    return figure, [figure.add_subplot(down, across, number + 1) for number in range(panels)]
