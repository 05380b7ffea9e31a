from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from stand_ins import BICUBIC, Bicubic, small_scene

from srdanet.downscaling import run


@pytest.fixture
def bicubic(monkeypatch: pytest.MonkeyPatch) -> Bicubic:
    monkeypatch.setattr(run, "load_model", lambda model: BICUBIC)
    return BICUBIC


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    return small_scene().save(tmp_path / "scene.nc")


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()
