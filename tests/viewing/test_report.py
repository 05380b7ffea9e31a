from __future__ import annotations

import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import material
import pytest
from click.testing import CliRunner

from srdanet.cli import cli
from srdanet.errors import MissingExtraError
from srdanet.viewing import Catalogue, write_report


class _Page(HTMLParser):
    """Headings, table cells, and everything the page refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.images: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self._in_heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {key: value or "" for key, value in attrs}
        self.links += [found[key] for key in ("src", "href", "srcset", "action") if key in found]
        if tag == "img":
            self.images.append((found["src"], found["alt"]))
        self._in_heading = tag == "h2"

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.headings.append(data.strip())
            self._in_heading = False


@pytest.fixture(scope="module")
def page(products: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    first, _ = Catalogue.of(products).entries
    return write_report(first, tmp_path_factory.mktemp("report")).read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(page: str) -> None:
    found = _Page(page)
    assert found.links
    assert all(link.startswith("data:") for link in found.links)
    assert "<script" not in page
    assert not re.search(r"url\((?!data:)|@import", page)


def test_every_picture_is_there_and_described(page: str) -> None:
    images = _Page(page).images
    # 1 km, bicubic, product, difference, uncertainty, quality; distribution, spectra; closure; overshoot
    assert len(images) == 10
    assert all(source.startswith(("data:image/png;base64,", "data:image/svg+xml;base64,")) for source, _ in images)
    assert all(len(alt) > 10 for _, alt in images)


def test_it_has_all_parts(page: str) -> None:
    parts = ["Maps", "Distribution and spectra", "Closure", "Overshoot", "By quality, uncertainty and land cover"]
    assert _Page(page).headings == [*parts, "Provenance"]
    assert "gap_near" in page
    assert "Land cover: crop" in page
    assert "cd" * 32 in page


def test_numbers_are_those_of_the_record(page: str, products: Path) -> None:
    record = json.loads((products / "lst_h18v04_2020197_day_provenance.json").read_text())
    about = record["levels"]["250"]
    assert f"<dd>{about['lst']['mean']:.1f} K</dd>" in page
    assert f"<dd>{about['closure']['rmse']:.3f} K</dd>" in page
    assert f"<dd>{100 * about['valid_share']:.1f} %</dd>" in page


def test_it_says_what_was_missing(page: str) -> None:
    assert "Made without air_temperature." in page
    assert "little more than interpolation" not in page
    assert "mean of the product" not in page


def test_it_warns_of_a_product_without_predictors_and_of_a_scene_not_at_hand(tmp_path: Path) -> None:
    material.write(tmp_path, cells=12, dates=material.DATES[:1], scene=False, auxiliary=False)
    (entry,) = Catalogue.of(tmp_path).entries
    page = write_report(entry).read_text(encoding="utf-8")
    assert "No predictors: the result is little more than interpolation." in page
    assert "the 1 km image is the mean of the product" in page


def test_the_verb_writes_a_page_in_which_names_are_text(products: Path, tmp_path: Path) -> None:
    """A record comes from elsewhere; what it says is not markup."""
    for path in products.glob("lst_*2020197*"):
        shutil.copy(path, tmp_path)
    note = next(tmp_path.glob("*_provenance.json"))
    note.write_text(note.read_text().replace('"made-up"', '"<script>alert(1)</script>"'))
    words = ["report", str(tmp_path), "-o", str(tmp_path / "pages")]
    done = CliRunner().invoke(cli, [*words, "--json"])
    assert done.exit_code == 0, done.stderr
    (path,) = map(Path, json.loads(done.stdout)["reports"])
    assert path == tmp_path / "pages" / "lst_h18v04_2020197_day_report.html"
    page = path.read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    again = CliRunner().invoke(cli, words)
    assert again.exit_code == 1
    assert "exists" in again.stderr


def test_jinja2_is_asked_for_by_name(products: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'srdanet\[report\]'"):
        write_report(Catalogue.of(products).entries[0], tmp_path)
    assert list(tmp_path.iterdir()) == []
