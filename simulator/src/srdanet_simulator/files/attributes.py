"""What the providers write beside each layer: names, units, packing, the meaning of words.

Numbers come from the product table, which the readers hold against them; wording, order and types are those of
real granules: MOD11A1 of collection 6.1, MOD09GA, MCD43A3 and MCD12Q1 of collection 6, and for MOD09GQ the
attributes of MYD09GQ as other software has kept them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srdanet.grid import Level
from srdanet.readers.tables import Layer
from srdanet_simulator.files.qa_index import TEXTS

Attribute = tuple[str, str, Any]
"""Name, type (numpy's name, or "text"), value."""

_MOD11 = {
    "lst_day": ("Daily daytime 1km grid Land-surface Temperature", "LST", "LST"),
    "qc_day": ("Quality control for daytime LST and emissivity", "", ""),
    "view_time_day": ("Time of daytime Land-surface Temperature observation", "View_time", "View_time"),
    "view_angle_day": ("View zenith angle of daytime Land-surface Temperature", "View_angle", "View_angle"),
    "lst_night": ("Daily nighttime 1km grid Land-surface Temperature", "LST", "LST"),
    "qc_night": ("Quality control for nighttime LST and emissivity", "", ""),
    "view_time_night": ("Time of nighttime Land-surface Temperature observation", "View_time", "View_time"),
    "view_angle_night": ("View zenith angle of nighttime Land-surface Temperature", "View_angle", "View_angle"),
    "emissivity_31": ("Band 31 emissivity", "Emis_31", "Emis_31"),
    "emissivity_32": ("Band 32 emissivity", "Emis_32", "Emis_32"),
    "clear_day": ("day clear-sky coverage", "day clear_sky_cov", "day_clear_sky_cov"),
    "clear_night": ("night clear-sky coverage", "night clear_sky_cov", "nit_clear_sky_cov"),
}
"""Long name; name of the attribute that tells how to unpack, and what it calls the counts."""
_UNITLESS = ("emissivity", "clear", "qc")
_CALIBRATED = ("calibrated_nt", "int32", 5)
_ALBEDO_WORDS = (
    "Mandatory QA:\n  0 = processed, good quality (full BRDF inversions)\n"
    "  1 = processed, see other QA (magnitude BRDF inversions)\n"
)
_IGBP = (
    "Evergreen Needleleaf Forests", "Evergreen Broadleaf Forests", "Deciduous Needleleaf Forests",
    "Deciduous Broadleaf Forests", "Mixed Forests", "Closed Shrublands", "Open Shrublands", "Woody Savannas",
    "Savannas", "Grasslands", "Permanent Wetlands", "Croplands", "Urban and Built-up Lands",
    "Cropland/Natural Vegetation Mosaics", "Permanent Snow and Ice", "Barren", "Water Bodies",
)  # fmt: skip


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
    long_name, key, counted = _MOD11[layer.name]
    yield "long_name", "text", long_name
    if not layer.name.startswith(_UNITLESS):
        yield "units", "text", layer.written_unit or layer.unit
    yield "Number Type", "text", layer.dtype
    yield from _packing(layer, ("_FillValue", "text", "NA\0") if layer.fill is None else None)
    if layer.kind != "quantity":
        return
    yield key, "text", f"{counted} data * scale_factor" + (" + add_offset" if layer.offset else "")
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
    said = f"Surface Reflectance Band {band[1]}" if band else what[layer.name]
    yield "long_name", "text", f"{cell} {said} - first layer"
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
        yield "QA index", "text", _counted(TEXTS["state"], counts[counts != layer.fill])
    elif layer.kind == "bits":
        yield "QA index", "text", TEXTS[layer.name]


def _counted(text: str, words: NDArray[Any]) -> str:
    """The text with the share of each meaning behind it."""
    lines, field = [], words
    for line in text.split("\n"):
        bits = re.match(r"\t(\d+)(?:-(\d+))? ", line)
        code = re.match(r"\t       ([01]+) --", line)
        if bits:
            first, last = int(bits[1]), int(bits[2] or bits[1])
            field = (words >> first) & ((1 << last - first + 1) - 1)
        share = float(np.mean(field == int(code[1], 2))) if code and words.size else 0.0
        lines.append(f"{line}, {100 * share:.2f}%" if code else line)
    return "\n".join(lines)


def _mcd43(layer: Layer) -> Iterator[Attribute]:
    yield "long_name", "text", layer.sds
    yield "units", "text", layer.written_unit
    yield from _packing(layer)
    if layer.kind != "quantity":
        yield "Description", "text", _ALBEDO_WORDS
        return
    yield "scale_factor", "float64", layer.scale_spellings[0]
    yield "add_offset", "float64", layer.offset
    yield "scale_factor_err", "float64", 0.0
    yield "add_offset_err", "float64", 0.0
    yield _CALIBRATED


def _mcd12(layer: Layer) -> Iterator[Attribute]:
    yield "long_name", "text", "Land_Cover_Type_1".ljust(100, "\0")
    for code, name in enumerate(_IGBP, 1):
        yield name, layer.dtype, code
    yield "Unclassified", layer.dtype, layer.fill
    yield from _packing(layer)
