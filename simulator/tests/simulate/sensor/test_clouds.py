"""Clouds cover what is asked, in pieces of a size that clouds have."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet_simulator.noise import stream
from srdanet_simulator.realism.fields import cloud_size
from srdanet_simulator.sensor.clouds import draw_clouds, draw_share


def test_clouds_cover_the_asked_share_and_hide_nothing_else() -> None:
    over = draw_clouds((120, 150), stream(2, "c"), 0.3)
    assert over.cover.mean() == pytest.approx(0.3, abs=0.01)
    assert not (over.cover & over.near).any()
    assert not (over.cover & over.shadow).any()
    np.testing.assert_array_equal(over.distance == 0, over.cover)
    assert over.thin[over.cover].max() == 0
    assert over.thin[over.near].mean() > 5 * over.thin[over.distance > 3].mean()


def test_a_clear_sky_has_nothing() -> None:
    over = draw_clouds((20, 30), stream(2, "c"), 0.0)
    assert not (over.cover | over.near | over.shadow).any()
    assert over.thin.max() == 0


def test_clouds_come_in_systems_and_by_day_in_heaps() -> None:
    size = {
        day: np.array([cloud_size(draw_clouds((64, 64), stream(n, "c"), 0.3, day=day).cover, 0.927) for n in range(60)])
        for day in (True, False)
    }
    assert 6 < np.median(size[True]) < np.median(size[False]) < 25
    assert (size[True] < 6).sum() > 2 * (size[False] < 6).sum()


def test_the_drawn_share_leaves_land_to_see() -> None:
    drawn = np.array([draw_share(stream(n, "s")) for n in range(500)])
    assert 0.3 < (drawn == 0).mean() < 0.4
    assert 0.1 < drawn.mean() < 0.25
    assert drawn.max() < 1
