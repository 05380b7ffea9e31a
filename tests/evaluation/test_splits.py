"""Nothing trained on shares region or date with what is kept apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from srdanet.errors import ArgumentError, ConfigError
from srdanet.evaluation.datasets import AsterSet, ImtSet
from srdanet.evaluation.splits import FILE, load_splits


def test_patches_by_column_and_by_period(patches: ImtSet) -> None:
    split = load_splits().imt
    test = split.mask(patches, "test").nonzero()[0].tolist()
    assert test == [6, 7, 8, 9, 11]  # columns from 704; days 113 and 128 of one period, 225
    assert split.mask(patches, "validation").nonzero()[0].tolist() == [4, 5, 10]
    assert split.mask(patches, "train").nonzero()[0].tolist() == [0, 1, 2, 3]
    assert split.mask(patches, "all").all()


def test_each_patch_has_one_role(patches: ImtSet) -> None:
    split = load_splits().imt
    assert (sum(split.mask(patches, r).astype(int) for r in ("train", "validation", "test")) == 1).all()


def test_pairs_near_the_held_fold_are_not_trained_on(pairs: AsterSet) -> None:
    split = load_splits().aster
    assert split.fold(pairs).tolist() == [0, 2, 3, 3, 3]
    assert split.mask(pairs, "test").tolist() == [False, False, True, True, True]
    # The second pair ends three cells west of the third: inside the buffer.
    assert split.mask(pairs, "train").tolist() == [True, False, False, False, False]
    assert split.mask(pairs, "train", held=0).tolist() == [False, True, True, True, True]


def test_no_such_role_or_fold(pairs: AsterSet, patches: ImtSet) -> None:
    with pytest.raises(ArgumentError, match="fold 4"):
        load_splits().aster.mask(pairs, "test", held=4)
    with pytest.raises(ArgumentError, match="validation"):
        load_splits().aster.mask(pairs, "validation")
    with pytest.raises(ArgumentError, match="'tests'"):
        load_splits().imt.mask(patches, "tests")  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["[imt", "roles = 3", FILE.read_text().replace("buffer = 4", "buffer = -4")])
def test_a_wrong_file_is_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.toml"):
        load_splits(path)


def test_the_taken_patches_are_whole(patches: ImtSet) -> None:
    keep = load_splits().imt.mask(patches, "validation")
    taken = patches.take(keep)
    assert len(taken) == 3
    np.testing.assert_array_equal(taken.reflectance, patches.reflectance[keep])
    assert taken[1].date == patches.date[5]
