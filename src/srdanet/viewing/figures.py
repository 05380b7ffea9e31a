"""The pictures of a report: maps as PNG, curves as SVG, both as addresses that stand in the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.flags import FLAGS
from srdanet.grid import ground_cell
from srdanet.product.looks import FLAG_COLOURS, NO_FLAG, Look, first_flag
from srdanet.product.quicklook import colour_bar, draw_lines, draw_map
from srdanet.viewing.facts import Spectrum

SIDE = 480
"""Cells along a map at most: fewer than its dots, so that each is seen whole."""
_DOTS = 170
_WIDE = 3.2
"""Inches along the longer side of a map."""
CURVES = {"coarse": ("#d55e00", "--"), "bicubic": ("#555555", ":"), "product": ("#0072b2", "-")}
"""Colour and dash of each image's curve: they are told apart without colour too."""


def map_picture(
    image: NDArray[np.float32], geobox: GeoBox, look: Look, limits: tuple[float, float], *, scale_bar: bool = True
) -> str:
    """A map with graticule, coast, scale bar and colour bar.

    Args:
        image: (y, x) in the unit of `look`, NaN = missing; covers `geobox` with cells of any size.
        geobox: The finest grid.
        look: Colours, name and unit.
        limits: Colour range.
        scale_bar: Whether to draw one.

    Returns:
        A `data:` address of a PNG.
    """
    figure, axes, beside = _frame(geobox)
    # The last column of a thinned image may reach beyond the grid.
    metres = ground_cell(geobox) * -(-geobox.shape[1] // image.shape[1])
    shown = draw_map(axes, image, metres, limits, scale_bar=scale_bar, colours=look.colours)
    draw_lines(axes, geobox)
    colour_bar(figure, shown, beside, f"{look.name} ({look.unit})")
    return _png(figure)


def flag_picture(quality: NDArray[np.uint8], geobox: GeoBox) -> str:
    """A map of the first quality flag of each cell, with a key of those that occur; see `map_picture`."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    figure, axes, beside = _frame(geobox)
    beside.set_axis_off()
    numbers = first_flag(quality)
    names, colours = ["no flag", *(f.name for f in FLAGS)], [NO_FLAG, *(FLAG_COLOURS[f.name] for f in FLAGS)]
    height, width = (n * ground_cell(geobox) / 1000 for n in geobox.shape)
    palette = ListedColormap(colours)
    axes.imshow(
        numbers, cmap=palette, vmin=-0.5, vmax=len(FLAGS) + 0.5, extent=(0, width, height, 0), interpolation="none"
    )
    draw_lines(axes, geobox)
    present = [
        Patch(facecolor=colours[n], edgecolor="#555555", linewidth=0.5, label=names[n]) for n in np.unique(numbers)
    ]
    style = {"loc": "upper left", "bbox_to_anchor": (0, -0.07), "ncol": 2, "fontsize": 9, "frameon": False}
    axes.legend(handles=present, borderaxespad=0, **style)
    return _png(figure)


def _frame(geobox: GeoBox) -> tuple[Any, Any, Any]:
    """A figure, axes of the map's shape, and axes for its colour bar."""
    from matplotlib.figure import Figure

    height, width = geobox.shape
    across, down = _WIDE * min(1, width / height), _WIDE * min(1, height / width)
    figure = Figure(figsize=(across + 0.9, down))
    axes = figure.add_axes((0, 0, across / (across + 0.9), 1))
    return figure, axes, figure.add_axes(((across + 0.12) / (across + 0.9), 0, 0.18 / (across + 0.9), 1))


def distribution_picture(images: Mapping[str, NDArray[np.float32]]) -> str:
    """Share of cells per 0.5 K of temperature."""
    figure, axes = _plot()
    valid = {name: image[np.isfinite(image)] for name, image in images.items()}
    every = [values for values in valid.values() if values.size]
    low, high = min((float(v.min()) for v in every), default=299), max((float(v.max()) for v in every), default=301)
    edges = np.arange(np.floor(low), np.ceil(high) + 0.5, 0.5)
    for name, values in valid.items():
        if values.size:
            counts = np.histogram(values, edges)[0]
            colour, dash = CURVES[name]
            axes.stairs(100 * counts / values.size, edges, color=colour, linestyle=dash, linewidth=1.6, label=name)
    return _finish(figure, axes, "land surface temperature (K)", "share of cells per 0.5 K (%)")


def spectrum_picture(found: Spectrum, km: float, coarse_km: float) -> str:
    """Power by wavelength; beyond the coarse image's Nyquist wavelength, a fine line, all detail is new."""
    figure, axes = _plot()
    for name, power in found.power.items():
        colour, dash = CURVES[name]
        axes.loglog(found.wavelength * km, power, color=colour, linestyle=dash, linewidth=1.6, label=name)
    axes.axvline(2 * coarse_km, color="black", linewidth=0.8)
    style = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 8}
    axes.annotate("two coarse cells", (2 * coarse_km, 0.03), xytext=(4, 0), **style)
    axes.invert_xaxis()
    axes.xaxis.set_major_formatter("{x:g}")
    return _finish(figure, axes, "wavelength (km)", "power (K², relative)")


def histogram_picture(values: NDArray[np.float32], label: str, *, log: bool = False) -> str:
    """Share of cells by a value (K), within its middle 99.8 %.

    Args:
        values: Any shape, NaN = missing.
        label: What it is, with its unit.
        log: Whether the shares are drawn on a logarithmic scale.
    """
    figure, axes = _plot()
    valid = values[np.isfinite(values)]
    if valid.size:
        low, high = (float(v) for v in np.percentile(valid, (0.1, 99.9)))
        edges = np.linspace(low, high if high > low else low + 1e-3, 61)
        counts = np.histogram(valid, edges)[0]
        axes.stairs(100 * counts / valid.size, edges, color=CURVES["product"][0], fill=True, alpha=0.85)
    if log:
        axes.set_yscale("log")
    return _finish(figure, axes, label, "share of cells (%)", key=False)


def _plot() -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.4), layout="constrained")
    return figure, figure.add_subplot()


def _finish(figure: Any, axes: Any, x: str, y: str, *, key: bool = True) -> str:
    from matplotlib import rc_context

    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(linewidth=0.4, color="#cccccc")
    axes.spines[["top", "right"]].set_visible(False)
    if key and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9)
    out = io.BytesIO()
    # Ids of a fixed salt and no date: the same product gives the same page.
    with rc_context({"svg.hashsalt": "srdanet", "svg.fonttype": "path"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": "srdanet"})
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def _png(figure: Any) -> str:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=_DOTS, bbox_inches="tight", pad_inches=0.08, metadata={"Software": "srdanet"})
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
