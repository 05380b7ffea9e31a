"""A model fitted to one scene: exact where it must be, the same for the same seed, nearer to the scene one level up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from safetensors.torch import save_file

from srdanet.adaptation import Adaptation, Adapted
from srdanet.adaptation.fit import MOST, SIDE, patches
from srdanet.downscaling.run import adapted as adapt_to
from srdanet.downscaling.run import downscale
from srdanet.energy import degrade
from srdanet.errors import ArgumentError, MissingExtraError, SceneError
from srdanet.evaluation import methods
from srdanet.grid import Level, Tile, coordinates, geobox_of, refine
from srdanet.network.bundle import Bundle
from srdanet.network.calibrated import CASES
from srdanet.network.srdanet import Architecture, SRDANet, Statistics, load_network
from srdanet.predictors.overpass import Overpass
from srdanet.predictors.stack import CHANNELS, CONTEXT
from srdanet.product.produce import produce
from srdanet.scene import Scene

Image = tuple[xr.DataArray, xr.Dataset]
QUICK = Adaptation(iterations=25, rate=1e-2, keep=0.1, closure=1.0)


def image(height: int, width: int, seed: int = 3) -> Image:
    """1 km LST whose detail is a multiple of NDVI's at 250 m, with a hole."""
    rng = np.random.default_rng(seed)
    green = np.cumsum(rng.normal(0, 0.05, (4 * height, 4 * width)), axis=1).clip(-0.5, 0.5).astype(np.float32)
    fine = (295 - 12 * green + np.linspace(0, 3, 4 * height)[:, None]).astype(np.float32)
    coarse = np.asarray(degrade(fine, 4), np.float32)
    coarse[3:7, 5:8] = np.nan
    box = Tile(18, 4).geobox(Level.KM1)[600 : 600 + height, 300 : 300 + width]
    lst = xr.DataArray(coarse, coordinates(box), ("y", "x"))
    return lst, xr.Dataset({"ndvi": (("y", "x"), green)}, coordinates(refine(box, 4)))


@pytest.fixture(scope="module")
def picture() -> Image:
    return image(41, 46)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small network that nobody trained, but whose last layer says something."""
    folder = tmp_path_factory.mktemp("bundle")
    torch.manual_seed(5)
    n, m = len(CHANNELS), len(CONTEXT)
    statistics = Statistics([0.0] * n, [1.0] * n, [0.0] * m, [1.0] * m, [11])
    net = SRDANet(statistics, Architecture(channels=8, groups=1, heads=2, head_width=2))
    torch.nn.init.normal_(net.tail.weight, std=0.02)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, str(folder / "weights.safetensors"))
    about = {
        "name": "toy",
        "version": "0",
        "halo": 24,
        "widen": [np.log(2.0)] * len(CASES),
        "sha256": {"step.onnx": "none"},
    }
    return Bundle(folder, json.loads(json.dumps(about | net.describe())))


@pytest.fixture(scope="module")
def adapted(bundle: Bundle, picture: Image) -> Adapted:
    return fit(bundle, picture, QUICK)


def scene_of(picture: Image) -> Scene:
    return Scene(picture[0].to_dataset(name="lst"), (picture[1],), None, True)


def fit(bundle: Bundle, picture: Image, settings: Adaptation) -> Adapted:
    found = adapt_to(bundle, scene_of(picture), settings)
    assert isinstance(found, Adapted)
    return found


def test_no_iterations_leave_the_model_as_it_is(bundle: Bundle, picture: Image) -> None:
    assert adapt_to(bundle, scene_of(picture), Adaptation(iterations=0)) is bundle
    still, start = fit(bundle, picture, Adaptation(iterations=1, rate=0.0)), load_network(bundle).state_dict()
    assert all(torch.equal(value, start[name]) for name, value in still.net.state_dict().items())


def test_the_scene_is_learned_and_closure_gets_no_worse(adapted: Adapted) -> None:
    loop, closure = adapted.record["loop_rmse"], adapted.record["closure_rmse"]
    assert loop["after"] < 0.98 * loop["before"]
    assert closure["after"] <= closure["before"]


def test_same_seed_same_model(bundle: Bundle, picture: Image, adapted: Adapted) -> None:
    torch.manual_seed(99)
    assert fit(bundle, picture, QUICK).record == adapted.record
    other = fit(bundle, picture, Adaptation(iterations=25, rate=1e-2, keep=0.1, closure=1.0, seed=1))
    assert other.record["weights_sha256"] != adapted.record["weights_sha256"]


def test_the_first_result_holds_the_model_back(bundle: Bundle, picture: Image, adapted: Adapted) -> None:
    held = fit(bundle, picture, Adaptation(iterations=25, rate=1e-2, keep=100.0, closure=1.0))
    assert held.record["loop_rmse"]["after"] > adapted.record["loop_rmse"]["after"]
    pulled = fit(bundle, picture, Adaptation(iterations=25, rate=1e-2, keep=0.1, closure=1.0, pull=1e4))
    assert pulled.record["loop_rmse"]["after"] > adapted.record["loop_rmse"]["after"]


def test_windows_do_not_show(adapted: Adapted, picture: Image) -> None:
    whole, parts = (downscale(*picture, factor=4, day=True, model=adapted, block=b) for b in (64, 17))
    np.testing.assert_allclose(whole["lst"], parts["lst"], atol=0.02)
    assert json.loads(whole.attrs["adapted"]) == adapted.record


def test_the_claimed_uncertainty_is_calibrated_as_the_bundle_says(adapted: Adapted, picture: Image) -> None:
    lst = picture[0].values
    channels = np.full((len(CHANNELS), 2 * lst.shape[0], 2 * lst.shape[1]), np.nan, np.float32)
    context = np.full((len(CONTEXT), *lst.shape), np.nan, np.float32)
    fine, sigma = adapted.step(lst, channels, context)
    with torch.no_grad():
        expected = adapted.net(*(torch.from_numpy(x)[None] for x in (lst[None], channels, context)))
    np.testing.assert_array_equal(fine, expected[0][0, 0].numpy())
    np.testing.assert_allclose(sigma, 2 * expected[1][0, 0].numpy(), rtol=1e-6)


def test_the_record_of_a_product_says_it(bundle: Bundle, picture: Image, tmp_path: Path) -> None:
    scene = Scene.from_arrays(*picture, time="2020-07-15T10:30")
    seen: list[str] = []
    settings = Adaptation(iterations=2)
    product = produce(
        scene, tmp_path, 500, model=bundle, adapt=settings, progress=lambda name, done, total: seen.append(name)
    )
    record = json.loads(product.files.provenance.read_text())["model"]["adapted"]
    assert (record["iterations"], record["seed"]) == (2, 0)
    assert seen.count("adapt") == 3


def test_in_evaluation_each_image_gets_a_model_of_its_own_once(
    bundle: Bundle, picture: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(methods, "load_model", lambda model: bundle)
    name, method = methods.find_method("toy", adapt=Adaptation(iterations=1))
    scene = scene_of(picture)
    half, quarter = (method(scene, factor).attrs["adapted"] for factor in (2, 4))
    assert half == quarter
    other = method(scene_of(image(41, 46, seed=8)), 2).attrs["adapted"]
    assert json.loads(other)["loop_rmse"] != json.loads(half)["loop_rmse"]
    assert name == "toy, adapted"


def test_a_scene_with_little_in_it_is_refused(bundle: Bundle, picture: Image) -> None:
    lst, auxiliary = picture
    cloudy = lst.where(np.arange(lst.sizes["x"]) < 15)
    for bad in (cloudy, lst[:1], lst[:20, :20]):
        with pytest.raises(SceneError, match="1024 are needed"):
            patches(bad.values, geobox_of(lst)[: bad.shape[0], : bad.shape[1]], [auxiliary], Overpass(), 0.3, 0)


def test_patches_of_a_large_scene_are_bounded_and_lie_in_it() -> None:
    lst, auxiliary = image(2 * SIDE + 6, 30 * SIDE)
    above, target = patches(lst.values, geobox_of(lst), [auxiliary], Overpass(), 0.0, 0)
    assert (len(above), len(target)) == (MOST, MOST)
    assert {tuple(p.lst.shape[-2:]) for p in (*above, *target)} == {(SIDE, SIDE)}
    assert all(tuple(p.truth.shape[-2:]) == tuple(p.channels.shape[-2:]) == (2 * SIDE, 2 * SIDE) for p in above)


def test_a_reoriented_patch_is_the_same_reoriented_back() -> None:
    lst, auxiliary = image(41, 46)
    above, _ = patches(lst.values, geobox_of(lst), [auxiliary], Overpass(None, True), 0.0, 0)
    for half, mirror in ((True, False), (False, True), (True, True)):
        once = above[0].reoriented(half=half, mirror=mirror)
        assert not torch.equal(once.truth, above[0].truth)
        again = once.reoriented(half=half, mirror=mirror)
        for name in ("lst", "channels", "context", "truth"):
            torch.testing.assert_close(getattr(again, name), getattr(above[0], name), equal_nan=True)


@pytest.mark.parametrize("wrong", [{"iterations": 501}, {"iterations": -1}, {"rate": -1.0}, {"keep": float("nan")}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ArgumentError):
        Adaptation(**wrong)  # type: ignore[arg-type]


def test_without_torch_there_is_a_hint(bundle: Bundle, picture: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("srdanet.adaptation")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("srdanet.adaptation", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert adapt_to(bundle, scene_of(picture), False) is bundle
    with pytest.raises(MissingExtraError, match=r"srdanet\[train\]"):
        downscale(*picture, model=bundle, adapt=True)
