"""How the terms of the loss are weighed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from srdanet.network.fusion import FUSIONS, DescentFusion, Fusion, UncertaintyFusion


def test_uncertainty_bounds_its_weights() -> None:
    fusion = UncertaintyFusion(2)
    with torch.no_grad():
        fusion.log_variance.copy_(torch.tensor([50.0, -50.0]))
    loss = fusion(torch.tensor(1.0), torch.tensor(1.0))
    expected = 0.5 * np.exp(-3) + 1.5 + 0.5 * np.exp(3) - 1.5
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(fusion.weights(), [0.5 * np.exp(-3), 0.5 * np.exp(3)], rtol=1e-5)


def test_uncertainty_finds_the_size_of_each_term() -> None:
    """For constant losses the best `exp(s)` is the loss itself."""
    fusion = UncertaintyFusion(2)
    optimizer = torch.optim.Adam(fusion.parameters(), lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        fusion(torch.tensor(0.4), torch.tensor(3.0)).backward()
        optimizer.step()
    np.testing.assert_allclose(fusion.log_variance.detach().exp(), [0.4, 3.0], rtol=0.02)


def test_fixed_is_the_plain_sum() -> None:
    assert float(Fusion(3)(*torch.tensor([1.0, 2.0, 4.0]))) == 7


def _periods(fusion: DescentFusion, *means: tuple[float, float]) -> None:
    """Iterations around each mean, one after another."""
    for first, second in means:
        for wobble in (0.5, 1.5):
            fusion.advance(torch.tensor([first, second]) * wobble)


def test_descent_is_the_formula_of_its_paper() -> None:
    """Two periods: the first term fell to a half, the second rose by a quarter."""
    fusion = DescentFusion(2, period=2)
    _periods(fusion, (4.0, 8.0))
    np.testing.assert_array_equal(fusion.weights(), [1, 1])
    _periods(fusion, (2.0, 10.0))
    expected = 2 * np.exp([0.5 / 2, 1.25 / 2]) / np.exp([0.5 / 2, 1.25 / 2]).sum()
    np.testing.assert_allclose(fusion.weights(), expected, rtol=1e-6)
    assert float(fusion(torch.tensor(1.0), torch.tensor(0.0))) == pytest.approx(expected[0])


def test_descent_goes_on_where_it_stopped() -> None:
    whole, second = DescentFusion(2, period=2), DescentFusion(2, period=2)
    _periods(whole, (4.0, 8.0), (3.0, 1.0))
    whole.advance(torch.tensor([7.0, 7.0]))
    second.load_state_dict(whole.state_dict())
    for fusion in (whole, second):
        fusion.advance(torch.tensor([1.0, 2.0]))
    assert torch.equal(whole.weights(), second.weights())
    assert not torch.equal(whole.weights(), torch.ones(2))


@pytest.mark.parametrize("name", FUSIONS)
def test_all_let_gradients_through(name: str) -> None:
    losses = torch.tensor([1.0, 2.0], requires_grad=True)
    fusion = FUSIONS[name](2)
    fusion(*losses).backward()
    assert losses.grad is not None
    np.testing.assert_allclose(losses.grad, fusion.weights())
