"""Sharpeners made of regression trees: the random forest and the data mining sharpener. They need scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from srdanet.arrays import Float32, Float64, Floats, Mask, repeat
from srdanet.baselines.sharpening import (
    FEWEST_CELLS,
    Predictors,
    Residual,
    Sharpener,
    Trend,
    as_samples,
    least_squares,
    predict,
)
from srdanet.energy import aggregate, degrade
from srdanet.errors import extra
from srdanet.grid import windows
from srdanet.interpolation import interpolate


@dataclass(frozen=True)
class RandomForest(Sharpener):
    """A random forest of all predictors that the scene has; the residual of each cell is added back.

    Hutengs, Vohland (2016), *Downscaling land surface temperatures at regional scales with random forest regression*,
    Remote Sensing of Environment 178, 127-141. Nothing is tuned to a scene.
    """

    trees: int = 100
    leaf: int = 5
    """Fewest coarse cells in a leaf."""
    cells: int = 20_000
    """Most coarse cells to learn from, drawn at random from a larger scene."""
    residual: Residual = "nearest"
    seed: int = 0
    name: str = "random-forest"
    chosen = "all"

    def _trend(self, lst: Floats, predictors: Predictors) -> Trend:
        with extra("scikit-learn", "compare"):
            from sklearn.ensemble import RandomForestRegressor
        samples, target = _training(lst, predictors.coarse, predictors.valid_cells(lst), self.cells, self.seed)
        forest = RandomForestRegressor(
            self.trees, min_samples_leaf=self.leaf, max_features=1 / 3, random_state=self.seed
        )
        forest.fit(samples, target)
        return Trend(predict(forest.predict, predictors.fine), predict(forest.predict, predictors.coarse))


@dataclass(frozen=True)
class DataMining(Sharpener):
    """The data mining sharpener: bagged regression trees with a linear model in each leaf, of the scene and of windows.

    Gao, Kustas, Anderson (2012), *A data mining approach for sharpening thermal satellite imagery over land*, Remote
    Sensing 4, 3287-3319. The most uniform coarse cells are learnt from. The model of the whole scene and those of the
    windows are weighed, cell by cell, by the inverse squares of their residuals; the rest is added back smoothly.
    An approximation of its open implementation (pyDMS), with 30 trees and windows of 30 cells.
    """

    window: int = 30
    """Coarse cells along a window; its model learns from a quarter more on each side."""
    trees: int = 30
    leaf: int = 10
    """Fewest coarse cells in a leaf."""
    uniform: float = 0.8
    """Share of the cells to learn from: those whose fine predictors vary the least."""
    cells: int = 20_000
    """Most coarse cells that one model learns from, drawn at random from a larger scene."""
    residual: Residual = "bilinear"
    seed: int = 0
    name: str = "data-mining"
    chosen = "all"

    def _trend(self, lst: Floats, predictors: Predictors) -> Trend:
        factor = predictors.factor
        uniform = _most_uniform(predictors, predictors.valid_cells(lst), self.uniform)
        whole = predict(self._model(lst, predictors.coarse, uniform), predictors.fine)
        near = np.full_like(whole, np.nan)
        for window in windows((lst.shape[0], lst.shape[1]), self.window, self.window // 4):
            rows, cols = window.outer
            if uniform[window.outer].sum() < max(3 * self.leaf, FEWEST_CELLS):
                continue
            model = self._model(lst[window.outer], predictors.coarse[:, rows, cols], uniform[window.outer])
            fine = window.scaled(factor).inner
            near[fine] = predict(model, predictors.fine[:, fine[0], fine[1]])
        near = np.where(np.isnan(near), whole, near)
        # Weights of both, smooth between the coarse cells.
        first, second = (np.square(lst - degrade(part, factor)) + 1e-4 for part in (whole, near))
        share = repeat(first / (first + second), factor)
        smooth = interpolate(first / (first + second), factor, "bilinear")
        share = np.where(np.isnan(smooth), share, smooth)
        fine_trend = np.where(np.isnan(share), whole, whole + share * (near - whole))
        return Trend(fine_trend, degrade(fine_trend, factor))

    def _model(self, lst: Floats, coarse: Float32, cells: Mask) -> Callable[[Float32], Floats]:
        samples, target = _training(lst, coarse, cells, self.cells, self.seed)
        return _linear_leaf_trees(samples, target, trees=self.trees, leaf=self.leaf, seed=self.seed)


def _linear_leaf_trees(
    samples: Float32, target: Float64, *, trees: int, leaf: int, seed: int, share: float = 0.8
) -> Callable[[Float32], Floats]:
    """The mean of trees, each grown on its own share of the cells, with a line in each leaf.

    A leaf's line says nothing beyond what the leaf has seen: its values stay within the leaf's own.
    """
    with extra("scikit-learn", "compare"):
        from sklearn.tree import DecisionTreeRegressor
    rng = np.random.default_rng(seed)
    grown: list[tuple[Any, Float64, Float64]] = []
    for number in range(trees):
        drawn = rng.choice(len(samples), max(1, round(share * len(samples))), replace=False)
        tree = DecisionTreeRegressor(min_samples_leaf=leaf, random_state=seed + number).fit(
            samples[drawn], target[drawn]
        )
        lines = np.zeros((tree.tree_.node_count, 1 + samples.shape[1]))
        bounds = np.zeros((tree.tree_.node_count, 2))
        leaves = tree.apply(samples[drawn])
        for node in np.unique(leaves):
            members = drawn[leaves == node]
            lines[node] = least_squares(samples[members], target[members])
            bounds[node] = target[members].min(), target[members].max()
        grown.append((tree, lines, bounds))

    def value(points: Float32) -> Floats:
        total = np.zeros(len(points))
        for tree, lines, bounds in grown:
            leaves = tree.apply(points)
            line = lines[leaves]
            guess = line[:, 0] + np.einsum("ij,ij->i", line[:, 1:], points)
            total += np.clip(guess, bounds[leaves, 0], bounds[leaves, 1])
        return total / len(grown)

    return value


def _most_uniform(predictors: Predictors, known: Mask, share: float) -> Mask:
    """(y, x): the known cells whose fine predictors vary least, each in units of its own standard deviation."""
    factor = predictors.factor
    variation = np.zeros(known.shape)
    for fine, coarse in zip(predictors.fine, predictors.coarse, strict=True):
        within = np.sqrt(aggregate(np.square(fine - repeat(coarse, factor)), factor))
        variation += within / max(float(np.std(coarse[known])), 1e-6)
    limit = np.quantile(variation[known], share)
    return np.asarray(known & (variation <= limit))


def _training(lst: Floats, coarse: Float32, cells: Mask, most: int, seed: int) -> tuple[Float32, Float64]:
    """Samples (cells, n) and LST (cells) K of at most `most` of the cells."""
    samples, target = np.asarray(as_samples(coarse, cells), np.float32), lst[cells].astype(np.float64)
    if len(target) > most:
        drawn = np.random.default_rng(seed).choice(len(target), most, replace=False)
        samples, target = samples[drawn], target[drawn]
    return samples, target
