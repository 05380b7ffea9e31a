from __future__ import annotations

import csv
import io
import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import numpy as np
import pytest
import rasterio

from srdanet.errors import ArgumentError
from srdanet.flags import FLAGS, NO_INPUT
from srdanet.product.looks import first_flag
from srdanet.viewing import Catalogue
from srdanet.viewing.atlas import Atlas
from srdanet.viewing.server import ViewServer


@pytest.fixture(scope="module")
def server(products: Path) -> Iterator[ViewServer]:
    atlas = Atlas(Catalogue.of(products))
    with ViewServer(atlas) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()
    atlas.close()


def _ask(server: ViewServer, path: str, *, host: str | None = None, verb: str = "GET") -> tuple[HTTPResponse, bytes]:
    """Ask for a raw path, which no client tidies up."""
    connection = HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.putrequest(verb, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.server_port}")
    connection.endheaders()
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply, body


def _get(server: ViewServer, path: str) -> bytes:
    reply, body = _ask(server, f"/{server.token}/{path}")
    assert reply.status == 200, body
    return body


def _raster(products: Path, end: str = "", date: str = "2020197") -> np.ndarray:
    with rasterio.open(products / f"lst_h18v04_{date}_day_250m{end}.tif") as file:
        return np.asarray(file.read(1))


def test_it_listens_on_this_machine_alone(server: ViewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 32
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"


@pytest.mark.parametrize("path", ["/", "/view.js", "/contents", "/wrong/contents", "//contents", "/%00/contents"])
def test_without_the_token_there_is_nothing(server: ViewServer, path: str) -> None:
    reply, body = _ask(server, path)
    assert reply.status == 404
    assert server.token.encode() not in body


def test_another_host_name_gets_nothing(server: ViewServer) -> None:
    """A foreign name that is pointed at this machine does not make its page ours."""
    reply, _ = _ask(server, f"/{server.token}/contents", host=f"evil.example:{server.server_port}")
    assert reply.status == 404


@pytest.mark.parametrize("verb", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_only_gives(server: ViewServer, verb: str) -> None:
    reply, _ = _ask(server, f"/{server.token}/contents", verb=verb)
    assert reply.status == 501


@pytest.mark.parametrize(
    "path",
    [
        "../catalogue.py", "..%2fcatalogue.py", "%2e%2e/catalogue.py", "view.js/../../server.py", "/etc/passwd",
        "report.html.j2", "page/view.js", "tile/0/0/../../x/0/0/0", "tile/0/0/lst-250/0/0/..%2f",
        "crop/0/0/..%2fscene.nc", "about/0/0/lst-250%00", "about/0/0/....//lst-250",
    ],
)  # fmt: skip
def test_addresses_are_no_file_names(server: ViewServer, path: str) -> None:
    reply, body = _ask(server, f"/{server.token}/{path}")
    assert reply.status == 404
    assert json.loads(body) == {"error": "There is nothing here."}


@pytest.mark.parametrize(
    "path",
    [
        "about/1/0/lst-250", "about/0/2/lst-250", "about/0/0/lst-125", "tile/0/0/lst-250/9/0/0",
        "tile/0/0/lst-250/0/1/0", "at/0/0/80/0", "series/0/0/80", "crop/0/0/lst-250",
        "crop/0/0/lst-250?x0=90&x1=99&y0=0&y1=9", "crop/0/0/lst-250?x0=nan&x1=99&y0=0&y1=9",
        "graticule/0?x0=a&x1=1&y0=0&y1=1", "graticule/0?x0=5&x1=5&y0=0&y1=1",
    ],
)  # fmt: skip
def test_what_does_not_exist_is_refused(server: ViewServer, path: str) -> None:
    reply, body = _ask(server, f"/{server.token}/{path}")
    assert reply.status == 400
    assert len(json.loads(body)["error"]) > 10


def test_the_page_may_load_from_here_alone(server: ViewServer) -> None:
    for path, kind in (("", "text/html"), ("view.js", "text/javascript"), ("view.css", "text/css")):
        reply, body = _ask(server, f"/{server.token}/{path}")
        assert reply.getheader("Content-Type", "").startswith(kind)
        assert "default-src 'none'" in reply.getheader("Content-Security-Policy", "")
        foreign = [word for word in body.decode().split() if "://" in word and "www.w3.org/2000/svg" not in word]
        assert not foreign


def test_tiles_are_the_numbers_of_the_product(server: ViewServer, products: Path) -> None:
    about = json.loads(_get(server, "about/0/0/lst-250"))
    assert (about["sizes"], about["factor"], about["type"]) == ([[80, 80]], 1, "float32")
    tile = np.frombuffer(_get(server, "tile/0/0/lst-250/0/0/0"), "<f4").reshape(80, 80)
    np.testing.assert_array_equal(tile, _raster(products))
    flags = np.frombuffer(_get(server, "tile/0/0/quality-250/0/0/0"), np.uint8).reshape(80, 80)
    np.testing.assert_array_equal(flags, first_flag(_raster(products, "_quality")))


def test_the_first_of_several_flags_is_shown() -> None:
    bits = np.array([[0, FLAGS[2].mask | FLAGS[4].mask], [NO_INPUT.mask, FLAGS[6].mask]], np.uint8)
    assert first_flag(bits).tolist() == [[0, 3], [1, 7]]


def test_the_coarse_layer_says_where_it_comes_from(server: ViewServer) -> None:
    first, second = (json.loads(_get(server, f"about/0/{date}/lst-1000")) for date in (0, 1))
    assert (first["label"], second["label"]) == ("1 km, input", "1 km, mean of the product")
    assert (first["sizes"], first["factor"]) == ([[20, 20]], 4)


def test_the_value_under_the_pointer(server: ViewServer, products: Path) -> None:
    row, col = np.argwhere(np.isfinite(_raster(products)))[100]
    found = json.loads(_get(server, f"at/0/0/{row}/{col}"))
    by_key = {value["key"]: value["value"] for value in found["values"]}
    assert by_key["lst-250"] == pytest.approx(float(_raster(products)[row, col]), abs=1e-3)
    assert by_key["lst_uncertainty-250"] == pytest.approx(float(_raster(products, "_uncertainty")[row, col]), abs=1e-3)
    with rasterio.open(products / "lst_h18v04_2020197_day_500m.tif") as file:
        assert by_key["lst-500"] == pytest.approx(float(file.read(1)[row // 2, col // 2]), abs=1e-3)
    assert found["lat"] == pytest.approx(44.16, abs=0.2)


def test_a_missing_value_is_null(server: ViewServer, products: Path) -> None:
    missing = np.argwhere(np.isnan(_raster(products)))
    row, col = missing[0]
    found = json.loads(_get(server, f"at/0/0/{row}/{col}"))
    assert next(v["value"] for v in found["values"] if v["key"] == "lst-250") is None
    assert found["flags"] == [NO_INPUT.meaning]


def test_a_time_series_as_numbers_and_as_csv(server: ViewServer, products: Path) -> None:
    both = np.isfinite(_raster(products)) & np.isfinite(_raster(products, date="2020199"))
    row, col = np.argwhere(both)[7]
    points = json.loads(_get(server, f"series/0/{row}/{col}"))
    values = [float(_raster(products, date=date)[row, col]) for date in ("2020197", "2020199")]
    assert [point["lst"] for point in points] == pytest.approx(values, abs=1e-3)
    rows = list(csv.DictReader(io.StringIO(_get(server, f"series/0/{row}/{col}/csv").decode())))
    assert [float(line["lst_K"]) for line in rows] == pytest.approx(values, abs=1e-3)
    assert [line["time"] for line in rows] == ["2020-07-15T10:30:00", "2020-07-17T10:31:00"]


@pytest.mark.parametrize(("key", "factor"), [("lst-250", 1), ("lst-500", 2), ("lst-1000", 4), ("quality-250", 1)])
def test_a_part_as_geotiff_lies_where_it_should(server: ViewServer, products: Path, key: str, factor: int) -> None:
    reply, body = _ask(server, f"/{server.token}/crop/0/0/{key}?x0=9.2&y0=-5&x1=30.5&y1=17")
    assert reply.status == 200
    assert f"{key}_part.tif" in reply.getheader("Content-Disposition", "")
    with rasterio.open(products / "lst_h18v04_2020197_day_250m.tif") as whole, rasterio.open(io.BytesIO(body)) as part:
        left, top = part.transform.c - whole.transform.c, whole.transform.f - part.transform.f
        cell = whole.res[0]
        assert (left / cell, top / cell) == (pytest.approx(9 // factor * factor), pytest.approx(0))
        assert part.width == -(-31 // factor) - 9 // factor
        assert part.res[0] == pytest.approx(factor * cell)
        if key == "lst-250":
            np.testing.assert_array_equal(part.read(1), whole.read(1)[:17, 9:31])


def test_a_port_in_use_is_an_error_for_people(server: ViewServer) -> None:
    with pytest.raises(ArgumentError, match=f"port {server.server_port} cannot be used"):
        ViewServer(server.atlas, server.server_port)
