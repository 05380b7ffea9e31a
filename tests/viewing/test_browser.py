"""Viewer and report in a real browser: Chromium without a window, steered by playwright.

Pictures of what was seen are kept: in the folder that SRDANET_SCREENSHOTS names, else with pytest's temporary files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr

from srdanet.grid import Level, Tile, coordinates
from srdanet.product.cog import write_cog
from srdanet.product.layers import LST
from srdanet.product.record import FileRecord, LevelRecord, Origin, record
from srdanet.viewing import Catalogue, write_report
from srdanet.viewing.atlas import Atlas
from srdanet.viewing.server import ViewServer

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is absent (Debian: apt-get install chromium)")
_PATIENCE = 120_000
"""Milliseconds to wait on a busy machine."""
_DRAWN = "#canvas[data-complete=true]"


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    named = os.environ.get("SRDANET_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as running:
        # Chromium's own sandbox needs rights that containers do not give.
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        opened = running.chromium.launch(executable_path=CHROMIUM, args=options, timeout=_PATIENCE)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page whose errors fail the test, and which may reach nothing but this machine."""
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    opened.set_default_timeout(_PATIENCE)
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: said.append(str(error)))
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    opened.close()
    # Pixels are read by the tests alone.
    assert [text for text in said if not text.startswith("Canvas2D: Multiple readback")] == []
    assert [url for url in asked if not url.startswith(("http://127.0.0.1:", "file://", "data:", "blob:"))] == []


@pytest.fixture(scope="module")
def url(products: Path) -> Iterator[str]:
    yield from _serve(products)


def _serve(folder: Path) -> Iterator[str]:
    atlas = Atlas(Catalogue.of(folder))
    with ViewServer(atlas) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.url
        server.shutdown()
        thread.join()
    atlas.close()


def _state(page: Any, what: str) -> Any:
    return page.evaluate(f"srdanetView.state.{what}")


def _pixel(page: Any, x: int, y: int) -> list[int]:
    """Red, green and blue of the map at a place of the window."""
    script = """([x, y]) => { const c = document.getElementById("canvas"), box = c.getBoundingClientRect();
        return [...c.getContext("2d").getImageData(x - box.left, y - box.top, 1, 1).data].slice(0, 3); }"""
    found: list[int] = page.evaluate(script, [x, y])
    return found


def _until(page: Any, condition: str) -> None:
    """Wait for a condition; the page's own rules forbid the browser to evaluate text by itself."""
    for _ in range(200):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {condition}")


def test_the_map_loads_zooms_and_follows_the_pointer(page: Any, url: str, products: Path, shots: Path) -> None:
    page.goto(url)
    page.wait_for_selector(_DRAWN)
    page.screenshot(path=shots / "view.png")
    assert page.inner_text("#left-name") == "1 km, input"
    before = _state(page, "view.scale")
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -400)
    _until(page, f"srdanetView.state.view.scale > {before * 1.5}")
    page.mouse.move(700, 310)
    _until(page, "document.getElementById('readout').textContent.includes('250 m: ')")
    told = page.inner_text("#readout")
    row, col = (int(told.split(word)[1].split()[0].strip(",")) for word in ("row ", "column "))
    with rasterio.open(products / "lst_h18v04_2020197_day_250m.tif") as file:
        value = file.read(1)[row, col]
    assert f"\n250 m: {value:.2f} K" in told or (np.isnan(value) and "\n250 m: missing" in told)
    left = _state(page, "view.x")
    page.mouse.down()
    page.mouse.move(600, 310, steps=4)
    page.mouse.up()
    assert _state(page, "view.x") > left
    assert page.is_hidden("#series")  # a drag is no click
    page.click("#zoom-all")
    assert _state(page, "view.scale") == pytest.approx(before)


def test_the_divider_swipes_between_1_km_and_250_m(page: Any, url: str, shots: Path) -> None:
    page.goto(url)
    page.wait_for_selector(_DRAWN)
    page.uncheck("#graticule")
    box = page.locator("#handle").bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    places = [(x, y) for x in range(300, 480, 11) for y in range(200, 600, 37)]
    coarse = [_pixel(page, *place) for place in places]
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(220, middle[1], steps=4)
    page.mouse.up()
    _until(page, "srdanetView.state.divider < 0.25")
    page.wait_for_selector(_DRAWN)
    page.wait_for_timeout(200)
    fine = [_pixel(page, *place) for place in places]
    assert np.mean([a != b for a, b in zip(coarse, fine, strict=True)]) > 0.3
    page.screenshot(path=shots / "view-swiped.png")
    page.focus("#handle")
    page.keyboard.press("End")
    assert _state(page, "divider") == 1
    page.uncheck("#swipe")
    page.wait_for_selector("#handle", state="hidden", timeout=3000)


def test_a_click_gives_the_time_series_and_the_slider_the_dates(page: Any, url: str, shots: Path) -> None:
    page.goto(url)
    page.wait_for_selector(_DRAWN)
    page.click("#canvas", position={"x": 640, "y": 300})
    page.wait_for_selector("#series:not([hidden])")
    assert page.locator("#series-table tr").count() == 3
    page.check("#flags")
    page.wait_for_selector(_DRAWN)
    page.screenshot(path=shots / "view-series.png")
    page.click("#series-close")
    page.focus("#date")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#date-text") == "2020-07-17 10:31 UTC, day (2 of 2)"
    page.select_option("#right", "lst_uncertainty-250")
    page.wait_for_selector(_DRAWN)
    assert "Uncertainty, 1 σ (K)" in page.inner_text("#bars")
    page.screenshot(path=shots / "view-uncertainty.png")


def test_what_is_seen_can_be_saved(page: Any, url: str, tmp_path: Path) -> None:
    page.goto(url)
    page.wait_for_selector(_DRAWN)
    for button, name in (("#save-png", "picture.png"), ("#save-tif", "data.tif")):
        with page.expect_download() as download:
            page.click(button)
        download.value.save_as(tmp_path / name)
    with rasterio.open(tmp_path / "data.tif") as file:
        assert file.shape == (80, 80)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_the_map_on_a_phone(page: Any, url: str, shots: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 780})
    page.goto(url)
    page.wait_for_selector(_DRAWN)
    assert page.is_hidden("#panel")
    page.screenshot(path=shots / "view-phone.png")
    page.click("#panel-button")
    assert page.is_visible("#panel")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_report_on_screen_phone_and_paper(page: Any, products: Path, tmp_path: Path, shots: Path) -> None:
    path = write_report(Catalogue.of(products).entries[0], tmp_path)
    page.goto(path.as_uri())
    images = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    assert len(images) == 10
    assert min(images) > 300
    page.screenshot(path=shots / "report.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 780})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=shots / "report-phone.png", full_page=True)
    page.pdf(path=shots / "report.pdf", prefer_css_page_size=True)
    assert (shots / "report.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.trial
def test_the_first_picture_of_a_whole_tile_takes_under_two_seconds(page: Any, tmp_path: Path, shots: Path) -> None:
    """From the request for the page until the 250 m side is drawn whole; 4800 x 4800 cells."""
    box = Tile(18, 4).geobox(Level.M250)
    rows, cols = np.mgrid[:4800, :4800].astype(np.float32)
    values = 295 + 8 * np.sin(rows / 600) * np.cos(cols / 800) + 2 * np.sin(rows / 7) * np.sin(cols / 9)
    lst = xr.DataArray(values.astype(np.float32), dims=("y", "x"), coords=coordinates(box))
    write_cog(tmp_path / "lst_whole_250m.tif", lst, LST, box, {})
    files = {"lst_whole_250m.tif": FileRecord(sha256="0" * 64, variable="lst")}
    about = LevelRecord(
        cells=(4800, 4800), valid_share=1, lst=None, uncertainty_mean=None, flags=None, closure=None, files=files
    )
    note = record(Origin(tile="h18v04", time="2020-07-15T10:30:00", day=True), {250: about})
    (tmp_path / "lst_whole_provenance.json").write_text(note.text())
    serving = _serve(tmp_path)
    page.goto(next(serving))
    page.wait_for_selector(_DRAWN)
    page.screenshot(path=shots / "view-whole-tile.png")
    taken = page.evaluate("srdanetView.firstPicture")
    next(serving, None)
    (shots / "view-whole-tile.txt").write_text(f"{taken:.0f} ms\n")
    assert taken < 2000


def test_the_verb_serves_until_it_is_stopped(products: Path, page: Any) -> None:
    command = [sys.executable, "-m", "srdanet", "view", str(products), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        page.goto(process.stdout.readline().strip())
        page.wait_for_selector(_DRAWN)
        process.terminate()
        _, told = process.communicate(timeout=60)
    assert (process.returncode, told.splitlines()[-1]) == (0, "Stopped.")
