from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from stand_ins import BICUBIC, Bicubic, small_scene

from srdanet.cli import options
from srdanet.downscaling import run
from srdanet.network import bundle


@pytest.fixture
def bicubic(monkeypatch: pytest.MonkeyPatch) -> Bicubic:
    for module in (bundle, run):
        monkeypatch.setattr(module, "load_model", lambda model, device="cpu": BICUBIC)
    return BICUBIC


@pytest.fixture
def scene_file(tmp_path: Path) -> Path:
    return small_scene().save(tmp_path / "scene.nc")


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine, no run is so long that it says how far it is."""
    monkeypatch.setattr(options, "monotonic", lambda: 0.0)


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()
