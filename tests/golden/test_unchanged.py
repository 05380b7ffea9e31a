"""What the shipped model gives on held-out real data, as stored: a change of the code alone changes none of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from srdanet.cli import cli

STORED = json.loads(Path(__file__).with_name("evaluation.json").read_text(encoding="utf-8"))


@pytest.mark.real
@pytest.mark.parametrize(
    "experiment", ["target", "orleans", "stations", pytest.param("simulation", marks=pytest.mark.trial)]
)
def test_evaluation_on_real_data(experiment: str, shared_data: Path) -> None:
    done = CliRunner().invoke(cli, ["evaluate", experiment, "--data", str(shared_data), "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["rows"]
    for row, stored in zip(rows, STORED[experiment], strict=True):
        assert [row["model"], row["bicubic"]] == pytest.approx([stored["model"], stored["bicubic"]], abs=1e-4)
