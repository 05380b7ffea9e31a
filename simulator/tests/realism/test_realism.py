"""The table, the collections, and the whole check from the command line."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from srdanet.cli import cli
from srdanet.datasets import imt
from srdanet.errors import ArgumentError, GranuleError, OutputError
from srdanet_simulator.realism import Check, check, gallery, measure, real, simulated
from srdanet_simulator.realism.table import MEASURES, Case, Row, Spread, Table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "realism.md"
SUMMER = Case("spread", "day, summer")


def _row(real: tuple[float, float, float], median: float) -> Row:
    return Row(SUMMER, Spread(*real, 9), Spread(median, median, median, 3))


def test_spread_is_the_median_and_the_inner_eighty_percent() -> None:
    assert Spread.of([*map(float, range(11)), math.nan]) == Spread(1.0, 5.0, 9.0, 11)
    assert Spread.of([math.nan]).count == 0


@pytest.mark.parametrize(
    ("median", "off", "verdict"), [(2.0, 0, "inside"), (0.4, -0.6, "0.60 K below"), (3.5, 0.5, "0.50 K above")]
)
def test_a_row_says_how_far_off_it_is(median: float, off: float, verdict: str) -> None:
    row = _row((1.0, 1.5, 3.0), median)
    assert row.off == pytest.approx(off)
    assert row.verdict == verdict


def test_a_row_without_one_side_agrees_with_nothing() -> None:
    table = Table.of({SUMMER: [1.0, 2.0]}, {Case("slope", "day"): [3.0]})
    assert [row.verdict for row in table.rows] == ["no data", "no data"]
    assert table.agreeing == 0
    assert "−" not in table.lines()[1]


def test_the_table_says_the_same_in_every_form() -> None:
    table = Table((_row((-1.0, 1.5, 3.0), 2.0), _row((1.0, 1.5, 3.0), 4.0)))
    assert table.summary().startswith("1 of 2 rows")
    assert "1.50 (−1.00 to 3.00)" in table.lines()[1]
    assert table.markdown().count("\n|") == 3
    plain = json.loads(json.dumps(table.as_dict()))
    assert plain["rows"][1]["real"] == {"low": 1.0, "median": 1.5, "high": 3.0, "count": 9}
    assert [row["verdict"] for row in plain["rows"]] == ["inside", "1.00 K above"]


@pytest.mark.parametrize(
    ("month", "name"), [(1, "winter"), (3, "spring"), (8, "summer"), (11, "autumn"), (12, "winter")]
)
def test_season(month: int, name: str) -> None:
    assert real.season(month) == name


def test_quality_words_are_counted() -> None:
    qc = np.zeros((64, 64), np.uint8)
    qc[:, :16] = 2
    qc[:, 16:28] = 65
    qc[:6, 28:] = 145
    found = {case.measure: value for case, value in measure.words(qc, "any")}
    made = 64 * 48
    assert found["cloud_share"] == 25
    assert found["cloud_size"] == pytest.approx(4 * 16 * measure.KM)
    assert found["word_2K"] == pytest.approx(100 * 64 * 12 / made)
    assert found["word_3K"] == pytest.approx(100 * 6 * 36 / made)
    assert found["word_good"] == pytest.approx(100 * (made - 64 * 12 - 6 * 36) / made)


def test_an_overcast_scene_has_a_cloud_share_and_nothing_else() -> None:
    assert dict(measure.words(np.full((64, 64), 2, np.uint8), "any")) == {Case("cloud_share", "any"): 100.0}


def test_middling_pictures_are_neither_flat_nor_stark() -> None:
    pictures = [np.float32([[0, spread]]) for spread in (9, 1, 4, 6)]
    assert gallery.middling(pictures) == [2, 3]
    assert gallery.middling([]) == []
    assert gallery.middling(pictures[:1]) == [0]


def test_too_few_scenes_are_refused() -> None:
    with pytest.raises(ArgumentError, match="seasons"):
        list(simulated.numbers(3))


def test_a_missing_set_is_told_before_anything_is_simulated(tmp_path: Path) -> None:
    with pytest.raises(GranuleError, match="imt-modis-2020"):
        check(tmp_path)


@pytest.fixture(scope="module")
def numbers() -> tuple[measure.Values, list[gallery.Page]]:
    album: list[gallery.Page] = []
    return measure.gather(simulated.numbers(4, size=32, album=album)), album


def test_simulated_scenes_have_every_measure_within_reason(
    numbers: tuple[measure.Values, list[gallery.Page]],
) -> None:
    values, album = numbers
    assert {case.measure for case in values} == set(MEASURES)
    assert len(album) == 1
    assert {len(found) for case, found in values.items() if case.measure == "spread"} == {1}
    limits = {"spread": (0.1, 10), "bicubic": (0.02, 3), "slope": (1, 5), "ndvi": (-1, 1), "agreement": (0.2, 1)}
    for case, found in values.items():
        low, high = limits.get(case.measure, (-math.inf, math.inf))
        assert all(math.isnan(value) or low <= value <= high for value in found), case


def test_table_and_figure_are_written_whole_and_never_over_others(
    numbers: tuple[measure.Values, list[gallery.Page]], tmp_path: Path
) -> None:
    values, album = numbers
    pictures = gallery.of_pages(album)
    found = Check(Table.of(values, values), pictures, pictures)
    files = found.write(tmp_path)
    assert [path.name for path in files] == ["realism.md", "realism.png"]
    assert files[0].read_text(encoding="utf-8") == found.table.markdown()
    with pytest.raises(OutputError, match="exists already"):
        found.write(tmp_path)
    found.write(tmp_path, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"realism.md", "realism.png"}


def _real_side(page: Path) -> list[list[str]]:
    """Measure, scenes, data, range and number of scenes of every row of the page's table."""
    lines = page.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return [row[:5] for row in rows if len(row) == 8]


@pytest.mark.real
def test_the_check_from_the_command_line(
    shared_data: Path,
    numbers: tuple[measure.Values, list[gallery.Page]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values, pages = numbers

    def simulated_before(scenes: int, progress: object, *, album: list[gallery.Page]) -> measure.Numbers:
        assert scenes == 4
        album += pages
        return ((case, value) for case, found in values.items() for value in found)

    monkeypatch.setattr(simulated, "numbers", simulated_before)
    # The table and the figure read the same patches, which takes longer than all else here.
    monkeypatch.setattr(imt, "read", cache(lambda root, read=imt.read: list(read(root))))
    words = ["simulate", "--check", "--data", str(shared_data), "--scenes", "4", "-o", str(tmp_path / "o"), "--json"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert {row["measure"] for row in found["rows"]} == {m.title for m in MEASURES.values()}
    assert all(Path(name).is_file() for name in found["files"])
    # The real side is what it is, however few scenes are simulated: the page holds the same rows and numbers.
    assert _real_side(tmp_path / "o" / "realism.md") == _real_side(PAGE)
    again = CliRunner().invoke(cli, words)
    assert (again.exit_code, "exists already" in again.stderr) == (1, True)


@pytest.mark.parametrize(("words", "lack"), [(["--check"], "--data"), ([], "--out")])
def test_what_lacks_is_said(words: list[str], lack: str) -> None:
    result = CliRunner().invoke(cli, ["simulate", *words])
    assert result.exit_code == 2
    assert lack in result.stderr
