"""A model that was adapted to one scene: run as any bundle is, by torch instead of ONNX Runtime."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from odc.geo.geobox import GeoBox
from safetensors.torch import save

from srdanet.adaptation.fit import Adaptation, closure_error, fit, loop_error
from srdanet.adaptation.patches import patches
from srdanet.arrays import Float32, Progress
from srdanet.network.bundle import Bundle
from srdanet.network.calibrated import Calibrated
from srdanet.network.srdanet import SRDANet, load_network
from srdanet.predictors.overpass import Overpass


@dataclass(frozen=True)
class Adapted(Bundle):
    """A bundle with weights of its own; name, version and hash are those of the bundle it started from."""

    net: SRDANet
    record: Mapping[str, Any]

    @property
    def adapted(self) -> Mapping[str, Any]:
        """Settings, patches, errors (K) before and after, hash of the weights; what JSON can hold."""
        return self.record

    def step(self, lst: Float32, channels: Float32, context: Float32) -> tuple[Float32, Float32]:
        """One x2 step, same as `Bundle.step`."""
        given = (lst[None, None], channels[None], context[None])
        net = Calibrated(self.net, self.config["widen"])
        with torch.no_grad():
            fine, sigma = net(*(torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in given))
        return fine[0, 0].numpy(), sigma[0, 0].numpy()


def adapt(
    bundle: Bundle,
    lst: Float32,
    root: GeoBox,
    auxiliary: Iterable[xr.Dataset],
    overpass: Overpass,
    settings: Adaptation | None = None,
    progress: Progress | None = None,
) -> Bundle:
    """The model, adapted to one scene by the scene itself (no finer truth is asked for).

    One level up, the scene degraded by two is the input and the scene the truth. At the target step the result must
    stay near what the model gave before and, where asked for, close on the input. Patches are
    chosen by the seed, so that the windows in which the scene is downscaled later do not show.

    Args:
        bundle: Where to start.
        lst: (y, x) K, NaN = missing.
        root: Its grid.
        auxiliary: Same as in `downscale`.
        overpass: Time of the view.
        settings: How; default: `Adaptation()`. No iterations: the bundle comes back as it is.
        progress: Called with "adapt", iterations done and iterations in all.

    Raises:
        SceneError: when the scene has too few valid cells to learn from.
    """
    settings = settings or Adaptation()
    if settings.iterations == 0:
        return bundle
    above, target = patches(lst, root, auxiliary, overpass, settings.point_spread, settings.seed)
    net = load_network(bundle)
    before = loop_error(net, above), closure_error(net, target)
    net = fit(net, above, target, settings, progress)
    after = loop_error(net, above), closure_error(net, target)
    record = {
        **asdict(settings),
        "patches": len(above),
        "loop_rmse": {"before": round(before[0], 4), "after": round(after[0], 4)},
        "closure_rmse": {"before": round(before[1], 4), "after": round(after[1], 4)},
        "weights_sha256": hashlib.sha256(save({k: v.contiguous() for k, v in net.state_dict().items()})).hexdigest(),
    }
    return Adapted(bundle.folder, bundle.config, net, record)
