"""What a file is that this package does not read, so that a message can say so."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

_PRODUCTS: Mapping[str, str] = {
    "09Q1": "8-day surface reflectance, 250 m",
    "10A1": "daily snow cover, 500 m",
    "11B3": "monthly land surface temperature and emissivity, 6 km",
    "11C1": "daily land surface temperature, 0.05 degrees",
    "11C2": "8-day land surface temperature, 0.05 degrees",
    "11C3": "monthly land surface temperature, 0.05 degrees",
    "12Q2": "yearly land cover dynamics, 500 m",
    "13A1": "16-day vegetation indices, 500 m",
    "13A3": "monthly vegetation indices, 1 km",
    "14A1": "daily fires, 1 km",
    "16A2": "8-day evapotranspiration, 500 m",
    "17A2H": "8-day gross primary productivity, 500 m",
    "21A2": "8-day land surface temperature (TES), 1 km",
    "43A1": "albedo model parameters, 500 m",
    "43A2": "albedo quality, 500 m",
    "43A4": "nadir reflectance, 500 m",
    "64A1": "monthly burned area, 500 m",
}
"""Products of Terra (MOD), Aqua (MYD) or both (MCD) that people have beside those of `tables.PRODUCTS`."""

_MAGIC: Mapping[bytes, str] = {
    b"\x89PNG\r\n\x1a\n": "a picture (PNG): its colours are no temperatures",
    b"\xff\xd8\xff": "a picture (JPEG): its colours are no temperatures",
    b"GIF8": "a picture (GIF): its colours are no temperatures",
    b"%PDF": "a document (PDF)",
    b"II*\0": "a TIFF file",
    b"MM\0*": "a TIFF file",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a compressed file (gzip)",
    b"<!DOCTYPE": "a web page, perhaps that of a login",
    b"<html": "a web page, perhaps that of a login",
    b"\x89HDF\r\n\x1a\n": "an HDF5 or NetCDF-4 file",
    b"CDF": "a NetCDF file",
    b"GRIB": "a GRIB file",
}


def product_meaning(short_name: str) -> str | None:
    """What a MODIS product holds that is not in the product table; None for a name nobody knows."""
    name = short_name.upper()
    return _PRODUCTS.get(name[3:]) if name[:3] in ("MOD", "MYD", "MCD") else None


def special_file(path: Path) -> str | None:
    """What something is that has a path but is no file or folder, such as "a named pipe"; None for all else.

    It is not opened: a pipe without a writer would block forever.
    """
    kinds = {stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket"}
    kinds |= {stat.S_ISCHR: "a device", stat.S_ISBLK: "a device"}
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    return next((what for is_kind, what in kinds.items() if is_kind(mode)), None)


def content_of(path: Path) -> str | None:
    """What a file is, by its first bytes; None where they say nothing."""
    with path.open("rb") as file:
        start = file.read(16)
    return next((what for magic, what in _MAGIC.items() if start.lower().startswith(magic.lower())), None)
