"""The products of the demo and the rows of two simulated scenes, as stored: new code changes none of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner

from srdanet.cli import cli

STORED = json.loads(Path(__file__).with_name("demo.json").read_text(encoding="utf-8"))


def test_products_of_the_demo(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["demo", "-o", str(tmp_path / "demo"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rmse"] == pytest.approx(STORED["demo"]["rmse"], abs=1e-4)
    for name, stored in STORED["demo"]["rasters"].items():
        with rasterio.open(tmp_path / "demo" / name) as file:
            values = file.read(1)[5::16, 3::16].astype(float)
        # Heights may differ by some hundredths of a metre where another algorithm averages them: 1.2e-4 K in one cell.
        np.testing.assert_allclose(values, np.array(stored, float), atol=2e-4, rtol=0)


def test_rows_of_simulated_scenes() -> None:
    done = CliRunner().invoke(cli, ["evaluate", "simulated", "--scenes", "2", "--json"])
    assert done.exit_code == 0, done.output
    for row, stored in zip(json.loads(done.stdout)["rows"], STORED["simulated"], strict=True):
        assert [row["model"], row["bicubic"]] == pytest.approx([stored["model"], stored["bicubic"]], abs=1e-4)
