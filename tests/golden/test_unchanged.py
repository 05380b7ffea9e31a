"""What the shipped models give on held-out real data: as stored, whatever the code does, and as the README says.

Both are seen in one run of each experiment, which takes longer than any other test.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from srdanet.cli import cli

pytestmark = pytest.mark.real
STORED = json.loads(Path(__file__).with_name("evaluation.json").read_text(encoding="utf-8"))
MOST = {
    "default": {"simulation": (0.77, 0.86), "target": (0.72, 0.72)},
    "europe": {"simulation": (0.75, 0.85), "target": (0.70, 0.70)},
}
"""Of bicubic's error: by day and by night; at 500 m and at 250 m."""


@pytest.mark.parametrize("model", list(MOST))
@pytest.mark.parametrize("experiment", ["target", "simulation", "orleans", "stations"])
def test_evaluation_on_real_data(experiment: str, model: str, shared_data: Path) -> None:
    words = ["evaluate", experiment, "--data", str(shared_data), "--model", model, "--json"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    for row, stored in zip(rows, STORED[model][experiment], strict=True):
        assert [row["model"], row["bicubic"]] == pytest.approx([stored["model"], stored["bicubic"]], abs=1e-4)
    for row, most in zip(rows, MOST[model].get(experiment, ()), strict=False):
        assert row["share"] <= most
        assert row["share_interval_95"][1] < 0.90
