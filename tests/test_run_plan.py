"""One plan of a run: what is printed beforehand is what is done."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from srdanet.downscaling import ProductFiles, RunPlan
from srdanet.downscaling.plan import stem_of
from srdanet.errors import ArgumentError
from srdanet.grid import Tile


def grid(cell: float, height: int = 7, width: int = 5) -> GeoBox:
    return GeoBox((height, width), Affine(cell, 0, 4e5, 0, -cell, 5e6), "EPSG:32631")


@pytest.mark.parametrize(
    ("cell", "to", "levels"),
    [
        (926.625, 250, {2: 500, 4: 250}),
        (926.625, 500, {2: 500}),
        (1000.0, 250, {2: 500, 4: 250}),
        (463.31, 250, {2: 250}),
        (1000.0, 125, {2: 500, 4: 250, 8: 125}),
    ],
)
def test_levels(cell: float, to: int, levels: dict[int, int]) -> None:
    assert RunPlan.of(grid(cell), to=to).levels == levels


@pytest.mark.parametrize(("cell", "to"), [(1113.0, 250), (500.0, 500), (250.0, 500), (1000.0, 0), (1000.0, 300)])
def test_what_a_run_would_refuse_is_refused_in_the_plan(cell: float, to: int) -> None:
    with pytest.raises(ArgumentError):
        RunPlan.of(grid(cell), to=to)


def test_factor_alone_names_levels_by_their_cells() -> None:
    assert RunPlan.of(grid(1113.0), factor=4).levels == {2: 556, 4: 278}
    for wrong in ({"factor": 3}, {"factor": 1}, {"factor": 2, "to": 500}, {"block": 0}):
        with pytest.raises(ArgumentError):
            RunPlan.of(grid(1000.0), **wrong)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 20), st.integers(0, 9), st.sampled_from([2, 4, 8]))
def test_windows_cover_each_cell_once_and_reach_as_far_as_the_halo(
    height: int, width: int, block: int, halo: int, factor: int
) -> None:
    plan = RunPlan.of(grid(1000.0, height, width), factor=factor, block=block)
    seen = np.zeros((height, width), int)
    for window in plan.windows(factor, halo):
        seen[window.inner] += 1
        for inner, outer, size in zip(window.inner, window.outer, (height, width), strict=True):
            # The halo is counted in cells of the step's input, `factor / 2` to a coarse cell.
            assert outer.start == 0 or (inner.start - outer.start) * (factor // 2) >= halo
            assert outer.stop == size or (outer.stop - inner.stop) * (factor // 2) >= halo
    assert (seen == 1).all()


def test_names_say_place_day_and_pass() -> None:
    assert stem_of(Tile(8, 5), np.datetime64("2020-07-15T23:59:59"), True) == "lst_h08v05_2020197_day"
    assert stem_of(None, dt.date(2017, 4, 9), False) == "lst_2017099_night"
    assert stem_of(None, None, True) == "lst_day"
    assert stem_of(None, None, None) == "lst"
    assert stem_of(Tile(8, 5), dt.date(2020, 7, 15), True, "aqua") == "lst_h08v05_2020197_day_aqua"
    assert stem_of(Tile(8, 5), dt.date(2020, 7, 15), True, "terra") == "lst_h08v05_2020197_day"


def test_names_keep_two_regions_of_one_day_apart() -> None:
    whole, part = Tile(8, 5).geobox(1000), Tile(8, 5).geobox(1000)[300:318, 500:512]
    day = dt.date(2020, 7, 15)
    assert stem_of(whole, day, True) == stem_of(Tile(8, 5), day, True)
    assert stem_of(part, day, True) == "lst_h08v05-r300c500-18x12_2020197_day"
    assert stem_of(grid(1000.0), day, True) == "lst_32631-e400000n5000000-7x5_2020197_day"
    assert stem_of(Tile(8, 5).geobox(6000), day, True) == "lst_h08v05_2020197_day"
    regions = [
        whole, part, whole[300:318, 500:513], whole[301:319, 500:512], whole[299:317, 500:512],
        grid(1000.0), grid(1000.0, 7, 6), grid(930.0).translate_pix(0, 1), Tile(9, 5).geobox(1000)[300:318, 500:512],
        whole.pad(2), GeoBox((7, 5), grid(1000.0).affine, "EPSG:32632"),
    ]  # fmt: skip
    names = {stem_of(region, day, True) for region in regions}
    assert len(names) == len(regions)
    for name in names:
        ProductFiles.of("out", name, [250])


def test_files_of_a_plan_are_those_of_its_levels() -> None:
    files = ProductFiles.of("out", "x", RunPlan.of(grid(1000.0), to=250).levels)
    assert list(files.rasters) == [500, 250]
    assert files.rasters[250]["quality"] == Path("out/x_250m_quality.tif")
    assert list(files)[-1] == Path("out/x_provenance.json")
