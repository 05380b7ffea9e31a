"""A run learns, stops, goes on exactly where it stopped, and becomes a bundle."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from srdanet.energy import degrade
from srdanet.errors import ConfigError, ModelError
from srdanet.interpolation import interpolate
from srdanet.network.bundle import SEAL, load_model
from srdanet.network.calibrated import CASES
from srdanet.network.domain import widened
from srdanet.network.kinds import load_network
from srdanet.network.srdanet import Architecture, Kind
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.training import batches, loop
from srdanet.training.batches import Batches, beyond, clouds, draw
from srdanet.training.config import Recipe, TrainConfig
from srdanet.training.curve import draw_curve
from srdanet.training.export import export, read_checkpoint
from srdanet.training.loop import Trainer, run
from srdanet.training.sources import Sample, Step

SIDE = 16


def sample(seed: int) -> Sample:
    """Two steps whose detail is a multiple of NDVI's: something to learn."""
    rng = np.random.default_rng(seed)
    green = np.cumsum(rng.normal(0, 0.05, (4 * SIDE, 4 * SIDE)), axis=1).clip(-0.5, 0.5).astype(np.float32)
    fine = (295 - 12 * green + np.linspace(0, 3, 4 * SIDE)[:, None]).astype(np.float32)
    half = np.asarray(degrade(fine, 2), np.float32)
    steps = []
    for factor, truth in ((2, half), (4, fine)):
        ndvi = green.reshape(factor * SIDE, 4 // factor, factor * SIDE, 4 // factor).mean((1, 3))
        context = np.full((len(CONTEXT), factor * SIDE // 2, factor * SIDE // 2), np.nan, np.float32)
        context[CONTEXT.index("day")] = 1
        steps.append(Step(("ndvi",), ndvi[None].astype(np.float16), context, truth))
    return Sample("toy", np.asarray(degrade(fine, 4), np.float32), tuple(steps))


def settings(output: Path, iterations: int) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "data": "unused",
            "output": output,
            "iterations": iterations,
            "warmup": 5,
            "learning_rate": 1e-2,
            "checkpoint_every": 4,
            "ema": 0.9,
            "sources": {"toy": {"weight": 1, "batch": 2, "crop": 12}},
            "network": {"channels": 12, "groups": 1, "guides": 2},
        }
    )


@pytest.fixture(scope="module")
def samples() -> dict[str, list[Sample]]:
    return {"toy": [sample(seed) for seed in range(6)]}


@pytest.fixture(scope="module")
def checkpoint(samples: dict[str, list[Sample]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(Trainer(settings(tmp_path_factory.mktemp("run") / "run", 3), samples, samples))


@pytest.fixture(scope="module")
def exported(checkpoint: Path) -> Path:
    """A bundle that tests copy before they spoil it."""
    return export(
        checkpoint, checkpoint.parent / "model", version="7", card="# Card", widen=(np.log(2.0),) * len(CASES)
    ).folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    load_model.cache_clear()
    return Path(shutil.copytree(exported, tmp_path / "model"))


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A curve at each checkpoint is slow; one test looks at it."""
    monkeypatch.setattr(loop, "draw_curve", lambda log, picture: None)


def test_a_run_learns(samples: dict[str, list[Sample]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "draw_curve", draw_curve)
    config = settings(tmp_path / "run", 100).model_copy(update={"checkpoint_every": 50})
    trainer = Trainer(config, samples, {"toy": [sample(99)]})
    before = trainer.validate()["toy"]
    run(trainer)
    assert trainer.validate()["toy"] < 0.9 * before
    lines = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(lines) == 1 + 100 // 50
    assert "validation.toy" in lines[0]
    assert (tmp_path / "run" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_resume_is_exact(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    whole = Trainer(settings(tmp_path / "whole", 12), samples, samples)
    run(whole)
    first = Trainer(settings(tmp_path / "parts", 12), samples, samples)
    run(first, hours=0)
    assert first.iteration == 4
    second = Trainer(settings(tmp_path / "parts", 12), samples, samples)
    run(second, resume=True)
    for name, value in whole.shadow.items():
        assert torch.equal(value, second.shadow[name]), name


def test_workers_change_nothing(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    runs = []
    for workers in (0, 2):
        config = settings(tmp_path / str(workers), 4).model_copy(update={"workers": workers})
        runs.append(Trainer(config, samples, samples))
        run(runs[-1])
    for name, value in runs[0].shadow.items():
        assert torch.equal(value, runs[1].shadow[name]), name


def test_batches_differ_by_number_seed_and_rank(samples: dict[str, list[Sample]]) -> None:
    recipes = {"toy": Recipe(1, 2, 12)}
    first = Batches(samples, recipes, seed=1)
    others = (first[1], Batches(samples, recipes, seed=2)[0], Batches(samples, recipes, seed=1, rank=1)[0])
    assert torch.equal(first[0].lst.nan_to_num(), Batches(samples, recipes, seed=1)[0].lst.nan_to_num())
    assert not any(torch.equal(first[0].lst.nan_to_num(), other.lst.nan_to_num()) for other in others)


def test_resume_is_exact_with_another_fusion_and_fewer_terms(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    changes = {"fusion": "descent", "terms": ("degradation", "charbonnier")}
    runs = []
    for name, stop in (("whole", None), ("parts", 0), ("parts", None)):
        config = settings(tmp_path / name, 8).model_copy(update=changes)
        runs.append(Trainer(config, samples, samples))
        run(runs[-1], resume=True, hours=stop)
    assert [trainer.iteration for trainer in runs] == [8, 4, 8]
    assert all(torch.equal(value, runs[2].shadow[name]) for name, value in runs[0].shadow.items())
    assert torch.equal(runs[0].fusion.weights(), runs[2].fusion.weights())


def test_mixed_precision_leaves_kelvin_alone(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    """In an untrained network of any precision no temperature was rounded to 2 K."""
    first = []
    for precision in ("float32", "bfloat16"):
        config = settings(tmp_path, 1).model_copy(update={"precision": precision})
        first.append(Trainer(config, samples, samples).step())
    assert first[0]["share1"] == pytest.approx(first[1]["share1"], rel=2e-3)


def test_terms_are_checked_and_put_in_order(tmp_path: Path) -> None:
    def terms(*names: str) -> tuple[str, ...]:
        return TrainConfig.model_validate({**settings(tmp_path, 1).model_dump(), "terms": names}).terms

    assert terms("ms_ssim", "degradation") == ("degradation", "ms_ssim")
    for names, message in (((), "at least 1"), (("ms_ssim", "ms_ssim"), "twice"), (("l2",), "degradation")):
        with pytest.raises(ValidationError, match=message):
            terms(*names)


def test_a_term_left_out_changes_what_is_learned(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    losses = []
    for terms in (("charbonnier",), ("charbonnier", "ms_ssim")):
        config = settings(tmp_path, 1).model_copy(update={"terms": terms, "fusion": "fixed"})
        losses.append(Trainer(config, samples, samples).step())
    assert losses[0]["loss"] < losses[1]["loss"]
    assert losses[0]["structure1"] == losses[1]["structure1"] > 0


def _broken() -> Sample:
    """A truth with an impossible value that is no NaN."""
    bad = sample(7)
    for step in bad.steps:
        step.truth[:] = np.inf
    return bad


def test_a_gradient_that_is_not_finite_is_skipped_and_counted(
    samples: dict[str, list[Sample]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    group = {"toy": [*samples["toy"], _broken()]}
    config = settings(tmp_path / "run", 12).model_copy(update={"checkpoint_every": 6})
    trainer = Trainer(config, group, samples)
    run(trainer)
    assert 0 < trainer.skipped < 12
    assert sum("not finite" in line for line in caplog.messages) == trainer.skipped
    assert all(bool(torch.isfinite(value).all()) for value in trainer.shadow.values())
    with (tmp_path / "run" / "log.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert sum(int(line["skipped"]) for line in lines) == trainer.skipped
    assert all(np.isfinite(float(line["toy.share1"])) for line in lines)


def test_a_run_that_cannot_take_a_step_says_so(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path / "run", 12), samples, samples)
    trainer.batches.samples = {"toy": [_broken()]}
    with pytest.raises(ConfigError, match="no gradient of 4 batches"):
        run(trainer)


def test_a_run_is_not_overwritten(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    run(Trainer(settings(tmp_path / "run", 1), samples, samples))
    with pytest.raises(ConfigError, match="resume"):
        run(Trainer(settings(tmp_path / "run", 1), samples, samples))


def test_a_run_goes_on_from_a_model(samples: dict[str, list[Sample]], exported: Path, tmp_path: Path) -> None:
    """Its weights and statistics are the model's, whatever the samples, and the checkpoint names it."""
    load_model.cache_clear()
    begun = load_model(exported)
    config = settings(tmp_path / "run", 1).model_copy(update={"start": exported, "seed": 9})
    trainer = Trainer(config, {"toy": [sample(seed) for seed in (50, 51)]}, samples)
    assert trainer.net.training
    found = cast("dict[str, object]", trainer.net.describe()["statistics"])
    assert found | {"ranges": None} == begun.config["statistics"] | {"ranges": None}
    for name, value in load_network(begun).state_dict().items():
        assert torch.equal(value, trainer.shadow[name]), name
    _, made = read_checkpoint(run(trainer))
    assert made["start"] == {"name": begun.name, "version": "7", "sha256": begun.sha256}


def test_a_run_cannot_go_on_from_another_network(
    samples: dict[str, list[Sample]], exported: Path, tmp_path: Path
) -> None:
    config = settings(tmp_path / "run", 1)
    config = config.model_copy(update={"start": exported, "network": config.network.__class__(channels=24)})
    with pytest.raises(ConfigError, match="another network"):
        Trainer(config, samples, samples)


def test_a_model_knows_the_ranges_of_all_its_trainings(
    samples: dict[str, list[Sample]], exported: Path, tmp_path: Path
) -> None:
    first = load_model(exported).domain.ranges
    seen = np.concatenate([sample.lst.ravel() for sample in samples["toy"]])
    low, high = first["lst"]
    assert np.nanmin(seen) <= low < np.nanquantile(seen, 0.01)
    assert np.nanquantile(seen, 0.99) < high <= np.nanmax(seen)
    warmer = {"toy": [replace(one, lst=one.lst + 40) for one in samples["toy"]]}
    trainer = Trainer(settings(tmp_path / "run", 1).model_copy(update={"start": exported}), warmer, warmer)
    then = read_checkpoint(run(trainer))[0].statistics.ranges
    assert then["lst"][0] == low
    assert then["lst"][1] == pytest.approx(high + 40, abs=0.01)


def test_a_run_cannot_go_on_from_what_has_seen_its_held_pairs(
    samples: dict[str, list[Sample]], exported: Path, tmp_path: Path
) -> None:
    config = settings(tmp_path / "run", 1).model_copy(update={"start": exported, "held_fold": 2})
    with pytest.raises(ConfigError, match="another fold"):
        Trainer(config, samples, samples)


def test_export_gives_a_bundle_that_runs(checkpoint: Path, folder: Path) -> None:
    """What ONNX Runtime gives is what torch gives, the standard deviation doubled; so too for a tiny image."""
    bundle = load_model(folder)
    assert (bundle.version, bundle.card) == ("7", "# Card")
    net, _ = read_checkpoint(checkpoint)
    rng = np.random.default_rng(3)
    for height, width in ((9, 8), (2, 3)):
        lst = rng.normal(290, 4, (height, width)).astype(np.float32)
        channels = rng.random((len(CHANNELS), 2 * height, 2 * width)).astype(np.float32)
        context = np.full((len(CONTEXT), height, width), np.nan, np.float32)
        fine, sigma = bundle.step(lst, channels, context)
        with torch.no_grad():
            expected = net(*(torch.from_numpy(x)[None] for x in (lst[None], channels, context)))
        np.testing.assert_allclose(fine, expected[0][0, 0].numpy(), atol=1e-3)
        stated = widened(2 * expected[1][0, 0].numpy(), bundle.domain.excess(lst, channels, context))
        np.testing.assert_allclose(sigma, stated, rtol=1e-3)


@pytest.mark.trial
@pytest.mark.parametrize("kind", ["rcan", "unet", "cbam"])
def test_a_rival_becomes_a_bundle_that_runs(kind: Kind, samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    """Trained and exported like SRDA-Net: what ONNX Runtime gives is what torch gives, whatever the size."""
    config = settings(tmp_path / "run", 3)
    config = config.model_copy(update={"network": Architecture(kind, channels=8, groups=2, blocks=1)})
    checkpoint = run(Trainer(config, samples, samples))
    bundle = export(checkpoint, tmp_path / "model", version="1", card="# Card")
    net = load_network(bundle)
    assert net.architecture.kind == kind
    rng = np.random.default_rng(3)
    for height, width in ((9, 8), (2, 3), (1, 1), (61, 33)):
        lst = rng.normal(290, 4, (height, width)).astype(np.float32)
        channels = rng.random((len(CHANNELS), 2 * height, 2 * width)).astype(np.float32)
        context = rng.random((len(CONTEXT), height, width)).astype(np.float32)
        fine, sigma = bundle.step(lst, channels, context)
        with torch.no_grad():
            expected = net(*(torch.from_numpy(x)[None] for x in (lst[None], channels, context)))
        np.testing.assert_allclose(fine, expected[0][0, 0].numpy(), atol=1e-3)
        stated = widened(expected[1][0, 0].numpy(), bundle.domain.excess(lst, channels, context))
        np.testing.assert_allclose(sigma, stated, rtol=1e-3)


@pytest.mark.parametrize("name", ["step.onnx", "weights.safetensors", "MODEL_CARD.md"])
def test_a_damaged_bundle_is_refused(name: str, folder: Path) -> None:
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises(ModelError, match=f"{name} is damaged"):
        load_model(folder)
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_model(folder)


def test_a_bundle_of_another_format_or_other_predictors_is_refused(folder: Path) -> None:
    about = json.loads((folder / "bundle.json").read_text())
    del about[SEAL]  # as bundles of before have none
    for change, message in (({"format": 99}, "format"), ({"channels": ["red", "thermal"]}, "thermal")):
        (folder / "bundle.json").write_text(json.dumps(about | change))
        load_model.cache_clear()
        with pytest.raises(ModelError, match=message):
            load_model(folder)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """No outliers."""
    monkeypatch.setattr(batches, "OUTLIERS", 0)


@pytest.mark.usefixtures("steady")
def test_batches_reorient_everything_together(samples: dict[str, list[Sample]]) -> None:
    """However it is oriented, NDVI's detail stays where the truth's is."""
    rng = np.random.default_rng(0)
    for _ in range(12):
        batch = draw(samples["toy"], Recipe(1, 2, 12), rng)
        for step in batch.steps:
            ndvi, truth = step.channels[:, CHANNELS.index("ndvi")].numpy(), step.truth[:, 0].numpy()
            known = np.isfinite(ndvi) & np.isfinite(truth)
            if known.sum() > 50:
                assert np.corrcoef(ndvi[known], truth[known])[0, 1] < -0.6


@pytest.mark.usefixtures("steady")
def test_the_context_says_how_a_batch_was_reoriented(samples: dict[str, list[Sample]]) -> None:
    """Flipped back as it says, a sample is what it was."""
    first = samples["toy"][0].steps[0]
    one = replace(samples["toy"][0], steps=(replace(first, context=np.ones_like(first.context)),))
    east, south, lean = (CONTEXT.index(name) for name in ("east", "south", "lean"))
    seen = set()
    for seed in range(40):
        step = draw([one], Recipe(1, 1, SIDE), np.random.default_rng(seed)).steps[0]
        way = {i: int(step.context[0, i].mean()) for i in (east, south)}
        truth = step.truth[0, 0].numpy()[:: way[south], :: way[east]]
        known = np.isfinite(truth)
        np.testing.assert_array_equal(truth[known], one.steps[0].truth[known])
        leaning = float(step.context[0, lean].mean())  # or dropped, as a predictor may be
        assert np.isnan(leaning) or leaning == way[east] * way[south]
        seen.add((way[east], way[south]))
    assert len(seen) == 4


def test_clouds_cover_what_they_should() -> None:
    rng = np.random.default_rng(1)
    shares = [clouds((40, 30), rng).mean() for _ in range(50)]
    assert min(shares) > 0.03
    assert max(shares) < 0.55


def test_images_have_gaps_and_terrain_has_none(samples: dict[str, list[Sample]]) -> None:
    """Where a gap is, all images are missing, at both steps on the same ground."""
    step = samples["toy"][0].steps[0]
    shape = step.truth.shape
    given = np.ones((len(CHANNELS), *shape), np.float16)
    finer = Step(
        CHANNELS,
        given.repeat(2, 1).repeat(2, 2),
        step.context.repeat(2, 1).repeat(2, 2),
        step.truth.repeat(2, 0).repeat(2, 1),
    )
    one = replace(samples["toy"][0], steps=(replace(step, names=CHANNELS, values=given), finer))
    red, height = CHANNELS.index("red"), CHANNELS.index("elevation")
    ended = 0
    for seed in range(200):
        first, second = draw([one], Recipe(1, 1, SIDE), np.random.default_rng(seed)).steps
        share = [float(np.isnan(found.channels[0, red].numpy()).mean()) for found in (first, second)]
        assert np.isnan(first.channels[0, height].numpy()).mean() in (0, 1)
        if 0 < share[0] < 1:
            assert share[0] == pytest.approx(share[1], abs=0.05)
            ended += 1
    assert 5 < ended < 40


def test_outliers_have_no_detail_of_their_own(
    samples: dict[str, list[Sample]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some cells depart, and the truth of each step with them as interpolation carries it; nothing else changes."""
    whole = 0
    monkeypatch.setattr(batches, "SMALL", 0)
    for seed in range(8):
        drawn = []
        for often in (0, 1):
            monkeypatch.setattr(batches, "OUTLIERS", often)
            drawn.append(draw(samples["toy"], Recipe(1, 1, SIDE), np.random.default_rng(seed)))
        steady, spoilt = drawn
        known = np.isfinite(steady.lst.numpy()[0, 0])
        carried = np.where(known, (spoilt.lst - steady.lst).numpy()[0, 0], 0)
        assert 0.01 < (carried != 0).mean() <= 0.5
        assert np.abs(carried).max() <= max(map(abs, batches.OUTLIER))
        for before, after in zip(steady.steps, spoilt.steps, strict=True):
            torch.testing.assert_close(before.channels, after.channels, equal_nan=True)
            carried = interpolate(carried, 2)
            if known.all():
                whole += 1
                np.testing.assert_allclose((after.truth - before.truth).numpy()[0, 0], carried, atol=1e-3)
            assert torch.equal(torch.isnan(after.truth), torch.isnan(before.truth))
    assert whole > 4


def test_cells_beyond_a_line_lie_in_its_direction() -> None:
    found = beyond((0.0, 0.25), 8)
    assert found[:, :6].sum() == 0
    assert found[:, 6:].all()
    assert beyond((np.pi / 2, 0.25), 8)[6:].all()


def test_an_unknown_source_is_refused(samples: dict[str, list[Sample]], tmp_path: Path) -> None:
    config = settings(tmp_path, 1).model_copy(update={"sources": {"moon": settings(tmp_path, 1).sources["toy"]}})
    with pytest.raises(ConfigError, match="moon"):
        Trainer(config, samples, samples)
