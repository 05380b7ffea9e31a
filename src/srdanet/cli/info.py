"""`srdanet info`: what a granule, scene, product or model is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from srdanet.cli import options
from srdanet.errors import ArgumentError, GranuleError

KNOWN = (".nc", ".zarr", ".tif", ".tiff", ".json", ".hdf", ".h5", ".he5")
"""Endings of what `info` describes; of other files the first bytes are looked at."""
Answer = tuple[list[str], dict[str, Any]]
"""Lines for people, and plain data."""


@click.command(short_help="Describe a granule, scene, product or model.")
@click.argument("what", required=False, metavar="[FILE|MODEL]")
@options.as_json
@options.verbose
def info(what: str | None, as_json: bool) -> None:
    """Say what a granule, scene, product or model is; without one, the versions installed."""
    lines, data = _versions() if what is None else _about(what)
    options.emit("\n".join(lines), data, as_json=as_json)


def _versions() -> Answer:
    from importlib.resources import files

    from srdanet.product.record import software

    found = software()
    shipped = files("srdanet").joinpath("models").iterdir()
    models = sorted(folder.name for folder in shipped if folder.joinpath("bundle.json").is_file())
    packages = [f"{name} {number}" for name, number in found.packages.items()]
    lines = [f"srdanet {found.srdanet}, Python {found.python}, {found.platform}", ", ".join(packages)]
    return [*lines, f"models: {', '.join(models) or 'none'}"], {**found.model_dump(), "models": models}


def _about(what: str) -> Answer:
    """By what it looks like: scene, raster, record, model, granule."""
    path = Path(what)
    _refuse_other_files(path)
    if path.name.endswith("_provenance.json"):
        return _record(path)
    if path.suffix in (".nc", ".zarr"):
        return _scene(path)
    if path.suffix in (".tif", ".tiff"):
        return _raster(path)
    if (path / "bundle.json").is_file() or not path.exists():
        return _model(what)
    if path.is_dir():
        raise ArgumentError("is a folder but not a model", where=path, todo="Name a file in it.")
    return _granule(path)


def _refuse_other_files(path: Path) -> None:
    """Say what something is that nobody can describe as data."""
    from srdanet.readers.unread import content_of, special_file

    todo = "Name a granule, scene, product, record or model."
    kind = special_file(path)
    if kind is not None:
        raise ArgumentError(f"is {kind}, not a file", where=path, todo=todo)
    told = content_of(path) if path.is_file() and path.suffix.lower() not in KNOWN else None
    if told is not None:
        raise GranuleError(f"is {told}", where=path, todo=todo)


def _record(path: Path) -> Answer:
    """What a product was made from, and of what quality it is."""
    from srdanet.cli.prepare import assumed
    from srdanet.cli.tables import report_table
    from srdanet.predictors.overpass import part_of_day
    from srdanet.prepare import report_rows
    from srdanet.product import read_record

    record = read_record(path)
    part = part_of_day(record.day) or "day or night unknown"
    model = f"{record.model.name} {record.model.version or ''}".strip() if record.model else "unknown"
    lines = [
        f"product {record.tile or 'of no tile'} {record.time or 'time unknown'} {part}, model {model}",
        f"auxiliary: {' '.join(record.auxiliary.present) or 'none'}",
        *(f"  {level} m: {about.valid_share:.1%} valid" for level, about in record.levels.items()),
    ]
    rows = report_rows(("lst", *record.auxiliary.present), record.inputs, lambda name: None)
    report = [row.model_dump(mode="json") for row in rows]
    lines += assumed({**record.scene, "inputs": record.inputs}, [row.variable for row in rows])
    return [*lines, *report_table(rows)], {"kind": "product", **record.model_dump(mode="json"), "report": report}


def _scene(path: Path) -> Answer:
    from srdanet.cli.prepare import describe, facts
    from srdanet.scene import open_scene

    with open_scene(path) as scene:
        data = {"kind": "scene", **facts(scene, table=True), "provenance": dict(scene.provenance)}
        return ["scene", *describe(scene, table=True)], data


def _model(what: str) -> Answer:
    from srdanet.network.bundle import load_model

    model = load_model(what)
    data = {"kind": "model", "name": model.name, "version": model.version, "sha256": model.sha256}
    return [f"model {model.name} {model.version}, sha256 {model.sha256}", "", model.card.strip()], data


def _granule(path: Path) -> Answer:
    from srdanet.cli.tables import report_table
    from srdanet.prepare import ReportRow, measure
    from srdanet.readers.granule import open_granule
    from srdanet.readers.tables import product_of

    granule = open_granule(path)
    about = {name: str(getattr(granule, name)) for name in ("product", "tile", "date", "collection", "sha256")}
    lines = ["{product} {tile} {date}, collection {collection}, sha256 {sha256}".format(**about)]
    layers, rows = {}, []
    for name, layer in granule.layers.items():
        units, text, (height, width) = str(layer.attrs.get("units", "")), layer.attrs["long_name"], layer.shape
        layers[name] = {"cells": [height, width], "units": units, "about": text}
        lines.append(f"  {name:16} {height} x {width}  {text}")
        known = measure(layer.values, layer.attrs.get("missing_word"))
        # Percentiles of bit words and classes mean nothing.
        spread = known.range if product_of(granule.product).layer(name).kind == "quantity" else None
        row = ReportRow(variable=name, unit=units or "-", range=spread, valid=known.valid, date=about["date"])
        rows.append(row.model_copy(update={"product": granule.product, "file": (granule.name,)}))
    report = [row.model_dump(mode="json") for row in rows]
    return [*lines, *report_table(rows)], {"kind": "granule", **about, "layers": layers, "report": report}


def _raster(path: Path) -> Answer:
    from rasterio.errors import RasterioError

    from srdanet.readers.guard import open_image

    try:
        with open_image(path) as file:
            tags = {**file.tags(), **file.tags(1)}
            size, cell, crs = file.shape, file.res[0], file.crs.to_string() if file.crs else None
    except RasterioError as error:
        raise GranuleError(f"is not a raster that can be read ({error})", where=path, todo="Check it.") from error
    head = f"raster, {size[0]} x {size[1]} cells of {cell:g}, CRS {crs or 'unknown'}"
    rows = [f"  {key}: {value}" for key, value in sorted(tags.items())]
    return [head, *rows], {"kind": "raster", "cells": list(size), "cell": cell, "crs": crs, "tags": tags}
