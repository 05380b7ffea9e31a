"""From what a file stores to physical values: what is missing, scale and offset, unit, range.

Each follows from what the caller says, what the file says and what the table of variables knows, by the rule of
`srdanet.statements`. `in_range` is the same for files and for arrays from Python.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Floats, Mask, in_strips
from srdanet.errors import ArgumentError, GranuleError
from srdanet.readers.images import Stored
from srdanet.readers.tables import PRODUCTS
from srdanet.statements import Stated, same_number, settle
from srdanet.units import Unit, states_unit, unit_of
from srdanet.variables import BY_NAME, CLASS_FILLS, LST_RANGE, LST_VARIABLES, limits_of
from srdanet.variables import unit_of as unit_of_variable

_CELSIUS_RANGE = (-90.0, 75.0)
"""Surface temperatures on Earth in degrees Celsius; shares no value with `LST_RANGE`."""
_LST = ("lst", "lst_day", "lst_night")
_TEMPERATURES = (*_LST, "t2m", "d2m")
_COUNTS = {"view_time": "scale=0.1", "view_angle": "offset=-65"}
"""Variables whose counts pass for values, and what makes values of the counts of MODIS."""
_MODIS_FILL = {name: PRODUCTS["MOD13Q1"].layer(name).fill for name in ("ndvi", "evi")}
"""Counts that MODIS uses for missing and that pass for a value once scaled."""
_FEW_CODES = 8
"""Up to so many distinct values outside the valid range are fill codes; more are data in another unit."""
_LEFTOVER = 0.1
"""A scale below this makes values of counts; on values that are physical already it is left over from packing."""
_SUGGEST = "Give scale= (MODIS LST 0.02, reflectance and NDVI 0.0001), unit= or nodata=."
_OTHER_CLASSES = re.compile(r"LC_Type([2-5])|LC_Prop(\d)", re.IGNORECASE)
"""Layers of MCD12 that are not of the IGBP legend."""


@dataclass(frozen=True)
class Judged:
    """Values with those out of range missing, and what that did."""

    values: Floats
    dropped: int
    codes: NDArray[Any]
    """The distinct values that were dropped, in rising order."""
    problem: str
    """Why they cannot be this variable; empty where they can."""


def physical(
    path: Path,
    name: str,
    stored: Stored,
    *,
    nodata: float | Literal["none"] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    unit: str | None = None,
) -> tuple[Floats, str, list[str]]:
    """Physical values of a stored image (float64, NaN = missing), their unit, and what was assumed.

    Args:
        path: The file, for messages.
        name: What the image is.
        stored: As it was read.
        nodata: A value for missing besides the file's own; `none` sets the file's value aside.
        scale: As the caller says.
        offset: As the caller says.
        unit: As the caller says.

    Raises:
        ArgumentError: when the caller contradicts the file, or must say more.
        GranuleError: when no value, or too few, fit the variable.
    """
    if name == "qc":
        stored, notes = _words(path, stored, nodata)
    else:
        notes = []
    missing, has_fill, more = _missing(name, stored, nodata)
    raw = np.where(missing | ~np.isfinite(stored.values.astype(np.float64)), np.nan, stored.values.astype(np.float64))
    notes += more
    known, notes_of_unit = _unit(path, name, stored, unit)
    values, scaled, more = _scaled(path, name, stored, raw, known, scale, offset)
    notes += more + notes_of_unit
    if name in _COUNTS and not scaled and known is None and _whole(stored, raw):
        what = f"{name} holds whole numbers without a scale, which may be counts"
        todo = f"Give {_COUNTS[name]} for counts of MODIS, or unit={LST_VARIABLES[name][0]} for values."
        raise ArgumentError(what, where=path, todo=todo)
    if known is not None and scaled and known.counted:
        what = f"both a scale and a scaled unit ({unit or stored.unit!r}) are said, and one may be the other"
        raise ArgumentError(what, where=path, todo="Give unit= without the factor, such as unit=degC.")
    if name in _TEMPERATURES and known is None:
        known, more = _guessed(path, values)
        notes += more
    if known is not None:
        if known.own == "K" and known.offset == 273.15 and known.scale == 1 and not has_fill and (values == 0).any():
            notes.append(f"{int((values == 0).sum())} values of exactly 0 are taken as 0 degC, not as missing")
        values = values * known.scale + known.offset
    own = _own(name)
    if own is None:
        return values, unit or stored.unit, notes
    if name == "land_cover":
        other = _OTHER_CLASSES.search(stored.label) or _OTHER_CLASSES.search(path.name)
        if other is not None:
            raise GranuleError(f"{other[0]} is not of the IGBP legend.", where=path, todo="Give LC_Type1.")
    judged = in_range(name, values)
    if judged.problem:
        raise GranuleError(judged.problem, where=path, todo=_todo(name))
    if judged.dropped:
        low, high = _limits(name)
        listed = ", ".join(f"{c:.6g}" for c in judged.codes[:_FEW_CODES])
        listed += "" if judged.codes.size <= _FEW_CODES else ", ..."
        notes.append(f"{judged.dropped} values outside {low:g} to {high:g} are taken as missing ({listed})")
    return judged.values, own, notes


def in_range(name: str, values: Floats, *, fills: bool = True) -> Judged:
    """Values of a variable with those out of its range missing, and whether they can be that variable at all.

    A few codes far from everything are fill; a range of values, or most of them, is another quantity or unit. Codes of
    land cover are classes of IGBP (1 to 17) or its usual fills. View times, angles and quality words have one fill.

    Args:
        name: A name of `variables.BY_NAME` or `LST_LIMITS`.
        values: Any shape, float, NaN = missing.
        fills: Whether values for missing may be among them, as in files, or NaN alone stands for it.
    """
    low, high = _limits(name)

    def beyond(part: Floats) -> Mask:
        outside: Mask = (part < low) | (part > high)
        return outside | (np.isfinite(part) & (part != np.round(part))) if name == "land_cover" else outside

    outside = in_strips(beyond, values, dtype=np.bool_)
    count = int(np.count_nonzero(outside))
    if not count:
        return Judged(values, 0, np.empty(0), "")
    codes = np.unique(values[outside])
    left = int((np.isfinite(values) & ~outside).sum())
    problem = ""
    span = f"{count} values from {codes[0]:.6g} to {codes[-1]:.6g} lie outside {low:g} to {high:g}"
    if name == "land_cover":
        strange = [f"{code:g}" for code in codes if code not in CLASS_FILLS]
        if strange:
            listed = ", ".join(strange[:_FEW_CODES]) + (", ..." if len(strange) > _FEW_CODES else "")
            problem = f"the codes {listed} are no classes of the IGBP legend (1 to 17)"
    elif name in _COUNTS or name == "qc":
        problem = f"{span}, so this is not {name}" if codes.size > 1 or left == 0 else ""
    elif left == 0 or (count > left and (codes.size > _FEW_CODES or not fills)):
        problem = f"{span}, so this is not {name} as stored."
    return Judged(np.where(outside, np.nan, values).astype(values.dtype), count, codes, problem)


def _own(name: str) -> str | None:
    """The unit in which the package holds a variable; None for names it does not know."""
    if name in _LST:
        return "K"
    return unit_of_variable(name) if name in BY_NAME or name in LST_VARIABLES else None


def _limits(name: str) -> tuple[float, float]:
    if name in _LST:
        return LST_RANGE
    return limits_of(name)


def _todo(name: str) -> str:
    if name == "land_cover":
        return "Give the IGBP classes of MCD12Q1 (LC_Type1); codes of other legends must be translated first."
    if name in _COUNTS:
        return f"Give {_COUNTS[name]} for counts of MODIS, and nodata=255 for its fill."
    return "Give the QC_Day or QC_Night layer as it is." if name == "qc" else _SUGGEST


def _whole(stored: Stored, raw: Floats) -> bool:
    """Whether values may be counts: stored as whole numbers, or several and all of them whole."""
    if stored.values.dtype.kind in "iu":
        return True
    known = raw[np.isfinite(raw)]
    return bool(known.size and (known == np.round(known)).all() and known.min() != known.max())


def _words(path: Path, stored: Stored, nodata: float | Literal["none"] | None) -> tuple[Stored, list[str]]:
    """Words of quality as they are: 0 is the best of them and never missing, signed bytes are bytes."""
    if nodata == 0:
        raise ArgumentError("0 is the best word of quality, not a missing one", where=path, todo="Leave nodata= out.")
    notes, values, fills = [], stored.values, stored.fills
    if 0 in fills:
        notes.append("the file calls 0 missing: taken as the word of best quality")
        fills = tuple(fill for fill in fills if fill != 0)
    if values.dtype == np.int8 and (values < 0).any():
        notes.append("signed bytes are taken as the unsigned words they hold")
        values, fills = values.view(np.uint8), tuple(fill % 256 for fill in fills)
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if (known != np.round(known)).any():
        what = "words of quality are no whole numbers: they were averaged or interpolated"
        raise GranuleError(what, where=path, todo="Resample them by nearest neighbour.")
    return replace(stored, values=values, fills=fills), notes


def _missing(name: str, stored: Stored, nodata: float | Literal["none"] | None) -> tuple[Mask, bool, list[str]]:
    """Where the file or the caller says missing; whether either names a value for it; and what was assumed."""
    values, notes = stored.values, []
    fills = () if nodata == "none" else stored.fills
    if nodata == "none" and stored.fills:
        notes.append(f"the caller sets aside that the file calls {', '.join(f'{f:g}' for f in stored.fills)} missing")
    if nodata is not None and nodata != "none":
        fills = (*fills, float(nodata))
    if not fills and nodata is None and name in _MODIS_FILL and np.issubdtype(values.dtype, np.signedinteger):
        fills = (float(_MODIS_FILL[name] or 0),)
        notes.append(f"no fill value in the file: {fills[0]:g} is taken as missing, as in MOD13")
    missing = stored.masked.copy()
    for fill in fills:
        missing |= np.isclose(values.astype(np.float64), fill, rtol=1e-6, atol=0)
    return missing, bool(fills), notes


def _unit(path: Path, name: str, stored: Stored, given: str | None) -> tuple[Unit | None, list[str]]:
    """The unit that the caller and the file state, and how it was found; None where nobody states one."""
    own = _own(name)
    if own is None:
        return None, []
    if given is not None and unit_of(given, own) is None:
        what = f"{name} is read in {own!r}, and {given!r} is not a unit of it that this package knows."
        raise ArgumentError(what, where=path, todo="Convert it with scale= and offset=.")
    stated = [] if given is None else [Stated(f"unit={given}", (unit_of(given, own) or Unit(own),))]
    notes = []
    if states_unit(stored.unit):
        known = unit_of(stored.unit, own)
        if known is not None:
            stated.append(Stated(f"the file's unit {stored.unit!r}", (known,)))
            if given is None and (own == "K" or known != Unit(own)):
                notes.append(f"unit {stored.unit} as the file says")
        elif given is None:
            what = f"The file says that its values are in {stored.unit!r}, which is not a unit of {name} known here."
            raise ArgumentError(what, where=path, todo=f"Give unit=, such as unit={own}.")
        else:
            notes.append(f"the file's unit {stored.unit!r} is not known: {given} as the caller says")
    in_label = re.search(r"[(\[](.*?)[)\]]\s*$", stored.label)
    if in_label and own == "K" and (known := unit_of(in_label[1], own)) is not None:
        stated.append(Stated(f"the file's label {stored.label!r}", (known,)))
        notes += [f"unit {in_label[1]} as the file says"] if len(stated) == 1 else []

    def merge(a: Unit, b: Unit) -> Unit | None:
        same = a.own == b.own and same_number(a.scale, b.scale) is not None and abs(a.offset - b.offset) < 1e-6
        return a if same else None

    if any(merge(stated[0].values[0], other.values[0]) is None for other in stated[1:]):
        what = f"the unit is contradicted: {', but '.join(one.origin for one in stated)}"
        raise ArgumentError(what, where=path, todo="Leave unit= out, or correct the one that is wrong.")
    return (stated[0].values[0] if stated else None), notes


def _scaled(
    path: Path,
    name: str,
    stored: Stored,
    raw: Floats,
    unit: Unit | None,
    scale: float | None,
    offset: float | None,
) -> tuple[Floats, bool, list[str]]:
    """Values by scale and offset, whether these were applied, and where they are from.

    Floats that are in the physical range as they stand are no counts.
    """
    notes = []
    own_scale, own_offset = stored.scale, stored.offset
    if own_scale is not None and own_scale >= 100:
        notes = [f"the file's scale {own_scale:g} divides (older MODIS convention)"]
        own_scale = 1 / own_scale
    said = {
        what: [
            *([Stated(f"{what}=", (given,))] if given is not None else []),
            *([Stated(f"the file's {what}", (own,))] if own is not None else []),
        ]
        for what, given, own in (("scale", scale, own_scale), ("offset", offset, own_offset))
    }
    if scale is not None and offset is None and own_scale is None:
        said["offset"] = []
    todo = "Leave yours out, or correct the file (gdal_edit, ncatted)."
    by, plus = (
        next(iter(settle(f"the {what}", of, same_number, where=path, todo=todo)), neutral)
        for (what, of), neutral in zip(said.items(), (1.0, 0.0), strict=True)
    )
    applied = by != 1 or plus != 0
    stated = scale is not None or offset is not None or own_scale is not None
    if not applied:
        return raw, stated, notes
    scaled = raw * by + plus
    if stored.values.dtype.kind == "f" and _own(name) is not None and _fits(name, raw, unit):
        leftover = by < _LEFTOVER or not _fits(name, scaled, unit)
        span = f"{np.nanmin(raw):.6g} to {np.nanmax(raw):.6g}"
        if scale is not None or offset is not None:
            if leftover:
                what = f"The values {span} are {name} already, not counts with a scale of {by:g} and offset {plus:g}."
                todo = "Leave scale= and offset= out, or give unit= where the result is in another unit."
                raise ArgumentError(what, where=path, todo=todo)
        elif leftover:
            note = f"scale {by:g} and offset {plus:g} of the file were not applied: the values are not counts"
            return raw, False, [note]
        else:
            what = f"The values {span} may be {name} as they are or times the file's scale {by:g} plus {plus:g}."
            raise ArgumentError(what, where=path, todo=f"Give scale={by:g}, or correct the file (scale 1).")
    if own_scale is not None and scale is None and offset is None and not notes:
        notes = [f"scale {by:g} and offset {plus:g} as the file says"]
    return scaled, True, notes


def _fits(name: str, values: Floats, unit: Unit | None) -> bool:
    """Whether values (in a unit, else the package's own) are in the variable's range, but for a few."""
    known = values[np.isfinite(values)]
    if unit is not None:
        known = known * unit.scale + unit.offset
    low, high = _limits(name)
    return bool(known.size) and bool(((known >= low) & (known <= high)).mean() > 0.9)


def _guessed(path: Path, values: Floats) -> tuple[Unit | None, list[str]]:
    """The unit of temperatures that their values tell, and how."""
    if not np.isfinite(values).any():
        return None, []
    kelvin = (values >= LST_RANGE[0]) & (values <= LST_RANGE[1])
    celsius = (values >= _CELSIUS_RANGE[0]) & (values <= _CELSIUS_RANGE[1])
    # Zero is the usual unmarked fill of kelvin images and says nothing about the unit.
    looks_celsius = bool((celsius & (values != 0)).any())
    span = f"{np.nanmin(values):.6g} to {np.nanmax(values):.6g}"
    if kelvin.any() == looks_celsius:
        what = f"Values from {span} do not tell whether they are in K or degrees Celsius."
        todo = "Give unit='K' or 'degC', nodata=, or scale= (MODIS LST: 0.02)."
        raise ArgumentError(what, where=path, todo=todo)
    unit = "degC" if looks_celsius else "K"
    return unit_of(unit, "K"), [f"no unit in the file: values from {span} are taken as {unit}"]
