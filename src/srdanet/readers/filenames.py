"""Granule names: product, date, tile and collection, read from the name alone."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from srdanet.errors import ArgumentError, GranuleError, ProductError
from srdanet.grid import Tile
from srdanet.readers.tables import PRODUCTS
from srdanet.readers.unread import product_meaning

# Each mark has one way to match: with several, a long name would be tried for hours.
_NAME = re.compile(
    r"(?P<product>[A-Z0-9]+)\.A(?P<year>\d{4})(?P<doy>\d{3})\.(?P<tile>h\d\dv\d\d)\.(?P<collection>\d{3})"
    r"\.(?P<produced>\d{13})(?:_\w+)?(?:[.-]\w+| ?\(\d+\)(?:_\w+)?)*?\.(?:hdf|h5|he5)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class GranuleName:
    """What a granule's name says."""

    product: str
    """Short name, such as MOD11A1."""
    date: dt.date
    """Day of acquisition (first day of a period; the day of interest of MCD43A3)."""
    tile: Tile
    collection: str
    """Collection of three digits, such as 061."""
    produced: str = ""
    """When the provider made it: year, day of year, hour, minute, second."""

    def __str__(self) -> str:
        stem = f"{self.product}.A{self.date:%Y%j}.{self.tile}.{self.collection}"
        end = "hdf" if self.product.startswith("M") else "h5"
        return f"{stem}.{self.produced}.{end}" if self.produced else stem


def identify(path: str | Path) -> GranuleName:
    """What the name of a granule says, without opening it.

    Names look like `MOD11A1.A2020197.h26v05.061.2020198093245.hdf`; marks that tools add before
    the extension (`.CROPPED`, ` (1)`) are allowed.

    Raises:
        GranuleError: when the name is not a granule's name, or its day or tile does not exist.
        ProductError: when the product or the collection is not known.
    """
    name = Path(path).name
    match = _NAME.fullmatch(name)
    if match is None:
        todo = "Keep the provider's name, such as MOD11A1.A2020197.h26v05.061.2020198093245.hdf."
        raise GranuleError("This is not the name of a MODIS granule.", where=path, todo=todo)
    product, collection = match["product"].upper(), match["collection"]
    if product not in PRODUCTS:
        meaning = product_meaning(product)
        if meaning is not None:
            what = f"{product} ({meaning}) is not a product this package reads."
            raise ProductError(what, where=path, todo=f"It reads {', '.join(PRODUCTS)}.")
        raise ProductError(f"Product {product} is not known.", where=path, todo=f"Known: {', '.join(PRODUCTS)}.")
    collections = PRODUCTS[product].collections
    if collection not in collections:
        todo = f"Download collection {collections[-1]}."
        known = " and ".join(collections)
        raise ProductError(f"Collection {collection} is not known, only {known}.", where=path, todo=todo)
    year, day = int(match["year"]), int(match["doy"])
    days = 365 + calendar.isleap(year)
    if not (year and 1 <= day <= days):
        raise GranuleError(f"Day {day} of {year} in the name does not exist.", where=path)
    try:
        tile = Tile.parse(match["tile"])
    except ArgumentError as error:
        raise GranuleError(f"The tile in the name does not exist: {error.what}", where=path) from error
    date = dt.date(year, 1, 1) + dt.timedelta(days=day - 1)
    return GranuleName(product, date, tile, collection, match["produced"])
