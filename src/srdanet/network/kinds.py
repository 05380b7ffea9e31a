"""The networks by name, each with the same `forward`: SRDA-Net, and published networks trained and run as it is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from safetensors.torch import load_file
from torch.utils.flop_counter import FlopCounterMode

from srdanet.errors import ModelError, first_line
from srdanet.network.bundle import Bundle
from srdanet.network.published import Cbam, GuidedUNet, Rcan
from srdanet.network.srdanet import Architecture, Kind, SRDANet, Statistics, StepNetwork

NETWORKS: Mapping[Kind, type[StepNetwork]] = {"srdanet": SRDANet, "rcan": Rcan, "unet": GuidedUNet, "cbam": Cbam}
"""Name → network. A new one costs a class, a line here and a name in `Kind`."""
TITLES: Mapping[Kind, str] = {
    "srdanet": "SRDA-Net",
    "rcan": "RCAN (Zhang et al. 2018)",
    "unet": "a guided residual U-Net (the kind of Ait-Bachir et al. 2025)",
    "cbam": "a residual network with CBAM (Woo et al. 2018)",
}
"""Name → what a model card calls it."""


def build(statistics: Statistics, architecture: Architecture) -> StepNetwork:
    """The network that the architecture names, with random weights."""
    return NETWORKS[architecture.kind](statistics, architecture)


def load_network(bundle: Bundle) -> StepNetwork:
    """The network of a bundle, with its weights: to train on.

    Raises:
        ModelError: when this version has no such network: ONNX Runtime still runs it, but it cannot be trained on.
    """
    config = bundle.config
    try:
        net = build(Statistics(**config["statistics"]), Architecture(**config["architecture"]))
        net.load_state_dict(load_file(bundle.folder / "weights.safetensors"))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        todo = "It can still be used. Train on a model of this version, or with the version it was published with."
        what = f"holds another network than this version has ({first_line(error)})"
        raise ModelError(what, where=bundle.folder, todo=todo) from error
    return net.eval()


def flops_per_cell(net: StepNetwork, side: int = 32) -> float:
    """Floating point operations for a 250 m cell in both steps from 1 km, those of convolutions.

    A step from 1 km has a sixteenth of a coarse cell for each 250 m cell, that from 500 m a quarter.
    """
    device = next(net.parameters()).device
    n, m = net.channel_mean.shape[1], net.context_mean.shape[1]
    shapes = ((1, 1, side, side), (1, n, 2 * side, 2 * side), (1, m, side, side))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(*(torch.zeros(shape, device=device) for shape in shapes))
    return counter.get_total_flops() / side**2 * (1 / 16 + 1 / 4)
