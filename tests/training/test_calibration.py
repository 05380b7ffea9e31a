"""The uncertainty's factor: what it finds when the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srdanet.network.srdanet import Architecture, SRDANet, Statistics
from srdanet.network.widened import Widened
from srdanet.predictors.stack import CONTEXT
from srdanet.training.calibration import best_factor, coefficients, ratios
from srdanet.training.samples import Sample, Step

SMALL = Architecture(channels=6, groups=1, heads=2, head_width=2)


def normal_ratios(claimed: float, seed: int = 0) -> np.ndarray:
    """Sorted |error| / sigma of normal errors of 1 K whose claimed standard deviation is `claimed`."""
    return np.sort(np.abs(np.random.default_rng(seed).normal(size=200_000)) / claimed)


@pytest.mark.parametrize("claimed", [0.7, 1.0, 1.6])
def test_a_claim_that_is_wrong_by_a_factor_is_mended(claimed: float) -> None:
    assert best_factor([normal_ratios(claimed)]) == pytest.approx(1 / claimed, rel=0.02)


def test_two_groups_share_the_departure() -> None:
    tight, loose = normal_ratios(0.8, 1), normal_ratios(1.0, 2)
    factor = best_factor([tight, loose])
    within = [np.mean(group <= factor) - 0.6827 for group in (tight, loose)]
    assert within[0] < 0 < within[1]
    assert abs(within[0]) == pytest.approx(within[1], abs=0.01)


def test_groups_without_cells_do_not_count() -> None:
    assert best_factor([normal_ratios(1.3), np.zeros(0)]) == best_factor([normal_ratios(1.3)])


def test_four_factors_come_back_in_their_cases() -> None:
    wanted = {(0.89, False): 0.9, (0.89, True): 0.95, (-1.11, False): 1.1, (-1.11, True): 1.3}
    found = coefficients(wanted)
    net = SRDANet(Statistics([0.0], [1.0], [0.0] * len(CONTEXT), [1.0] * len(CONTEXT), []), SMALL)
    context = torch.full((1, len(CONTEXT), 3, 4), torch.nan)
    given = torch.full((1, 1, 3, 4), 290.0), torch.zeros(1, 1, 6, 8)
    plain = net(*given, context)[1]

    def factor(cell: float, day: float) -> torch.Tensor:
        context[:, CONTEXT.index("cell")], context[:, CONTEXT.index("day")] = cell, day
        return Widened(net, found)(*given, context)[1] / net(*given, context)[1]

    for (cell, night), value in wanted.items():
        torch.testing.assert_close(factor(cell, float(not night)), torch.full_like(plain, value))
    between = (wanted[0.89, False] * wanted[0.89, True]) ** 0.5
    torch.testing.assert_close(factor(0.89, torch.nan), torch.full_like(plain, between))


class Fixed:
    """A stand-in for a bundle: repeats its input and claims less at the second step."""

    def step(self, lst: np.ndarray, channels: np.ndarray, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fine = np.nan_to_num(lst).repeat(2, 0).repeat(2, 1)
        return fine, np.full(fine.shape, 4.0 / len(lst), np.float32)


def test_steps_run_in_a_row_holes_stay_out_and_certainty_never_grows() -> None:
    lst = np.float32([[300, np.nan], [290, 295]])
    truths = [np.full((4, 4), 301, np.float32), np.full((8, 8), 301, np.float32)]
    context = np.zeros((0, 2, 2), np.float32)
    steps = tuple(Step((), np.zeros((0, *t.shape), np.float16), context, t) for t in truths)
    found = ratios(Fixed(), Sample("simulated-day", lst, steps))  # type: ignore[arg-type]
    # sigma is 2 K at the first step, 1 K claimed at the second: 2 K stays
    assert sorted({float(value) for value in found}) == [0.5, 3.0, 5.5]
    assert found.size == 48
    centred = ratios(Fixed(), Sample("aster", lst, steps), centred=True)  # type: ignore[arg-type]
    assert sorted({float(value) for value in centred}) == [0.0, 2.5]
