"""Where a product comes from and how good it is, as one JSON record.

The caller says what went in (inputs with hashes, model, command, options); the
record adds when, with what software, what came out (files with hashes) and what
can be measured on it: share of valid cells, closure against the input, flags.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import xarray as xr

from srdanet.energy import degrade
from srdanet.errors import ArgumentError, GridError
from srdanet.product.cog import strips
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY

_PACKAGES = ("numpy", "onnxruntime", "pyproj", "rasterio", "xarray")


def software() -> dict[str, Any]:
    """Versions of the package, of Python and of the libraries that shape the numbers."""
    return {
        "srdanet": version("srdanet"),
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def record(
    given: Mapping[str, Any], levels: Mapping[str, Mapping[str, Any]], *, created: datetime | None = None
) -> dict[str, Any]:
    """The whole record: what was given, then what the writer knows.

    Args:
        given: JSON-able; by custom `tile`, `time`, `day`, `inputs`, `model`, `command`, `options`.
        levels: Per level, what `measure` says and the files.
        created: Time of creation; now when None.

    Raises:
        ArgumentError: when `given` holds what JSON cannot.
    """
    moment = (created or datetime.now(UTC)).astimezone(UTC)
    whole = {
        **given,
        "created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "software": software(),
        "levels": {name: dict(level) for name, level in levels.items()},
    }
    try:
        return dict(json.loads(json.dumps(whole, allow_nan=False)))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"the provenance cannot be written as JSON: {error}") from error


def measure(result: xr.Dataset, coarse: xr.DataArray | None = None) -> dict[str, Any]:
    """What can be said about one level of a result, strip by strip.

    Args:
        result: `lst` (y, x) K and, where present, `lst_uncertainty` (K) and `quality` (CF flags).
        coarse: (y / f, x / f) K, the LST it was made from, for the closure error.

    Returns:
        `cells`, `valid_share`, `lst` (min, mean, max, K), `uncertainty_mean` (K), `flags` (share of cells
        per flag) and `closure`; entries that do not apply are None.
    """
    lst = result[LST.variable]
    known = _summary(lst)
    out: dict[str, Any] = {
        "cells": [int(n) for n in lst.shape],
        "valid_share": round(known["count"] / lst.size, 6),
        "lst": {key: round(known[key], 3) for key in ("min", "mean", "max")} if known["count"] else None,
        "uncertainty_mean": None,
        "flags": _flag_shares(result),
        "closure": closure(lst, coarse) if coarse is not None else None,
    }
    if UNCERTAINTY.variable in result:
        doubt = _summary(result[UNCERTAINTY.variable])
        out["uncertainty_mean"] = round(doubt["mean"], 3) if doubt["count"] else None
    return out


def closure(lst: xr.DataArray, coarse: xr.DataArray) -> dict[str, float | int] | None:
    """How far the product, brought back to the input's cells, is from the input (K).

    Args:
        lst: (y, x) K.
        coarse: (y / f, x / f) K.

    Returns:
        `max` and `rmse` (K) over the `cells` that both have; None when there is none.

    Raises:
        GridError: when the shapes do not nest.
    """
    factor = lst.shape[0] // max(1, coarse.shape[0])
    if lst.shape != tuple(n * factor for n in coarse.shape):
        raise GridError(f"{lst.shape} cells do not nest in {coarse.shape}", where="closure")
    difference = degrade(lst.values, factor).astype(np.float64) - coarse.values
    difference = difference[np.isfinite(difference)]
    if not difference.size:
        return None
    return {
        "max": round(float(np.abs(difference).max()), 6),
        "rmse": round(float(np.sqrt(np.mean(difference**2))), 6),
        "cells": int(difference.size),
    }


def _summary(data: xr.DataArray) -> dict[str, float]:
    count, total, low, high = 0, 0.0, np.inf, -np.inf
    for _, values in strips(data, "float32"):
        valid = values[np.isfinite(values)]
        if valid.size:
            count, total = count + valid.size, total + float(valid.sum(dtype=np.float64))
            low, high = min(low, float(valid.min())), max(high, float(valid.max()))
    return {"count": count, "mean": total / max(1, count), "min": low, "max": high}


def _flag_shares(result: xr.Dataset) -> dict[str, float] | None:
    if QUALITY.variable not in result:
        return None
    quality = result[QUALITY.variable]
    masks: Sequence[int] = [int(m) for m in np.atleast_1d(quality.attrs.get("flag_masks", []))]
    names = str(quality.attrs.get("flag_meanings", "")).split()
    counts = np.zeros(len(masks), np.int64)
    for _, values in strips(quality, "uint8"):
        counts += [np.count_nonzero(values.astype(np.uint8, copy=False) & mask) for mask in masks]
    return {name: round(int(n) / quality.size, 6) for name, n in zip(names, counts, strict=True)}
