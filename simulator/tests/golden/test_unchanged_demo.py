"""The rows of two simulated scenes, as stored: new code changes none of them. The demo is seen to by `test_demo`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from srdanet.cli import cli

STORED = json.loads(Path(__file__).with_name("demo.json").read_text(encoding="utf-8"))


def test_rows_of_simulated_scenes() -> None:
    done = CliRunner().invoke(cli, ["evaluate", "simulated", "--scenes", "2", "--json"])
    assert done.exit_code == 0, done.output
    for row, stored in zip(json.loads(done.stdout)["rows"], STORED["simulated"], strict=True):
        assert [row["model"], row["bicubic"]] == pytest.approx([stored["model"], stored["bicubic"]], abs=1e-4)
