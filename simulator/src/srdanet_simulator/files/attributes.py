"""Attributes of each layer as the providers write them: names, units, packing, meaning of QA bits.

Numbers come from the product table. Wording (in `attributes.json`), order and types are those of real granules:
MOD11A1 of collection 6.1, MOD09GA, MCD43A3 and MCD12Q1 of collection 6, and for MOD09GQ the attributes of MYD09GQ as
other software has kept them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.grid import Level
from srdanet.readers.tables import Layer

Attribute = tuple[str, str, Any]
"""Name, type (numpy's name, or "text"), value."""

_UNITLESS = ("emissivity", "clear", "qc")
_CALIBRATED = ("calibrated_nt", "int32", 5)


@cache
def _texts() -> Mapping[str, Any]:
    """The providers' texts.

    `mod11` has for each layer its long name, the name of the attribute that says how to unpack it, and what that
    attribute calls the counts. `qa_index` has lines for each layer, without the shares that real granules of MOD09GA
    give behind each meaning of their state words.
    """
    found: Mapping[str, Any] = json.loads(files(__package__).joinpath("attributes.json").read_text(encoding="utf-8"))
    return found


def attributes(product: str, layer: Layer, counts: NDArray[Any]) -> list[Attribute]:
    """The attributes of a layer, in the provider's order.

    Args:
        product: Short name.
        layer: Row of the product table.
        counts: (y, x) as stored; the shares in `QA index` of MOD09's state are counted from them.
    """
    family = product[3:5]
    if family == "11":
        return list(_mod11(layer))
    if family == "09":
        return list(_mod09(layer, counts))
    return list(_mcd43(layer) if family == "43" else _mcd12(layer))


def _packing(layer: Layer, fill: Attribute | None = None) -> Iterator[Attribute]:
    yield "valid_range", layer.dtype, list(layer.other_valid[0] if layer.other_valid else layer.valid)
    yield fill or ("_FillValue", layer.dtype, layer.fill)


def _mod11(layer: Layer) -> Iterator[Attribute]:
    words = _texts()["mod11"][layer.name]
    yield "long_name", "text", words["long_name"]
    if not layer.name.startswith(_UNITLESS):
        yield "units", "text", layer.written_unit or layer.unit
    yield "Number Type", "text", layer.dtype
    yield from _packing(layer, ("_FillValue", "text", "NA\0") if layer.fill is None else None)
    if layer.kind != "quantity":
        return
    formula = f"{words['counts']} data * scale_factor" + (" + add_offset" if layer.offset else "")
    yield words["unpacking"], "text", formula
    yield "scale_factor", "float64", layer.scale
    if layer.offset:
        yield "add_offset", "float64", layer.offset
    yield "scale_factor_err", "float64", 0.0
    yield "add_offset_err", "float64", 0.0
    yield _CALIBRATED


def _mod09(layer: Layer, counts: NDArray[Any]) -> Iterator[Attribute]:
    cell = {Level.KM1: "1km", Level.M500: "500m", Level.M250: "250m"}[layer.level]
    what = {"state": "Reflectance Data State QA", "qc_500m": "Reflectance Band Quality"}
    what["qc_250m"] = what["qc_500m"]
    band = re.search(r"_b0(\d)", layer.sds)
    meaning = f"Surface Reflectance Band {band[1]}" if band else what[layer.name]
    yield "long_name", "text", f"{cell} {meaning} - first layer"
    yield "units", "text", layer.written_unit
    yield from _packing(layer)
    if layer.kind == "quantity":
        yield "add_offset", "float64", layer.offset
        yield "add_offset_err", "float64", 0.0
        yield _CALIBRATED
        yield "scale_factor", "float64", layer.scale_spellings[0]
        yield "scale_factor_err", "float64", 0.0
    yield "Nadir Data Resolution", "text", cell
    if layer.name == "state":
        yield "QA index", "text", "\n".join(_counted(_texts()["qa_index"]["state"], counts[counts != layer.fill]))
    elif layer.kind == "bits":
        yield "QA index", "text", "\n".join(_texts()["qa_index"][layer.name])


def _counted(text: Iterable[str], words: NDArray[Any]) -> Iterator[str]:
    """The lines with the share of each meaning behind it."""
    field = words
    for line in text:
        bits = re.match(r"\t(\d+)(?:-(\d+))? ", line)
        code = re.match(r"\t       ([01]+) --", line)
        if bits:
            first, last = int(bits[1]), int(bits[2] or bits[1])
            field = (words >> first) & ((1 << last - first + 1) - 1)
        share = float(np.mean(field == int(code[1], 2))) if code and words.size else 0.0
        yield f"{line}, {100 * share:.2f}%" if code else line


def _mcd43(layer: Layer) -> Iterator[Attribute]:
    yield "long_name", "text", layer.sds
    yield "units", "text", layer.written_unit
    yield from _packing(layer)
    if layer.kind != "quantity":
        yield "Description", "text", "\n".join(_texts()["albedo_quality"])
        return
    yield "scale_factor", "float64", layer.scale_spellings[0]
    yield "add_offset", "float64", layer.offset
    yield "scale_factor_err", "float64", 0.0
    yield "add_offset_err", "float64", 0.0
    yield _CALIBRATED


def _mcd12(layer: Layer) -> Iterator[Attribute]:
    yield "long_name", "text", "Land_Cover_Type_1".ljust(100, "\0")
    for code, name in enumerate(_texts()["igbp"], 1):
        yield name, layer.dtype, code
    yield "Unclassified", layer.dtype, layer.fill
    yield from _packing(layer)
