"""Labelled scenes of places in other climates, in which one fine sensor gives both the truth and the coarse LST.

The coarse LST is the mean of T^4 over a cell, as it is, or as MODIS would see it: blurred by its point spread and
noisy. Errors on these scenes must not share a table with those of MODIS against another sensor. `places.PLACES` says
what there is, where it comes from and which traps it has.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from srdanet.datasets.places import PLACES, Field, fields
from srdanet.datasets.sources import MODIS_BLUR, as_seen, truths
from srdanet.energy import degrade
from srdanet.errors import ArgumentError
from srdanet.grid import coarsen, geobox_of, refine
from srdanet.scene import LabelledScene, Scene
from srdanet.scene.checks import on_grid
from srdanet.variables import NO_CLASS

FACTOR = 4
WITH_NDVI = ("zhangye", "imperial", "los-angeles", "talca")
"""Places that `read` gives: those that hold an NDVI of the sensor's time or season, at less than 1 km."""
_LEAST_VALID = 0.75
"""Share of a coarse cell's fine cells that must be known: at rims and shores half of a cell says little of it."""
_LEAST_PIECE = 0.4
"""Share of a piece's coarse cells that must be known for it to be trained on."""


def read(root: Path | str) -> Iterator[LabelledScene]:
    """About 1 km -> 250 m by day in `zhangye`, `imperial`, `los-angeles` and `talca`, in this order.

    As `scenes` gives them, with `ndvi` (in Talca `elevation` too, but no reflectance) as predictors.

    Args:
        root: Folder that holds the sets.

    Raises:
        GranuleError: when a file is missing or not what it should be.
    """
    for name in WITH_NDVI:
        for labelled in scenes(name, root):
            yield with_guides(labelled, ("ndvi", "elevation"))


def scenes(
    name: str,
    data: Path | str,
    *,
    cells: int | None = None,
    factor: int = FACTOR,
    phase: tuple[int, int] = (0, 0),
    blur: float = 0.0,
    noise: float = 0.0,
    seed: int = 0,
) -> Iterator[LabelledScene]:
    """All images of a place as labelled scenes at one scale.

    The truth is known at the factors 2 and 4 (at `factor=2` at 2 alone). Predictors stay on the sensor's cells. The
    group is the place; `attributes` holds the name of the image where there are several, `blur` and `noise`.

    Args:
        name: A key of `places.PLACES`.
        data: Folder that holds the sets.
        cells: The sensor's cells along a cell of the finest truth, such as one of `Place.scales`; default: the first.
        factor: Finest cells along a coarse cell, 2 or 4.
        phase: Row and column (the sensor's cells) of the first coarse cell's corner.
        blur: As in `sources.as_seen`; a coarse cell needs three quarters of its fine cells.
        noise: Standard deviation (K) of noise added to the coarse LST.
        seed: Of the noise.

    Raises:
        ArgumentError: when there is no such place, or a number is out of range.
        GranuleError: when a file is missing or not what it should be.
    """
    images = fields(name, data)
    cells = PLACES[name].scales[0] if cells is None else cells
    if factor not in (2, 4) or cells < 1:
        raise ArgumentError(
            f"factor is {factor} and cells is {cells}", todo="Give factor 2 or 4, and cells of 1 or more."
        )
    if min(*phase, blur, noise) < 0:
        raise ArgumentError(f"phase {phase}, blur {blur} or noise {noise} is negative", todo="Give 0 or more.")
    for image in images:
        if min(n - p for n, p in zip(image.lst.shape, phase, strict=True)) < 2 * cells * factor:
            todo = "Give fewer cells, or a smaller phase."
            raise ArgumentError(f"{name} is too small for 2 x 2 coarse cells of {cells * factor} cells", todo=todo)
        yield _labelled(name, image, cells, factor, phase, blur, noise, seed)


def _labelled(
    name: str,
    image: Field,
    cells: int,
    factor: int,
    phase: tuple[int, int],
    blur: float,
    noise: float,
    seed: int,
) -> LabelledScene:
    """One image as `scenes` describes it."""
    step = cells * factor
    rows, cols = (slice(p, p + (n - p) // step * step) for n, p in zip(image.lst.shape, phase, strict=True))
    box = image.box[rows, cols]
    root = coarsen(box, step)
    fine = image.lst[rows, cols]
    fine = fine if cells == 1 else np.asarray(degrade(fine, cells), np.float32)
    exact = as_seen(fine, factor, min_valid=_LEAST_VALID)
    coarse = as_seen(fine, factor, blur, min_valid=_LEAST_VALID) if blur else exact
    if noise:
        draw = np.random.default_rng([seed, zlib.crc32(f"{name} {image.name} {cells} {phase}".encode())])
        coarse = coarse + draw.normal(0, noise, coarse.shape).astype(np.float32)
    guides = on_grid({key: values[rows, cols] for key, values in image.guides.items()}, box) if image.guides else None
    scene = Scene(
        on_grid({"lst": coarse}, root),
        () if guides is None else (guides,),
        image.time,
        image.day,
        provenance={} if image.platform is None else {"platform": image.platform},
        noise=float(np.sqrt(np.nanmean((coarse - exact) ** 2))) if blur or noise else 0.0,
        boxes=(root,) if guides is None else (root, box),
    )
    levels = truths(fine, root, (2, 4)[: factor // 2])
    about = {"blur": f"{blur:g}", "noise": f"{noise:g}"} | ({"image": image.name} if image.name else {})
    return LabelledScene(scene, levels, source="world", group=name, same_sensor=True, attributes=about)


def with_guides(labelled: LabelledScene, names: Collection[str]) -> LabelledScene:
    """The scene with no other predictors than those named (of which it may lack some)."""
    scene = labelled.scene
    kept = [dataset[[n for n in dataset.data_vars if n in names]] for dataset in scene.auxiliary]
    auxiliary = tuple(dataset for dataset in kept if dataset.data_vars)
    boxes = (scene.geobox, *(geobox_of(dataset) for dataset in auxiliary))
    return replace(labelled, scene=replace(scene, auxiliary=auxiliary, boxes=boxes))


def training_scenes(
    data: Path | str,
    *,
    without: Collection[str] = (),
    side: int = 24,
    most: int = 12,
    draws: int = 1,
    blurs: tuple[float, ...] = (0.0, MODIS_BLUR),
    seed: int = 0,
) -> Iterator[LabelledScene]:
    """Scenes of one size from all places, for training; without noise, which batches add.

    For each place, scale, draw and blur the coarse grid lies anew at random, and up to `most` pieces of `side` x `side`
    coarse cells are taken at random from all images. A place smaller than a piece is surrounded by missing values.

    Args:
        data: Folder that holds the sets.
        without: Names of places to leave out, such as the one that the training is judged on.
        side: Coarse cells along a piece.
        most: Pieces of a place at one scale, draw and blur.
        draws: How often all places are gone through.
        blurs: See `scenes`; each is used in turn.
        seed: Of the grids and pieces; they are the same for a place whatever is left out.

    Raises:
        ArgumentError: when a place in `without` is unknown, or a number is below 1.
        GranuleError: when a file is missing or not what it should be.
    """
    unknown = sorted(set(without) - set(PLACES))
    if unknown:
        raise ArgumentError(
            f"{', '.join(unknown)} is no place of the world sets", todo=f"Choose from {', '.join(PLACES)}."
        )
    if min(side, most, draws) < 1:
        raise ArgumentError(f"side {side}, most {most} or draws {draws} is below 1", todo="Give 1 or more.")
    for name in (name for name in PLACES if name not in without):
        images = fields(name, data)
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        for cells in PLACES[name].scales * draws:
            for blur in blurs:
                phase = tuple(int(p) for p in rng.integers(0, cells * FACTOR, 2))
                yield from _pieces(name, images, cells, (phase[0], phase[1]), blur, side, most, rng)


def _pieces(
    name: str,
    images: tuple[Field, ...],
    cells: int,
    phase: tuple[int, int],
    blur: float,
    side: int,
    most: int,
    rng: np.random.Generator,
) -> Iterator[LabelledScene]:
    """Up to `most` pieces, drawn from all images alike."""
    spots = []
    for i, image in enumerate(images):
        height, width = ((n - p) // (cells * FACTOR) for n, p in zip(image.lst.shape, phase, strict=True))
        if min(height, width) > 0:
            spots += [(i, row, col) for row in _starts(height, side) for col in _starts(width, side)]
    chosen = sorted(spots[k] for k in rng.permutation(len(spots))[:most])
    whole, last = None, -1
    for i, row, col in chosen:
        if whole is None or i != last:
            whole, last = _labelled(name, images[i], cells, FACTOR, phase, blur, 0.0, 0), i
        piece = cut(whole, row, col, side)
        height, width = whole.scene.geobox.shape
        filled = min(height, side) * min(width, side) / side**2  # less than 1 where the image is smaller than a piece
        if np.isfinite(piece.scene.lst["lst"].values).mean() >= _LEAST_PIECE * filled:
            yield piece


def _starts(length: int, side: int) -> list[int]:
    """First cells of pieces that cover a line; the last ends where the line does."""
    return [0] if length <= side else [*range(0, length - side, side), length - side]


def cut(labelled: LabelledScene, row: int, col: int, side: int) -> LabelledScene:
    """A square piece of a labelled scene, `surface` left out; missing values where it reaches beyond the scene.

    Args:
        labelled: The whole; its predictors cover it and no more.
        row: First row of the piece, coarse cells, 0 or more.
        col: First column.
        side: Coarse cells along the piece.
    """
    scene = labelled.scene
    box = scene.geobox
    root = GeoBox((side, side), box.affine * Affine.translation(col, row), box.crs)

    def part(data: xr.Dataset, factor: int) -> xr.Dataset:
        top, left, size = row * factor, col * factor, side * factor
        arrays = {str(n): _padded(a.values[top : top + size, left : left + size], size) for n, a in data.items()}
        return on_grid(arrays, refine(root, factor))

    auxiliary = tuple(part(d, nest.factor) for d, nest in zip(scene.auxiliary, scene.nestings, strict=True))
    truth = {f: part(t.to_dataset(name="lst"), f)["lst"] for f, t in labelled.truth.items()}
    boxes = (root, *(refine(root, nest.factor) for nest in scene.nestings))
    smaller = replace(scene, lst=part(scene.lst, 1), auxiliary=auxiliary, boxes=boxes)
    return replace(labelled, scene=smaller, truth=truth, surface=None)


def _padded(values: NDArray[Any], size: int) -> NDArray[Any]:
    """The array with missing values below and to the right, up to a square of `size`."""
    if values.shape == (size, size):
        return values
    missing = NO_CLASS if values.dtype == np.uint8 else np.nan
    out = np.full((size, size), missing, values.dtype)
    out[: values.shape[0], : values.shape[1]] = values
    return out
