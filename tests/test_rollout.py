"""The rollout with models that can be followed by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

from srdanet.downscaling.rollout import Array, Estimate, advance, double, rollout


@dataclass(frozen=True)
class Given:
    """Predictors of one step."""

    channels: np.ndarray
    context: np.ndarray


@dataclass(frozen=True)
class Adding:
    """Repeats, and adds the channel and the context; says how sure it is where told to."""

    sigma: float | None = None
    halo: int = 0

    def step(self, lst: Array, channels: Array, context: Array) -> tuple[Array, Array | None]:
        fine = np.nan_to_num(double(lst), nan=111.0) + channels + context
        return fine, None if self.sigma is None else np.full_like(fine, self.sigma)


def given(height: int, width: int, context: float = 0.0) -> Given:
    return Given(np.arange(height * width, dtype=np.float64).reshape(height, width) / 100, np.array(context))


COARSE = np.array([[280.0, 281.0, np.nan], [283.0, 284.0, 285.0]])


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (2, 1, 1, 4)])
def test_each_cell_stands_twice_along_both_axes(shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    found = double(values)
    assert found.shape == (*shape[:-2], 2 * shape[-2], 2 * shape[-1])
    assert np.array_equal(found, values.repeat(2, -1).repeat(2, -2))


def test_a_step_keeps_missing_cells_and_what_the_model_gave() -> None:
    found = advance(Adding(), Estimate(COARSE), given(4, 6, context=5.0))
    expected = COARSE.repeat(2, 0).repeat(2, 1) + np.arange(24).reshape(4, 6) / 100 + 5
    assert np.allclose(found.lst, expected, equal_nan=True)
    assert np.isnan(found.lst).sum() == 4
    assert np.isfinite(found.raw_lst).all()
    assert found.raw_lst[0, 4] == pytest.approx(111.0 + 0.04 + 5)
    assert found.uncertainty is None
    assert found.raw_uncertainty is None


@pytest.mark.parametrize("stated", [None, 1.0])
@pytest.mark.parametrize("before", [None, 0.5, 2.0])
def test_no_step_is_surer_than_its_input(stated: float | None, before: float | None) -> None:
    known = None if before is None else np.full((2, 3), before) + np.arange(6).reshape(2, 3) / 10
    found = advance(Adding(stated), Estimate(COARSE, known), given(4, 6))
    if stated is None:
        assert found.uncertainty is None
        assert found.raw_uncertainty is None
    else:
        assert np.array_equal(found.raw_uncertainty, np.full((4, 6), stated))
        floor = np.zeros((4, 6)) if known is None else known.repeat(2, 0).repeat(2, 1)
        assert np.array_equal(found.uncertainty, np.maximum(stated, floor))


def test_each_step_is_fed_with_the_one_before() -> None:
    steps = [given(4, 6, 1.0), given(8, 12, 2.0), given(16, 24, 4.0)]
    found = list(rollout(partial(advance, Adding(0.25)), COARSE, steps))
    assert [estimate.lst.shape for estimate in found] == [(4, 6), (8, 12), (16, 24)]
    lst = COARSE
    for step, estimate in zip(steps, found, strict=True):
        lst = lst.repeat(2, 0).repeat(2, 1) + step.channels + step.context
        assert np.allclose(estimate.lst, lst, equal_nan=True)
        assert (estimate.uncertainty == 0.25).all()
    assert list(rollout(partial(advance, Adding()), COARSE, [])) == []


def test_the_first_step_knows_no_uncertainty_of_its_input() -> None:
    seen = []

    def remember(before: Estimate, step: int) -> Estimate:
        seen.append((step, before))
        return Estimate(before.lst + step, np.array(step))

    assert [float(e.lst[0, 0]) for e in rollout(remember, COARSE, iter([1, 2, 3]))] == [281, 283, 286]
    assert [step for step, _ in seen] == [1, 2, 3]
    assert seen[0][1] == Estimate(COARSE)
    assert [int(before.uncertainty) for _, before in seen[1:]] == [1, 2]


def test_tensors_give_what_arrays_give() -> None:
    torch = pytest.importorskip("torch", reason="the network's patches are tensors")

    class Tensors(Adding):
        def step(self, lst: Array, channels: Array, context: Array) -> tuple[Array, Array | None]:
            fine = torch.nan_to_num(double(lst, torch), nan=111.0) + channels + context
            return fine, torch.full_like(fine, 0.3)

    known = np.full((2, 3), 0.2) + np.arange(6).reshape(2, 3) / 10
    step = given(4, 6, 5.0)
    expected = advance(Adding(0.3), Estimate(COARSE, known), step)
    tensors = Given(torch.from_numpy(step.channels), torch.from_numpy(step.context))
    found = advance(Tensors(), Estimate(torch.from_numpy(COARSE), torch.from_numpy(known)), tensors, torch)
    assert np.allclose(found.lst.numpy(), expected.lst, equal_nan=True)
    assert np.allclose(found.uncertainty.numpy(), expected.uncertainty)
