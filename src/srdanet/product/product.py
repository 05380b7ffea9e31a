"""One product: every level's rasters and picture, and the record that completes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from srdanet.arrays import parse_utc
from srdanet.atomic import heal, publish, refuse_existing, staged
from srdanet.downscaling.plan import ProductFiles, style_of
from srdanet.errors import ArgumentError, GranuleError, GridError
from srdanet.grid import Level, cell_size, coordinates, geobox_of
from srdanet.predictors.overpass import part_of_day
from srdanet.product.cf import append_netcdf, append_zarr, described, need_zarr
from srdanet.product.cog import strips, write_cog
from srdanet.product.layers import QUALITY, RASTERS, Raster
from srdanet.product.looks import LOOKS
from srdanet.product.quicklook import SHOWN, headline, thumbnail, write_quicklook
from srdanet.product.record import FileRecord, LevelRecord, Origin, Record, measure, now, read_record, record, software
from srdanet.product.stac import item_of, text_of
from srdanet.product.style import flag_style, ramp_style
from srdanet.product.validate import validate_array_file, validate_cog, validate_png
from srdanet.product.warp import on_other_grid, other_grid
from srdanet.readers.checksum import digest, digest_of
from srdanet.threads import each

Results = xr.Dataset | Mapping[int, xr.Dataset]


@dataclass(frozen=True)
class Product:
    """A product on disk."""

    files: ProductFiles
    record: Record


@dataclass(frozen=True)
class Layout:
    """How a product is written."""

    file_format: str = "cog"
    """`cog`, `netcdf` or `zarr`."""
    crs: str | None = None
    """Such as `EPSG:32631`; the grid of the model when None."""
    res: float | None = None
    """Cell size of the finest level in units of `crs`; about its own when None."""

    def __post_init__(self) -> None:
        if self.res is not None and self.crs is None:
            raise ArgumentError("a cell size is given without a CRS", where="res", todo="Give crs, too.")


OWN = Layout()
"""COGs on the grid of the model."""


def check_outputs(
    directory: str | os.PathLike[str],
    stem: str,
    levels: Iterable[int],
    *,
    overwrite: bool = False,
    file_format: str = "cog",
) -> ProductFiles:
    """The names a product will have, refused before any work is done when one is taken.

    Raises:
        OutputError: when one exists and `overwrite` is off.
        ArgumentError: when `stem` is not a plain file name, or the format is unknown.
        MissingExtraError: when Zarr is asked for and not installed.
    """
    files = ProductFiles.of(directory, stem, list(levels), file_format)
    if file_format == "zarr":
        need_zarr()
    refuse_existing(list(files), overwrite=overwrite)
    return files


def write_product(
    result: Results,
    directory: str | os.PathLike[str],
    stem: str,
    *,
    origin: Origin,
    coarse: xr.DataArray | None = None,
    layout: Layout = OWN,
    overwrite: bool = False,
) -> Product:
    """Write a result so that it is whole or absent, one level at a time in bounded memory.

    Each file is written in a hidden folder beside its place, checked against the array it came from, then all
    are moved, the record last (`srdanet.atomic`); a product that stood there stays until the new one is whole.

    Args:
        result: One level or {level in m: level}; each with `lst` (y, x) float32 K, NaN = missing, and where
            present `lst_uncertainty` (K) and `quality` (uint8, CF flags), with coordinates and CRS.
            Arrays may be memory-mapped.
        directory: Made when absent.
        stem: What all file names begin with.
        origin: What went in; `tile`, `time`, `day` and `model` also go into the tags.
        coarse: The LST it was made from, for the closure error; (y, x) K on a grid in which each level nests.
        layout: Format and grid. On another grid a level is held in memory as a whole; as NetCDF or Zarr too.
        overwrite: Replace files of the same names.

    Raises:
        OutputError: when a file exists, cannot be written or fails its validation; nothing is left behind.
        GridError: when a level has no grid.
        ArgumentError: when `result` lacks `lst`, `origin` holds what JSON cannot, the layout names an unknown CRS or
            format, or NetCDF or Zarr is asked for and the product has no time.
    """
    levels = _levels(result)
    heal(Path(directory), stem)
    final = check_outputs(directory, stem, levels, overwrite=overwrite, file_format=layout.file_format)
    if layout.file_format != "cog" and origin.time is None:
        what = f"a product without a time cannot be written as {layout.file_format}"
        raise ArgumentError(what, where="time", todo="State it, or write COGs.")
    grids: dict[int, GeoBox] = {}
    before = _listed(final.provenance, final.item)
    measured: dict[int, LevelRecord] = {}
    kept: dict[int, dict[str, Path]] = {}
    with staged(Path(directory), stem) as folder:
        waiting = []
        for level, dataset in levels.items():
            about = measure(dataset, coarse)
            stored = _on_grid(dataset, layout, level / min(levels))
            if stored is not dataset:
                # How well it closes is known on the grid on which it was made.
                kept_up = {"closure": about.closure, "overshoot": about.overshoot}
                about = measure(stored).model_copy(update=kept_up)
            about = about.model_copy(update={"shown": _ranges(stored)})
            grids[level] = geobox_of(stored, degrees=True)
            picture = folder / final.pictures[level].name
            look = partial(_write_picture, picture, dataset, level=level, origin=origin, about=about, coarse=coarse)
            written = _write_level(stored, folder, final.rasters[level], origin, layout, beside=look)
            cogs = {name: path for name, path in written.items() if layout.file_format == "cog"}
            styles = _write_styles(stored, cogs, about)
            waiting += [*dict.fromkeys(written.values()), *styles, picture]
            kept[level] = {variable: final.rasters[level][variable] for variable in written}
            hashed = {path.name: FileRecord(sha256=digest(path), variable=name) for name, path in cogs.items()}
            if not cogs:
                one = written["lst"]
                hashed[one.name] = FileRecord(sha256=digest_of(one), variables=tuple(written))
            hashed |= {path.name: FileRecord(sha256=digest(path)) for path in (*styles, picture)}
            measured[level] = about.model_copy(update={"files": hashed})
        whole = record(origin, measured)
        note = folder / final.provenance.name
        note.write_text(whole.text(), encoding="utf-8")
        sizes = {path.name: path.stat().st_size for path in waiting if path.is_file()}
        item = item_of(whole, note.read_bytes(), stem, grids, sizes)
        if item is not None and final.item is not None:
            waiting.append(folder / final.item.name)
            waiting[-1].write_text(text_of(item), encoding="utf-8")
        names = [path.name for path in (*waiting, note)]
        publish(folder, names, overwrite=overwrite, obsolete=sorted(before.difference(names)))
    files_made = ProductFiles(kept, final.pictures, final.provenance, None if item is None else final.item)
    return Product(files_made, whole)


def _ranges(dataset: xr.Dataset) -> dict[str, tuple[float, float]]:
    """Colour range of each layer of numbers, for pictures, styles and the STAC item alike."""
    found = {}
    for raster in RASTERS:
        if raster.floating and raster.variable in dataset:
            image, _ = thumbnail(dataset[raster.variable], SHOWN)
            found[raster.variable] = LOOKS[raster.variable].limits(image)
    return found


def _write_styles(dataset: xr.Dataset, files: Mapping[str, Path], about: LevelRecord) -> list[Path]:
    """Write the QGIS style of each raster beside it."""
    written = []
    for variable, raster in files.items():
        if variable in about.shown:
            text = ramp_style(LOOKS[variable], about.shown[variable])
        else:
            counts = np.zeros(256, np.int64)
            for _, values in strips(dataset[variable], QUALITY.dtype):
                counts += np.bincount(values.ravel().astype(np.uint8), minlength=256)
            text = flag_style(int(value) for value in np.flatnonzero(counts))
        written.append(style_of(raster))
        written[-1].write_text(text, encoding="utf-8")
    return written


def _listed(note: Path, item: Path | None) -> set[str]:
    """Names of the files of an earlier product of the same name; they go when its record goes."""
    if not note.is_file():
        return set()
    try:
        listed = {name for level in read_record(note).levels.values() for name in level.files}
    except GranuleError:
        return set()
    return listed | ({item.name} if item is not None and item.is_file() else set())


def _on_grid(dataset: xr.Dataset, layout: Layout, coarser: float) -> xr.Dataset:
    """A level on the grid of the layout.

    Args:
        dataset: The level.
        layout: Format and grid.
        coarser: How many times larger its cells are than those of the finest level.
    """
    if layout.crs is None:
        return dataset
    own = geobox_of(dataset)
    target = other_grid(own, layout.crs, None if layout.res is None else layout.res * coarser)
    names = [raster.variable for raster in RASTERS if raster.variable in dataset]
    warped = on_other_grid(dataset[names], own, target)
    for name in names:
        warped[name].attrs = dataset[name].attrs
    return warped


def _write_picture(picture: Path, dataset: xr.Dataset, **about: Any) -> None:
    """Write and check a level's quick look; arguments as in `write_quicklook`."""
    write_quicklook(picture, dataset, **about)
    validate_png(picture)


def _write_level(
    dataset: xr.Dataset,
    folder: Path,
    names: Mapping[str, Path],
    origin: Origin,
    layout: Layout,
    beside: Callable[[], None],
) -> dict[str, Path]:
    """Write and check the layers that a level has: the file of each; COGs side by side, `beside` among them."""
    geobox = geobox_of(dataset, degrees=True)
    files = {r.variable: folder / names[r.variable].name for r in RASTERS if r.variable in dataset}
    if layout.file_format == "cog":
        tags = _tags(origin)

        def write(raster: Raster) -> None:
            path, data = files[raster.variable], dataset[raster.variable]
            write_cog(path, data, raster, geobox, tags)
            validate_cog(path, data, raster, geobox)

        parts: list[Callable[[], None]] = [partial(write, raster) for raster in RASTERS if raster.variable in files]
        each(lambda part: part(), [*parts, beside])
        return files
    beside()
    assert origin.time is not None  # refused before any work was done
    zarr, model = layout.file_format == "zarr", origin.model.name if origin.model else None
    plain = xr.Dataset({name: (("y", "x"), dataset[name].values) for name in files}, coords=coordinates(geobox))
    when = parse_utc(origin.time)
    slab = described(plain, geobox, when, day=origin.day, model=model, created=now(), zarr=zarr)
    (append_zarr if zarr else append_netcdf)(files["lst"], slab, 0, 1)
    validate_array_file(files["lst"], plain)
    return files


def _tags(origin: Origin) -> dict[str, str]:
    """What an image of the earth never travels without, for the file's own header."""
    tags = {"title": headline(origin), "time": origin.time, "tile": origin.tile, "day": part_of_day(origin.day)}
    if origin.model is not None:
        tags |= {"model": origin.model.name, "model_sha256": origin.model.sha256}
    if origin.time is not None:
        # TIFF's own form, without a zone; every time here is UTC.
        tags["TIFFTAG_DATETIME"] = np.datetime_as_string(parse_utc(origin.time)).replace("-", ":").replace("T", " ")
    tags["software"] = f"srdanet {software().srdanet}"
    return {key: str(value) for key, value in tags.items() if value}


def _levels(result: Results) -> dict[int, xr.Dataset]:
    """{level: dataset}, coarse to fine; each with an `lst` of dimensions (y, x)."""
    if isinstance(result, xr.Dataset):
        metres = cell_size(geobox_of(result))
        nominal = (int(level) for level in Level if abs(metres - level.metres) < 1)
        result = {next(nominal, round(metres)): result}
    levels = dict(sorted(result.items(), reverse=True))
    for level, dataset in levels.items():
        if "lst" not in dataset:
            raise ArgumentError(
                "the result has no variable lst", where=f"{level} m", todo="Give what `downscale` returns."
            )
        for name in (r.variable for r in RASTERS if r.variable in dataset):
            if dataset[name].dims != ("y", "x"):
                what = f"dimensions {dataset[name].dims} are not (y, x)"
                raise GridError(what, where=f"{level} m, {name}", todo="Transpose it.")
    if not levels:
        raise ArgumentError("the result has no level", todo="Give {level in metres: dataset}.")
    return levels
