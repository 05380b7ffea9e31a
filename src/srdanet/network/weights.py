"""From a bundle back to the network: for training on."""

from __future__ import annotations

from safetensors.torch import load_file

from srdanet.network.bundle import Bundle
from srdanet.network.srdanet import Architecture, SRDANet, Statistics


def trained(bundle: Bundle) -> SRDANet:
    """The bundle's network, with its weights."""
    config = bundle.config
    net = SRDANet(Statistics(**config["statistics"]), Architecture(**config["architecture"]))
    net.load_state_dict(load_file(bundle.folder / "weights.safetensors"))
    return net.eval()
