"""The optimizer: Muon for the kernels of convolutions, AdamW for all other weights.

Muon (Jordan et al. 2024) replaces a matrix's momentum by the nearest orthogonal matrix, so that weak directions learn
as fast as strong ones. Here it needs about a third of AdamW's iterations (`docs/notebook/009-optimizer.md`).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

PACE = 2.0
"""Muon's learning rate over AdamW's, both as the root mean square of what a weight moves."""


class Optimizer:
    """Muon and AdamW as one, with the methods of a torch optimizer that training uses.

    Args:
        net: The network, on its device, in channels-last memory.
        others: Parameters beside the network's, without weight decay.
        rate: AdamW's learning rate; Muon's is `PACE` times it.
        weight_decay: Decoupled weight decay of both.
    """

    def __init__(self, net: nn.Module, others: list[nn.Parameter], *, rate: float, weight_decay: float) -> None:
        self.kernels = [weight for name, weight in net.named_parameters() if _is_kernel(name, weight)]
        taken = {id(weight) for weight in self.kernels}
        rest = [weight for weight in net.parameters() if id(weight) not in taken]
        groups = [{"params": rest, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.adam = torch.optim.AdamW([group for group in groups if group["params"]], lr=rate)
        # torch's Muon takes matrices only: it is given the kernels' own memory under another shape.
        self.matrices = [nn.Parameter(_matrix(weight.detach())) for weight in self.kernels]
        self.muon = torch.optim.Muon(
            self.matrices, lr=PACE * rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"
        )

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of both."""
        for group in self.adam.param_groups:
            group["lr"] = rate
        for group in self.muon.param_groups:
            group["lr"] = PACE * rate

    def zero_grad(self) -> None:
        """Forget the gradients."""
        self.adam.zero_grad(set_to_none=True)
        for weight in self.kernels:
            weight.grad = None

    def step(self) -> None:
        """Move all weights along their gradients."""
        for weight, matrix in zip(self.kernels, self.matrices, strict=True):
            matrix.grad = None if weight.grad is None else _matrix(weight.grad)
        self.adam.step()
        self.muon.step()  # type: ignore[no-untyped-call]

    def state_dict(self) -> dict[str, Any]:
        """What an exact resume needs."""
        return {"adam": self.adam.state_dict(), "muon": self.muon.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from `state_dict`."""
        self.adam.load_state_dict(state["adam"])
        self.muon.load_state_dict(state["muon"])


def _is_kernel(name: str, weight: Tensor) -> bool:
    """Kernels of inner convolutions; the last one starts at zero and has a scale of its own."""
    return weight.ndim == 4 and weight.shape[0] > 1 and not name.startswith("tail.")


def _matrix(kernel: Tensor) -> Tensor:
    """(out, in, y, x) channels last -> (out, y * x * in), a view where the memory allows."""
    return kernel.permute(0, 2, 3, 1).flatten(1)
