"""Which file serves what: a plain value that can be read, printed and kept before anything is done."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from srdanet.grid import Tile
from srdanet.prepare.survey import RasterSpec
from srdanet.variables import BANDS, WEATHER

Platform = Literal["terra", "aqua"]

MEANING: dict[str, tuple[tuple[str, ...], str]] = {
    "reflectance_250m": (("red", "nir"), "no vegetation detail finer than 500 m"),
    "reflectance_500m": (BANDS[2:], "no EVI and NDWI; clouds in 250 m reflectance are not screened"),
    "albedo": (("albedo",), "no albedo"),
    "land_cover": (("land_cover",), "no class fractions"),
    "elevation": (("elevation",), "no slope and illumination; weak in mountains"),
    "meteorology": (WEATHER, "no weather of the overpass"),
}
"""Each auxiliary role: the variables it brings, and what the scene lacks without it."""


@dataclass(frozen=True)
class Source:
    """One or more files that serve one role."""

    role: str
    """`lst`, a key of `MEANING`, `stations`, or `raster:<name>`."""
    product: str
    paths: tuple[str, ...]
    layers: tuple[str, ...] = ()
    """Layers to read, by the names of `products.table`."""
    date: dt.date | None = None
    distance: int | None = None
    """Days (for land cover years) from the scene's date; None where dates do not matter."""
    note: str = ""
    spec: RasterSpec | None = None


@dataclass(frozen=True)
class Plan:
    """What `prepare` will do. Print it with `lines()`."""

    sources: tuple[Source, ...]
    day: bool
    date: dt.date | None = None
    tile: Tile | None = None
    platform: Platform | None = None
    time: np.datetime64 | None = None
    """UTC of the overpass where the caller gave it; a granule's own view time goes before."""
    ignored: tuple[tuple[str, str], ...] = ()
    """(file, reason) of what is left out."""

    def source(self, role: str) -> Source | None:
        """What serves a role, or None."""
        return next((s for s in self.sources if s.role == role), None)

    @property
    def missing(self) -> dict[str, str]:
        """Variables that no file serves, and what the scene lacks without them, by role."""
        given = {s.role.removeprefix("raster:") for s in self.sources if s.role.startswith("raster:")}
        bands = _red_and_nir_at_500m(self)
        out = {}
        for role, (names, meaning) in MEANING.items():
            left = [n for n in names if n not in given]
            served = self.source(role) or (role == "meteorology" and self.source("stations"))
            if not served and left:
                meant = "no NDVI" if role == "reflectance_250m" and not bands else meaning
                out[role] = f"{', '.join(left)}: {meant}"
        return out

    def lines(self) -> list[str]:
        """The plan as a table, one line a source, with what is missing and what is left out."""
        where = [str(self.tile)] if self.tile else []
        when = [self.date.isoformat()] if self.date else []
        head = " ".join([*where, *when, "day" if self.day else "night", *([self.platform] if self.platform else [])])
        rows = [("serves", "product", "date", "layers", "files")]
        for s in self.sources:
            far = f" ({s.distance:+d} {'y' if s.role == 'land_cover' else 'd'})" if s.distance else ""
            names = ", ".join(Path(p).name for p in s.paths[:3]) + (
                f" and {len(s.paths) - 3} more" * (len(s.paths) > 3)
            )
            band = f":{s.spec.band}" if s.spec and s.spec.band else ""
            note = f"  [{s.note}]" if s.note else ""
            rows.append((s.role, s.product, f"{s.date or '-'}{far}", " ".join(s.layers) or "-", f"{names}{band}{note}"))
        widths = [min(44, max(len(r[i]) for r in rows)) for i in range(4)] + [0]
        table = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
        lacks = [f"missing {role}: {text}" for role, text in self.missing.items()]
        out = [f"left out {Path(path).name}: {reason}" for path, reason in self.ignored]
        return [head, *table, *lacks, *out]

    def as_json(self) -> dict[str, Any]:
        """The plan as plain data that JSON can hold."""
        sources = [
            {k: (v.isoformat() if isinstance(v, dt.date) else v) for k, v in asdict(s).items() if v not in (None, "")}
            for s in self.sources
        ]
        return {
            "tile": str(self.tile) if self.tile else None,
            "date": self.date.isoformat() if self.date else None,
            "day": self.day,
            "platform": self.platform,
            "time": str(self.time) if self.time is not None else None,
            "sources": sources,
            "missing": self.missing,
            "ignored": [list(pair) for pair in self.ignored],
        }


def _red_and_nir_at_500m(made: Plan) -> bool:
    source = made.source("reflectance_500m")
    return source is not None and "red" in source.layers
