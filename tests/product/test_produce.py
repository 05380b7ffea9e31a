from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from srdanet.grid import Tile
from srdanet.product.produce import levels_of, stem_of


@pytest.mark.parametrize(
    ("cell", "to", "levels"),
    [
        (926.625, 250, [500, 250]),
        (926.625, 500, [500]),
        (1000.0, 250, [500, 250]),
        (463.31, 250, [250]),
        (1000.0, 125, [500, 250, 125]),
    ],
)
def test_levels_are_those_of_the_ladder(cell: float, to: int, levels: list[int]) -> None:
    assert levels_of(cell, to) == levels


def test_names_say_place_day_and_pass() -> None:
    assert stem_of(Tile(8, 5), np.datetime64("2020-07-15T23:59:59"), True) == "lst_h08v05_2020197_day"
    assert stem_of(None, dt.date(2017, 4, 9), False) == "lst_2017099_night"
    assert stem_of(None, None, True) == "lst_day"
    assert stem_of(Tile(8, 5), dt.date(2020, 7, 15), True, "aqua") == "lst_h08v05_2020197_day_aqua"
    assert stem_of(Tile(8, 5), dt.date(2020, 7, 15), True, "terra") == "lst_h08v05_2020197_day"
