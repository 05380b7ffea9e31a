from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.image import imread
from small_results import ABOUT, level, truth

from srdanet.grid import geobox_of, lonlat
from srdanet.product import quicklook
from srdanet.product.quicklook import headline, position, shared_range, thumbnail, write_quicklook
from srdanet.product.record import Origin, measure


def _nanmean(values: np.ndarray, n: int) -> np.ndarray:
    """Slow: means of n x n cells, the last ones of what is there."""
    height, width = (-(-side // n) for side in values.shape)
    out = np.full((height, width), np.nan)
    for i in range(height):
        for j in range(width):
            part = values[i * n : (i + 1) * n, j * n : (j + 1) * n]
            if np.isfinite(part).any():
                out[i, j] = np.nanmean(part)
    return out


@pytest.mark.parametrize(("shape", "largest", "factor"), [((301, 97), 100, 4), ((5, 700), 100, 7), ((40, 30), 40, 1)])
def test_thumbnail_is_a_masked_mean(shape: tuple[int, int], largest: int, factor: int) -> None:
    values = truth(*shape)
    image, found = thumbnail(xr.DataArray(values, dims=("y", "x")), largest)
    assert found == factor
    assert max(image.shape) <= largest
    np.testing.assert_allclose(image, _nanmean(values, factor), rtol=1e-6)


def test_range_is_shared_and_never_empty() -> None:
    cold, warm = np.full((50, 50), 271.3, np.float32), np.full((50, 50), 299.6, np.float32)
    assert shared_range(cold, warm) == (271.0, 300.0)
    assert shared_range(cold) == (270.0, 273.0)
    low, high = shared_range(np.full((3, 3), np.nan, np.float32))
    assert low < high


def test_headline_says_what_is_known() -> None:
    assert headline(ABOUT) == "tile h18v04, 2020-07-15 10:32 UTC, day"
    assert headline(Origin(day=False)) == "night"
    assert headline(Origin()) == ""


def test_position_is_the_middle() -> None:
    fine = level(250, 41, 21)
    lon, lat = (part[20, 10] for part in lonlat(geobox_of(fine)))
    assert position(fine) == f"{lat:.2f}° N {lon:.2f}° E"


@pytest.mark.parametrize(("width", "bar"), [(1112.0, 200.0), (44.4, 5.0), (0.93, 0.1), (10.0, 2.0)])
def test_scale_bars_are_round(width: float, bar: float) -> None:
    assert quicklook._round_length(width / 5) == pytest.approx(bar)


@pytest.mark.parametrize("shape", [(120, 90), (4, 4), (300, 12), (12, 300)])
def test_missing_cells_are_grey_and_nothing_touches_the_rim(tmp_path: Path, shape: tuple[int, int]) -> None:
    fine = level(250, *shape)
    path = tmp_path / "a.png"
    write_quicklook(path, fine, level=250, origin=ABOUT, about=measure(fine))
    picture = imread(path)[..., :3]
    for rim in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (rim == 1).all()  # a text that is cut would reach it
    grey = np.isclose(picture, 217 / 255, atol=2e-3).all(axis=-1)
    colour = np.ptp(picture, axis=-1) > 0.05
    # The colour bar is coloured too, and the scale bar covers some: hence the width of the bounds.
    assert 0.02 < grey.sum() / (grey.sum() + colour.sum()) < 0.2


def test_all_missing_still_makes_a_picture(tmp_path: Path) -> None:
    fine = level(250, 8, 8)
    fine["lst"][:] = np.nan
    write_quicklook(tmp_path / "a.png", fine, level=250, origin=Origin(), about=measure(fine))
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_the_input_stands_beside_in_the_same_colours_with_degrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(quicklook, "save_figure", lambda figure, path: drawn.append(figure))
    fine, coarse = level(250, 160, 120), level(1000, 160, 120)["lst"]
    write_quicklook(tmp_path / "a.png", fine, level=250, origin=ABOUT, about=measure(fine), coarse=coarse)
    (figure,) = drawn
    left, right, bar = figure.axes
    assert [axes.get_title(loc="left") for axes in (left, right)] == ["input, 1 km", "250 m"]
    np.testing.assert_array_equal(left.images[0].get_array(), np.ma.masked_invalid(coarse.values))
    assert left.images[0].get_clim() == right.images[0].get_clim()
    for axes in (left, right):
        degrees = [label.get_text() for label in (*axes.get_xticklabels(), *axes.get_yticklabels())]
        assert any(text.endswith("° E") for text in degrees)
        assert any(text.endswith("° N") for text in degrees)
        assert len(axes.lines) >= 4
    assert bar.get_ylabel() == "land surface temperature (K)"
    words = [text.get_text() for text in left.texts]
    assert "no predictors: little more than interpolation" in words
