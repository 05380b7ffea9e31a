from __future__ import annotations

from pathlib import Path

import material
import pytest


@pytest.fixture(scope="session")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two dates of one place, and the scene of the first; nobody writes to it."""
    folder = tmp_path_factory.mktemp("products")
    material.write(folder, cells=20, dates=material.DATES[:2])
    return folder
