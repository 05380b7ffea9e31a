"""The figure: pictures, then every row of the table as two ranges, real above simulated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from srdanet.product.quicklook import MISSING, save_figure
from srdanet_simulator.realism.gallery import EACH, KINDS, Gallery
from srdanet_simulator.realism.table import Row, Spread, Table

_REAL, _SIMULATED, _FAINT = "#2f4b6e", "#e07b16", "#8a8a8a"
_BY_SEASON = {
    "level": "mean LST of 59 km\n(K)",
    "green": "mean NDVI\nof 59 km",
    "spread": "standard deviation\nwithin 59 km (K)",
    "bicubic": "RMSE of bicubic\n2 → 1 km (K)",
    "slope": "slope of the spectrum\n2 to 30 km",
    "ndvi": "1 km detail:\ncorrelation with NDVI",
    "height": "1 km detail:\ncorrelation with elevation",
}
_OTHERS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        "the grid of 1 km",
        {
            "slope_wide": "slope, 2 to 60 km",
            "pair_slope": "slope, 2 to 30 km (ASTER's MODIS)",
            "steps": "steps along rows over columns",
            "equal": "share equal to eastern cell",
        },
    ),
    (
        "size of detail",
        {
            "fine_rms": "250 m inside 1 km, K (ASTER)",
            "orleans_rms": "250 m inside 1 km, K (Orleans)",
            "pair_bicubic": "bicubic 2 → 1 km, K (ASTER's MODIS)",
            "share_250": "variance, 250 m over 1 km",
            "share_500": "variance, 500 m over 1 km",
            "orleans_share": "250 m over 500 m (Orleans)",
            "share_modis": "1 km, MODIS over ASTER",
        },
    ),
    (
        "correlation of detail",
        {
            "fine_ndvi": "250 m, with NDVI (ASTER)",
            "orleans_ndvi": "250 m, with NDVI (Orleans)",
            "fine_light": "250 m, with illumination",
            "agreement": "1 km, MODIS with ASTER",
        },
    ),
    (
        "Heihe, day in January",
        {
            "heihe_spread": "standard deviation, K",
            "heihe_bicubic": "RMSE of bicubic, K",
            "heihe_slope": "slope of the spectrum",
            "heihe_ndvi": "correlation with NDVI",
        },
    ),
    (
        "clouds and quality words",
        {
            "cloud_share": "cloud fraction, %",
            "cloud_size": "length of a cloud, km",
            "word_good": "quality word 0, %",
            "word_2K": "error class 1 to 2 K, %",
            "word_3K": "error class above 2 K, %",
        },
    ),
)


def draw(path: Path, table: Table, real: Gallery, simulated: Gallery) -> None:
    """Write the figure as PNG.

    Args:
        path: Where to.
        table: All rows.
        real: Pictures of real scenes, see `gallery`.
        simulated: Pictures of simulated scenes.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 14.8), facecolor="white")
    parts: Any = figure.subfigures(3, 1, height_ratios=(4.7, 4.9, 5.2))
    _pictures(parts[0], real, simulated)
    _seasons(parts[1], table)
    _others(parts[2], table)
    save_figure(figure, path)


def _pictures(figure: Any, real: Gallery, simulated: Gallery) -> None:
    from matplotlib import colormaps

    columns = len(KINDS) * EACH
    axes: Any = figure.subplots(2, columns, squeeze=False)
    figure.subplots_adjust(left=0.035, right=0.995, bottom=0.01, top=0.86, wspace=0.05, hspace=0.05)
    colours = colormaps["inferno"].with_extremes(bad=MISSING)
    for kind, name in enumerate(KINDS):
        shown = [[image - np.nanmedian(image) for image in gallery[kind]] for gallery in (real, simulated)]
        values = np.concatenate([image[np.isfinite(image)] for row in shown for image in row])
        low, high = np.percentile(values, [1, 99])
        for down, row in enumerate(shown):
            for along in range(EACH):
                place = axes[down, kind * EACH + along]
                place.set(xticks=[], yticks=[])
                for spine in place.spines.values():
                    spine.set_visible(False)
                if along < len(row):
                    place.imshow(row[along], cmap=colours, vmin=low, vmax=high, interpolation="none")
        title = f"{name}   ({low:+.0f} to {high:+.0f} K)".replace("-", "−")
        axes[0, kind * EACH].set_title(title, loc="left", fontsize=11)
    for down, (name, colour) in enumerate((("real", _REAL), ("simulated", _SIMULATED))):
        axes[down, 0].set_ylabel(name, fontsize=13, fontweight="bold", color=colour)
    figure.suptitle("Simulated land surface temperature held against the earth", x=0.035, ha="left", fontsize=15)


def _seasons(figure: Any, table: Table) -> None:
    scenes = [f"{when}, {name}" for when in ("day", "night") for name in ("winter", "spring", "summer", "autumn")]
    axes = figure.subplots(1, len(_BY_SEASON), sharey=True)
    figure.subplots_adjust(left=0.105, right=0.985, bottom=0.07, top=0.84, wspace=0.1)
    for place, (measure, title) in zip(axes, _BY_SEASON.items(), strict=True):
        for row in table.rows:
            if row.case.measure == measure:
                _ranges(place, -scenes.index(row.case.scenes), row)
        _dress(place, title)
        place.axhline(-3.5, color="#cccccc", linewidth=0.8)
    axes[0].set_yticks([-n for n in range(len(scenes))], scenes)
    axes[0].set_ylim(-len(scenes) + 0.4, 0.6)
    _legend(figure, axes[0])


def _others(figure: Any, table: Table) -> None:
    axes = figure.subplots(1, len(_OTHERS))
    figure.subplots_adjust(left=0.015, right=0.985, bottom=0.07, top=0.9, wspace=0.12)
    for place, (title, measures) in zip(axes, _OTHERS, strict=True):
        rows = [row for measure in measures for row in table.rows if row.case.measure == measure]
        for down, row in enumerate(rows):
            _ranges(place, -down - 0.02, row)
            alike = [other for other in rows if other.case.measure == row.case.measure]
            label = measures[row.case.measure] + (f" ({_short(row)})" if len(alike) > 1 else "")
            where = (0.0, -down + 0.47)
            place.annotate(label, where, xycoords=("axes fraction", "data"), fontsize=8.5, va="center", color="#333333")
        place.set_yticks([])
        place.set_ylim(-max(len(rows), 1) + 0.55, 0.7)
        _dress(place, title)


def _ranges(axes: Any, height: float, row: Row) -> None:
    """Two bars of 10 to 90 % with their medians; hollow where the simulated median lies outside the real range."""

    def one(part: Spread, shift: float, colour: str, face: str) -> None:
        if part.count:
            axes.plot([part.low, part.high], [height + shift] * 2, color=colour, linewidth=4, alpha=0.45, zorder=2)
            axes.plot(part.median, height + shift, "o", ms=6.5, mec=colour, mfc=face, mew=1.6, zorder=3)

    one(row.real, 0.13, _REAL, _REAL)
    one(row.simulated, -0.13, _SIMULATED, "white" if row.off else _SIMULATED)


def _dress(axes: Any, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8, zorder=0)
    axes.tick_params(length=0, labelsize=9)
    axes.margins(x=0.06)
    low, high = axes.get_xlim()
    if low < 0 < high:
        axes.axvline(0, color=_FAINT, linewidth=1, zorder=1)
    for name, spine in axes.spines.items():
        spine.set(visible=name == "bottom", color="#bbbbbb")


def _legend(figure: Any, axes: Any) -> None:
    style = {"marker": "o", "ms": 6.5, "mew": 1.6, "linewidth": 4}
    marks = [
        axes.plot([], [], color=_REAL, label="real: median, 10 to 90 % of scenes", **style)[0],
        axes.plot([], [], color=_SIMULATED, label="simulated", **style)[0],
        axes.plot([], [], color=_SIMULATED, mfc="white", label="simulated median outside the real range", **style)[0],
    ]
    figure.legend(handles=marks, loc="upper left", bbox_to_anchor=(0.025, 1.0), ncols=3, frameon=False, fontsize=10)


def _short(row: Row) -> str:
    return row.case.scenes.replace("day and night", "any").replace("day, January", "Heihe")
