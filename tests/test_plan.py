"""Survey and plan: which file serves what, without opening an image."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from srdanet.errors import ArgumentError
from srdanet.grid import Tile
from srdanet.prepare import InputFile, Plan, RasterSpec, choose, plan, survey
from srdanet.prepare.survey import bounds_of, touch
from srdanet.readers.dates import name_times

DAY, TILE = dt.date(2020, 7, 15), Tile(18, 4)


def granule(product: str, date: dt.date = DAY, tile: Tile = TILE, produced: str = "2021012345678") -> InputFile:
    name = f"{product}.A{date:%Y%j}.{tile}.061.{produced}.hdf"
    return InputFile(path=name, kind="granule", product=product, date=date, tile=tile, made=("061", produced))


def era5(first: str, last: str) -> InputFile:
    span = (np.datetime64(first), np.datetime64(last))
    return InputFile(path=f"era5_{first}.nc", kind="meteorology", product="ERA5", span=span)


def heights(name: str, *bounds: float) -> InputFile:
    return InputFile(path=name, kind="elevation", product="heights", bounds=bounds)


def raster(name: str, path: str = "x.tif", date: dt.date | None = None) -> InputFile:
    return InputFile(path=path, kind="raster", product="raster", date=date, spec=RasterSpec(name=name, path=path))


LST, GA, GQ = granule("MOD11A1"), granule("MOD09GA"), granule("MOD09GQ")


def roles(made: Plan) -> dict[str, tuple[str, ...]]:
    return {s.role: s.paths for s in made.sources}


def why(made: Plan, found: InputFile) -> str:
    return dict(made.ignored)[found.path]


def test_a_full_set_is_told_apart_by_role_and_layers() -> None:
    files = [
        granule("MCD12Q1", dt.date(2020, 1, 1)),
        GQ,
        LST,
        granule("MCD43A3"),
        GA,
        heights("N46E005.hgt", 5, 46, 6, 47),
        era5("2020-07-15T00:00", "2020-07-15T23:00"),
    ]
    made = choose(files)
    assert (made.tile, made.date, made.day, made.platform) == (TILE, DAY, True, "terra")
    assert roles(made) == {
        "lst": (LST.path,),
        "reflectance_250m": (GQ.path,),
        "reflectance_500m": (GA.path,),
        "albedo": (files[3].path,),
        "land_cover": (files[0].path,),
        "elevation": ("N46E005.hgt",),
        "meteorology": (files[6].path,),
    }
    assert made.source("lst").layers == ("lst_day", "qc_day", "view_time_day", "view_angle_day")
    assert made.source("reflectance_250m").layers == ("red", "nir", "qc_250m")
    assert made.source("reflectance_500m").layers == ("blue", "green", "nir2", "swir1", "swir2", "qc_500m", "state")
    assert made.missing == {}
    assert made.ignored == ()
    assert choose(files, day=False).source("lst").layers[0] == "lst_night"


def test_another_lst_product_is_named_for_what_it_is() -> None:
    name = "MOD11B2.A2020193.h18v04.061.2020202012345.hdf"
    coarse = InputFile(path=name, kind="granule", product="MOD11B2", date=dt.date(2020, 7, 11), tile=TILE)
    with pytest.raises(ArgumentError, match=r"MOD11B2 is 8-day land surface temperature.* 6 km") as caught:
        choose([coarse])
    assert caught.value.where == name


def test_without_mod09gq_red_and_nir_come_from_mod09ga() -> None:
    made = choose([LST, GA])
    assert made.source("reflectance_500m").layers[:2] == ("red", "nir")
    assert made.missing["reflectance_250m"] == "red, nir: no vegetation detail finer than 500 m"
    assert choose([LST]).missing["reflectance_250m"] == "red, nir: no NDVI"
    ndvi = InputFile(path="n.tif", kind="raster", product="raster", spec=RasterSpec(name="ndvi", path="n.tif"))
    assert "reflectance_250m" not in choose([LST, ndvi]).missing, "NDVI stands for its bands"
    assert set(choose([LST]).missing) == {
        "reflectance_250m",
        "reflectance_500m",
        "albedo",
        "land_cover",
        "elevation",
        "meteorology",
    }


def test_the_right_tile_and_date_are_chosen_from_many_and_the_rest_say_why() -> None:
    other_tile, other_day = granule("MOD11A1", tile=Tile(26, 5)), granule("MOD11A1", DAY + dt.timedelta(1))
    stray = granule("MOD09GA", DAY - dt.timedelta(1))
    made = choose([other_tile, other_day, stray, GA, LST], "h18v04", "2020-07-15")
    assert roles(made)["lst"] == (LST.path,)
    assert roles(made)["reflectance_500m"] == (GA.path,)
    assert (why(made, other_tile), why(made, other_day)) == ("another tile", "another date")
    assert why(made, stray) == "another date"
    with pytest.raises(ArgumentError, match=r"several tiles: h18v04, h26v05\n.*Name the one you want, of: h18v04"):
        choose([other_tile, LST])
    with pytest.raises(ArgumentError, match="several dates: 2020-07-15, 2020-07-16"):
        choose([other_day, LST])
    with pytest.raises(ArgumentError, match="no LST granule of h01v05"):
        choose([LST], "h01v05")
    with pytest.raises(ArgumentError, match="no land surface temperature"):
        choose([GA, GQ])


def test_of_two_productions_the_newer_is_taken() -> None:
    old, new = granule("MOD11A1", produced="2020198000000"), granule("MOD11A1", produced="2021300000000")
    old_ga = granule("MOD09GA", produced="2020001000000")
    for files in ([old, new, old_ga, GA], [GA, old_ga, new, old]):
        made = choose(files)
        assert roles(made)["lst"] == (new.path,)
        assert roles(made)["reflectance_500m"] == (GA.path,)
        assert why(made, old) == why(made, old_ga) == "an older production of the same"


def test_terra_goes_before_aqua_and_reflectance_follows_the_lst() -> None:
    aqua, aqua_ga = granule("MYD11A1"), granule("MYD09GA")
    made = choose([aqua, LST, aqua_ga, GA])
    assert (made.platform, roles(made)["lst"], roles(made)["reflectance_500m"]) == ("terra", (LST.path,), (GA.path,))
    assert why(made, aqua) == why(made, aqua_ga) == "of the other platform"
    made = choose([aqua, LST, aqua_ga, GA], platform="aqua")
    assert (roles(made)["lst"], roles(made)["reflectance_500m"]) == ((aqua.path,), (aqua_ga.path,))
    made = choose([LST, aqua_ga])
    assert made.source("reflectance_500m").note == "not of terra: hours from the LST"
    with pytest.raises(ArgumentError, match="platform 'envisat'"):
        choose([LST], platform="envisat")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("days", "chosen"), [((-3, 5), -3), ((6, -4, 2), 2), ((-2, 2), -2), ((-16, 20), -16), ((17, -40), None)]
)
def test_albedo_is_of_the_nearest_day_within_16(days: tuple[int, ...], chosen: int | None) -> None:
    files = {d: granule("MCD43A3", DAY + dt.timedelta(d)) for d in days}
    made = choose([LST, *files.values()])
    if chosen is None:
        assert made.source("albedo") is None
        assert {why(made, f) for f in files.values()} == {"more than 16 days away"}
        assert "albedo" in made.missing
    else:
        assert made.source("albedo").paths == (files[chosen].path,)
        assert made.source("albedo").distance == chosen
        assert all(why(made, f) for d, f in files.items() if d != chosen)


def test_land_cover_is_of_the_year_or_marked() -> None:
    years = {y: granule("MCD12Q1", dt.date(y, 1, 1)) for y in (2015, 2018, 2020)}
    assert choose([LST, *years.values()]).source("land_cover").note == ""
    source = choose([LST, years[2015], years[2018]]).source("land_cover")
    assert (source.paths, source.distance, source.note) == ((years[2018].path,), -2, "of 2018, not 2020")


def test_weather_must_cover_the_overpass() -> None:
    right, noon = era5("2020-07-15T00:00", "2020-07-15T23:00"), era5("2020-07-15T14:00", "2020-07-15T20:00")
    made = choose([LST, right, noon])
    assert made.source("meteorology").paths == (right.path,)
    assert why(made, noon) == "covers 2020-07-15T14:00 to 2020-07-15T20:00 UTC, the overpass is about 2020-07-15T10:16"
    # At 172 E the local 10:45 of the granule's UTC day is 23 UTC.
    east = granule("MOD11A1", tile=Tile(34, 10))
    late, early = era5("2020-07-15T20:00", "2020-07-16T02:00"), era5("2020-07-14T20:00", "2020-07-15T08:00")
    made = choose([east, late, early])
    assert made.source("meteorology").paths == (late.path,)
    night = era5("2020-07-15T20:00", "2020-07-15T23:00")
    assert choose([LST, night], day=False).source("meteorology") is not None
    assert choose([LST, night]).source("meteorology") is None


def test_elevation_elsewhere_is_left_out() -> None:
    here = heights("N45E007.hgt", 7, 45, 8, 46)
    far = heights("N10E007.hgt", 7, 10, 8, 11)
    made = choose([LST, far, here])
    assert made.source("elevation").paths == ("N45E007.hgt",)
    assert why(made, far) == "does not touch the tile"


def test_extents_touch_across_the_date_line() -> None:
    assert touch((179, -5, 181, 5), (-181, -5, -179.5, 5))
    assert not touch((10, 40, 20, 50), (20, 40, 30, 50))
    assert not touch((10, 40, 20, 50), (12, 50, 15, 60))
    west, south, east, north = bounds_of(Tile(18, 4).geobox(1000))
    assert (round(south), round(north)) == (40, 50)
    assert west == pytest.approx(0, abs=1e-6)
    assert east == pytest.approx(15.557, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ndvi=a.tif:2", {"name": "ndvi", "path": "a.tif", "band": "2"}),
        ("LST=a b/c.tif", {"name": "lst", "path": "a b/c.tif"}),
        (
            "lst=x.nc:LST_Day_1km,scale=0.02,nodata=0",
            {"name": "lst", "path": "x.nc", "band": "LST_Day_1km", "nodata": 0, "scale": 0.02},
        ),
        ("lst=x.tif,unit=degC,crs=EPSG:32631", {"name": "lst", "path": "x.tif", "unit": "degC", "crs": "EPSG:32631"}),
        (r"red=C:\data\x.tif:1", {"name": "red", "path": r"C:\data\x.tif", "band": "1"}),
        (r"red=C:\data\x.tif", {"name": "red", "path": r"C:\data\x.tif"}),
        ("red=a,b.tif", {"name": "red", "path": "a,b.tif"}),
    ],
)
def test_raster_specifications(text: str, expected: dict[str, object]) -> None:
    assert RasterSpec.parse(text) == RasterSpec(**expected)


def test_bad_specifications_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="'sclae' is not an option"):
        RasterSpec.parse("lst=x.tif,sclae=3")
    with pytest.raises(ArgumentError, match="'two' is not a number"):
        RasterSpec.parse("lst=x.tif,scale=two")
    with pytest.raises(ArgumentError, match=r"absent.tif: is not a file"):
        survey([f"lst={tmp_path}/absent.tif"])
    with pytest.raises(ArgumentError, match=r"caf.xe9.tif: the name is not UTF-8"):
        survey(["lst=caf\udce9.tif"])
    with pytest.raises(ArgumentError, match="is not a file or a folder"):
        survey([tmp_path / "nowhere"])


@pytest.mark.parametrize("time", ["noon", "2020-07-15T25:00", "NaT"])
def test_a_bad_time_is_an_argument_error(time: str) -> None:
    with pytest.raises(ArgumentError, match="time"):
        choose([LST], time=time)


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("MODIS_2017_04_09.tif", dt.date(2017, 4, 9)),
        ("LC08_199027_20170409.tif", dt.date(2017, 4, 9)),
        ("MOD11A1_2013001.LST_Day_1km.tif", dt.date(2013, 1, 1)),
        ("2020-07-15.tif", DAY),
        ("x_20171399_y.tif", None),
        ("20170409_20170410.tif", None),
        ("LST.tif", None),
    ],
)
def test_dates_in_raster_names(name: str, date: dt.date | None) -> None:
    assert name_times(name) == (() if date is None else (np.datetime64(date),))


def test_rasters_take_their_roles_and_their_date(tmp_path: Path) -> None:
    lst, ndvi = tmp_path / "MODIS_2017_04_09.tif", tmp_path / "LC08_20170407.tif"
    lst.touch()
    ndvi.touch()
    made = plan([f"lst={lst}:1", f"ndvi={ndvi}:2", f"ndbi={ndvi}:4"])
    assert made.date == dt.date(2017, 4, 9)
    assert made.source("raster:ndvi").distance == -2
    assert made.source("raster:ndvi").spec.band == "2"
    assert made.ignored[0][1].startswith("'ndbi' is not a quantity this package uses")
    with pytest.raises(ArgumentError, match="several rasters are named lst"):
        plan([f"lst={lst}", f"lst={ndvi}"])


def test_a_named_raster_goes_before_the_granule_layer(tmp_path: Path) -> None:
    (tmp_path / "red.tif").touch()
    raster = survey([f"red={tmp_path}/red.tif"])
    made = choose([LST, GQ, *raster])
    assert made.source("reflectance_250m").layers == ("nir", "qc_250m")


def test_files_are_told_by_name_and_header(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for name in (LST.path, "notes.txt", "deep/LC08.tif", "MOD99XX.A2020197.h18v04.061.2021012345678.hdf", "a.doc"):
        (tmp_path / name).touch()
    profile = {"driver": "GTiff", "count": 1, "dtype": "int16", "width": 20, "height": 10, "crs": "EPSG:4326"}
    with rasterio.open(tmp_path / "deep" / "N46E005.tif", "w", transform=Affine(0.1, 0, 5, 0, -0.1, 47), **profile):
        pass
    times = np.datetime64("2020-07-15T09:00", "ns") + np.arange(3) * np.timedelta64(3600, "s")
    grid = {"valid_time": times, "latitude": [47.0, 46.75, 46.5], "longitude": [5.0, 5.25, 5.5, 5.75]}
    values = np.full((3, 3, 4), 290, np.float32)
    weather = xr.Dataset({"t2m": (tuple(grid), values, {"units": "K"})}, coords=grid)
    weather.to_netcdf(tmp_path / "era5.nc", engine="h5netcdf")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    found = {Path(f.path).name: f for f in survey([tmp_path])}
    assert found[LST.path].kind == "granule"
    assert found["N46E005.tif"].kind == "elevation"
    assert found["N46E005.tif"].bounds == pytest.approx((5, 46, 7, 47))
    assert found["era5.nc"].span == (times[0], times[-1])
    assert found["era5.nc"].bounds == pytest.approx((4.875, 46.375, 5.875, 47.125))
    assert "say what it holds, as NAME=FILE" in found["LC08.tif"].reason
    assert "Product MOD99XX is not known" in found["MOD99XX.A2020197.h18v04.061.2021012345678.hdf"].reason
    assert (found["table.csv"].kind, found["a.doc"].kind) == ("other", "other")
    assert "notes.txt" not in found
    unknown, table = survey([tmp_path / "MOD99XX.A2020197.h18v04.061.2021012345678.hdf", tmp_path / "table.csv"])
    assert (unknown.kind, table.kind) == ("other", "other")
    assert "MOD99XX is not known" in unknown.reason
    assert "columns are a, b" in table.reason


def test_files_that_come_with_a_granule_may_be_named_too(tmp_path: Path) -> None:
    beside = [f"{LST.path}.xml", f"{LST.path}.met", "readme.txt"]
    for name in (LST.path, *beside):
        (tmp_path / name).touch()
    made = plan(sorted(tmp_path.iterdir()))
    assert roles(made).keys() == {"lst"}
    assert sorted(Path(path).name for path, _ in made.ignored) == sorted(beside)


def test_the_same_file_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / LST.path).touch()
    assert len(survey([tmp_path, tmp_path / LST.path, str(tmp_path / LST.path)])) == 1


def test_a_plan_prints_and_is_json(tmp_path: Path) -> None:
    (tmp_path / "elevation.tif").touch()
    raster = survey([f"elevation={tmp_path}/elevation.tif:1"])
    made = choose([LST, granule("MCD43A3", DAY + dt.timedelta(2)), granule("MOD13A2"), *raster])
    text = "\n".join(made.lines())
    assert text.startswith("h18v04 2020-07-15 day terra\n")
    assert "2020-07-17 (+2 d)" in text
    assert "elevation.tif:1" in text
    assert "missing reflectance_250m: red, nir: no NDVI" in text
    assert "missing elevation" not in text
    assert "left out MOD13A2.A2020197.h18v04.061.2021012345678.hdf: a product that scenes do not use" in text
    data = json.loads(json.dumps(made.model_dump(mode="json")))
    assert data["tile"] == "h18v04"
    assert data["sources"][0]["layers"] == ["lst_day", "qc_day", "view_time_day", "view_angle_day"]
    assert {s["role"] for s in data["sources"]} == {"lst", "albedo", "raster:elevation"}


ALL_KINDS = (
    granule("MOD11A1", produced="2020198000000"),
    LST,
    LST.model_copy(update={"path": f"copy/{LST.path}"}),
    granule("MOD11A1", tile=Tile(19, 4)),
    granule("MYD11A1"),
    GA,
    GQ,
    granule("MYD09GQ"),
    granule("MOD09GQ", DAY + dt.timedelta(1)),
    *(granule("MCD43A3", DAY + dt.timedelta(days)) for days in (3, -3, 5, -20)),
    *(granule("MCD12Q1", dt.date(year, 1, 1)) for year in (2019, 2021)),
    granule("MOD13A2"),
    heights("N46E005.hgt", 5, 46, 6, 47),
    heights("N45E007.hgt", 7, 45, 8, 46),
    heights("N10E007.hgt", 7, 10, 8, 11),
    era5("2020-07-15T00:00", "2020-07-15T12:00"),
    era5("2020-07-15T10:00", "2020-07-15T23:00"),
    era5("2020-07-16T00:00", "2020-07-16T23:00"),
    raster("ndvi", date=DAY - dt.timedelta(2)),
    raster("evi"),
    InputFile(path="notes.doc", kind="other", reason="not a kind of file this package reads"),
)


@given(st.permutations(ALL_KINDS))
def test_the_order_of_the_files_does_not_matter(order: list[InputFile]) -> None:
    def view(made: Plan) -> object:
        """All of a plan; files that are joined as a set, since of these the one given first goes before."""
        joined = [s.model_copy(update={"files": frozenset(s.files)}) for s in made.sources]
        return joined, made.missing, sorted(made.ignored), made.tile, made.date, made.platform, made.time

    first, again = choose(ALL_KINDS, "h18v04"), choose(order, "h18v04")
    assert view(again) == view(first)
    used = [p for s in again.sources for p in s.paths]
    assert sorted(used + [p for p, _ in again.ignored]) == sorted(f.path for f in ALL_KINDS), "each file is told once"
    position = {file.path: i for i, file in enumerate(order)}
    assert [position[p] for s in again.sources if s.role == "elevation" for p in s.paths] == sorted(
        position[p] for p in ("N46E005.hgt", "N45E007.hgt")
    ), "files of heights stay in the order given"


def test_each_reason_is_told_from_the_file_and_the_choice() -> None:
    reasons = dict(choose(ALL_KINDS, "h18v04").ignored)
    assert sorted(set(reasons.values())) == [
        "a copy of the one used",
        "a product that scenes do not use",
        "an older production of the same",
        "another date",
        "another tile",
        "covers 2020-07-16T00:00 to 2020-07-16T23:00 UTC, the overpass is about 2020-07-15T10:16",
        "does not touch the tile",
        "farther in time",
        "more than 16 days away",
        "not a kind of file this package reads",
        "of the other platform",
    ]


def test_without_a_granule_of_lst_the_reasons_name_what_is_not_known() -> None:
    lst = raster("lst", "lst.tif")
    files = [lst, LST, GA, granule("MCD43A3", tile=Tile(1, 9)), era5("2020-07-15T00:00", "2020-07-15T23:00")]
    made = choose(files)
    assert why(made, LST) == "LST is given as a raster"
    assert why(made, GA) == "of several tiles; name the one you want"
    assert why(made, files[4]) == "the time of the overpass is not known; give it"
    assert why(choose([lst, GA]), GA) == "the date of the LST is not known; give it"
    dated = choose([lst, GA, files[4]], time="2020-07-15T10:40")
    assert roles(dated) == {"lst": ("lst.tif",), "reflectance_500m": (GA.path,), "meteorology": (files[4].path,)}
    assert why(choose([LST, granule("MCD43A3"), raster("albedo")]), granule("MCD43A3")) == "albedo is given as a raster"


def test_a_name_is_given_to_one_raster_only(tmp_path: Path) -> None:
    for first, second in (([raster("ndvi", "b.tif")], [raster("ndvi", "a.tif")]), ([raster("lst")], [raster("lst")])):
        with pytest.raises(ArgumentError, match=r"several rasters are named (ndvi|lst)"):
            choose([LST, *first, *second])
    (tmp_path / "two.tif").touch()
    with pytest.raises(ArgumentError, match="several rasters are named ndvi"):
        plan([f"lst={tmp_path}/two.tif", f"ndvi={tmp_path}/two.tif:1", f"ndvi={tmp_path}/two.tif:2"])


def test_a_dryness_index_is_not_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.tif").touch()
    made = plan([f"lst={tmp_path}/x.tif", f"tvdi={tmp_path}/x.tif"])
    assert made.ignored[0][1].startswith("'tvdi' is not a quantity this package uses (lst, ")


@pytest.mark.parametrize(
    ("products", "day", "chosen"),
    [
        (("MOD21A1D",), True, "MOD21A1D"),
        (("MOD21A1D", "MOD21A1N"), False, "MOD21A1N"),
        (("MYD21A1D", "MOD11A1"), True, "MOD11A1"),
        (("MYD21A1D", "MOD21A1D"), True, "MOD21A1D"),
        (("VNP21A1D", "VJ121A1D", "VNP21A1N"), True, "VNP21A1D"),
        (("VJ121A1N",), False, "VJ121A1N"),
        (("MOD11A2", "VNP21A1D"), True, "VNP21A1D"),
        (("MOD11A2",), False, "MOD11A2"),
    ],
)
def test_products_of_lst_take_their_turn(products: tuple[str, ...], day: bool, chosen: str) -> None:
    made = choose([granule(name) for name in products], day=day)
    source = made.source("lst")
    assert source.product == chosen
    part = "day" if day else "night"
    assert source.layers == tuple(f"{name}_{part}" for name in ("lst", "qc", "view_time", "view_angle"))
    assert len(made.ignored) == len(products) - 1
    assert all(reason for _, reason in made.ignored)


@pytest.mark.parametrize(("platform", "chosen"), [("npp", "VNP21A1D"), ("noaa20", "VJ121A1D"), ("aqua", "MYD21A1D")])
def test_a_platform_is_taken_where_several_are_there(platform: str, chosen: str) -> None:
    files = [granule(name) for name in ("VJ121A1D", "VNP21A1D", "MYD21A1D", "MYD09GA", "MOD09GA")]
    made = choose(files, platform=platform)  # type: ignore[arg-type]
    assert made.source("lst").product == chosen
    assert made.source("reflectance_500m").product == "MYD09GA"  # of the afternoon, as they are
    assert made.platform == platform


def test_a_granule_of_the_day_holds_no_night() -> None:
    with pytest.raises(ArgumentError, match="no LST granule of the night"):
        choose([granule("MOD21A1D")], day=False)


def test_a_mean_of_days_has_no_overpass() -> None:
    weather = era5("2020-07-15T00:00", "2020-07-15T23:00")
    made = choose([granule("MOD11A2"), weather])
    assert "a mean of 8 days from 2020-07-15" in made.source("lst").note
    assert "no overpass" in why(made, weather)


def test_an_8_day_granule_beside_daily_ones_is_left_out() -> None:
    other = granule("MOD11A2", dt.date(2020, 7, 11))
    made = choose([LST, other])
    assert made.source("lst").product == "MOD11A1"
    assert "MOD11A1 serves" in why(made, other)
