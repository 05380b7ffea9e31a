"""Fixtures every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# No test depends on the clock, and what CI sees depends on the change alone, not on the day's random examples.
hypothesis.settings.register_profile("project", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("project")

SHARED = Path(__file__).resolve().parents[1] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; required in CI, elsewhere its tests are skipped."""
    if not SHARED.is_dir():
        if os.environ.get("CI"):
            pytest.fail(f"real data is required in CI: {SHARED} is absent")
        pytest.skip(f"real data is absent: {SHARED}")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Heed Ctrl-C even where a shell that started the tests in the background has it ignored, here and in children."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
