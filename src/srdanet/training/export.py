"""From a checkpoint to a bundle that runs without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.export import Dim

from srdanet.atomic import refuse_existing, replacing
from srdanet.errors import ModelError, OutputError, first_line
from srdanet.network.bundle import FILES, FORMAT, SEAL, Bundle, load_model, seal
from srdanet.network.calibrated import CASES, Calibrated
from srdanet.network.kinds import TITLES, build
from srdanet.network.srdanet import Architecture, Statistics, StepNetwork, weights_of
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.training.checkpoint import load_checkpoint


def read_checkpoint(path: Path) -> tuple[StepNetwork, dict[str, Any]]:
    """The averaged network of a checkpoint, and its configuration with `iteration` and, in `start`, where it began.

    Raises:
        ModelError: when the file is not a checkpoint of this package.
    """
    state = load_checkpoint(path)
    try:
        describe = state["describe"]
        net = build(Statistics(**describe["statistics"]), Architecture(**describe["architecture"]))
        net.load_state_dict(state["shadow"])
        return net.eval(), {**state["config"], "iteration": state["iteration"], "start": state.get("began")}
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        todo = "Use the version of srdanet it was trained with."
        raise ModelError(f"is a checkpoint of another network ({first_line(error)})", where=path, todo=todo) from error


def export(
    checkpoint: Path,
    folder: Path,
    *,
    version: str,
    card: str,
    widen: Sequence[float] = (0.0,) * len(CASES),
    results: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle, check that it gives what torch gives, put it in place.

    Args:
        checkpoint: Written by `training.loop`.
        folder: The bundle's folder.
        version: The model's version.
        card: The model card, Markdown.
        widen: Logarithms of the factor on the standard deviation (`network.calibrated`), from calibration.
        results: Measured numbers to keep in `bundle.json`.
        overwrite: Replace a bundle that is there already.

    Raises:
        OutputError: when ONNX Runtime and torch disagree by more than 1 mK; or as `check_place`.
    """
    check_place(folder, overwrite=overwrite)
    net, config = read_checkpoint(checkpoint)
    with replacing(folder, overwrite=overwrite) as place:
        place.mkdir()
        h, w = (Dim(name, min=4, max=1 << 14) for name in "hw")
        axes = {"lst": {2: h, 3: w}, "channels": {2: 2 * h, 3: 2 * w}, "context": {2: h, 3: w}}
        # Without gradients `attention.box_mean` pools; its banded matrices cost more the larger the image is.
        with torch.no_grad():
            torch.onnx.export(
                Calibrated(net, widen).eval(),
                _example(24, 24),
                str(place / "step.onnx"),
                input_names=list(axes),
                output_names=["fine", "sigma"],
                dynamic_shapes=axes,
                opset_version=18,
                external_data=False,
                verbose=False,
            )
        save_file(weights_of(net), str(place / "weights.safetensors"))
        (place / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        hashed = ("step.onnx", "weights.safetensors", "MODEL_CARD.md")
        about = {
            "format": FORMAT,
            "name": config["name"],
            "version": version,
            "about": f"{TITLES[net.architecture.kind]}, trained for {config['iteration']:,} iterations",
            "channels": CHANNELS,
            "context": CONTEXT,
            "halo": net.halo,
            "widen": list(widen),
            **net.describe(),
            "training": {k: v for k, v in config.items() if k not in ("data", "output")},
            "results": dict(results or {}),
            "sha256": {file: hashlib.sha256((place / file).read_bytes()).hexdigest() for file in hashed},
        }
        about[SEAL] = seal(about)
        (place / "bundle.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        _check(net, load_model(place))
    load_model.cache_clear()
    return load_model(folder)


def check_place(folder: Path, *, overwrite: bool) -> None:
    """Refuse a place that is taken, before any work is done.

    A folder is replaced with all that is in it, so it must be a bundle and hold nothing else.

    Raises:
        OutputError: when the folder exists and `overwrite` is off, or it is something else than a bundle.
    """
    if folder.exists():
        held = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        if "bundle.json" not in held or not held <= set(FILES):
            what = "is there already and is not a model, or holds other files beside one"
            raise OutputError(what, where=folder, todo="Name a folder that does not exist yet.")
    refuse_existing([folder], overwrite=overwrite)


def _example(height: int, width: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    lst = 290 + 5 * torch.randn(1, 1, height, width, generator=generator)
    channels = torch.rand(1, len(CHANNELS), 2 * height, 2 * width, generator=generator)
    context = torch.rand(1, len(CONTEXT), height, width, generator=generator)
    lst[..., 3:5, 4:9] = torch.nan
    channels[:, 2:5] = torch.nan
    channels[..., 7:12, 3:9] = torch.nan
    context[:, :3] = torch.nan
    return lst, channels, context


def _check(net: StepNetwork, bundle: Bundle) -> None:
    """ONNX Runtime against torch on an asymmetric example of another shape."""
    lst, channels, context = _example(31, 18)
    with torch.no_grad():
        expected, _ = net(lst, channels, context)
    found, _ = bundle.step(lst[0, 0].numpy(), channels[0].numpy(), context[0].numpy())
    worst = float(np.abs(found - expected[0, 0].numpy()).max())
    if not worst < 1e-3:
        todo = "Export with the versions of constraints.txt."
        raise OutputError(f"ONNX Runtime differs from torch by {worst:.2g} K", where=bundle.folder, todo=todo)
