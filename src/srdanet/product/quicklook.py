"""Quick looks: maps of temperature with place, time, unit, scale and quality, the coarse LST beside the result.

`draw_map` and `draw_lines` draw one panel and are shared with the comparison picture and the report: one perceptually
even colour map, missing cells in light grey, graticule and coast, a scale bar in kilometres, a colour bar in kelvin.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import Float32, pad_to
from srdanet.energy import aggregate
from srdanet.grid import centre, coarsen, geobox_of, ground_cell
from srdanet.predictors.overpass import part_of_day
from srdanet.product.lines import Line, coast, graticule
from srdanet.product.looks import COLOURS, LOOKS
from srdanet.product.record import LevelRecord, Origin

MISSING = "#d9d9d9"
DOTS = 150
"""Per inch."""
_LONG = 5.2
"""Inches along the longer side of a map."""
_GAP = 0.45
_LEAST = 1.5
"""Inches that titles and colour bar need, however narrow the map is."""
_APART = 0.6
"""Inches between the degrees along an edge, at least."""
SHOWN = int(_LONG * DOTS)
"""Cells along a map at most: none is smaller than a dot."""
_STRIP = 64


def thumbnail(data: xr.DataArray | Float32, largest: int) -> tuple[Float32, int]:
    """The image reduced by masked means of n x n cells until no side exceeds `largest`; and n.

    Args:
        data: (y, x) K, NaN = missing; read strip by strip.
        largest: Cells along the longer side at most.
    """
    height, width = data.shape
    factor = -(-max(height, width) // largest)
    if factor == 1:
        return np.asarray(data, np.float32), 1
    parts = []
    for top in range(0, height, _STRIP * factor):
        strip = np.asarray(data[top : top + _STRIP * factor], np.float32)
        # Cells beyond the edge are missing, not zero: the last row and column are means of what is there.
        parts.append(aggregate(pad_to(strip, factor), factor, min_valid=0.0))
    return np.concatenate(parts).astype(np.float32), factor


def shared_range(*images: Float32) -> tuple[float, float]:
    """One colour range (K) for all images: whole kelvins around their middle 98 %, at least 2 K wide."""
    valid = np.concatenate([image[np.isfinite(image)].ravel()[:: max(1, image.size // 500_000)] for image in images])
    if not valid.size:
        return 273.0, 303.0
    low, high = np.percentile(valid, (1, 99))
    low, high = float(np.floor(low)), float(np.ceil(high))
    return (low, high) if high - low >= 2 else (low - 1, high + 1)


def headline(origin: Origin) -> str:
    """Tile, time (UTC) and day or night, as far as they are known."""
    tile = f"tile {origin.tile}" if origin.tile else None
    time = f"{origin.time[:16].replace('T', ' ')} UTC" if origin.time else None
    return ", ".join(part for part in (tile, time, part_of_day(origin.day)) if part)


def position(data: xr.DataArray | xr.Dataset) -> str:
    """Longitude and latitude of the image's middle, for people."""
    lon, lat = centre(geobox_of(data))
    return f"{abs(lat):.2f}° {'N' if lat >= 0 else 'S'} {abs(lon):.2f}° {'E' if lon >= 0 else 'W'}"


def draw_map(
    axes: Any,
    image: Float32,
    metres: float,
    limits: tuple[float, float],
    *,
    title: str = "",
    scale_bar: bool = True,
    colours: tuple[str, float, float] = COLOURS,
) -> Any:
    """Draw one map into matplotlib axes.

    Args:
        axes: Where to.
        image: (y, x) K, NaN = missing.
        metres: Side of one of its cells.
        limits: Colour range, in the image's unit.
        title: Stands above it, on the left.
        scale_bar: Whether to draw one; the first of several equal panels is enough.
        colours: Colour map of matplotlib, and the part of it that is used.

    Returns:
        The matplotlib image, for a colour bar.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    name, darkest, lightest = colours
    palette = ListedColormap(colormaps[name](np.linspace(darkest, lightest, 256))).with_extremes(bad=MISSING)
    height, width = image.shape
    ground = (0.0, width * metres / 1000, height * metres / 1000, 0.0)
    # No cell is smaller than a dot (see `thumbnail`), and none is smoothed: what one sees are the cells.
    shown = axes.imshow(
        np.ma.masked_invalid(image), cmap=palette, vmin=limits[0], vmax=limits[1], extent=ground, interpolation="none"
    )
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(title, loc="left", fontsize=10)
    for spine in axes.spines.values():
        spine.set(linewidth=0.6, color="#555555")
    if scale_bar:
        _scale_bar(axes, ground[1])
    return shown


def draw_lines(axes: Any, geobox: GeoBox) -> None:
    """Draw a graticule with degrees along the lower and left edges, and the coast where the map is wide enough.

    Args:
        axes: Those of `draw_map`, in km from the upper-left corner.
        geobox: The grid of the map, with cells of any size.
    """
    km = ground_cell(geobox) / 1000
    height, width = geobox.shape
    ticks: dict[str, list[tuple[float, str]]] = {"x": [], "y": []}
    lines = graticule(geobox)
    for line in lines:
        axes.plot(line.x * km, line.y * km, color="white", linewidth=1.4, alpha=0.5)
        axes.plot(line.x * km, line.y * km, color="black", linewidth=0.5, alpha=0.6)
        upright = line.text.endswith(("E", "W")) or abs(np.ptp(line.y)) > abs(np.ptp(line.x))
        place = _crossing(line, height) if upright else _crossing(Line(line.y, line.x), 0.0)
        if place is not None and 0 <= place <= (width if upright else height):
            ticks["x" if upright else "y"].append((place * km, line.text))
    for line in coast(geobox):
        axes.plot(line.x * km, line.y * km, color="white", linewidth=2, alpha=0.5)
        axes.plot(line.x * km, line.y * km, color="black", linewidth=0.8)
    axes.set_xlim(0, width * km)
    axes.set_ylim(height * km, 0)
    box = axes.get_position()
    inches = axes.figure.get_size_inches() * (box.width, box.height)
    for axis, side, span in (("x", inches[0], width), ("y", inches[1], height)):
        step = span * km / max(side, 1e-3) * _APART
        kept: list[tuple[float, str]] = []
        for place, text in sorted(ticks[axis]):
            if not kept or place - kept[-1][0] >= step:
                kept.append((place, text))
        style = {"fontsize": 8} | ({"rotation": 90, "va": "center"} if axis == "y" else {})
        getattr(axes, f"set_{axis}ticks")([place for place, _ in kept], [text for _, text in kept], **style)
    axes.tick_params(length=3, pad=2)


def _crossing(line: Line, y: float) -> float | None:
    """Where a line crosses a height; None where it does not."""
    order = np.argsort(line.y)
    if not line.y.size or not line.y[order[0]] <= y <= line.y[order[-1]]:
        return None
    return float(np.interp(y, line.y[order], line.x[order]))


def colour_bar(figure: Any, shown: Any, axes: Any, label: str = "land surface temperature (K)") -> None:
    """A colour bar with its unit; pointed ends say that colder and warmer cells exist.

    Args:
        figure: The matplotlib figure.
        shown: What `draw_map` returned.
        axes: Where it is drawn.
        label: What is shown, and its unit.
    """
    from matplotlib.ticker import MaxNLocator

    low, high = shown.get_clim()
    whole = MaxNLocator(nbins=9, integer=high - low >= 4, steps=[1, 2, 5, 10])
    bar = figure.colorbar(shown, extend="both", ticks=whole, cax=axes)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_linewidth(0.6)


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG, with nothing cut off and no trace of when or where it was made."""
    figure.savefig(path, format="png", dpi=DOTS, bbox_inches="tight", pad_inches=0.12, metadata={"Software": "srdanet"})


def write_quicklook(
    path: Path,
    result: xr.Dataset,
    *,
    level: int,
    origin: Origin,
    about: LevelRecord,
    coarse: xr.DataArray | None = None,
) -> None:
    """Write the quick look of one level: its map, and beside it in the same colours the LST it was made from.

    Args:
        path: The PNG.
        result: `lst` (y, x) K with coordinates and CRS.
        level: Nominal cell size (m), for the title.
        origin: What it was made from.
        about: What was measured on it.
        coarse: (y / f, x / f) K of the same ground; left out of the picture when None.
    """
    from matplotlib.figure import Figure

    lst = result["lst"]
    image, factor = thumbnail(lst, SHOWN)
    limits = about.shown.get("lst") or LOOKS["lst"].limits(image)
    box = geobox_of(result)
    panels = [(f"{level} m", box, image, factor)]
    if coarse is not None:
        times = lst.shape[0] // coarse.shape[0]
        panels.insert(0, (f"input, {size_text(level * times)}", coarsen(box, times), *thumbnail(coarse, SHOWN)))
    height, width = lst.shape
    across, down = _LONG * min(1, width / height), _LONG * min(1, height / width)
    # Places in inches: colour bar, degrees and texts keep their size whatever the map's shape.
    slot = max(across, _LEAST) + _GAP
    total = len(panels) * slot - _GAP + 1
    figure = Figure(figsize=(total, down))
    for number, (title, grid, small, per_cell) in enumerate(panels):
        axes = figure.add_axes((number * slot / total, 0, across / total, 1))
        title = title if len(panels) > 1 else ""
        shown = draw_map(
            axes, small, ground_cell(grid) * per_cell, limits, title=title, scale_bar=number == 0 and down > _LEAST
        )
        draw_lines(axes, grid)
        if number == 0:
            _write_texts(axes, level, origin, about, position(result))
    tall = max(1.0, _LEAST / down)
    colour_bar(figure, shown, figure.add_axes(((total - 0.85) / total, (1 - tall) / 2, 0.2 / total, tall)))
    save_figure(figure, path)


def size_text(metres: int) -> str:
    """A cell size for people: `250 m`, `1 km`."""
    return f"{metres / 1000:g} km" if metres >= 1000 else f"{metres} m"


def _write_texts(axes: Any, level: int, origin: Origin, about: LevelRecord, place: str) -> None:
    """Title and place above the first map, what was measured below it, and a warning where there is one."""
    place = " · ".join(part for part in (headline(origin), place) if part)
    texts: list[tuple[str, tuple[int, int], int, dict[str, Any]]] = [
        (f"Land surface temperature, {level} m", (0, 1), 38, {"fontsize": 12, "fontweight": "bold"}),
        (place, (0, 1), 22, {"fontsize": 9}),
        (_footnote(origin, about), (0, 0), -30, {"fontsize": 8, "color": "#555555"}),
    ]
    if origin.auxiliary.warning:
        warning = origin.auxiliary.warning
        texts.append((warning, (0, 0), -43, {"fontsize": 9, "color": "#a00000", "fontweight": "bold"}))
    for text, corner, above, style in texts:
        axes.annotate(text, corner, (0, above), "axes fraction", "offset points", **style)


def _footnote(origin: Origin, about: LevelRecord) -> str:
    valid = f"{100 * about.valid_share:.1f} % of cells valid (missing: grey)"
    stated = f"mean uncertainty {about.uncertainty_mean:.1f} K" if about.uncertainty_mean is not None else None
    model = f"model {origin.model.name}" if origin.model else None
    return " · ".join(part for part in (valid, stated, model) if part)


def _scale_bar(axes: Any, width: float) -> None:
    """A bar of a round length, about a fifth of the map, on a light ground so that it reads on any colour."""
    from matplotlib.font_manager import FontProperties
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    length = _round_length(width / 5)
    text = f"{length:g} km" if length >= 1 else f"{length * 1000:g} m"
    style = {"pad": 0.5, "borderpad": 0.6, "sep": 4, "fontproperties": FontProperties(size=8)}
    bar = AnchoredSizeBar(axes.transData, length, text, "lower left", size_vertical=width * 0.006, **style)
    bar.patch.set(alpha=0.85, linewidth=0)
    axes.add_artist(bar)


def _round_length(about: float) -> float:
    """The largest of 1, 2, 5 times a power of ten that is not above `about`."""
    power = 10.0 ** np.floor(np.log10(about))
    return float(max(step * power for step in (1, 2, 5) if step * power <= about))
