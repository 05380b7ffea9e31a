"""The Scene value, and the promise that saving loses nothing."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from odc.geo.geobox import GeoBox

from srdanet import atomic
from srdanet.errors import ArgumentError, GridError, MissingExtraError, OutputError, SceneError
from srdanet.grid import SINUSOIDAL, Tile, coordinates, refine
from srdanet.scene import Scene, open_scene

NAMES = ["scene.nc"] + (["scene.zarr"] if importlib.util.find_spec("zarr") else [])
COARSE = Tile(18, 4).geobox(1000)[300:305, 700:707]


def array(geobox: GeoBox, low: float, high: float, name: str, dtype: str = "float32") -> xr.DataArray:
    """Values that all differ, so that no flip, shift or swap can hide; one cell is missing."""
    values = np.linspace(low, high, geobox.shape[0] * geobox.shape[1]).reshape(geobox.shape).astype(dtype)
    if values.dtype.kind == "f":
        values[1, 2] = np.nan
    return xr.DataArray(values, dims=("y", "x"), coords=coordinates(geobox), name=name)


def full_scene(**more: object) -> Scene:
    lst = array(COARSE, 280, 310, "lst").to_dataset()
    lst["qc"] = array(COARSE, 0, 200, "qc", "uint8")
    lst["qc"].attrs |= {"flag_masks": [3, 12], "flag_meanings": "mandatory quality", "_FillValue": 255}
    lst["view_time"] = array(COARSE, 10.1, 11.2, "view_time")
    cover = array(refine(COARSE, 2), 1, 17, "land_cover", "uint8")
    cover[0, 3] = 255
    auxiliary = [
        array(refine(COARSE, 4), 0.01, 0.3, "red"),
        array(refine(COARSE, 4), 10, 900, "elevation", "float64"),
        array(refine(COARSE, 2), 0.02, 0.2, "blue"),
        cover,
        array(COARSE, 281, 299, "t2m"),
    ]
    origin = {"inputs": [{"product": "MOD11A1", "share": 0.5, "note": "é – ü"}]}
    return Scene.from_arrays(lst, auxiliary, **{"time": "2020-07-15T10:41:07", "provenance": origin, **more})


@pytest.mark.parametrize("name", NAMES)
def test_saving_and_opening_loses_nothing(tmp_path: Path, name: str) -> None:
    scene = full_scene()
    assert scene.save(tmp_path / name) == tmp_path / name
    with open_scene(tmp_path / name) as again:
        assert again.identical(scene)
        assert again.geobox == scene.geobox
        assert again.time == np.datetime64("2020-07-15T10:41:07")
        assert again.tile == Tile(18, 4)
        assert again.lst["qc"].attrs["flag_masks"].dtype == np.uint8
        assert "_FillValue" not in again.lst["qc"].attrs
        again.save(tmp_path / ("second-" + name))
    with open_scene(tmp_path / ("second-" + name)) as third:
        assert third.identical(scene)


def test_identical_sees_a_single_changed_cell_type_or_attribute() -> None:
    scene = full_scene()
    assert scene.identical(full_scene())
    other = full_scene()
    other.auxiliary[0]["red"].values[3, 4] += np.float32(1e-6)
    assert not scene.identical(other)
    other = full_scene()
    other.lst["lst"].attrs["long_name"] = "another"
    assert not scene.identical(other)
    assert not scene.identical(full_scene(day=False))
    assert not scene.identical(full_scene(provenance={}))


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9)
NUMBERS = st.one_of(st.integers(-(2**31), 2**31), st.floats(allow_nan=False, width=64), TEXT)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_values_types_and_attributes_survive(tmp_path: Path, name: str, data: st.DataObject) -> None:
    shape = data.draw(st.tuples(st.integers(2, 6), st.integers(2, 7)))
    box = GeoBox(shape, Affine(926.625433, 0, 1234.5, 0, -926.625433, 5e6 / 3), SINUSOIDAL)
    dtype = data.draw(st.sampled_from(["f4", "f8"]))
    lst = data.draw(hnp.arrays(dtype, shape, elements=st.floats(150, 400, width=32) | st.just(np.nan)))
    qc = data.draw(hnp.arrays(data.draw(st.sampled_from(["u1", "u2", "i4"])), shape))
    red = data.draw(hnp.arrays(dtype, (shape[0] * 2, shape[1] * 2), elements=st.floats(-0.0, 1, width=32)))
    attrs = data.draw(st.dictionaries(st.sampled_from(["source", "comment", "a_1", "units_long"]), NUMBERS))
    coarse = xr.Dataset({"lst": (("y", "x"), lst, attrs), "qc": (("y", "x"), qc)}, coords=coordinates(box))
    fine = xr.DataArray(red, dims=("y", "x"), coords=coordinates(refine(box, 2)), name="red", attrs=attrs)
    scene = Scene.from_arrays(coarse, fine, time=None, day=data.draw(st.booleans()))
    scene.save(tmp_path / name, overwrite=True)
    with open_scene(tmp_path / name) as again:
        assert again.identical(scene)
        assert again.lst["lst"].values.tobytes() == lst.tobytes()
        assert again.variable("red").values.tobytes() == red.tobytes()
        assert again.day == scene.day
        assert again.tile == scene.tile


def test_a_scene_may_hold_lst_alone_and_says_what_is_missing() -> None:
    scene = Scene.from_arrays(array(COARSE, 280, 310, "anything"))
    assert scene.present == ()
    assert "red" in scene.missing
    assert "ndvi" not in scene.missing
    assert scene.day
    assert scene.time is None
    assert full_scene().present == ("red", "blue", "elevation", "land_cover", "t2m")
    with pytest.raises(SceneError, match="holds no 'nir'"):
        scene.variable("nir")


def test_variables_are_grouped_by_grid_and_coordinates_nest_to_the_last_bit() -> None:
    scene = full_scene()
    assert [sorted(map(str, d.data_vars)) for d in scene.auxiliary] == [
        ["elevation", "red"],
        ["blue", "land_cover"],
        ["t2m"],
    ]
    fine = scene.variable("red")
    pairs = (fine.x.values[0::4] + fine.x.values[3::4]) / 2
    np.testing.assert_allclose(pairs, scene.lst.x.values, rtol=0, atol=1e-9)


def test_a_partly_covering_grid_is_taken_and_one_beside_the_scene_refused() -> None:
    lst = array(COARSE, 280, 310, "lst")
    part = array(refine(COARSE, 4)[6:, 3:14], 0, 1, "red")
    assert Scene.from_arrays(lst, part).variable("red").shape == (14, 11)
    beside = array(Tile(18, 4).geobox(500)[0:20, 0:20], 0, 1, "red")
    with pytest.raises(GridError, match="red: lies beside the LST grid"):
        Scene.from_arrays(lst, beside)
    third = array(GeoBox((9, 9), COARSE.affine * Affine.scale(0.7), COARSE.crs), 0, 1, "red")
    with pytest.raises(GridError, match="do not nest"):
        Scene.from_arrays(lst, third)


def test_values_out_of_range_become_missing_and_are_counted() -> None:
    red = array(refine(COARSE, 2), 0.1, 0.9, "red")
    red[0, 5], red[7, 9] = 3.2767, -0.5
    scene = Scene.from_arrays(array(COARSE, 280, 310, "lst"), red)
    assert np.argwhere(np.isnan(scene.variable("red").values)).tolist() == [[0, 5], [1, 2], [7, 9]]
    assert scene.provenance["out_of_range"] == {"red": 2}
    assert red[0, 5] == np.float32(3.2767), "the caller's array is left alone"


def test_counts_and_celsius_are_refused_with_what_to_do() -> None:
    with pytest.raises(SceneError, match="kelvin, not Celsius"):
        Scene.from_arrays(array(COARSE, 5, 40, "lst"))
    with pytest.raises(SceneError, match="red: most values lie outside"):
        Scene.from_arrays(array(COARSE, 280, 310, "lst"), array(COARSE, 100, 4000, "red", "int16"))


def test_land_cover_becomes_uint8_with_255_for_missing() -> None:
    cover = array(COARSE, 1, 17, "land_cover").round()
    cover[4, 6] = 0
    held = Scene.from_arrays(array(COARSE, 280, 310, "lst"), cover)
    values = held.variable("land_cover").values
    assert values.dtype == np.uint8
    assert (values[1, 2], values[4, 6], values[0, 0], values[4, 5]) == (255, 255, 1, 17)
    assert held.provenance["out_of_range"] == {"land_cover": 1}


@pytest.mark.parametrize(
    ("name", "message"),
    [("reflectance", "auxiliary variable 'reflectance' is unknown"), ("red", "red is given twice")],
)
def test_unknown_and_repeated_names_are_refused(name: str, message: str) -> None:
    lst = array(COARSE, 280, 310, "lst")
    with pytest.raises(SceneError, match=message):
        Scene.from_arrays(lst, [array(refine(COARSE, 2), 0, 1, "red"), array(COARSE, 0, 1, name)])


def test_other_refusals() -> None:
    lst = array(COARSE, 280, 310, "lst")
    with pytest.raises(SceneError, match="no variable `lst`"):
        Scene.from_arrays(lst.to_dataset(name="temperature"))
    with pytest.raises(SceneError, match="unknown coarse variable"):
        Scene.from_arrays(lst.to_dataset(name="lst").assign(emis=lst))
    with pytest.raises(ArgumentError, match="must be xarray arrays"):
        Scene.from_arrays(lst, [np.zeros(3)])  # type: ignore[list-item]
    with pytest.raises(SceneError, match="cannot be stored"):
        Scene(lst=lst.astype("float16").to_dataset(name="lst"))
    with pytest.raises(ArgumentError, match="not a UTC time"):
        Scene.from_arrays(lst, time="yesterday noon")
    with pytest.raises(SceneError, match="as JSON"):
        Scene.from_arrays(lst, provenance={"x": object()}).save("never.nc")


def test_day_follows_the_local_solar_time() -> None:
    lst = array(Tile(31, 10).geobox(1000)[0:4, 0:5], 280, 310, "lst")  # 139 E
    assert Scene.from_arrays(lst, time="2020-07-15T01:10").day
    assert not Scene.from_arrays(lst, time="2020-07-15T13:10").day
    assert Scene.from_arrays(lst, time="2020-07-15").day, "a date without an hour says nothing"


@pytest.mark.parametrize("name", NAMES)
def test_windows_are_read_lazily(tmp_path: Path, name: str) -> None:
    box = Tile(18, 4).geobox(250)[0:700, 0:600]
    lst = array(Tile(18, 4).geobox(1000)[0:175, 0:150], 280, 310, "lst")
    Scene.from_arrays(lst, array(box, 0, 1, "red")).save(tmp_path / name)
    with open_scene(tmp_path / name) as scene:
        red = scene.variable("red")
        assert not red.variable._in_memory
        window = red.isel(y=slice(250, 260), x=slice(3, 8))
        expected = np.linspace(0, 1, 700 * 600).reshape(700, 600).astype("f4")[250:260, 3:8]
        assert np.array_equal(window.values, expected)
        assert not scene.variable("red").variable._in_memory
        assert red.encoding["chunks" if name.endswith("zarr") else "chunksizes"] == (256, 256)


def test_the_file_is_cf_for_other_readers(tmp_path: Path) -> None:
    full_scene().save(tmp_path / "scene.nc")
    with h5py.File(tmp_path / "scene.nc") as file:
        assert file.attrs["Conventions"] == "CF-1.11"
        assert file["lst/lst"].attrs["grid_mapping"] == "spatial_ref"
        assert file["lst/lst"].attrs["units"] == "K"
        assert file["lst/spatial_ref"].attrs["grid_mapping_name"] == "sinusoidal"
        assert file["auxiliary_2/land_cover"].attrs["_FillValue"] == 255
        assert (file["lst/lst"].compression, file["lst/lst"].shuffle) == ("gzip", True)
    decoded = xr.open_dataset(tmp_path / "scene.nc", group="auxiliary_2", engine="h5netcdf")
    assert np.isnan(decoded["land_cover"].values[0, 3])


@pytest.mark.parametrize("name", NAMES)
def test_an_existing_scene_is_kept_unless_overwrite_is_said(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    full_scene().save(path)
    with pytest.raises(OutputError, match="exists already"):
        full_scene(day=False).save(path)
    full_scene(day=False).save(path, overwrite=True)
    with open_scene(path) as scene:
        assert not scene.day
    assert [p.name for p in tmp_path.iterdir()] == [name], "nothing temporary stays"


@pytest.mark.parametrize("name", ["products", "products.nc", "products.zarr"])
def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "work.tif").write_text("years of it")
    with pytest.raises(OutputError, match="is a folder"):
        full_scene().save(folder, overwrite=True)
    assert [p.name for p in folder.iterdir()] == ["work.tif"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_write_leaves_the_old_scene_and_no_rubbish(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    full_scene().save(path)

    def full(held: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic, "_fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        full_scene(day=False).save(path, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    with open_scene(path) as scene:
        assert scene.identical(full_scene())


def test_what_is_no_scene_is_refused_clearly(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="no such file"):
        open_scene(tmp_path / "absent.nc")
    (tmp_path / "text.nc").write_text("hello")
    with pytest.raises(SceneError, match="is not a scene"):
        open_scene(tmp_path / "text.nc")
    xr.Dataset({"a": ("t", [1.0])}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    with pytest.raises(SceneError, match="is not a scene"):
        open_scene(tmp_path / "other.nc")
    with pytest.raises(OutputError, match="folder does not exist"):
        full_scene().save(tmp_path / "no" / "scene.nc")


def test_damage_is_an_error_not_a_wrong_value(tmp_path: Path) -> None:
    path = full_scene().save(tmp_path / "scene.nc")
    whole = path.read_bytes()
    for share in (0.2, 0.6, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(SceneError, match="damaged or cut short"):
            open_scene(path)
    with h5py.File(full_scene().save(tmp_path / "again.nc")) as file:
        block = file["lst/lst"].id.get_chunk_info(0)
    for where in (block.byte_offset + 7, block.byte_offset + block.size - 1):  # of the numbers, of their checksum
        path.write_bytes(whole[:where] + bytes([whole[where] ^ 0x10]) + whole[where + 1 :])
        with open_scene(path) as scene, pytest.raises(SceneError, match="is damaged"):
            scene.load()
    with h5py.File(tmp_path / "again.nc", "a") as file:
        del file["auxiliary_1/y"]
        del file["auxiliary_1/red"]
        del file["auxiliary_1/elevation"]
    with pytest.raises(SceneError, match="is damaged"):
        open_scene(tmp_path / "again.nc")


def test_another_layout_version_is_refused(tmp_path: Path) -> None:
    path = full_scene().save(tmp_path / "scene.nc")
    with h5py.File(path, "a") as file:
        file.attrs["srdanet_scene"] = "99"
    with pytest.raises(SceneError, match=r"layout '99'.*reads '1'"):
        open_scene(path)


@pytest.mark.skipif("scene.zarr" not in NAMES, reason="zarr is not installed")
def test_a_zarr_folder_that_lost_a_block_or_its_mark_is_refused(tmp_path: Path) -> None:
    path = full_scene().save(tmp_path / "scene.zarr")
    (path / "auxiliary_1" / "red" / "c" / "0" / "0").unlink()
    with pytest.raises(SceneError, match="blocks of auxiliary_1/red are missing"):
        open_scene(path)
    path = full_scene().save(tmp_path / "second.zarr")
    (path / "zarr.json").write_text('{"attributes": {}, "zarr_format": 3, "node_type": "group"}')
    with pytest.raises(SceneError, match="is not a scene"):
        open_scene(path)
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(SceneError, match="no Zarr 3 folder"):
        open_scene(tmp_path / "empty.zarr")


def test_without_zarr_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtraError, match="zarr is not installed"):
        full_scene().save(tmp_path / "scene.zarr")
    assert list(tmp_path.iterdir()) == []
