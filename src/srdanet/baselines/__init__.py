"""Methods that every result is compared with."""

from collections.abc import Callable, Mapping

from srdanet.baselines.interpolation import BICUBIC, Interpolation
from srdanet.baselines.kriging import Atprk
from srdanet.baselines.linear import Blend, DisTrad, MovingWindow, TsHarp
from srdanet.baselines.sharpening import Method
from srdanet.baselines.trees import DataMining, RandomForest

BASELINES: Mapping[str, Callable[[], Method]] = {
    "nearest": lambda: Interpolation("nearest"),
    "bilinear": lambda: Interpolation("bilinear"),
    "bicubic": lambda: BICUBIC,
    "bicubic-conserving": lambda: Interpolation("bicubic", conserve=True),
    "distrad": DisTrad,
    "tsharp": TsHarp,
    "tsharp-cover": lambda: TsHarp("cover", "nearest", "tsharp-cover"),
    "moving-window": MovingWindow,
    "blend": Blend,
    "random-forest": RandomForest,
    "data-mining": DataMining,
    "atprk": Atprk,
}
"""Name → what makes the method, with its usual settings. A new baseline costs a file and a line here."""

__all__ = [
    "BASELINES",
    "BICUBIC",
    "Atprk",
    "Blend",
    "DataMining",
    "DisTrad",
    "Interpolation",
    "Method",
    "MovingWindow",
    "RandomForest",
    "TsHarp",
]
