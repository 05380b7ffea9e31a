"""Quick looks: one map of temperature with its place, time, unit, scale and quality.

`draw_map` draws one panel and is shared with the comparison picture: one perceptually even colour map, missing
cells in light grey, a scale bar in kilometres, a colour bar in kelvin.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from srdanet.arrays import Float32, pad_to
from srdanet.energy import aggregate
from srdanet.grid import cell_size, centre, geobox_of
from srdanet.predictors.overpass import part_of_day
from srdanet.product.record import LevelRecord, Origin

COLOURS = ("inferno", 0.07, 1.0)
"""Even steps in lightness, readable in grey and by colour-blind people, dark is cold; without the blackest end."""
MISSING = "#d9d9d9"
DOTS = 150
"""Per inch."""
_LONG = 6.4
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


def write_quicklook(path: Path, result: xr.Dataset, *, level: int, origin: Origin, about: LevelRecord) -> None:
    """Write the quick look of one level.

    Args:
        path: The PNG.
        result: `lst` (y, x) K with coordinates and CRS.
        level: Nominal cell size (m), for the title.
        origin: What it was made from.
        about: What was measured on it.
    """
    from matplotlib.figure import Figure

    lst = result["lst"]
    image, factor = thumbnail(lst, int(_LONG * DOTS))
    height, width = image.shape
    across, down = _LONG * min(1, width / height), _LONG * min(1, height / width)
    figure = Figure(figsize=(across + 1, down))
    # Places in inches: colour bar and texts keep their size whatever the map's shape.
    axes = figure.add_axes((0, 0, across / (across + 1), 1))
    shown = draw_map(axes, image, cell_size(geobox_of(result)) * factor, shared_range(image))
    colour_bar(figure, shown, figure.add_axes(((across + 0.15) / (across + 1), 0, 0.2 / (across + 1), 1)))
    place = " · ".join(part for part in (headline(origin), position(result)) if part)
    texts = (
        (f"Land surface temperature, {level} m", (0, 1), 22, {"fontsize": 12, "fontweight": "bold"}),
        (place, (0, 1), 6, {"fontsize": 9}),
        (_footnote(origin, about), (0, 0), -14, {"fontsize": 8, "color": "#555555"}),
    )
    for text, corner, above, style in texts:
        axes.annotate(text, corner, (0, above), "axes fraction", "offset points", **style)
    save_figure(figure, path)


def _footnote(origin: Origin, about: LevelRecord) -> str:
    valid = f"{100 * about.valid_share:.1f} % of cells valid (missing: grey)"
    stated = f"mean uncertainty {about.uncertainty_mean:.1f} K" if about.uncertainty_mean is not None else None
    model = f"model {origin.model.name}" if origin.model else None
    return " · ".join(part for part in (valid, stated, model, origin.auxiliary.warning) if part)


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
