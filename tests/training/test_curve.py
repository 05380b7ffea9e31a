"""The learning curve, drawn from a log."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.axes import Axes

from srdanet.training.curve import _move_apart, draw_curve, record

HEAD = "iteration,rate,skipped,sea.share1,land.share1,weight.ms_ssim,validation.sea,validation.land\n"
LINES = ("100,0.001,0,1.2,,1.0,0.91,0.95\n", "200,0.0001,3,0.9,0.8,2.0,0.81,0.95\n")


@pytest.mark.parametrize("count", [1, 2])
def test_every_source_and_term_is_named_at_its_line(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One checkpoint is enough; a source that was not drawn before it is no obstacle."""
    (tmp_path / "log.csv").write_text(HEAD + "".join(LINES[:count]))
    named: list[str] = []
    shown = Axes.text

    def text(axes: Axes, x: float, y: float, name: str, **style: object) -> object:
        named.append(name)
        return shown(axes, x, y, name, **style)

    monkeypatch.setattr(Axes, "text", text)
    draw_curve(tmp_path / "log.csv", tmp_path / "curve.png")
    assert sorted(filter(None, named)) == ["land"] * count + ["ms_ssim", "sea", "sea"]
    image = matplotlib.image.imread(tmp_path / "curve.png")
    assert image.shape[1] > 2 * image.shape[0] > 800
    assert np.ptp(image[..., :3]) > 0.5


def test_a_log_without_weights_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("iteration,rate,a.share1,validation.a\n100,0.001,1.0,0.9\n")
    draw_curve(tmp_path / "log.csv", tmp_path / "curve.png")
    assert (tmp_path / "curve.png").stat().st_size > 10_000


def test_names_keep_their_distance_and_move_no_more_than_they_must() -> None:
    np.testing.assert_allclose(_move_apart([0.1, 0.3, 0.9], 0.1), [0.1, 0.3, 0.9])
    np.testing.assert_allclose(_move_apart([0.1, 0.5, 0.5, 0.9], 0.1), [0.1, 0.45, 0.55, 0.9])
    apart = _move_apart([0.2, 0.21, 0.22, 0.3, 0.31], 0.05)
    assert np.diff(apart).min() > 0.05 - 1e-12
    assert apart.mean() == pytest.approx(np.mean([0.2, 0.21, 0.22, 0.3, 0.31]))


def test_lines_of_a_run_that_was_killed_before_its_checkpoint_are_replaced(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    for iteration, loss in ((4, 1.0), (8, 0.5), (12, 0.4), (8, 0.7)):
        record(log, iteration, [{"source": "toy", "rate": 0.1, "loss": loss, "share1": loss}], ["toy"], {}, {})
    lines = list(csv.DictReader(log.read_text().splitlines()))
    assert [(row["iteration"], row["toy.share1"]) for row in lines] == [("4", "1.0"), ("8", "0.7")]
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
