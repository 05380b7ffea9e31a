"""Inspection of products: what is wrong with a file or a folder, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from srdanet.downscaling.plan import ITEM, STYLE
from srdanet.errors import ArgumentError, GranuleError, SrdanetError
from srdanet.flags import NO_INPUT
from srdanet.product.collection import (
    COLLECTION,
    collection_faults,
    item_beside,
    read_item,
    without_collection,
)
from srdanet.product.layers import RASTERS, Raster
from srdanet.product.record import RECORD, Record, read_record, records_in
from srdanet.product.stac import differences
from srdanet.product.stored import StoredLevel, stored_levels
from srdanet.product.style import style_fault
from srdanet.product.validate import structure_fault
from srdanet.readers.checksum import digest_of
from srdanet.readers.guard import COG, open_image

_STRIP = 512
_SAID = 5
"""Differences of one item that are named; of more only how many."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong."""

    file: str
    what: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}"


def inspect_product(place: Path) -> tuple[int, list[Fault]]:
    """What is wrong with products: number of files looked at, and the faults.

    A folder is looked at as a whole, with those below it: its records, what they list, STAC items and collection, and
    rasters that no record lists. A record is looked at with what it lists, a raster by itself.

    Raises:
        ArgumentError: when there is nothing to look at.
    """
    if place.is_dir():
        notes = records_in(place)
        rasters = sorted(path for folder in {place, *(note.parent for note in notes)} for path in folder.glob("*.tif"))
        if not notes and not rasters:
            raise ArgumentError(
                "holds no product", where=place, todo="Give a folder that `srdanet downscale` wrote to."
            )
    else:
        notes = [place] if place.name.endswith(RECORD) else []
        rasters = [] if notes else [place]
    faults: list[Fault] = []
    listed: set[Path] = set()
    for note in notes:
        try:
            record = read_record(note)
        except SrdanetError as error:
            faults.append(Fault(note.name, error.what))
            continue
        listed |= {note.with_name(name) for level in record.levels.values() for name in level.files}
        faults += _of_record(note, record)
        item = note.with_name(note.name.removesuffix(RECORD) + ITEM)
        if item.exists():
            listed.add(item)
            faults += _of_item(item, note, record)
    if (place / COLLECTION).is_file():
        listed.add(place / COLLECTION)
        faults += (Fault(COLLECTION, what) for what in collection_faults(place))
    for path in rasters:
        if path not in listed:
            faults += _of_raster(path, None)
            if notes and not _made_otherwise(path):
                faults.append(Fault(path.name, "no record lists it: it is left over, or its record is missing"))
    alone = [path for path in rasters if path not in listed]
    return len(notes) + len(listed) + len(alone), faults


def _made_otherwise(path: Path) -> bool:
    """Whether another command than `downscale` writes such a file."""
    return path.stem.rsplit("_", 1)[-1] in ("ndvi", "evi", "ndwi", "tvdi", "cropland")


def _of_record(note: Path, record: Record) -> Iterator[Fault]:
    for level, about in record.levels.items():
        whole = True
        for name, file in about.files.items():
            path = note.with_name(name)
            if not (path.is_file() or (file.variables and path.is_dir())):
                yield Fault(name, "it is missing, and the record lists it")
                whole = False
                continue
            if path.suffix == STYLE:
                # No checksum: people change styles to their taste.
                raster = path.with_suffix(".tif")
                held = about.files.get(raster.name)
                fault = style_fault(path, raster, None if held is None else _row(held.variable))
                if fault is not None:
                    yield Fault(name, fault)
                continue
            if digest_of(path) != file.sha256:
                yield Fault(name, "it was changed after it was written: its checksum is not that of the record")
            if file.variable is not None:
                found = list(_of_raster(path, _row(file.variable)))
                whole = whole and not found
                yield from found
        if whole and about.file_of("lst") is not None:
            try:
                yield from _of_level(stored_levels([note], int(level))[0])
            except SrdanetError as error:
                yield Fault(note.name, error.what)


def _row(variable: str | None) -> Raster | None:
    return next((raster for raster in RASTERS if raster.variable == variable), None)


def _of_item(path: Path, note: Path, record: Record) -> Iterator[Fault]:
    """What an item says otherwise than the record does."""
    try:
        found = read_item(path)
        wanted = item_beside(note, record)
    except SrdanetError as error:
        yield Fault(path.name, error.what)
        return
    if wanted is None:
        yield Fault(path.name, "the product has no date, and a STAC item needs one")
        return
    said = differences(without_collection(found), wanted)
    yield from (Fault(path.name, what) for what in said[:_SAID])
    if len(said) > _SAID:
        yield Fault(path.name, f"it differs from the record in {len(said) - _SAID} more places")


def _of_raster(path: Path, raster: Raster | None) -> Iterator[Fault]:
    from rasterio.errors import RasterioError

    try:
        with open_image(path, COG) as file:
            fault = structure_fault(file, path.stat().st_size)
            if fault is not None:
                yield Fault(path.name, fault)
            if file.crs is None:
                yield Fault(path.name, "it has no CRS")
            raster = raster or next((r for r in RASTERS if r.variable == file.descriptions[0]), None)
            if raster is None:
                return
            if file.dtypes[0] != raster.dtype:
                yield Fault(path.name, f"its type is {file.dtypes[0]}, not {raster.dtype}")
            if file.tags(1).get("units") != raster.unit:
                yield Fault(path.name, f"its unit is {file.tags(1).get('units') or 'not stated'}, not {raster.unit}")
            outside = 0
            for _, window in file.block_windows(1):
                values = file.read(1, window=window)
                outside += int(((values < raster.low) | (values > raster.high)).sum())
            if outside:
                what = f"{outside} values lie outside {raster.low:g} to {raster.high:g} {raster.unit}"
                yield Fault(path.name, what)
    except GranuleError as error:
        yield Fault(path.name, error.what)
    except RasterioError as error:
        yield Fault(path.name, f"it cannot be read ({error})")


def _of_level(stored: StoredLevel) -> Iterator[Fault]:
    """Whether LST, uncertainty and quality agree with one another."""
    known = 0
    odd = {"uncertainty": 0, "flag": 0}
    for top in range(0, stored.geobox.shape[0], _STRIP):
        data = stored.read(slice(top, min(top + _STRIP, stored.geobox.shape[0])))
        lst = np.isfinite(data["lst"].values)
        known += int(lst.sum())
        if "lst_uncertainty" in data:
            odd["uncertainty"] += int((np.isfinite(data["lst_uncertainty"].values) != lst).sum())
        if "quality" in data:
            odd["flag"] += int((((data["quality"].values & NO_INPUT.mask) > 0) == lst).sum())
    words = {
        "uncertainty": "cells have LST without uncertainty, or uncertainty without LST",
        "flag": "cells have LST and the flag no_input, or neither",
    }
    name = (stored.path("lst") or stored.note).name
    yield from (Fault(name, f"{count} {words[key]}") for key, count in odd.items() if count)
    if not known:
        yield Fault(name, "no cell has LST")
