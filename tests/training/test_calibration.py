"""The uncertainty's factor: what it finds when the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srdanet.network.calibrated import CASES, CELLS, Calibrated
from srdanet.network.srdanet import Architecture, SRDANet, Statistics
from srdanet.predictors.stack import CONTEXT
from srdanet.training.calibration import PROMISED, Errors, best_factor, errors, factors, results
from srdanet.training.sources import Sample, Step
from srdanet.variables import WEATHER

SMALL = Architecture(channels=6, groups=1, guides=2)


def normal(sigma: float, seed: int = 0, least: float = 0.0) -> Errors:
    """Normal errors of 1 K whose stated standard deviation is `sigma`, after a step with an uncertainty of `least`."""
    error = np.abs(np.random.default_rng(seed).normal(size=200_000))
    return Errors(error, np.full_like(error, sigma), np.full_like(error, least))


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.6])
def test_an_uncertainty_that_is_wrong_by_a_factor_is_corrected(sigma: float) -> None:
    assert best_factor([normal(sigma)]) == pytest.approx(1 / sigma, rel=0.02)


def test_errors_with_long_tails_share_the_departure_between_both_promises() -> None:
    tails = np.abs(np.random.default_rng(3).standard_t(3, size=200_000))
    factor = best_factor([Errors(tails, np.ones_like(tails), np.zeros_like(tails))])
    narrow, wide = (np.mean(tails <= width * factor) - share for width, share in PROMISED.items())
    assert narrow > 0 > wide
    assert narrow == pytest.approx(-wide, abs=0.01)


def test_the_uncertainty_is_never_less_than_that_of_the_step_before() -> None:
    """For half of the cells the step before is right: the factor serves the other half alone."""
    parts = [normal(0.5, 1), normal(0.1, 2, least=1.0)]
    assert best_factor(parts) == pytest.approx(2.0, rel=0.03)


def test_each_factor_comes_back_in_its_case() -> None:
    factors = np.linspace(0.8, 1.9, len(CASES))
    net = SRDANet(Statistics([0.0], [1.0], [0.0] * len(CONTEXT), [1.0] * len(CONTEXT), []), SMALL)
    calibrated = Calibrated(net, np.log(factors).tolist())
    context = torch.full((1, len(CONTEXT), 3, 4), torch.nan)
    given = torch.full((1, 1, 3, 4), 290.0), torch.zeros(1, 1, 6, 8)

    def factor(cell: float, day: float, *, weather: bool) -> torch.Tensor:
        for name, value in (("cell", cell), ("day", day), *((name, 1.0 if weather else torch.nan) for name in WEATHER)):
            context[:, CONTEXT.index(name)] = value
        return calibrated(*given, context)[1] / net(*given, context)[1]

    for (cell, night, known), value in zip(CASES, factors, strict=True):
        torch.testing.assert_close(
            factor(cell, float(not night), weather=known), torch.full((1, 1, 6, 8), float(value)), rtol=1e-4, atol=0
        )
    of = dict(zip(CASES, factors, strict=True))
    for looked_at, first, second in (
        (factor(CELLS[0], torch.nan, weather=True), (CELLS[0], False, True), (CELLS[0], True, True)),
        (factor((CELLS[1] + CELLS[2]) / 2, 0.0, weather=False), (CELLS[1], True, False), (CELLS[2], True, False)),
        (factor(CELLS[0] + 2, 1.0, weather=False), (CELLS[0], False, False), (CELLS[0], False, False)),
    ):
        between = torch.full((1, 1, 6, 8), float((of[first] * of[second]) ** 0.5))
        torch.testing.assert_close(looked_at, between, rtol=1e-4, atol=0)


class Fixed:
    """A model that repeats its input and states a smaller uncertainty at the second step."""

    halo = 0

    def step(self, lst: np.ndarray, channels: np.ndarray, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        fine = np.nan_to_num(lst).repeat(2, 0).repeat(2, 1)
        return fine, np.full(fine.shape, 4.0 / len(lst), np.float32)


def test_steps_run_in_a_row_and_holes_stay_out() -> None:
    lst = np.float32([[300, np.nan], [290, 295]])
    truths = [np.full((4, 4), 301, np.float32), np.full((8, 8), 301, np.float32)]
    context = np.zeros((0, 2, 2), np.float32)
    steps = tuple(Step((), np.zeros((0, *t.shape), np.float16), context, t) for t in truths)
    half, quarter = results(Fixed(), Sample("simulated-day", lst, steps))
    assert half.raw_uncertainty.max() == 2.0
    assert quarter.raw_uncertainty.max() == 1.0
    np.testing.assert_array_equal(half.lst, lst.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(quarter.lst, lst.repeat(4, 0).repeat(4, 1))


class Certain:
    """A model that says 290 K, give or take 1 K."""

    halo = 0

    def step(self, lst: np.ndarray, channels: np.ndarray, context: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = tuple(2 * n for n in lst.shape)
        return np.full(shape, 290, np.float32), np.ones(shape, np.float32)


def test_an_extra_factor_serves_its_case_alone() -> None:
    """Errors of 1.5 K, then of 3 K: each case gets its own factor, and only the one named is larger."""
    rng = np.random.default_rng(5)
    steps = []
    for n, deviation in ((1, 1.5), (2, 3.0)):
        context = np.full((len(CONTEXT), 40 * n, 40 * n), np.nan, np.float32)
        context[CONTEXT.index("cell")], context[CONTEXT.index("day")] = CELLS[n], 1
        truth = rng.normal(290, deviation, (80 * n, 80 * n)).astype(np.float32)
        steps.append(Step((), np.zeros((0, *truth.shape), np.float16), context, truth))
    drawn = [Sample("simulated-day", np.full((40, 40), 290, np.float32), tuple(steps))]
    first, second = (CELLS[1], False, False), (CELLS[2], False, False)
    plain, larger = (factors(Certain(), drawn, extra) for extra in (None, {first: 1.2}))
    assert plain == {first: pytest.approx(1.5, rel=0.05), second: pytest.approx(3.0, rel=0.05)}
    assert larger == {first: pytest.approx(1.2 * plain[first]), second: plain[second]}


def test_a_bias_between_sensors_is_not_an_error() -> None:
    """Truth is 2 K warmer throughout: left out against another sensor, an error within one."""
    truth = np.full((4, 4), 292, np.float32)
    step = Step((), np.zeros((0, 4, 4), np.float16), np.zeros((len(CONTEXT), 2, 2), np.float32), truth)
    lst = np.full((2, 2), 290, np.float32)
    for same_sensor, expected in ((True, 2.0), (False, 0.0)):
        one = Sample("pair", lst, (step,), same_sensor)
        found = errors(one, list(results(Certain(), one)), 0, None)
        np.testing.assert_allclose(found.error, expected, atol=1e-6)
