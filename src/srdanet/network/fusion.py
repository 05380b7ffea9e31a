"""Adaptive fusion: how the terms of the loss are weighed against one another while training.

Three ways behind one interface. All state of a fusion is in its `state_dict`, so that a run resumes exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PERIOD = 250
"""Iterations whose mean losses `DescentFusion` compares: enough for the rarest source of the shipped mixture to come up
some seven times, so that the ratio tells of learning and not of which sources were drawn."""
TEMPERATURE = 2.0
"""Liu, Johns and Davison's; the higher, the more alike the weights."""


class Fusion(nn.Module):
    """Weights of 1 for all terms (`fixed`): the plain comparison, and the interface of the others."""

    def __init__(self, terms: int) -> None:
        super().__init__()
        self.terms = terms

    def forward(self, *losses: Tensor) -> Tensor:
        """The terms' losses, each a scalar, as one scalar."""
        weights = self.weights()
        return sum((weights[i] * loss for i, loss in enumerate(losses)), torch.zeros(()))

    def weights(self) -> Tensor:
        """(terms,): what each loss is multiplied by now; no gradient flows into it."""
        return torch.ones(self.terms)

    def advance(self, losses: Tensor) -> None:
        """Note the losses, (terms,) without gradient, of an iteration that was taken."""


class UncertaintyFusion(Fusion):
    """Weighs the terms by their own learned uncertainty (Kendall, Gal and Cipolla 2018): `exp(-s) L / 2 + s / 2`.

    `s` is kept within [-3, 3], or the easiest term takes over.
    """

    def __init__(self, terms: int) -> None:
        super().__init__(terms)
        self.log_variance = nn.Parameter(torch.zeros(terms))

    def forward(self, *losses: Tensor) -> Tensor:
        """The weighted sum, and what a large uncertainty costs."""
        s = self.log_variance.clamp(-3, 3)
        return sum((0.5 * torch.exp(-s[i]) * loss + 0.5 * s[i] for i, loss in enumerate(losses)), torch.zeros(()))

    def weights(self) -> Tensor:
        """`exp(-s) / 2`."""
        return 0.5 * torch.exp(-self.log_variance.detach().clamp(-3, 3))


class DescentFusion(Fusion):
    """Dynamic weight averaging (Liu, Johns and Davison 2019): a term that falls slowly weighs more.

    With `r` the ratio of a term's mean losses over the last two periods, its weight is
    `terms * softmax(r / TEMPERATURE)`; 1 until two periods are over.
    """

    total: Tensor
    means: Tensor
    count: Tensor

    def __init__(self, terms: int, period: int = PERIOD) -> None:
        super().__init__(terms)
        self.period = period
        self.register_buffer("total", torch.zeros(terms))
        self.register_buffer("means", torch.full((2, terms), torch.nan))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def weights(self) -> Tensor:
        """They add up to the number of terms."""
        before, last = self.means
        ratio = torch.nan_to_num(last / before.clamp_min(1e-12), nan=1.0)
        return self.terms * torch.softmax(ratio / TEMPERATURE, 0)

    def advance(self, losses: Tensor) -> None:
        """Add to the period's mean; at the period's end the weights change."""
        self.total += losses
        self.count += 1
        if int(self.count) == self.period:
            self.means.copy_(torch.stack([self.means[1], self.total / self.period]))
            self.total.zero_()
            self.count.zero_()


FUSIONS: dict[str, type[Fusion]] = {"uncertainty": UncertaintyFusion, "descent": DescentFusion, "fixed": Fusion}
"""By the names that a configuration uses."""
