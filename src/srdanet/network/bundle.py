"""A model bundle: the network as one ONNX function, its weights, its configuration, its card.

A folder holds `bundle.json` (what the model takes, how it was made, a SHA-256 of every other file), `step.onnx` (one x2
step, kelvin in, kelvin out), `weights.safetensors` (for training on) and `MODEL_CARD.md`. No torch is needed to run it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from srdanet import threads
from srdanet.arrays import Float32
from srdanet.errors import ArgumentError, MissingExtraError, ModelError, first_line, spelled
from srdanet.network.domain import BOUNDED, Domain, widened
from srdanet.predictors.stack import CHANNELS, CONTEXT

if TYPE_CHECKING:
    import onnxruntime

FORMAT = 1
"""Version of the folder's layout."""
FILES = ("bundle.json", "step.onnx", "weights.safetensors", "MODEL_CARD.md")
"""All files of a bundle."""
_ELSEWHERE = b"\x0a\x08location"
"""How an ONNX file says that weights lie in a file of their own (key `location` of `external_data`)."""
SEAL = "description_sha256"
"""The key of `bundle.json` that holds the SHA-256 of all else in it. Bundles of before it was introduced have none."""
_COPY = "Copy the whole folder again."
Device = Literal["cpu", "cuda"]
"""Where a network is computed."""
DEVICES: tuple[Device, ...] = get_args(Device)
_CUDA = "CUDAExecutionProvider"


class _Statistics(BaseModel):
    """Of the training data, what a run needs."""

    ranges: dict[Literal[BOUNDED], tuple[float, float]] = {}  # type: ignore[valid-type]


class _Manifest(BaseModel):
    """What `bundle.json` must hold for a model to run; it holds more, for training and for people."""

    model_config = ConfigDict(strict=True)

    name: str
    version: str
    channels: list[str]
    context: list[str]
    halo: Annotated[int, Field(ge=0, le=1024)]
    widen: list[float] = []
    statistics: _Statistics = _Statistics()
    sha256: dict[Literal["step.onnx", "weights.safetensors", "MODEL_CARD.md"], str]

    @field_validator("sha256")
    @classmethod
    def _complete(cls, hashes: dict[str, str]) -> dict[str, str]:
        if "step.onnx" not in hashes:
            raise ValueError("the SHA-256 of step.onnx is missing")
        return hashes


@dataclass(frozen=True)
class Bundle:
    """A loaded model; `step` runs it."""

    folder: Path
    config: Mapping[str, Any]
    device: Device = "cpu"

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
        """SHA-256 of the ONNX file."""
        return str(self.config["sha256"]["step.onnx"])

    @property
    def bundle_sha256(self) -> str:
        """SHA-256 of `bundle.json`, which holds the hashes of all other files and the halo: it decides every result."""
        return hashlib.sha256((self.folder / "bundle.json").read_bytes()).hexdigest()

    @property
    def halo(self) -> int:
        """Coarse cells around a window that its result depends on."""
        return int(self.config["halo"])

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return (self.folder / "MODEL_CARD.md").read_text(encoding="utf-8")

    @cached_property
    def domain(self) -> Domain:
        """What it was trained on; of models from before this was noted, nothing."""
        return Domain(self.config.get("statistics", {}).get("ranges", {}))

    @cached_property
    def _order(self) -> Mapping[str, slice | list[int]]:
        """Which of the predictors of this version the model takes; older models know fewer."""
        order: dict[str, slice | list[int]] = {}
        for key, known in (("channels", CHANNELS), ("context", CONTEXT)):
            wanted = tuple(self.config[key])
            order[key] = slice(None) if wanted == known else [known.index(name) for name in wanted]
        return order

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        onnxruntime = _onnx_runtime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        # Windows at a tile's rim differ in size; a plan of memory for each would be kept. The arena stays: a fifth of
        # the time would go into asking the system for the same memory again.
        options.enable_mem_pattern = False
        # Waiting threads that spin slow everything else on a busy machine many times over.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # It knows nothing of OpenMP, by whose variable all else is told how many threads to use.
        options.intra_op_num_threads = threads.stated() or 0
        # The bytes whose hash was checked, wherever the file has gone since.
        network = (self.folder / "step.onnx").read_bytes()
        if hashlib.sha256(network).hexdigest() != self.sha256:
            raise ModelError("step.onnx has changed since it was loaded", where=self.folder, todo=_COPY)
        providers: list[Any] = ["CPUExecutionProvider"]
        if self.device == "cuda":
            # Without TensorFloat-32, which tells 300 K to a quarter of a kelvin.
            providers.insert(0, (_CUDA, {"use_tf32": "0"}))
        try:
            session = onnxruntime.InferenceSession(network, options, providers=providers)
        except Exception as error:  # its errors have no base class of their own
            raise ModelError(
                f"step.onnx is not a network ({first_line(error)})", where=self.folder, todo=_COPY
            ) from error
        if self.device == "cuda" and _CUDA not in session.get_providers():
            # It goes on without the GPU where a library of CUDA is missing, and only says so in its log.
            todo = "Install the CUDA and cuDNN that this onnxruntime-gpu asks for, or use the CPU."
            raise MissingExtraError("ONNX Runtime cannot use the GPU", where="device 'cuda'", todo=todo)
        return session

    def step(self, lst: Float32, channels: Float32, context: Float32) -> tuple[Float32, Float32]:
        """One x2 step.

        Args:
            lst: (h, w) coarse LST, K, NaN = missing.
            channels: (N, 2h, 2w) in the units of `srdanet.variables`, NaN = missing.
            context: (M, h, w), NaN = missing.

        Returns:
            LST and its standard deviation, (2h, 2w) K; defined everywhere, meaningful where `lst` is. The deviation
            is larger where the inputs are far from those of training.

        Raises:
            ModelError: when the ONNX file is not a network, or not one of this package.
        """
        far = self.domain.excess(lst, channels, context)
        channels, context = channels[self._order["channels"]], context[self._order["context"]]
        feed = {"lst": lst[None, None], "channels": channels[None], "context": context[None]}
        session = self._session
        taken, given = (sorted(one.name for one in part) for part in (session.get_inputs(), session.get_outputs()))
        if (taken, given) != (sorted(feed), ["fine", "sigma"]):
            what = f"step.onnx takes {', '.join(taken)} and gives {', '.join(given)}: it is another network"
            raise ModelError(what, where=self.folder, todo=_COPY)
        values = {k: np.ascontiguousarray(v, np.float32) for k, v in feed.items()}
        fine, sigma = session.run(["fine", "sigma"], values)
        return fine[0, 0], widened(sigma[0, 0], far)


def seal(about: Mapping[str, Any]) -> str:
    """SHA-256 (hexadecimal) of what a `bundle.json` says, its `SEAL` aside: it does not depend on how it is written.

    The order of the predictors, the halo and the statistics decide every result, and nothing else vouches for them.
    """
    said = json.loads(json.dumps({key: value for key, value in about.items() if key != SEAL}))
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@cache
def load_model(model: str | Path = "default", device: Device = "cpu") -> Bundle:
    """Load a shipped model by name, or any bundle by the path of its folder.

    Args:
        model: Name or folder.
        device: Where it is computed: `cpu`, or `cuda` for an NVIDIA GPU (with `onnxruntime-gpu` in place of
            `onnxruntime`). Results of the two agree but for rounding.

    Raises:
        ModelError: when there is none, a file of it is damaged, or it was made for other inputs.
        MissingExtraError: when ONNX Runtime has no CUDA here.
        ArgumentError: when there is no such device.
    """
    _check_device(device)
    shipped = Path(str(files("srdanet") / "models"))
    folder = next((path for path in (shipped / model, Path(model)) if (path / "bundle.json").is_file()), None)
    if folder is None:
        names = ", ".join(sorted(path.parent.name for path in shipped.glob("*/bundle.json")))
        todo = f"Name a shipped model ({names}) or give the folder of a bundle."
        raise ModelError(f"{str(model)!r} is not a model", todo=todo)
    config = _manifest(folder)
    for name, expected in config["sha256"].items():
        if not (folder / name).is_file():
            raise ModelError(f"{name} is missing", where=folder, todo=_COPY)
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != expected:
            raise ModelError(f"{name} is damaged: its SHA-256 is not the one in bundle.json", where=folder, todo=_COPY)
        if name == "step.onnx" and _ELSEWHERE in content:
            todo = "Save it with its weights in it (external_data=False)."
            raise ModelError("step.onnx keeps weights in another file, which no hash covers", where=folder, todo=todo)
    if SEAL in config and config[SEAL] != seal(config):
        what = "bundle.json is damaged or was edited: its SHA-256 is not the one in it"
        raise ModelError(what, where=folder, todo=f"{_COPY} Predictors, halo and statistics belong to the weights.")
    unknown = [name for name in (*config["channels"], *config["context"]) if name not in (*CHANNELS, *CONTEXT)]
    if unknown:
        todo = "Use the version of srdanet that the model was published with."
        raise ModelError(
            f"was trained on what this version does not give: {', '.join(unknown)}", where=folder, todo=todo
        )
    return Bundle(folder, config, device)


def _onnx_runtime() -> ModuleType:
    """ONNX Runtime, told before it loads to collect nothing.

    Else its official builds (1.32, Linux too) send what they are used for to their maker, and keep a number of the
    machine and a database in the user's cache; its own function to turn that off comes too late for the files.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    return onnxruntime


def _check_device(device: str) -> None:
    if device not in DEVICES:
        raise ArgumentError(f"{device!r} is not a device", where=spelled("device"), todo=f"Use {' or '.join(DEVICES)}.")
    if device == "cpu":
        return
    if _CUDA not in _onnx_runtime().get_available_providers():
        what = "ONNX Runtime is installed without CUDA"
        todo = "Run pip uninstall onnxruntime, then pip install onnxruntime-gpu; or use the CPU."
        raise MissingExtraError(what, where=f"device {device!r}", todo=todo)


def _manifest(folder: Path) -> dict[str, Any]:
    """What `bundle.json` says, checked."""
    where = folder / "bundle.json"
    try:
        config = json.loads(where.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"cannot be read ({first_line(error)})", where=where, todo=_COPY) from error
    if not isinstance(config, dict):
        raise ModelError("is not the description of a model", where=where, todo=_COPY)
    if config.get("format") != FORMAT:
        raise ModelError(f"has format {config.get('format')}, not {FORMAT}", where=folder, todo="Use a newer srdanet.")
    try:
        _Manifest.model_validate(config)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ModelError(what, where=where, todo=_COPY) from error
    return config
