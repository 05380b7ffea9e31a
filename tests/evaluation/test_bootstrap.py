from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from srdanet.evaluation.bootstrap import NO_INTERVAL, bootstrap, holm, paired


def mean(drawn: np.ndarray) -> np.ndarray:
    return np.asarray(drawn.mean(axis=1))


@pytest.mark.parametrize("replicates", [1, 99, 1000, 1234])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_an_interval_is_that_of_all_replicates_at_once(replicates: int, level: float) -> None:
    groups = np.arange(7.0) ** 2
    draws = np.random.default_rng(5).integers(7, size=(replicates, 7))
    expected = np.quantile(groups[draws].mean(axis=1), [0.5 - level / 2, 0.5 + level / 2])
    assert bootstrap(groups, mean, replicates=replicates, level=level, seed=5) == pytest.approx(tuple(expected))


def test_the_defaults_are_95_percent_of_1000_replicates_of_seed_0() -> None:
    groups = np.arange(7.0) ** 2
    assert bootstrap(groups, mean) == bootstrap(groups, mean, replicates=1000, level=0.95, seed=0)
    assert bootstrap(groups, mean) != bootstrap(groups, mean, seed=1)


def test_never_more_replicates_in_memory_than_a_few_hundred() -> None:
    seen = []

    def remember(drawn: np.ndarray) -> np.ndarray:
        seen.append(drawn.shape)
        return mean(drawn)

    bootstrap(np.arange(7.0), remember, replicates=1000)
    assert {shape[1:] for shape in seen} == {(7,)}
    assert sum(shape[0] for shape in seen) == 1000
    assert max(shape[0] for shape in seen) < 500


def test_without_groups_there_is_no_interval() -> None:
    assert bootstrap([], mean) is NO_INTERVAL
    assert all(math.isnan(bound) for bound in NO_INTERVAL)
    assert bootstrap([3.5], mean) == (3.5, 3.5)


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_the_signed_rank_test_is_that_of_all_signs(n: int) -> None:
    rng = np.random.default_rng(n)
    first, second = rng.normal(size=(2, n))
    second -= 0.6
    difference = first - second
    ranks = np.abs(difference).argsort().argsort() + 1
    signs = np.array(list(itertools.product([-1, 1], repeat=n)))
    far = np.abs(signs @ ranks) >= abs(np.sign(difference) @ ranks)
    assert paired(first, second) == pytest.approx(far.mean())
    assert paired(second, first) == paired(first, second)


def test_too_few_or_equal_groups_decide_nothing() -> None:
    assert math.isnan(paired([1.0], [2.0]))
    assert math.isnan(paired([], []))
    assert paired([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert paired([1.0, 2.0, 3.0], [1.0, 2.0, 3.5]) > 0.3


def test_holm_raises_the_smallest_most() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_counts_no_missing_probability() -> None:
    found = holm([0.02, math.nan, 0.01])
    assert found[::2] == pytest.approx([0.02, 0.02])
    assert math.isnan(found[1])
