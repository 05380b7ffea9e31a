"""Nothing trained on shares region or date with what is kept apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from srdanet.datasets import aster, imt
from srdanet.datasets.splits import (
    FILE,
    aster_fold,
    aster_part,
    aster_roles,
    imt_part,
    imt_role,
    load_splits,
)
from srdanet.errors import ArgumentError, ConfigError, SceneError
from srdanet.scene import LabelledScene


@pytest.fixture(scope="module")
def patches(small: Path) -> list[LabelledScene]:
    return list(imt.read(small, when=("day",)))


@pytest.fixture(scope="module")
def pairs(small: Path) -> list[LabelledScene]:
    return list(aster.read(small))


def test_patches_by_column_and_by_period(small: Path, patches: list[LabelledScene]) -> None:
    roles = [imt_role(patch) for patch in patches]
    # Columns from 704; days 113 and 128 of one period, 225.
    assert [i for i, role in enumerate(roles) if role == "test"] == [6, 7, 8, 9, 11]
    assert [i for i, role in enumerate(roles) if role == "validation"] == [4, 5, 10]
    assert [i for i, role in enumerate(roles) if role == "train"] == [0, 1, 2, 3]
    assert [imt_role(patch) for patch in imt.read(small, when=("night",), coarse=4)] == roles


def test_parts_keep_their_order(patches: list[LabelledScene], pairs: list[LabelledScene]) -> None:
    assert list(imt_part(patches, "validation")) == [patches[i] for i in (4, 5, 10)]
    assert list(imt_part(patches, "all")) == patches
    assert aster_part(pairs, "test") == pairs[2:]
    assert aster_part(pairs, "train", 0) == pairs[1:]
    assert aster_part(iter(pairs), "all") == pairs
    assert aster_part([], "all") == []


def test_pairs_near_the_held_fold_are_not_trained_on(pairs: list[LabelledScene]) -> None:
    assert [aster_fold(pair) for pair in pairs] == [0, 2, 3, 3, 3]
    # The second pair ends three cells west of the third: inside the buffer.
    assert aster_roles(pairs) == ["train", None, "test", "test", "test"]
    assert aster_roles(pairs, held=0) == ["test", "train", "train", "train", "train"]


def test_no_such_part_or_fold(patches: list[LabelledScene], pairs: list[LabelledScene]) -> None:
    with pytest.raises(ArgumentError, match="fold 4"):
        aster_roles(pairs, held=4)
    with pytest.raises(ArgumentError, match="validation"):
        aster_part(pairs, "validation")
    with pytest.raises(ArgumentError, match="'tests'"):
        imt_part(patches, "tests")  # type: ignore[arg-type]
    with pytest.raises(SceneError, match="time is unknown"):
        imt_role(pairs[0])


@pytest.mark.parametrize("text", ["[imt", "roles = 3", FILE.read_text().replace("buffer = 4", "buffer = -4")])
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        load_splits(path)
