"""A checkpoint or bundle from a stranger runs no code, and one that is damaged is named as such."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from srdanet import load_model
from srdanet.cli import cli
from srdanet.errors import ModelError, OutputError
from srdanet.network.bundle import FILES, SEAL, seal
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.training import publication, publish
from srdanet.training.export import read_checkpoint

SHIPPED = Path(str(files("srdanet") / "models" / "default"))


class Intruder:
    """Code that runs when it is unpickled the careless way."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.place),)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    load_model.cache_clear()
    return Path(shutil.copytree(SHIPPED, tmp_path / "model"))


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    path, trace = tmp_path / "checkpoint.pt", tmp_path / "was here"
    torch.save({"describe": Intruder(trace), "shadow": {}}, path)
    with pytest.raises(ModelError, match="is not a checkpoint"):
        read_checkpoint(path)
    with pytest.raises(ModelError, match="is not a checkpoint"):
        publish(path, tmp_path / "out", tmp_path, "1")
    assert not trace.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"rubbish", b"PK\x03\x04 half a zip", pickle.dumps([1, 2]), b"\x80\x04N.", bytes(range(256)) * 9],
    ids=["empty", "text", "zip", "list", "nothing", "bytes"],
)
def test_rubbish_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is not a checkpoint") as caught:
        read_checkpoint(path)
    assert caught.value.where == path
    assert caught.value.todo


@pytest.mark.parametrize("overwrite", [False, True])
def test_publish_never_deletes_what_is_no_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    monkeypatch.setattr(publication, "read_checkpoint", lambda path: pytest.fail("work was done before the refusal"))
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match="not a model"):
        publish(tmp_path / "checkpoint.pt", mine, tmp_path, "1", overwrite=overwrite)
    assert (mine / "thesis.tex").read_text() == "years of work"


def test_publish_replaces_a_bundle_only_when_told(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BegunError(Exception):
        pass

    def begin(path: Path) -> Any:
        raise BegunError

    monkeypatch.setattr(publication, "read_checkpoint", begin)
    with pytest.raises(OutputError, match="exists already"):
        publish(tmp_path / "checkpoint.pt", bundle, tmp_path, "1")
    with pytest.raises(BegunError):
        publish(tmp_path / "checkpoint.pt", bundle, tmp_path, "1", overwrite=True)
    (bundle / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="other files"):
        publish(tmp_path / "checkpoint.pt", bundle, tmp_path, "1", overwrite=True)
    result = CliRunner().invoke(
        cli, ["publish", __file__, "--data", str(tmp_path), "--version", "1", "-o", str(tmp_path)]
    )
    assert result.exit_code == 1
    assert "not a model" in result.output


def _without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda about: {k: v for k, v in about.items() if k != key}


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a list": lambda about: [about],
    "a number": lambda about: 7,
    "no hashes": _without("sha256"),
    "no halo": _without("halo"),
    "no name": _without("name"),
    "no predictors": _without("channels"),
    "hashes of another kind": lambda about: about | {"sha256": "abc"},
    "no hash of the network": lambda about: about | {"sha256": {}},
    "a file elsewhere": lambda about: about | {"sha256": about["sha256"] | {"../../secret": "ab"}},
    "a halo of words": lambda about: about | {"halo": "wide"},
    "a negative halo": lambda about: about | {"halo": -3},
    "an endless halo": lambda about: about | {"halo": 10**9},
    "predictors of another kind": lambda about: about | {"channels": 5},
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_description_is_one_clear_error(bundle: Path, kind: str) -> None:
    path = bundle / "bundle.json"
    path.write_text(json.dumps(DAMAGE[kind](json.loads(path.read_text()))))
    with pytest.raises(ModelError) as caught:
        load_model(bundle)
    assert str(bundle) in str(caught.value)
    result = CliRunner().invoke(cli, ["info", str(bundle)])
    assert result.exit_code == 1
    assert "fault in srdanet" not in result.output


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000, b"null"], ids=["empty", "cut", "no UTF-8", "deep", "null"]
)
def test_a_description_that_cannot_be_read(bundle: Path, content: bytes) -> None:
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"bundle\.json"):
        load_model(bundle)


def _run(folder: Path) -> None:
    lst = np.full((6, 5), 290, np.float32)
    shapes = ((len(CHANNELS), 12, 10), (len(CONTEXT), 6, 5))
    load_model(folder).step(lst, *(np.zeros(shape, np.float32) for shape in shapes))


def _network(folder: Path, content: bytes) -> None:
    """Put in another network with the right hash."""
    (folder / "step.onnx").write_bytes(content)
    about = json.loads((folder / "bundle.json").read_text())
    about["sha256"]["step.onnx"] = hashlib.sha256(content).hexdigest()
    about[SEAL] = seal(about)
    (folder / "bundle.json").write_text(json.dumps(about))


@pytest.mark.parametrize("content", [b"Dear reader", b"", bytes(500)], ids=["text", "empty", "zeros"])
def test_what_is_no_network_is_refused(bundle: Path, content: bytes) -> None:
    _network(bundle, content)
    with pytest.raises(ModelError, match=r"step\.onnx is"):
        _run(bundle)


def test_another_network_is_refused(bundle: Path) -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    given = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([node], "other", [value], [given])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10)
    _network(bundle, model.SerializeToString())
    with pytest.raises(ModelError, match="takes x and gives y"):
        _run(bundle)


def test_weights_in_another_file_are_refused(bundle: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(bundle / "step.onnx")
    onnx.save(model, bundle / "step.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert (bundle / "weights.bin").stat().st_size > 1000
    _network(bundle, (bundle / "step.onnx").read_bytes())
    with pytest.raises(ModelError, match="another file"):
        _run(bundle)


def test_the_shipped_model_still_runs(bundle: Path) -> None:
    _run(bundle)
    before = load_model(bundle).bundle_sha256
    about = json.loads((bundle / "bundle.json").read_text())
    about["halo"] -= 1
    (bundle / "bundle.json").write_text(json.dumps(about | {SEAL: seal(about)}))
    load_model.cache_clear()
    assert load_model(bundle).sha256 == load_model(SHIPPED).sha256
    assert load_model(bundle).bundle_sha256 != before


EDITED: dict[str, Callable[[dict[str, Any]], Any]] = {
    "a smaller halo": lambda about: {"halo": about["halo"] - 1},
    "no halo": lambda about: {"halo": 0},
    "predictors in another order": lambda about: {"channels": about["channels"][::-1]},
    "two predictors exchanged": lambda about: {"channels": [*about["channels"][1::-1], *about["channels"][2:]]},
    "a predictor less": lambda about: {"channels": about["channels"][:-1]},
    "context in another order": lambda about: {"context": about["context"][::-1]},
    "other statistics": lambda about: {"statistics": about["statistics"] | {"channel_mean": [0.0] * 19}},
    "a wider uncertainty": lambda about: {"widen": [value + 1 for value in about["widen"]]},
    "another version": lambda about: {"version": "99"},
}


@pytest.mark.parametrize("kind", EDITED)
@pytest.mark.parametrize("shipped", ["default", "europe"])
def test_an_edited_description_is_refused(tmp_path: Path, shipped: str, kind: str) -> None:
    folder = Path(shutil.copytree(SHIPPED.parent / shipped, tmp_path / "model"))
    about = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps(about | EDITED[kind](about), indent=1))
    with pytest.raises(ModelError, match=r"bundle\.json is damaged or was edited"):
        load_model(folder)


def test_a_newer_format_is_refused(bundle: Path) -> None:
    about = json.loads((bundle / "bundle.json").read_text())
    about |= {"format": about["format"] + 1}
    (bundle / "bundle.json").write_text(json.dumps(about | {SEAL: seal(about)}))
    with pytest.raises(ModelError, match="newer srdanet"):
        load_model(bundle)


def _flipped(bundle: Path, name: str, places: Iterable[int]) -> int:
    """How many of the copies with one bit turned are refused; those that are not say the same as before."""
    path = bundle / name
    raw, refused = path.read_bytes(), 0
    said = json.loads((bundle / "bundle.json").read_text())
    for at in places:
        data = bytearray(raw)
        data[at] ^= 1 << (at % 8)
        path.write_bytes(data)
        load_model.cache_clear()
        try:
            found = load_model(bundle)
        except ModelError:
            refused += 1
            continue
        assert name == "bundle.json"
        assert {k: v for k, v in found.config.items() if k in said and k != SEAL} == {
            k: v for k, v in said.items() if k in found.config and k != SEAL
        }
        assert set(said) - set(found.config) <= {SEAL}
    path.write_bytes(raw)
    load_model.cache_clear()
    assert load_model(bundle).config == said
    return refused


@pytest.mark.parametrize("name", FILES)
def test_a_turned_bit_is_found(bundle: Path, name: str) -> None:
    size = (bundle / name).stat().st_size
    places = np.random.default_rng(2).integers(0, size, 25)
    assert _flipped(bundle, name, map(int, places)) > (12 if name == "bundle.json" else 24)


@pytest.mark.trial
@pytest.mark.parametrize("name", FILES)
def test_bits_turned_all_over_are_found(bundle: Path, name: str) -> None:
    """Each byte of the texts, and every thousandth of the weights."""
    size = (bundle / name).stat().st_size
    step = 7 if name == "bundle.json" else max(1, size // 1000)
    assert _flipped(bundle, name, range(0, size, step)) > 0.6 * size / step


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.999])
def test_a_cut_bundle_is_refused(bundle: Path, name: str, share: float) -> None:
    path = bundle / name
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_model(bundle)
