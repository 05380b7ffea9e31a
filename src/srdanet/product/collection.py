"""A folder of products as a static STAC collection: `collection.json`, and links between it and the items.

All addresses are relative, so that the folder can be moved or served as it is. Items are made anew from the records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from srdanet.atomic import publish, staged
from srdanet.downscaling.plan import ITEM
from srdanet.errors import ArgumentError, GranuleError, OutputError, SrdanetError
from srdanet.product.record import RECORD, Record, read_record, records_in
from srdanet.product.stac import VERSION, item_of, text_of
from srdanet.product.stored import stored_levels

COLLECTION = "collection.json"
_MADE_BY = "srdanet"
_UP = ("root", "parent", "collection")
_TYPE = "application/json"
_MOST = 50_000_000
"""Bytes of the largest JSON file that is read."""


@dataclass(frozen=True)
class Collected:
    """A collection on disk."""

    path: Path
    items: tuple[Path, ...]
    undated: tuple[Path, ...]
    """Records of products without a date, which no item can describe."""


def write_collection(folder: Path) -> Collected:
    """Write the collection of a folder, and the items of all products in it and in the folders below it.

    A collection of the same name is replaced where srdanet wrote it.

    Raises:
        ArgumentError: when there is no product with a date, or two have the same name.
        GranuleError: when a record or a raster of a product cannot be read.
        OutputError: when another collection is there, or writing fails; nothing is changed then.
    """
    path = folder / COLLECTION
    if path.exists() and not _is_ours(path):
        todo = "Move it away: only a collection that srdanet wrote is replaced."
        raise OutputError("exists already and is of another make", where=path, todo=todo)
    items: dict[str, dict[str, Any]] = {}
    undated, seen = [], dict[str, Path]()
    for note in records_in(folder):
        item = item_beside(note)
        if item is None:
            undated.append(note)
            continue
        if item["id"] in seen:
            what = f"has the same name as {seen[item['id']]}"
            raise ArgumentError(what, where=note, todo="Give each of them a folder of its own.")
        seen[item["id"]] = note
        items[item_path(note).relative_to(folder).as_posix()] = item
    if not items:
        todo = "Give a folder that `srdanet downscale` or `srdanet run` wrote to."
        raise ArgumentError("holds no product with a date", where=folder, todo=todo)
    identity = re.sub(r"[^\w.-]+", "-", folder.resolve().name).strip("-") or _MADE_BY
    with staged(folder, COLLECTION) as hidden:
        for name, item in items.items():
            up = "../" * (len(PurePosixPath(name).parts) - 1) or "./"
            links = [{"rel": rel, "href": f"{up}{COLLECTION}", "type": _TYPE} for rel in _UP]
            whole = {**item, "collection": identity, "links": [*links, *item["links"]]}
            (hidden / name).parent.mkdir(parents=True, exist_ok=True)
            (hidden / name).write_text(text_of(whole), encoding="utf-8")
        (hidden / COLLECTION).write_text(text_of(collection_of(identity, items)), encoding="utf-8")
        publish(hidden, [*items, COLLECTION], overwrite=True)
    return Collected(path, tuple(folder / name for name in items), tuple(undated))


def item_path(note: Path) -> Path:
    """Where the item of a product is, given its record."""
    return note.with_name(note.name.removesuffix(RECORD) + ITEM)


def item_beside(note: Path, record: Record | None = None) -> dict[str, Any] | None:
    """The item of a product on disk, made from its record and the headers of its rasters; None without a date.

    Raises:
        GranuleError: when the record or a raster cannot be read.
    """
    record = read_record(note) if record is None else record
    grids = {int(size): stored_levels([note], int(size))[0].geobox for size in record.levels}
    names = [name for level in record.levels.values() for name in level.files]
    sizes = {name: note.with_name(name).stat().st_size for name in names if note.with_name(name).is_file()}
    return item_of(record, note.read_bytes(), note.name.removesuffix(RECORD), grids, sizes)


def collection_of(identity: str, items: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """A STAC collection of items.

    Args:
        identity: Its id.
        items: By path relative to the collection, with `/`.
    """
    boxes = [item["bbox"] for item in items.values() if "bbox" in item]
    about = [item["properties"] for item in items.values()]
    first = min(str(one.get("start_datetime") or one["datetime"]) for one in about)
    last = max(str(one.get("end_datetime") or one["datetime"]) for one in about)
    # A box across the antimeridian has its west east of its east: the whole belt holds it.
    spans = [(-180, 180) if west > east else (west, east) for west, _, east, _ in boxes] or [(-180, 180)]
    heights = [(south, north) for _, south, _, north in boxes] or [(-90, 90)]
    hull = [min(w for w, _ in spans), min(s for s, _ in heights), max(e for _, e in spans), max(n for _, n in heights)]
    summaries: dict[str, Any] = {"gsd": sorted({one["gsd"] for one in about})}
    for name in ("platform", "srdanet:tile", "srdanet:part_of_day"):
        known = sorted({one[name] for one in about if name in one})
        summaries |= {name: known} if known else {}
    links = [{"rel": "root", "href": f"./{COLLECTION}", "type": _TYPE}]
    for path, item in items.items():
        title = item["properties"]["title"]
        links.append({"rel": "item", "href": f"./{path}", "type": "application/geo+json", "title": title})
    return {
        "type": "Collection",
        "stac_version": VERSION,
        "stac_extensions": [],
        "id": identity,
        "title": f"Land surface temperature, {identity}",
        "description": f"{len(items)} products of land surface temperature, downscaled with srdanet: temperature (K), "
        "its uncertainty (K) and quality flags.",
        "keywords": ["land surface temperature", "downscaling", "uncertainty"],
        "license": "other",
        "providers": [{"name": _MADE_BY, "roles": ["processor"]}],
        "extent": {"spatial": {"bbox": [hull]}, "temporal": {"interval": [[first, last]]}},
        "summaries": summaries,
        "links": links,
    }


def read_item(path: Path) -> dict[str, Any]:
    """Read an item or a collection as plain data.

    Raises:
        GranuleError: when it is no JSON object.
    """
    try:
        if not path.is_file() or path.stat().st_size > _MOST:
            raise ValueError(f"no file, or more than {_MOST // 1_000_000} MB")
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is no object")
    except (OSError, ValueError, RecursionError) as error:
        todo = "Run `srdanet catalogue` on the folder."
        raise GranuleError(f"it is not a STAC file ({error})", where=path, todo=todo) from error
    return found


def without_collection(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as it is before it belongs to a collection."""
    links = item.get("links")
    if isinstance(links, list):
        links = [one for one in links if not (isinstance(one, dict) and one.get("rel") in (*_UP, "self"))]
    return {**{key: value for key, value in item.items() if key != "collection"}, "links": links}


def collection_faults(folder: Path) -> Iterator[str]:
    """What is wrong with the collection of a folder, in words."""
    try:
        found = read_item(folder / COLLECTION)
    except SrdanetError as error:
        yield error.what
        return
    links = found.get("links")
    if found.get("type") != "Collection" or not isinstance(links, list):
        yield "it is not a STAC collection"
        return
    listed = set()
    for link in links:
        if not isinstance(link, dict) or link.get("rel") != "item":
            continue
        place = PurePosixPath(str(link.get("href")))
        if place.is_absolute() or ".." in place.parts or ":" in str(place):
            yield f"an item lies outside the folder ({str(place)!r})"
            continue
        path = folder / place
        listed.add(path)
        try:
            item = read_item(path)
        except SrdanetError as error:
            yield f"{place}: {error.what}"
            continue
        if item.get("collection") != found.get("id"):
            yield f"{place} does not say that it belongs to it"
    dated = (item_path(note) for note in records_in(folder) if item_path(note).exists())
    for path in dated:
        if path not in listed:
            yield f"{path.relative_to(folder)} is not listed: run `srdanet catalogue` again"


def _is_ours(path: Path) -> bool:
    try:
        return {"name": _MADE_BY, "roles": ["processor"]} in read_item(path).get("providers", [])
    except (SrdanetError, TypeError):
        return False
