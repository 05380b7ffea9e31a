"""Every real granule opens, with the shares of valid cells its collection's README states."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import GranuleError, GridError
from srdanet.grid import Nesting, Tile, geobox_of, nesting
from srdanet.readers import hdf4
from srdanet.readers.granule import open_granule
from srdanet.readers.tables import PRODUCTS

pytestmark = pytest.mark.real

# File, tile, day, and the share of valid cells (%) of some layers, rounded as stated.
GRANULES = [
    ("hdf4-granules/MOD11A1.A2019305.h14v09", "h14v09", (2019, 11, 1), {"lst_day": 23.2, "lst_night": 15.6}),
    ("hdf4-granules/MOD11A1.A2017147.h12v11", "h12v11", (2017, 5, 27), {"lst_day": 6.7, "lst_night": 6.4}),
    ("hdf4-granules/MOD11A1.A2021227.h11v05", "h11v05", (2021, 8, 15), {"lst_day": 4.4, "lst_night": 4.2}),
    ("hdf4-granules/MOD11B2.A2017001.h14v04", "h14v04", (2017, 1, 1), {"lst_day": 7.8}),
    ("hdf4-granules/MOD09GA.A2008296.h14v17", "h14v17", (2008, 10, 22), dict.fromkeys(("red", "swir2"), 0.3)),
    ("hdf4-granules/MOD09A1.A2017193.h18v04", "h18v04", (2017, 7, 12), dict.fromkeys(("red", "swir2"), 100.0)),
    # The 0.4 % stated for this one are of the single bands; the broadband albedo has 0.3 %.
    ("hdf4-granules/MCD43A3.A2017199.h15v07", "h15v07", (2017, 7, 18), {"albedo_wsa": 0.3, "albedo_bsa": 0.3}),
    ("hdf4-granules/MCD12Q1.A2001001.h00v08", "h00v08", (2001, 1, 1), {"land_cover": 90.9}),
    ("hdf4-granules/MYD13Q1.A2002185.h00v09", "h00v09", (2002, 7, 4), {"ndvi": 0.0, "red": 0.0}),
    ("hdf4-granules/MOD13A2.A2021225.h11v06", "h11v06", (2021, 8, 13), {"ndvi": 0.8, "swir2": 0.8}),
    ("hdf4-granules/MOD13A2.A2016145.h18v04", "h18v04", (2016, 5, 24), {"ndvi": 100.0}),
    ("hdf4-granules/MCD15A2H.A2016201.h18v05", "h18v05", (2016, 7, 19), {"lai": 20.4, "fpar": 20.4}),
    ("heihe-2013001/MOD11B1.A2013001.h25v05", "h25v05", (2013, 1, 1), {"lst_day": 84.8}),
]


def find(shared_data: Path, stem: str) -> Path:
    (path,) = shared_data.glob(f"{stem}*.hdf")
    return path


def test_no_granule_is_left_out(shared_data: Path) -> None:
    listed = {find(shared_data, stem) for stem, *_ in GRANULES}
    assert listed == set(shared_data.rglob("*.hdf"))


@pytest.mark.parametrize(("stem", "tile", "day", "shares"), GRANULES, ids=[row[0][-23:] for row in GRANULES])
def test_a_real_granule(
    shared_data: Path, stem: str, tile: str, day: tuple[int, int, int], shares: dict[str, float]
) -> None:
    path = find(shared_data, stem)
    opened = open_granule(path, None if "Q1" not in stem else list(shares))
    assert (str(opened.tile), opened.date) == (tile, dt.date(*day))
    assert opened.product == path.name.partition(".")[0]
    assert f".{opened.collection}." in path.name
    assert opened.whole == ("CROPPED" not in path.name)
    for name, data in opened.layers.items():
        row = PRODUCTS[opened.product].layer(name)
        if opened.whole:
            assert data.shape == (row.level.cells,) * 2
            a = Tile.parse(tile).geobox(row.level).affine
            assert data.spatial_ref.attrs["GeoTransform"] == " ".join(map(str, (a.c, a.a, a.b, a.f, a.d, a.e)))
        if row.kind == "quantity":
            low, high = (np.float32(count * row.scale + row.offset) for count in row.valid)
            assert low <= np.nanmin(data) <= np.nanmax(data) <= high
    for name, share in shares.items():
        data = opened.layers[name]
        valid = np.isfinite(data) if data.dtype.kind == "f" else data != data.attrs["missing_word"]
        assert float(valid.mean()) * 100 == pytest.approx(share, abs=0.0501)


def test_granules_cut_by_a_tool_keep_their_place(shared_data: Path) -> None:
    """One lies on the lattice of its tile; the other was put on a lattice of its own, and stays there."""
    on, off = (open_granule(find(shared_data, f"hdf4-granules/{stem}")) for stem in ("MOD09A1", "MOD13A2.A2016145"))
    tile = Tile(18, 4)
    red, ndvi = on.layers["red"], off.layers["ndvi"]
    assert nesting(tile.geobox(500)[923:996, 1626:1692], geobox_of(red)) == Nesting(1, 0, 0)
    box = geobox_of(ndvi).boundingbox
    assert (box.left, box.top) == pytest.approx((670117.907295, 5608858.446491), abs=1e-3)
    assert (box.right, box.bottom) == pytest.approx((873048.877134, 5437432.741376), abs=1e-3)
    with pytest.raises(GridError, match="miss each other"):
        nesting(tile.geobox(1000), geobox_of(ndvi))


def test_lst_and_its_time_angle_and_quality_go_together(shared_data: Path) -> None:
    from srdanet.readers.quality import lst_error

    layers = open_granule(find(shared_data, "hdf4-granules/MOD11A1.A2019305.h14v09")).layers
    valid = np.isfinite(layers["lst_day"].values)
    for name in ("view_time_day", "view_angle_day"):
        assert np.array_equal(np.isfinite(layers[name]), valid)
    assert np.array_equal(np.isfinite(lst_error(layers["qc_day"])), valid)
    assert 280 < float(layers["lst_day"].mean()) < 325
    assert 10 <= float(layers["view_time_day"].min()) <= float(layers["view_time_day"].max()) <= 11


def test_eight_day_view_times_are_those_of_terra(shared_data: Path) -> None:
    """The file states 0.1 h; read so, Terra would pass at half past five."""
    layers = open_granule(find(shared_data, "hdf4-granules/MOD11B2.A2017001")).layers
    assert 10 <= float(layers["view_time_day"].min()) <= float(layers["view_time_day"].max()) <= 12.5
    assert 20 <= float(layers["view_time_night"].min()) <= float(layers["view_time_night"].max()) <= 23


def test_full_words_of_real_quality_layers(shared_data: Path) -> None:
    from srdanet.readers.quality import Screening

    layers = open_granule(find(shared_data, "hdf4-granules/MOD09GA.A2008296")).layers
    seen = np.isfinite(layers["red"].values)
    assert not Screening().keep_band(layers["qc_500m"], 1)[~seen].any(), "fill is never kept"
    missing = layers["state"].values == layers["state"].attrs["missing_word"]
    assert missing.mean() == pytest.approx(0.997, abs=1e-3)
    lenient = Screening(cloud=False, adjacent=False, shadow=False)
    assert not lenient.keep_reflectance(layers["state"])[missing].any()
    albedo = open_granule(find(shared_data, "hdf4-granules/MCD43A3")).layers
    assert np.array_equal(Screening().keep_albedo(albedo["albedo_quality"]), np.isfinite(albedo["albedo_wsa"]))


def test_the_met_beside_the_real_granule_is_its_own(shared_data: Path, tmp_path: Path) -> None:
    path = find(shared_data, "hdf4-granules/MYD13Q1")
    assert open_granule(path, ["vi_reliability"]).layers["vi_reliability"].shape == (4800, 4800)
    copy = tmp_path / path.name.replace("h00v09", "h01v09")
    copy.symlink_to(path)
    (tmp_path / f"{copy.name}.met").symlink_to(path.with_name(f"{path.name}.met"))
    with pytest.raises(GranuleError, match="The name says tile h01v09, but the metadata says h00v09"):
        open_granule(copy, ["vi_reliability"])


def test_the_reader_gives_what_pyhdf_gives(shared_data: Path) -> None:
    from pyhdf.SD import SD

    path = find(shared_data, "hdf4-granules/MOD09GA.A2008296")
    wanted = {name: hdf4.describe(path).fields[name] for name in ("sur_refl_b03_1", "QC_500m_1", "state_1km_1")}
    file = SD(str(path))
    for name, (counts, attributes) in hdf4.read(path, wanted).items():
        assert np.array_equal(counts, file.select(name).get())
        assert attributes == file.select(name).attributes()
    file.end()
