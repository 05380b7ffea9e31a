"""Small sets on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_sets import write_pairs, write_patches


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with twelve patches and five pairs."""
    root = tmp_path_factory.mktemp("sets")
    write_patches(root)
    write_pairs(root)
    return root
