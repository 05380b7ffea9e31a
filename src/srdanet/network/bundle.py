"""A model bundle: the network as one ONNX function, its weights, its configuration, its card.

A folder holds `bundle.json` (what the model takes, how it was made, a SHA-256 of every other file), `step.onnx` (one x2
step, kelvin in, kelvin out), `weights.safetensors` (for training on) and `MODEL_CARD.md`. No torch is needed to run it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from srdanet.arrays import Float32
from srdanet.errors import ModelError
from srdanet.predictors.stack import CHANNELS, CONTEXT

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1
"""Version of the folder's layout."""


@dataclass(frozen=True)
class Bundle:
    """A loaded model; `step` runs it."""

    folder: Path
    config: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.config["name"])

    @property
    def version(self) -> str:
        """The model's version."""
        return str(self.config["version"])

    @property
    def sha256(self) -> str:
        """SHA-256 of the ONNX file, which decides every result."""
        return str(self.config["sha256"]["step.onnx"])

    @property
    def halo(self) -> int:
        """Coarse cells around a window that its result depends on."""
        return int(self.config["halo"])

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return (self.folder / "MODEL_CARD.md").read_text(encoding="utf-8")

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Windows at a tile's rim differ in size; a plan of memory for each would be kept. The arena stays: a fifth of
        # the time would go into asking the system for the same memory again.
        options.enable_mem_pattern = False
        # Waiting threads that spin slow everything else on a busy machine many times over.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = str(self.folder / "step.onnx")
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def step(self, lst: Float32, channels: Float32, context: Float32) -> tuple[Float32, Float32]:
        """One x2 step.

        Args:
            lst: (h, w) coarse LST, K, NaN = missing.
            channels: (N, 2h, 2w) in the units of `srdanet.variables`, NaN = missing.
            context: (M, h, w), NaN = missing.

        Returns:
            LST and its standard deviation, (2h, 2w) K; defined everywhere, meaningful where `lst` is.
        """
        feed = {"lst": lst[None, None], "channels": channels[None], "context": context[None]}
        fine, sigma = self._session.run(None, {k: np.ascontiguousarray(v, np.float32) for k, v in feed.items()})
        return fine[0, 0], sigma[0, 0]


@cache
def load_model(model: str | Path = "default") -> Bundle:
    """Load a shipped model by name, or any bundle by the path of its folder.

    Raises:
        ModelError: when there is none, a file of it is damaged, or it was made for other inputs.
    """
    shipped = Path(str(files("srdanet") / "models"))
    folder = next((path for path in (shipped / model, Path(model)) if (path / "bundle.json").is_file()), None)
    if folder is None:
        names = ", ".join(sorted(path.parent.name for path in shipped.glob("*/bundle.json")))
        todo = f"Name a shipped model ({names}) or give the folder of a bundle."
        raise ModelError(f"{str(model)!r} is not a model", todo=todo)
    try:
        config = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"bundle.json cannot be read ({error})", where=folder) from error
    if config.get("format") != FORMAT:
        raise ModelError(f"has format {config.get('format')}, not {FORMAT}", where=folder, todo="Use a newer srdanet.")
    todo = "Copy the whole folder again."
    for name, expected in config["sha256"].items():
        if not (folder / name).is_file():
            raise ModelError(f"{name} is missing", where=folder, todo=todo)
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != expected:
            raise ModelError(f"{name} is damaged: its SHA-256 is not the one in bundle.json", where=folder, todo=todo)
    if tuple(config["channels"]) != CHANNELS or tuple(config["context"]) != CONTEXT:
        todo = "Use the version of srdanet that the model was published with."
        raise ModelError("was trained on other predictors than this version gives", where=folder, todo=todo)
    return Bundle(folder, config)
