from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from srdanet.errors import GranuleError, ProductError
from srdanet.grid import Tile
from srdanet.readers.filenames import GranuleName, identify

GOOD = "MOD11A1.A2020197.h26v05.061.2021012345678.hdf"
SAID = GranuleName("MOD11A1", dt.date(2020, 7, 15), Tile(26, 5), "061", "2021012345678")


@pytest.mark.parametrize(
    "name",
    [
        GOOD,
        f"/some/where/{GOOD}",
        Path("x") / GOOD,
        GOOD.replace(".hdf", ".HDF"),
        GOOD.replace(".hdf", ".CROPPED.hdf"),
        GOOD.replace(".hdf", " (1).hdf"),
        GOOD.replace(".hdf", "_copy.hdf"),
    ],
)
def test_a_name_tells_product_day_tile_and_collection(name: str | Path) -> None:
    assert identify(name) == SAID


def test_a_name_is_written_as_it_is_read() -> None:
    assert str(SAID) == GOOD


def test_the_last_day_of_a_leap_year() -> None:
    assert identify(GOOD.replace("2020197", "2020366")).date == dt.date(2020, 12, 31)
    with pytest.raises(GranuleError, match="does not exist"):
        identify(GOOD.replace("2020197", "2021366"))


@pytest.mark.parametrize(
    "name",
    [
        "image.hdf",
        GOOD + ".met",
        GOOD + ".xml",
        "BROWSE." + GOOD,
        GOOD.replace("h26v05", "h36v05"),
        GOOD.replace("h26v05", "h26v18"),
        GOOD.replace("2020197", "2020000"),
        GOOD.replace(".061", ""),
    ],
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(GranuleError) as caught:
        identify(name)
    assert name in str(caught.value)


@pytest.mark.parametrize(("old", "new"), [("MOD11A1", "MOD10A1"), (".061.", ".005.")])
def test_unknown_products_and_collections_are_named(old: str, new: str) -> None:
    with pytest.raises(
        ProductError, match=r"MOD10A1 \(daily snow cover, 500 m\) is not a product|005 is not known"
    ) as caught:
        identify(GOOD.replace(old, new))
    assert caught.value.todo
