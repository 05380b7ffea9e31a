"""What a scene accepts, and what it makes of it, check by check."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from srdanet.errors import ArgumentError, GridError, SceneError
from srdanet.grid import SINUSOIDAL, Nesting, Tile, coordinates, refine
from srdanet.scene.checks import (
    Predictors,
    arrays_by_name,
    arrays_of,
    as_lst,
    as_predictor,
    check_ground,
    check_name,
    check_types,
    conform,
    finest_of_each,
    in_unit,
    nested,
    on_grid,
    time_of,
    within,
)

COARSE = Tile(18, 4).geobox(1000)[300:305, 700:707]


def image(box: GeoBox, low: float = 0.1, high: float = 0.6, name: str = "red", dtype: str = "float32") -> xr.DataArray:
    values = np.linspace(low, high, box.shape[0] * box.shape[1]).reshape(box.shape).astype(dtype)
    return xr.DataArray(values, dims=("y", "x"), coords=coordinates(box), name=name)


def test_arrays_come_in_any_form() -> None:
    red, blue = image(COARSE), image(COARSE, name="blue")
    forms = {
        "array": red,
        "list": [red, blue],
        "dataset": xr.Dataset({"red": red, "blue": blue}),
        "mapping": {"red": red, "blue": blue},
        "mixed": [red.to_dataset(), {"blue": blue}],
        "datasets": (d for d in (red.to_dataset(), blue.to_dataset())),
    }
    for form, given in forms.items():
        found = dict(arrays_by_name(given))
        assert list(found) == (["red"] if form == "array" else ["red", "blue"])
        assert all(np.array_equal(found[name], red) for name in found)
    assert list(arrays_by_name(None)) == []
    with pytest.raises(ArgumentError, match="not ndarray"):
        list(arrays_by_name([np.zeros(2)]))  # type: ignore[list-item]


@pytest.mark.parametrize("key", ["crs_wkt", "spatial_ref", "crs"])
def test_the_crs_of_a_whole_dataset_is_that_of_each_array(key: str) -> None:
    bare = image(COARSE).drop_vars("spatial_ref")
    found = arrays_of(xr.Dataset({"red": bare}, attrs={key: "EPSG:32631"}))["red"]
    assert found.spatial_ref.attrs["crs_wkt"] == "EPSG:32631"
    own = image(COARSE)
    assert arrays_of(xr.Dataset({"red": own}, attrs={key: "EPSG:32631"}))["red"].identical(own)
    stated = bare.assign_attrs(grid_mapping="modis")
    assert "spatial_ref" not in arrays_of(xr.Dataset({"red": stated}, attrs={key: "EPSG:32631"}))["red"].coords
    assert "spatial_ref" not in arrays_of(xr.Dataset({"red": bare}, attrs={key: ""}))["red"].coords


def test_of_two_grids_the_finer_is_taken() -> None:
    coarse = xr.Dataset({"red": image(COARSE), "t2m": image(COARSE, 280, 290, "t2m")})
    fine = xr.Dataset({"red": image(refine(COARSE, 2)), "blue": image(refine(COARSE, 2), name="blue")})
    same = xr.Dataset({"blue": image(refine(COARSE, 2), 0.3, 0.4, name="blue")})
    for given in ((coarse, fine), (fine, coarse), (coarse, fine, same)):
        found = finest_of_each(given)
        sizes = {str(name): held[name].shape for held in found for name in held.data_vars}
        assert sizes == {"red": (10, 14), "blue": (10, 14), "t2m": (5, 7)}
        assert sum(len(held.data_vars) for held in found) == 3
    assert len(finest_of_each((fine, same))) == 1
    assert float(finest_of_each((fine, same))[0]["blue"].max()) == pytest.approx(0.6)
    assert finest_of_each(coarse)[0].identical(coarse)
    assert finest_of_each(None) == ()
    with pytest.raises(ArgumentError, match="'rde' is unknown"):
        finest_of_each(coarse.rename(red="rde"))


def test_names() -> None:
    check_name("red", {"blue"})
    with pytest.raises(SceneError, match="given twice"):
        check_name("red", {"red"})
    with pytest.raises(SceneError, match="unknown"):
        check_name("rde", set())


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int64", "float32", "float64"])
def test_types_that_files_hold(dtype: str) -> None:
    check_types(image(COARSE, 1, 9, dtype=dtype).to_dataset())


@pytest.mark.parametrize("dtype", ["float16", "complex64", "bool"])
def test_types_that_files_do_not_hold(dtype: str) -> None:
    with pytest.raises(SceneError, match=r"red: type .* cannot be stored"):
        check_types(image(COARSE).astype(dtype).to_dataset())


def test_dimensions_of_a_dataset() -> None:
    with pytest.raises(SceneError, match="dimensions"):
        check_types(image(COARSE).transpose("x", "y").to_dataset())


@pytest.mark.parametrize(("row", "col"), [(0, 0), (-5, 0), (4, 6), (-9, -13), (3, -12), (9, 13), (-2, 5)])
def test_a_grid_that_shares_one_cell_lies_within(row: int, col: int) -> None:
    whole = Tile(18, 4).geobox(500)
    top, left = 600 + row, 1400 + col
    fine = whole[top : top + 10, left : left + 14]
    nest = within(COARSE, fine, "red")
    assert nest == Nesting(2, -row, -col)
    again = nested(COARSE, nest, (10, 14))
    assert again.shape == (10, 14)
    assert tuple(again.affine) == pytest.approx(tuple(fine.affine), abs=1e-6)
    assert again.crs == COARSE.crs


@pytest.mark.parametrize(("row", "col"), [(-10, 0), (10, 0), (0, 14), (0, -14), (-11, 15)])
def test_a_grid_that_only_touches_does_not(row: int, col: int) -> None:
    top, left = 600 + row, 1400 + col
    fine = Tile(18, 4).geobox(500)[top : top + 10, left : left + 14]
    with pytest.raises(GridError, match="red: lies beside"):
        within(COARSE, fine, "red")


def test_what_does_not_nest_is_named() -> None:
    with pytest.raises(GridError, match=r"red"):
        within(COARSE, GeoBox((9, 9), COARSE.affine * Affine.scale(0.7), COARSE.crs), "red")


def test_layers_on_a_grid_keep_values_and_attributes() -> None:
    held = on_grid({"a": image(COARSE).assign_attrs(units="1"), "b": np.arange(35).reshape(5, 7)}, COARSE)
    assert held["a"].attrs["units"] == "1"
    assert held["b"].attrs.get("units") is None
    assert np.array_equal(held["b"].values, np.arange(35).reshape(5, 7))
    assert np.array_equal(held.x, coordinates(COARSE)["x"])


def test_images_are_turned_to_north_up() -> None:
    right = image(COARSE)
    for turned in (
        right.isel(y=slice(None, None, -1)),
        right.isel(x=slice(None, None, -1)),
        right.isel(y=slice(None, None, -1), x=slice(None, None, -1)).transpose("x", "y"),
        right.expand_dims("band"),
    ):
        assert conform("red", turned).equals(right)
    two = image(COARSE[0:2, 0:2])
    assert conform("red", two.isel(y=[1, 0], x=[1, 0])).equals(two)
    one = image(COARSE)[:1, :1]
    assert conform("red", one).equals(one)
    bare = xr.DataArray(np.arange(6).reshape(2, 3), dims=("y", "x"))
    assert conform("red", bare).equals(bare)


def test_longitudes_over_the_date_line_are_not_turned() -> None:
    box = GeoBox((2, 4), Affine(1, 0, 178, 0, -1, 10), CRS("EPSG:4326"))
    over = image(box).assign_coords(x=[178.5, -179.5, -178.5, -177.5])
    assert conform("t2m", over).equals(over)
    westwards = image(box).assign_coords(x=[20.5, 19.5, 18.5, 17.5])
    assert conform("t2m", westwards).x.values.tolist() == [17.5, 18.5, 19.5, 20.5]
    metres = image(box).assign_coords(x=[1000.0, 0.0, -1000.0, -2000.0])
    assert conform("t2m", metres).x.values[0] == -2000


@pytest.mark.parametrize("shape", [{"time": 2}, {"band": 3}, {"level": 1}])
def test_other_dimensions_are_refused(shape: dict[str, int]) -> None:
    (name, size) = next(iter(shape.items()))
    with pytest.raises(ArgumentError, match=rf"isel\({name}=0\)"):
        conform("red", image(COARSE).expand_dims({name: size}))


@pytest.mark.parametrize("dims", [("lat", "lon"), ("y", "lon"), ("y", "x2")])
def test_without_rows_and_columns(dims: tuple[str, str]) -> None:
    with pytest.raises(GridError, match="dimensions"):
        conform("red", xr.DataArray(np.zeros((2, 3)), dims=dims))


def test_units_are_converted_and_noted() -> None:
    celsius = image(COARSE, 10, 20, "t2m").assign_attrs(units="degC", source="x")
    found, notes = in_unit("t2m", celsius, "K")
    assert np.allclose(found.values, celsius.values + 273.15)
    assert found.dtype == np.float32
    assert notes == ["t2m: converted from degC to K"]
    for same in (celsius.assign_attrs(units="K"), celsius.assign_attrs(units=""), celsius.drop_attrs()):
        assert in_unit("t2m", same, "K")[0] is same
        assert in_unit("t2m", same, "K")[1] == []
    assert in_unit("tvdi", celsius, "") == (celsius, [])
    with pytest.raises(ArgumentError, match="'furlong'"):
        in_unit("t2m", celsius.assign_attrs(units="furlong"), "K")


def test_the_time_by_coordinates_attributes_and_what_is_asked() -> None:
    lst = image(COARSE, 280, 290, "lst")
    assert time_of(lst, COARSE, None) is None
    noon = np.datetime64("2020-07-15T11:00:00")
    assert time_of(lst, COARSE, "2020-07-15T11:00") == noon
    held = lst.assign_coords(time=noon)
    assert time_of(held, COARSE, None) == noon
    assert time_of(held, COARSE, noon) == noon
    with pytest.raises(ArgumentError, match="time"):
        time_of(held, COARSE, "2020-07-16T11:00")
    assert time_of(lst.assign_attrs(date="2020-07-19"), COARSE, noon) == noon


def test_ground() -> None:
    rng = np.random.default_rng(1)
    lst = image(COARSE).copy(data=rng.normal(290, 5, COARSE.shape))
    check_ground(COARSE, lst)
    with pytest.raises(GridError, match=r"metre of its map is 0\.\d+ m"):
        check_ground(GeoBox((4, 4), Affine(100, 0, 0, 0, -100, 8_399_738), CRS("EPSG:3857")), lst)
    box = refine(COARSE, 3)
    blocks = image(box).copy(data=lst.values.repeat(3, 0).repeat(3, 1))
    with pytest.raises(GridError, match="3 x 3 times"):
        check_ground(box, blocks)


def test_predictors_are_grouped_counted_and_noted() -> None:
    red = image(refine(COARSE, 2))
    red[0, 1] = 7.0
    warm = image(COARSE, 10, 20, "t2m").assign_attrs(units="degC")
    found = Predictors.of([("red", red), ("t2m", warm), ("blue", image(refine(COARSE, 2), name="blue"))], COARSE)
    assert [sorted(map(str, held.data_vars)) for held in found.datasets] == [["blue", "red"], ["t2m"]]
    assert [box.shape for box in found.boxes] == [(10, 14), (5, 7)]
    assert found.dropped == {"red": 1}
    assert found.notes == ("t2m: converted from degC to K",)
    with pytest.raises(SceneError, match="red is given twice"):
        Predictors.of([("red", red), ("red", red)], COARSE)


def test_coarse_variables() -> None:
    lst = image(COARSE, 280, 290, "lst").assign_attrs(long_name="mine", units="kelvin")
    lst[2, 3] = 9999.0
    found, dropped = as_lst("lst", lst)
    assert dropped == 1
    assert np.argwhere(np.isnan(found.values)).tolist() == [[2, 3]]
    assert found.attrs == {"long_name": "mine", "units": "K", "standard_name": "surface_temperature"}
    qc, dropped = as_lst("qc", image(COARSE, 0, 250, "qc", "uint8"))
    assert (qc.dtype, dropped) == (np.uint8, 0)
    assert "standard_name" not in qc.attrs
    assert qc.attrs["units"] == "1"
    whole, _ = as_lst("lst", image(COARSE, 280, 290, "lst", "int16"))
    assert whole.dtype == np.float32
    assert as_lst("lst", image(COARSE, 280, 290, "lst", "float64"))[0].dtype == np.float64
    with pytest.raises(SceneError, match="unknown coarse variable"):
        as_lst("emissivity", lst)
    with pytest.raises(SceneError, match="kelvin, not Celsius"):
        as_lst("lst", image(COARSE, 5, 40, "lst"))
    with pytest.raises(SceneError, match="holds no numbers"):
        as_lst("lst", lst.astype("complex64"))


def test_predictors_in_the_units_of_the_table() -> None:
    red, dropped = as_predictor("red", image(COARSE))
    assert (dropped, red.attrs["units"]) == (0, "1")
    with pytest.raises(SceneError, match=r"red: most values lie outside .*median 2050\)\s+Give physical"):
        as_predictor("red", image(COARSE, 100, 4000))
    cover = image(COARSE, 1, 17, "land_cover").round()
    cover[0, 0], cover[4, 6] = np.nan, 0
    found, dropped = as_predictor("land_cover", cover)
    assert (found.dtype, dropped) == (np.uint8, 1)
    assert (found.values[0, 0], found.values[4, 6], found.values[0, 1]) == (255, 255, cover.values[0, 1])
    filled, dropped = as_predictor("land_cover", cover.fillna(255).where(cover != 0, 255).astype("uint8"))
    assert (dropped, filled.values[0, 0]) == (0, 255)
    with pytest.raises(SceneError, match="IGBP"):
        as_predictor("land_cover", image(COARSE, 100, 200, "land_cover"))


def test_grids_of_utm_scenes_nest_too() -> None:
    box = GeoBox((4, 6), Affine(1000, 0, 500_000, 0, -1000, 5_000_000), CRS("EPSG:32631"))
    assert within(box, refine(box, 4), "red") == Nesting(4, 0, 0)
    with pytest.raises(GridError, match=r"red: .*CRS"):
        within(box, GeoBox((4, 6), box.affine, SINUSOIDAL), "red")
