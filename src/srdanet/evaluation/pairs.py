"""A user's own coarse and finer images as labelled scenes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Unpack

import numpy as np
import xarray as xr

from srdanet.errors import ArgumentError, GridError
from srdanet.grid import Nesting, cell_size, geobox_of, metres_per_unit, nesting, refine
from srdanet.prepare import RasterSpec, open_spec, plan, prepare
from srdanet.prepare.plan import Choice
from srdanet.readers.resampling import to_grid
from srdanet.scene import LabelledScene, Scene, open_scene
from srdanet.scene.checks import on_grid

SCENES = (".nc", ".zarr")
RASTERS = (".tif", ".tiff")
FACTORS = (4, 2)
"""How many times finer a truth may be, unless asked for otherwise; the first whose cells are not finer than its own."""
_NEARLY = 0.75
"""A truth whose cells are at most 1 / 0.75 of a level's serves that level."""


def read_pairs(
    coarse: Sequence[str],
    truth: Sequence[str],
    *,
    same_sensor: bool = False,
    factor: int | None = None,
    **choice: Unpack[Choice],
) -> Iterator[LabelledScene]:
    """Labelled scenes of pairs of files.

    Args:
        coarse: Scenes (.nc, .zarr), LST rasters, folders of these in the order of their names, or the files of one
            scene, of which one at least is given as NAME=FILE.
        truth: The finer LST of each, in the same order: rasters, [lst=]FILE[:BAND][,key=value], or folders.
        same_sensor: Whether the coarse images were made from the fine ones or are of the same sensor.
        factor: How many times finer the truth is taken; by default `FACTORS`.
        choice: `tile`, `date`, `day`, `platform`, `time` as in `srdanet.prepare.plan`.

    Yields:
        Scenes whose group is the name of the coarse file.

    Raises:
        ArgumentError: when there are not as many of one as of the other, or folders hold different names.
        GridError: when a truth does not touch its scene, or is not fine enough.
        GranuleError, SceneError: when a file is damaged.
    """
    scenes = [tuple(coarse)] if any(_named(text) for text in coarse) else [(text,) for text in _expand(coarse)]
    truths = list(_expand(truth))
    if len(scenes) != len(truths) or not scenes:
        what = f"{len(scenes)} coarse images have {len(truths)} finer ones"
        raise ArgumentError(what, where="--truth", todo="Give one of each, in the same order.")
    if all(Path(text).is_dir() for text in (*coarse, *truth)):
        for (one,), other in zip(scenes, truths, strict=True):
            if Path(one).stem != Path(other).stem:
                todo = "Give the files of a pair one name, in two folders."
                raise ArgumentError(f"{Path(one).name} has no partner of its name", where="--truth", todo=todo)
    for files, fine in zip(scenes, truths, strict=True):
        with _scene(files, choice) as scene:
            spec = RasterSpec.parse(fine if _named(fine) else f"lst={fine}")
            group = Path(RasterSpec.parse(files[0]).path if _named(files[0]) else files[0]).stem
            yield labelled(scene, open_spec(spec), group, same_sensor=same_sensor, factor=factor)


def labelled(
    scene: Scene, truth: xr.DataArray, group: str, *, same_sensor: bool = False, factor: int | None = None
) -> LabelledScene:
    """A scene with its truth, which is brought to cells `factor` times finer than the scene's by the mean of T^4.

    Args:
        scene: Any scene.
        truth: (y, x) K with coordinates and CRS, NaN = missing.
        group: What errors of it share with those of other scenes: a day, a place.
        same_sensor: Whether the truth is of the scene's own sensor.
        factor: How many times finer; by default `FACTORS`.

    Raises:
        GridError: when the truth has no place, does not touch the scene, or is not fine enough.
    """
    box, place = scene.geobox, geobox_of(truth, degrees=True)
    ratio = cell_size(box) / (abs(place.affine.e) * metres_per_unit(place.crs))
    times = factor or next((f for f in FACTORS if ratio >= _NEARLY * f), None)
    if times is None or ratio < _NEARLY * times:
        todo = f"Give a finer truth, of at most {cell_size(box) / (times or FACTORS[-1]):.0f} m."
        raise GridError(f"the truth of {group} is {ratio:.2g} times finer than the LST", where="--truth", todo=todo)
    fine = refine(box, times)
    try:
        nests = nesting(box, place) == Nesting(times, 0, 0) and place.shape == fine.shape
    except GridError:
        nests = False
    values = truth.values if nests else np.sqrt(np.sqrt(to_grid(truth**4, fine).values))
    if not np.isfinite(values).any():
        todo = "Give files of one place; a wrong CRS can be replaced, as in lst=FILE,crs=EPSG:32632."
        raise GridError(f"the truth of {group} lies elsewhere, or is empty", where="--truth", todo=todo)
    known = {times: on_grid({"lst": np.asarray(values, np.float32)}, fine)["lst"]}
    return LabelledScene(scene, known, source="own", group=group, same_sensor=same_sensor)


def _named(text: str) -> bool:
    """Whether it is NAME=FILE, and not FILE,key=value."""
    name, sign, _ = text.partition("=")
    return bool(sign) and name.strip().isidentifier() and not Path(text).exists()


def _expand(given: Sequence[str]) -> Iterator[str]:
    """The files, those of a folder in the order of their names."""
    for text in given:
        folder = Path(text)
        if not folder.is_dir() or folder.suffix in SCENES:
            yield text
            continue
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (*SCENES, *RASTERS))
        if not found:
            raise ArgumentError("holds no scene and no raster", where=folder, todo="Give .nc, .zarr or .tif files.")
        yield from map(str, found)


def _scene(files: tuple[str, ...], choice: Choice) -> Scene:
    """The scene of one file, or of several that belong together."""
    if len(files) == 1 and files[0].rstrip("/").endswith(SCENES) and not _named(files[0]):
        return open_scene(files[0])
    given = [f"lst={file}" if not _named(file) and file.lower().endswith(RASTERS) else file for file in files]
    return prepare(plan(given if len(files) == 1 else files, **choice))
