"""The picture that says it at a glance: coarse beside fine, in one colour range, on the same ground."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from srdanet.atomic import publish, refuse_existing, staged
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import cell_size, geobox_of, nesting
from srdanet.product.quicklook import (
    DOTS,
    colour_bar,
    draw_map,
    headline,
    position,
    save_figure,
    shared_range,
    thumbnail,
)
from srdanet.product.record import Origin
from srdanet.product.validate import validate_png

_GAP = 0.12
Place = tuple[slice, slice]


def write_comparison(
    path: str | os.PathLike[str],
    panels: Mapping[str, xr.DataArray],
    *,
    origin: Origin,
    cells: int | None = 48,
    overwrite: bool = False,
) -> Path:
    """Write panels side by side: the same ground, the same colours, a heading above each.

    Args:
        path: The PNG, written whole or not at all.
        panels: {heading: lst (y, x) K with coordinates and CRS}; the first is the coarsest, the others nest in it
            and cover at least its ground. For example 1 km, 500 m, 250 m, truth.
        origin: What the image was made from; tile, time and day stand above the panels.
        cells: Show the part of that many coarse cells along each side that has the most detail; None for all.
        overwrite: Replace a file of that name.

    Raises:
        ArgumentError: when there is no panel.
        GridError: when a panel has no grid or does not nest in the first.
        OutputError: when the file exists, or cannot be written.
    """
    if not panels:
        raise ArgumentError("there is no panel to draw", todo="Give one or more.")
    path = Path(path)
    refuse_existing([path], overwrite=overwrite)
    coarse = next(iter(panels.values()))
    place = busiest(coarse, cells)
    parts = {heading: _cut(coarse, place, data, heading) for heading, data in panels.items()}
    with staged(path.parent, path.stem) as folder:
        draft = folder / path.name
        _draw(draft, parts, origin)
        validate_png(draft)
        publish(folder, [path.name], overwrite=overwrite)
    return path


def busiest(coarse: xr.DataArray, cells: int | None) -> Place:
    """The square of `cells` by `cells` with the most contrast among those with the most valid cells.

    Args:
        coarse: (y, x) K, NaN = missing.
        cells: Side of the square; None, or more than there are: everything.
    """
    values = np.asarray(coarse.values, np.float64)
    height, width = values.shape
    if cells is None or cells >= max(height, width):
        return slice(0, height), slice(0, width)
    side_y, side_x = min(cells, height), min(cells, width)
    step = max(1, cells // 4)
    corners = [(i, j) for i in range(0, height - side_y + 1, step) for j in range(0, width - side_x + 1, step)]

    def merit(corner: tuple[int, int]) -> tuple[float, float]:
        part = values[corner[0] : corner[0] + side_y, corner[1] : corner[1] + side_x]
        valid = part[np.isfinite(part)]
        # Steps between neighbours, not spread: a smooth slope over the square is no detail.
        steps = np.abs(np.diff(part, axis=1))
        return round(valid.size / part.size, 2), float(np.nanmean(steps)) if np.isfinite(steps).any() else 0.0

    top, left = max(corners, key=merit)
    return slice(top, top + side_y), slice(left, left + side_x)


def _cut(coarse: xr.DataArray, place: Place, data: xr.DataArray, heading: str) -> xr.DataArray:
    """The part of `data` over the coarse cells of `place`."""
    lies = nesting(geobox_of(coarse, name="first panel"), geobox_of(data, name=heading))
    rows, cols = (
        slice(part.start * lies.factor + shift, part.stop * lies.factor + shift)
        for part, shift in zip(place, (lies.row, lies.col), strict=True)
    )
    if rows.start < 0 or cols.start < 0 or rows.stop > data.shape[0] or cols.stop > data.shape[1]:
        todo = "Give all panels on the same ground."
        raise GridError("does not cover the ground of the first panel", where=heading, todo=todo)
    return data[rows, cols]


def _draw(path: Path, parts: Mapping[str, xr.DataArray], origin: Origin) -> None:
    from matplotlib.figure import Figure

    side = 4.2 if len(parts) < 4 else 3.6
    images = {heading: thumbnail(data, int(side * DOTS)) for heading, data in parts.items()}
    height, width = next(iter(images.values()))[0].shape
    down = side * height / width
    whole = len(parts) * (side + _GAP) + 1
    figure = Figure(figsize=(whole, down))
    limits = shared_range(*(image for image, _ in images.values()))
    # Places in inches, so that panels, colour bar and texts keep their size however many there are.
    for number, (heading, (image, factor)) in enumerate(images.items()):
        axes = figure.add_axes((number * (side + _GAP) / whole, 0, side / whole, 1))
        metres = cell_size(geobox_of(parts[heading])) * factor
        shown = draw_map(axes, image, metres, limits, title=heading, scale_bar=number == 0)
    bar = figure.add_axes(((len(parts) * (side + _GAP) + 0.03) / whole, 0, 0.2 / whole, 1))
    colour_bar(figure, shown, bar)
    below = " · ".join(part for part in (headline(origin), position(next(iter(parts.values())))) if part)
    text = f"Land surface temperature · {below}"
    figure.axes[0].annotate(text, (0, 1), (0, 26), "axes fraction", "offset points", fontsize=11, fontweight="bold")
    save_figure(figure, path)
