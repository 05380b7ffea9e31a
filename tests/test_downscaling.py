"""The main job: what goes in, what comes out, and that windows never show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import srdanet
from srdanet import flags
from srdanet.downscaling.run import downscale_scene
from srdanet.energy import degrade
from srdanet.errors import ArgumentError, GridError, ModelError
from srdanet.grid import Tile, coordinates, geobox_of, refine
from srdanet.scene import Scene

ROOT = Tile(18, 4).geobox(1000)[200:240, 700:734]


def image(seed: int = 0) -> xr.DataArray:
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0 : ROOT.shape[0], 0 : ROOT.shape[1]]
    values = 295 + 0.1 * rows - 0.05 * cols + rng.normal(0, 1.5, ROOT.shape)
    return xr.DataArray(values.astype(np.float32), coords=coordinates(ROOT), dims=("y", "x"))


def greenness(factor: int = 4) -> xr.Dataset:
    shape = refine(ROOT, factor).shape
    values = np.random.default_rng(1).uniform(0.1, 0.9, shape).astype(np.float32)
    return xr.Dataset({"ndvi": (("y", "x"), values)}, coords=coordinates(refine(ROOT, factor)))


def test_the_result_lies_on_the_finer_grid_with_units_and_flags() -> None:
    result = srdanet.downscale(image(), greenness(), factor=4, time="2020-07-15T10:40", day=True)
    box = geobox_of(result)
    assert box.shape == (160, 136)
    np.testing.assert_allclose(box.affine, refine(ROOT, 4).affine, atol=1e-6)
    assert result.lst.attrs["units"] == result.lst_uncertainty.attrs["units"] == "K"
    assert (result.lst.dtype, result.quality.dtype) == (np.float32, np.uint8)
    assert result.quality.attrs["flag_masks"].tolist() == [f.mask for f in flags.FLAGS]
    assert float(result.lst_uncertainty.min()) > 0
    assert float(abs(degrade(result.lst.values, 4) - image().values).mean()) < 1.5
    assert result.attrs["model_sha256"] == srdanet.load_model("default").sha256


@pytest.mark.parametrize(("block", "first"), [(7, 0), (16, 0), (64, 5), (1000, 3)])
def test_neither_size_nor_offset_of_windows_shows(block: int, first: int) -> None:
    """The difference is rounding. Cut images are compared away from their own rim."""
    lst, auxiliary = image(), greenness()
    whole = srdanet.downscale(lst, auxiliary, factor=4, time="2020-07-15", day=True)
    part = srdanet.downscale(
        lst.isel(y=slice(first, None)), auxiliary, factor=4, time="2020-07-15", day=True, block=block
    )
    rim = 4 * 24 if first else 0
    ours, theirs = part.lst.values[rim:], whole.lst.values[4 * first + rim :]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    np.testing.assert_array_equal(part.quality.values[rim:], whole.quality.values[4 * first + rim :])


def test_conservation_closes_in_every_window_size() -> None:
    lst = image()
    lst[3:6, 10:14] = np.nan
    results = [srdanet.downscale(lst, greenness(), to=250, conserve=True, block=b) for b in (9, 256)]
    for result in results:
        closure = degrade(result.lst.values, 4) - lst.values
        assert np.nanmax(abs(closure)) < 1e-3
        assert np.isnan(closure).sum() == 12
        assert (result.quality.values[np.isfinite(result.lst.values)] & flags.CONSERVED.mask).all()
    np.testing.assert_allclose(results[0].lst.values, results[1].lst.values, atol=5e-3)


def test_gaps_stay_gaps_and_spoil_nothing() -> None:
    lst = image()
    lst[10:13, 20:22] = np.nan
    result = srdanet.downscale(lst, greenness(), factor=2)
    gone = np.isnan(lst.values).repeat(2, 0).repeat(2, 1)
    for name in ("lst", "lst_uncertainty"):
        np.testing.assert_array_equal(np.isnan(result[name].values), gone)
    quality = result.quality.values
    np.testing.assert_array_equal((quality & flags.NO_INPUT.mask) > 0, gone)
    assert (quality[gone] == flags.NO_INPUT.mask).all()
    near = (quality & flags.GAP_NEAR.mask) > 0
    assert near[18, 40]
    assert near.sum() == 4 * (5 * 4 - 6)


def test_quality_tells_what_auxiliary_was_there() -> None:
    def bits(auxiliary: xr.Dataset | None) -> int:
        values = np.unique(srdanet.downscale(image(), auxiliary, factor=4).quality.values)
        assert len(values) == 1
        return int(values[0])

    assert bits(None) == flags.NO_AUXILIARY.mask
    assert bits(greenness(4)) == flags.AUXILIARY_PARTIAL.mask
    assert bits(greenness(2)) == flags.AUXILIARY_PARTIAL.mask


@pytest.mark.parametrize(("model", "least"), [("default", 0.15), ("europe", 0.3)])
def test_detail_comes_from_the_auxiliary_data(model: str, least: float) -> None:
    plain = srdanet.downscale(image(), factor=4, day=True, model=model)
    guided = srdanet.downscale(image(), greenness(), factor=4, day=True, model=model)
    detail = lambda r: r.lst.values - r.lst.values.reshape(40, 4, 34, 4).mean((1, 3)).repeat(4, 0).repeat(4, 1)  # noqa: E731
    with_green = np.corrcoef(detail(guided).ravel(), greenness().ndvi.values.ravel())[0, 1]
    assert with_green < -least
    assert abs(np.corrcoef(detail(plain).ravel(), greenness().ndvi.values.ravel())[0, 1]) < 0.05


def test_several_datasets_on_their_own_grids_and_transposed_input() -> None:
    lst = image()
    weather = xr.Dataset({"t2m": lst - 5}, coords=lst.coords)
    together = srdanet.downscale(lst, [greenness(4), weather], to=500, day=True)
    turned = srdanet.downscale(lst.transpose("x", "y"), [weather, greenness(4)], factor=2, day=True)
    np.testing.assert_array_equal(together.lst.values, turned.lst.values)


def test_a_projected_grid_that_is_not_modis() -> None:
    """UTM exports with 1000 m cells and 200 m predictors (five to a cell)."""
    y, x = 5_300_000 - 1000 * np.arange(20.0), 400_000 + 1000 * np.arange(24.0)
    attrs = {"crs": "EPSG:32631"}
    lst = xr.DataArray(image().values[:20, :24], coords={"y": y, "x": x}, dims=("y", "x"), attrs=attrs)
    fine = {"y": 5_300_400 - 200 * np.arange(100.0), "x": 399_600 + 200 * np.arange(120.0)}
    ndvi = np.random.default_rng(2).uniform(0, 1, (100, 120)).astype(np.float32)
    auxiliary = xr.Dataset({"ndvi": (("y", "x"), ndvi)}, coords=fine, attrs=attrs)
    result = srdanet.downscale(lst, auxiliary, to=250)
    assert geobox_of(result).crs == "EPSG:32631"
    assert result.x.values[0] == pytest.approx(399_625)
    assert np.isfinite(result.lst.values).all()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"factor": 3}, ArgumentError, "Each step is x2"),
        ({"factor": 2, "to": 250}, ArgumentError, "both factor and to"),
        ({"to": 1000}, ArgumentError, "not finer"),
        ({"to": 330}, ArgumentError, "halve"),
        ({"block": 0}, ArgumentError, "block"),
        ({"model": "absent"}, ModelError, "'absent' is not a model"),
        ({"day": 197}, ArgumentError, "day=True"),
        ({"time": "yesterday"}, ArgumentError, "UTC"),
    ],
)
def test_wrong_arguments_are_explained(change: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        srdanet.downscale(image(), **change)  # type: ignore[arg-type]


def test_wrong_images_are_explained() -> None:
    with pytest.raises(ArgumentError, match="not kelvin"):
        srdanet.downscale(image() - 273.15)
    with pytest.raises(ArgumentError, match="not kelvin"):
        srdanet.downscale(image() * 50)
    with pytest.raises(ArgumentError, match=r"lst\.isel\(time=0\)"):
        srdanet.downscale(image().expand_dims(time=1))
    with pytest.raises(GridError, match="CRS"):
        srdanet.downscale(image().drop_vars("spatial_ref"))
    hot = image()
    hot[4, 5] = 402.1
    assert np.isfinite(srdanet.downscale(hot, factor=2).lst.values).all()


def test_a_finer_cell_is_never_more_certain() -> None:
    half, quarter = (srdanet.downscale(image(), greenness(), factor=f, day=True) for f in (2, 4))
    coarse = half.lst_uncertainty.values.repeat(2, 0).repeat(2, 1)
    assert (quarter.lst_uncertainty.values >= coarse - 1e-6).all()


def test_nothing_known_gives_nothing_and_no_error() -> None:
    result = srdanet.downscale(image() * np.nan, greenness())
    assert np.isnan(result.lst.values).all()
    assert (result.quality.values == flags.NO_INPUT.mask).all()


def test_empty_windows_give_what_full_ones_give() -> None:
    lst = image()
    lst[:25] = np.nan
    whole, parts = (srdanet.downscale(lst, greenness(), factor=4, block=b) for b in (99, 12))
    np.testing.assert_allclose(parts.lst.values, whole.lst.values, atol=2e-3)
    np.testing.assert_array_equal(parts.quality.values, whole.quality.values)


def test_a_scene_climbs_with_its_arrays_on_disk(tmp_path: Path) -> None:
    lst = image().to_dataset(name="lst")
    lst["lst_error"] = xr.where(lst.lst > 296, 2.0, 1.0).astype(np.float32)
    scene = Scene.from_arrays(lst, greenness(), time="2020-07-15T10:40", day=True)
    seen: list[tuple[str, int, int]] = []
    steps = dict(downscale_scene(scene, 250, workdir=tmp_path, block=16, progress=lambda *a: seen.append(a)))
    assert list(steps) == [500, 250]
    direct = srdanet.downscale(image(), greenness(), to=250, time="2020-07-15T10:40", day=True)
    np.testing.assert_allclose(steps[250].lst.values, direct.lst.values, atol=2e-3)
    uncertain = (steps[500].quality.values & flags.INPUT_UNCERTAIN.mask) > 0
    np.testing.assert_array_equal(uncertain, (image().values > 296).repeat(2, 0).repeat(2, 1))
    assert {name for name, _, _ in seen} == {"2x", "4x"}
    assert seen[-1][1] == seen[-1][2]
    assert list(tmp_path.glob("*.dat"))


def test_chunked_arrays_give_what_arrays_in_memory_give() -> None:
    """Of dask, as xarray opens large files; chunks of odd sizes in both."""
    pytest.importorskip("dask.array")
    given = {"factor": 4, "time": "2020-07-15T10:40", "day": True, "model": "default"}
    whole = srdanet.downscale(image(), greenness(), **given)
    chunked = srdanet.downscale(image().chunk({"y": 7, "x": 11}), greenness().chunk({"y": 33}), **given)
    xr.testing.assert_identical(whole, chunked.load())


@pytest.mark.parametrize("noise", [0.0, 0.5, None])
def test_an_exact_image_is_kept_to(noise: float | None) -> None:
    """With `noise=0` and nothing else the result closes; the noisier the image is said to be, the less."""
    result = srdanet.downscale(image(), greenness(), factor=4, day=True, noise=noise, model="default")
    closure = np.abs(degrade(result.lst.values, 4) - image().values).max()
    assert closure < 2e-3 if noise == 0 else closure > 0.01


@pytest.mark.parametrize(
    ("tile", "rows", "cols"),
    [
        pytest.param(Tile(18, 0), slice(0, 16), slice(0, 16), id="at the north pole"),
        pytest.param(Tile(17, 17), slice(1180, 1200), slice(1180, 1200), id="at the south pole"),
        pytest.param(Tile(35, 8), slice(1180, 1200), slice(1176, 1200), id="at 180 degrees east"),
        pytest.param(Tile(0, 9), slice(0, 20), slice(0, 24), id="at 180 degrees west"),
        pytest.param(Tile(35, 9), slice(600, 620), slice(1150, 1174), id="beyond the edge of the map"),
    ],
)
@pytest.mark.parametrize("model", ["default", "europe"])
def test_the_ends_of_the_map_are_ground_like_any_other(tile: Tile, rows: slice, cols: slice, model: str) -> None:
    """With elevation, whose slope and sun need longitude and latitude; a cell beyond the map has neither."""
    box = tile.geobox(1000)[rows, cols]
    lst = (280 + np.arange(box.shape[0] * box.shape[1]).reshape(box.shape) % 7).astype(np.float32)
    fine = refine(box, 4)
    heights = (np.arange(fine.shape[1]) * 3.0 + np.arange(fine.shape[0])[:, None] * 2).astype(np.float32)
    auxiliary = xr.Dataset({"elevation": (("y", "x"), heights)}, coords=coordinates(fine))
    result = srdanet.downscale(
        xr.DataArray(lst, coords=coordinates(box), dims=("y", "x")), auxiliary, factor=4, time="2020-07-15", model=model
    )
    assert np.isfinite(result.lst.values).all()
    assert np.isfinite(result.lst_uncertainty.values).all()
    assert 270 < float(result.lst.min()) < float(result.lst.max()) < 296
