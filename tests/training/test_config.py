"""A configuration is one run or several stages; what is wrong in it is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from srdanet.errors import ConfigError
from srdanet.training.config import read_config

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
HEAD = 'data = "d"\noutput = "o"\nwarmup = 9\nseed = 7\n[sources.toy]\nweight = 1\n'


def test_a_file_without_stages_is_one_run(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(HEAD)
    (config,) = read_config(path)
    assert (config.stage, config.data, config.output, config.start) == (None, tmp_path / "d", tmp_path / "o", None)


@pytest.mark.parametrize("kind", ["rcan", "unet", "cbam"])
def test_rivals_are_trained_as_the_network_is(kind: str) -> None:
    """What differs from SRDA-Net at the same length is the network, the name and the folder."""
    (ours,), (rival,) = (read_config(CONFIGS / f"rival-{name}.toml") for name in ("srdanet", kind))
    assert (rival.name, rival.network.kind) == (kind, kind)
    same = rival.model_dump(exclude={"name", "output", "network"})
    assert same == ours.model_dump(exclude={"name", "output", "network"})


def test_an_unknown_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(HEAD + '[network]\nkind = "transformer"\n')
    with pytest.raises(ConfigError, match=r"network\.kind"):
        read_config(path)


def test_a_stage_says_only_what_differs(tmp_path: Path) -> None:
    """Each has a folder of its own and starts from the checkpoint of the one before; tables are replaced as a whole."""
    path = tmp_path / "run.toml"
    second = '[[stage]]\nname = "second"\nseed = 8\n[stage.sources.moon]\nweight = 2\n'
    path.write_text('start = "m"\n' + HEAD + '[[stage]]\nname = "first"\n' + second)
    first, second_stage = read_config(path)
    assert (first.seed, first.warmup, second_stage.seed, second_stage.warmup) == (7, 9, 8, 9)
    assert (first.output, second_stage.output) == (tmp_path / "o" / "first", tmp_path / "o" / "second")
    assert (first.start, second_stage.start) == (tmp_path / "m", first.checkpoint)
    assert (set(first.sources), set(second_stage.sources)) == ({"toy"}, {"moon"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning = 3\n" + HEAD, "learning"),
        (HEAD + "volume = 2\n", "sources.toy.volume"),
        (HEAD + '[[stage]]\nname = "one"\nseed = "x"\n', "stage one: seed"),
        (HEAD + '[[stage]]\nname = "one"\noutput = "p"\n', "output cannot differ between stages"),
        (HEAD + '[[stage]]\nname = "one"\n[stage.network]\nchannels = 8\n', "network cannot differ"),
        (HEAD + "[[stage]]\nseed = 2\n", "stage name None"),
        (HEAD + '[[stage]]\nname = "a"\n[[stage]]\nname = "a"\n', "not unique"),
        (HEAD + '[[stage]]\nname = "../a"\n', "folder name"),
        ('stage = "one"\n' + HEAD, r"\[\[stage\]\]"),
        ('simulated = "no function"\n' + HEAD, "simulated"),
        ("data = [", "not valid TOML"),
    ],
)
def test_errors_name_the_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(tmp_path / "absent.toml")


@pytest.mark.parametrize("name", [path.name for path in CONFIGS.glob("*.toml")])
def test_every_configuration_in_the_repository_is_read(name: str) -> None:
    stages = read_config(CONFIGS / name)
    assert len({stage.output for stage in stages}) == len(stages)
    assert len({stage.seed for stage in stages}) == len(stages)


def test_the_stages_of_the_shipped_model() -> None:
    stages = read_config(CONFIGS / "shipped.toml")
    assert [stage.stage for stage in stages] == ["elsewhere", "everywhere", "longer"]
    assert stages[0].left_out == ("zhangye", "imperial", "los-angeles", "talca")
    assert stages[1].left_out == ()
