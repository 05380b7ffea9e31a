"""Inputs as people have them, each with the value that is right: scripts beside the clone, run one by one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).parents[2] / "shared" / "cases"
SCRIPTS = sorted(CASES.glob("[0-9]*.py"))


@pytest.mark.skipif(not SCRIPTS, reason="needs ../shared/cases")
@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_an_input_is_read_right_or_refused(script: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-400:]
