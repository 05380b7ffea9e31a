from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from odc.geo.crs import CRS
from rio_cogeo import cog_validate
from small_results import ABOUT, level

from srdanet.errors import ArgumentError, GridError, OutputError
from srdanet.grid import SINUSOIDAL, geobox_of, same_crs
from srdanet.product import Origin, check_outputs, write_product


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[int, xr.Dataset]]:
    folder = tmp_path_factory.mktemp("product")
    levels = {m: level(m, 1240, 1080) for m in (500, 250)}
    write_product(levels, folder, "x", origin=ABOUT, coarse=level(1000, 1240, 1080)["lst"])
    return folder, levels


def test_names_and_nothing_else(written: tuple[Path, object]) -> None:
    ends = [f"{kind}.{suffix}" for kind in ("", "_quality", "_uncertainty") for suffix in ("tif", "qml")]
    per_level = [f"x_{m}m{end}" for m in (250, 500) for end in (".png", *ends)]
    assert sorted(p.name for p in written[0].iterdir()) == sorted([*per_level, "x_stac.json", "x_provenance.json"])


def test_written_side_by_side_they_are_the_same(
    written: tuple[Path, dict[int, xr.Dataset]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, levels = written
    for threads in (1, 4):
        monkeypatch.setenv("OMP_NUM_THREADS", str(threads))
        out = tmp_path / str(threads)
        write_product(levels, out, "x", origin=ABOUT, coarse=level(1000, 1240, 1080)["lst"])
        for path in folder.iterdir():
            if path.suffix != ".json":  # they hold the time of writing
                assert (out / path.name).read_bytes() == path.read_bytes(), (threads, path.name)


@pytest.mark.parametrize("metres", [500, 250])
@pytest.mark.parametrize(
    ("end", "variable"), [("", "lst"), ("_uncertainty", "lst_uncertainty"), ("_quality", "quality")]
)
def test_rasters_are_cogs_that_hold_the_result(
    written: tuple[Path, dict[int, xr.Dataset]], metres: int, end: str, variable: str
) -> None:
    folder, levels = written
    path = folder / f"x_{metres}m{end}.tif"
    valid, faults, warnings = cog_validate(path, strict=True)
    assert (valid, faults, warnings) == (True, [], [])
    expected = levels[metres][variable]
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), expected.values)
        assert file.dtypes == (expected.dtype.name,)
        assert same_crs(CRS(file.crs.to_wkt()), SINUSOIDAL)
        assert file.crs.to_dict()["R"] == 6371007.181
        assert file.transform == geobox_of(levels[metres]).affine
        assert file.block_shapes == [(512, 512)]
        assert file.overviews(1) == ([2, 4] if metres == 250 else [2])
        tags = file.tags()
    wanted = {"time": "2020-07-15T10:32:00", "tile": "h18v04", "day": "day", "model_sha256": "ab" * 32}
    assert {key: tags[key] for key in wanted} == wanted
    assert tags["software"].startswith("srdanet 0")


def test_missing_cells_are_nan_and_units_are_said(written: tuple[Path, object]) -> None:
    with rasterio.open(written[0] / "x_250m.tif") as file:
        assert np.isnan(file.nodata)
        assert file.tags(1)["units"] == "K"
        assert file.units == ("K",)
        assert file.tags(1)["long_name"] == "land surface temperature"
        assert file.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"


def test_other_programs_find_a_name_a_time_a_range_and_colours(
    written: tuple[Path, dict[int, xr.Dataset]],
) -> None:
    folder, levels = written
    with rasterio.open(folder / "x_250m.tif") as file:
        assert file.crs.to_wkt().startswith('PROJCS["MODIS Sinusoidal"')
        assert file.tags()["TIFFTAG_DATETIME"] == "2020:07:15 10:32:00"
        stated = {key: float(file.tags(1)[f"STATISTICS_{key}"]) for key in ("MINIMUM", "MEAN", "MAXIMUM", "STDDEV")}
    values = levels[250]["lst"].values.astype(np.float64)
    expected = {"MINIMUM": np.nanmin, "MEAN": np.nanmean, "MAXIMUM": np.nanmax, "STDDEV": np.nanstd}
    assert stated == {key: pytest.approx(float(of(values)), abs=1e-4) for key, of in expected.items()}
    with rasterio.open(folder / "x_250m_quality.tif") as file:
        table = file.colormap(1)
        assert "STATISTICS_MEAN" not in file.tags(1), "a mean of bits means nothing"
    shown = {name: table[bits][:3] for name, bits in {"sound": 0, "none": 1, "gap": 4, "conserved": 64}.items()}
    assert len(set(shown.values())) == 3
    assert shown["sound"] == shown["conserved"]
    assert table[1 | 16 | 32] == table[1]


def test_an_empty_image_is_written_too(tmp_path: Path) -> None:
    empty = level(250, 20, 30)
    empty["lst"] = empty["lst"] * np.float32(np.nan)
    write_product(empty, tmp_path, "x", origin=Origin(time="2020-07-15"))
    with rasterio.open(tmp_path / "x_250m.tif") as file:
        assert np.isnan(file.read(1)).all()
        assert file.tags()["TIFFTAG_DATETIME"] == "2020:07:15 00:00:00"


def test_overviews_are_means_of_temperature_and_modes_of_flags(
    written: tuple[Path, dict[int, xr.Dataset]],
) -> None:
    folder, levels = written
    with rasterio.open(folder / "x_250m.tif", overview_level=0) as file:
        half = file.read(1)
    lst = levels[250]["lst"].values
    boxes = lst.reshape(620, 2, 540, 2)
    inside = np.isfinite(boxes).all(axis=(1, 3))
    np.testing.assert_allclose(half[inside], boxes.mean(axis=(1, 3))[inside], atol=1e-4)
    with rasterio.open(folder / "x_250m_quality.tif", overview_level=0) as file:
        assert set(np.unique(file.read(1))) == {0, 1}


def test_flags_explain_themselves(written: tuple[Path, dict[int, xr.Dataset]]) -> None:
    with rasterio.open(written[0] / "x_500m_quality.tif") as file:
        tags = file.tags(1)
        assert file.nodata is None
    masks = [int(mask) for mask in tags["flag_masks"].split()]
    assert dict(zip(tags["flag_meanings"].split(), masks, strict=True))["gap_near"] == 4


def test_provenance_says_what_went_in_and_what_came_out(written: tuple[Path, dict[int, xr.Dataset]]) -> None:
    import hashlib

    folder, levels = written
    record = json.loads((folder / "x_provenance.json").read_text())
    assert record["inputs"] == list(ABOUT.inputs)
    assert record["model"]["sha256"] == "ab" * 32
    assert {"srdanet", "python", "platform", "packages"} <= record["software"].keys()
    assert record["created"].endswith("Z")
    fine = record["levels"]["250"]
    share = float(np.isfinite(levels[250]["lst"].values).mean())
    assert fine["valid_share"] == pytest.approx(share, abs=1e-6)
    assert fine["flags"]["no_input"] == pytest.approx(1 - share, abs=1e-6)
    assert fine["lst"]["max"] == pytest.approx(float(levels[250]["lst"].max()), abs=1e-3)
    assert fine["uncertainty_mean"] == 0.75
    assert fine["closure"]["max"] < 1e-3  # the truth, degraded, is the coarse image
    for name, about in fine["files"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == about["sha256"]


def test_closure_reports_a_product_that_does_not_close(tmp_path: Path) -> None:
    fine, coarse = level(250, 64, 48), level(1000, 64, 48)
    write_product(fine, tmp_path, "x", origin=Origin(), coarse=coarse["lst"] + 0.5)
    record = json.loads((tmp_path / "x_provenance.json").read_text())
    assert record["levels"]["250"]["closure"]["rmse"] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("shape", [(4, 4), (5, 3), (512, 512), (513, 8)])
def test_any_size(tmp_path: Path, shape: tuple[int, int]) -> None:
    fine = level(250, *shape)
    files = write_product(fine, tmp_path, "x", origin=Origin()).files
    with rasterio.open(files.rasters[250]["lst"]) as file:
        np.testing.assert_array_equal(file.read(1), fine["lst"].values)


def test_all_missing(tmp_path: Path) -> None:
    fine = level(250, 40, 24)
    fine["lst"][:] = np.nan
    write_product(fine.drop_vars("lst_uncertainty"), tmp_path, "x", origin=Origin())
    about = json.loads((tmp_path / "x_provenance.json").read_text())["levels"]["250"]
    assert (about["valid_share"], about["lst"], about["uncertainty_mean"]) == (0.0, None, None)
    assert not (tmp_path / "x_250m_uncertainty.tif").exists()


def test_memory_mapped_results(tmp_path: Path) -> None:
    fine = level(250, 700, 600)
    mapped = np.memmap(tmp_path / "a.dat", np.float32, "w+", shape=(700, 600))
    mapped[:] = fine["lst"].values
    fine["lst"] = (("y", "x"), mapped)
    files = write_product(fine, tmp_path / "out", "x", origin=Origin()).files
    with rasterio.open(files.rasters[250]["lst"]) as file:
        np.testing.assert_array_equal(file.read(1), mapped)


def test_projected_grids_of_users(tmp_path: Path) -> None:
    from affine import Affine
    from odc.geo.geobox import GeoBox

    from srdanet.grid import coordinates

    box = GeoBox((6, 9), Affine(250, 0, 500_000, 0, -250, 5_300_000), CRS("EPSG:32631"))
    fine = xr.Dataset({"lst": (("y", "x"), np.full((6, 9), 281.5, np.float32))}, coords=coordinates(box))
    files = write_product(fine, tmp_path, "utm", origin=Origin()).files
    with rasterio.open(files.rasters[250]["lst"]) as file:
        assert file.crs.to_epsg() == 32631


def test_existing_outputs_are_refused_and_untouched(tmp_path: Path) -> None:
    fine = level(250, 8, 8)
    (tmp_path / "x_250m.png").write_text("mine")
    with pytest.raises(OutputError, match="exists already") as caught:
        check_outputs(tmp_path, "x", [250])
    assert "overwrite" in str(caught.value)
    with pytest.raises(OutputError, match="exists already"):
        write_product(fine, tmp_path, "x", origin=Origin())
    assert [p.name for p in tmp_path.iterdir()] == ["x_250m.png"]
    assert (tmp_path / "x_250m.png").read_text() == "mine"
    write_product(fine, tmp_path, "x", origin=Origin(), overwrite=True)
    assert len(list(tmp_path.iterdir())) == 8


def test_overwriting_leaves_no_file_of_the_product_before(tmp_path: Path) -> None:
    """A record must not stand beside finer files that it does not name; files of others stay."""
    both = {500: level(500, 8, 6), 250: level(250, 16, 12)}
    write_product(both, tmp_path, "x", origin=Origin())
    (tmp_path / "x_notes.txt").write_text("mine")
    write_product({500: both[500]}, tmp_path, "x", origin=Origin(), overwrite=True)
    assert not list(tmp_path.glob("x_250m*"))
    assert len(list(tmp_path.glob("x_500m*"))) == 7
    assert (tmp_path / "x_notes.txt").exists()


@pytest.mark.parametrize("stem", ["", "../x", "a/b", ".hidden"])
def test_stems_are_plain_names(tmp_path: Path, stem: str) -> None:
    with pytest.raises(ArgumentError, match="file name"):
        write_product(level(250, 8, 8), tmp_path, stem, origin=Origin())


def test_results_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="no variable lst"):
        write_product(level(250, 8, 8).drop_vars("lst"), tmp_path, "x", origin=Origin())
    with pytest.raises(GridError, match="dimensions"):
        write_product(level(250, 8, 8).transpose("x", "y"), tmp_path, "x", origin=Origin())
    with pytest.raises(ArgumentError, match="JSON"):
        write_product(level(250, 8, 8), tmp_path, "x", origin=Origin(scene={"x": object()}))
    assert list(tmp_path.iterdir()) == []
