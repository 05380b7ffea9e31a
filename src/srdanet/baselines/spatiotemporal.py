"""Spatiotemporal fusion: the fine image of another date, carried over to the date wanted by coarse images of both.

STARFM, ESTARFM and FSDAF were written for reflectance at 30 m from Landsat and MODIS; here they work on LST. `Fusion`
applies one of them to a scene.

Two things are common to the three. A cell is similar to another when their fine values differ by no more than two
standard deviations of the image divided by the number of classes. And all search in a square window around each cell.
Its size is in coarse cells: at Landsat's 30 m and MODIS's 500 m, the authors' windows of 31 to 51 fine cells are 2 to 3
coarse cells wide, and at the ratios of 2 and 4 between LST products as many fine cells would reach over other weather.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import correlate, uniform_filter
from scipy.optimize import lsq_linear
from scipy.special import fdtri

from srdanet.arrays import Float32, Float64, Floats, Mask, repeat
from srdanet.baselines.sharpening import as_dataset, fill_nearest
from srdanet.energy import aggregate
from srdanet.errors import ArgumentError, GridError
from srdanet.grid import Nesting, geobox_of, nesting, refine
from srdanet.interpolation import Kind, interpolate
from srdanet.scene import Scene
from srdanet.variables import LST_RANGE

_CACHE = 1 << 17
"""About how many window cells are worked on at a time, so that they stay in a processor's cache."""


class Pair(NamedTuple):
    """A coarse and a fine image of one date, with their grids."""

    coarse: xr.DataArray
    """(y, x) K, NaN = missing, on the grid of the scene to be downscaled."""
    fine: xr.DataArray
    """(y * factor, x * factor) K, NaN = missing, on the grid wanted."""


class Algorithm(ABC):
    """A fusion algorithm; its fields are its authors' settings."""

    name: ClassVar[str]

    @abstractmethod
    def predict(self, pairs: Sequence[tuple[Floats, Floats]], coarse: Floats) -> Float32:
        """The fine image of the date of `coarse`.

        Args:
            pairs: Coarse (y, x) and fine image (y * factor, x * factor) of each other date, K, NaN = missing.
            coarse: (y, x) K, NaN = missing.

        Returns:
            (y * factor, x * factor) K, NaN = missing.

        Raises:
            ArgumentError: when the algorithm does not work with that many pairs.
            GridError: when shapes do not fit together.
        """


@dataclass(frozen=True)
class Starfm(Algorithm):
    """Spatial and Temporal Adaptive Reflectance Fusion Model.

    A weighted mean, over the similar cells of a window, of the fine value plus the coarse change of each. As this
    replaces a cell's own fine value by that mean, fine structure within a class is smoothed, even where both dates
    differ by a constant. A cell whose coarse value has not changed, or whose fine and coarse values agree, is
    predicted from itself alone. Distance halves a weight at half the window. There is no residual correction.

    Gao, F., Masek, J., Schwaller, M., Hall, F. (2006): On the blending of the Landsat and MODIS surface reflectance.
    IEEE Transactions on Geoscience and Remote Sensing 44, 2207-2218.
    """

    name: ClassVar[str] = "starfm"

    window: float = 3.0
    """Side of the window in coarse cells: Gao's 1500 m at cells of 500 m."""
    classes: int = 4
    """Number of classes: the more, the fewer cells count as similar."""
    fine_uncertainty: float = 1.0
    """Standard deviation of the fine LST, K. Gao gives it for reflectance; 1 K is the specification of MODIS LST."""
    coarse_uncertainty: float = 1.0
    """Standard deviation of the coarse LST, K."""
    precision: float = 0.02
    """K, added to differences before they are inverted: one count of the MODIS LST, as the program adds one count."""
    kind: Kind = "nearest"
    """How coarse images are brought to fine cells, which the authors leave open."""

    def predict(self, pairs: Sequence[tuple[Floats, Floats]], coarse: Floats) -> Float32:
        """Same as `Algorithm.predict`, with one pair or more; missing where `coarse` or every pair is."""
        known, now = _on_fine_cells(pairs, coarse, self.kind)
        if not known:
            raise ArgumentError("there is no pair", where="Starfm", todo="Give the images of one other date or more.")
        reach = _reach(self.window, now.shape[0] // coarse.shape[0])
        uncertainty = np.hypot(self.fine_uncertainty, self.coarse_uncertainty)
        total, weight, alone, own = (np.zeros(now.shape, np.float32) for _ in range(4))
        nearness = 1 / (1 + _distances(reach) / reach)
        for before, fine in known:
            spectral, temporal = np.abs(fine - before), np.abs(now - before)
            predicted = np.where(np.isfinite(temporal), fine + (now - before), np.nan)
            valid = np.isfinite(predicted)
            certain = valid & ((spectral == 0) | (temporal == 0))
            alone[certain] += 1
            own[certain] += predicted[certain]
            closeness = 1 / ((spectral + self.precision) * (temporal + self.precision))
            images = (np.where(valid, fine, np.nan), spectral, temporal, closeness, np.where(valid, predicted, 0))
            views = [_windows(image, reach) for image in images]
            threshold = _threshold(fine, self.classes)
            for part in _parts(now.shape, reach):
                values, s, t, c, p = (view[part] for view in views)
                use = np.abs(values - fine[part][:, None, None]) <= threshold
                use &= s <= (spectral[part] + uncertainty)[:, None, None]
                use &= t <= (temporal[part] + np.sqrt(2) * self.coarse_uncertainty)[:, None, None]
                weights = np.where(use, c * nearness, 0)
                weight[part] += weights.sum((1, 2))
                total[part] += np.einsum("nij,nij->n", weights, np.where(use, p, 0))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(alone > 0, own / alone, total / weight).astype(np.float32)


@dataclass(frozen=True)
class Estarfm(Algorithm):
    """Enhanced STARFM: the coarse change of similar cells, times a conversion coefficient, added to the fine image.

    The coefficient is the slope of the fine against the coarse values of the similar cells on both dates. What each
    date predicts is weighted by how little the coarse image has changed since. There is no residual correction.
    The settings, and the limits where a coefficient is not trusted, are those of the author's program ESTARFM_FAST of
    2018; where the limits are shares of the data range, that range is 100 K, as in the LST version of Yu et al.

    Zhu, X., Chen, J., Gao, F., Chen, X., Masek, J. G. (2010): An enhanced spatial and temporal adaptive reflectance
    fusion model for complex heterogeneous regions. Remote Sensing of Environment 114, 2610-2623.
    Yu, Y., Renzullo, L. J., McVicar, T. R., Malone, B. P., Tian, S. (2023): Generating daily 100 m resolution land
    surface temperature estimates continentally using an unbiased spatiotemporal fusion approach. Remote Sensing of
    Environment 297, 113784.
    """

    name: ClassVar[str] = "estarfm"

    window: float = 3.0
    """Side of the window in coarse cells: Zhu's 51 cells of 30 m at 500 m."""
    classes: int = 4
    """Number of classes: the more, the fewer cells count as similar."""
    similar: int = 20
    """Similar cells used, those with the nearest values on both dates."""
    least_change: float = 2.0
    """Coarse change between the two dates, K, below which the conversion coefficient is 1."""
    kind: Kind = "nearest"
    """How coarse images are brought to fine cells, which the authors leave open."""

    def predict(self, pairs: Sequence[tuple[Floats, Floats]], coarse: Floats) -> Float32:
        """Same as `Algorithm.predict`, with two pairs, best one before and one after; missing where any image is."""
        known, now = _on_fine_cells(pairs, coarse, self.kind)
        if len(known) != 2:
            todo = "Give the images of two other dates."
            raise ArgumentError(f"ESTARFM works with two pairs, not {len(known)}", where="Estarfm", todo=todo)
        reach = _reach(self.window, now.shape[0] // coarse.shape[0])
        (c1, f1), (c2, f2) = known
        valid = np.isfinite(c1 + f1 + c2 + f2 + now)
        c1, f1, c2, f2, now = (np.where(valid, image, np.nan) for image in (c1, f1, c2, f2, now))
        dissimilarity = 0.5 * (np.abs(f1 - c1) / (f1 + c1) + np.abs(f2 - c2) / (f2 + c2))
        regional = [_window_mean(now - before, reach) for before in (c1, c2)]
        away = [np.abs(change) + 1e-10 for change in regional]
        share = away[1] / (away[0] + away[1])
        take = [_padded(image, reach).ravel() for image in (dissimilarity, c1, f1, c2, f2, now)]
        out = np.empty(now.shape, np.float32)
        thresholds = [_threshold(image, self.classes) for image in (f1, f2)]
        for row, cells, far, use in _similar_cells((f1, f2), thresholds, reach, self.similar):
            unlike, x1, y1, x2, y2, x0 = (np.where(use, image[cells], 0).astype(np.float64) for image in take)
            weights = np.where(use, 1 / (unlike * (1 + far / reach) + 1e-7), 0)
            weights /= np.maximum(weights.sum(1, keepdims=True), 1e-30)
            slope = self._coefficients(x1, y1, x2, y2, use)
            first = f1[row] + slope * (weights * (x0 - x1)).sum(1)
            second = f2[row] + slope * (weights * (x0 - x2)).sum(1)
            few = use.sum(1) <= 5
            first = np.where(few, f1[row] + regional[0][row], first)
            second = np.where(few, f2[row] + regional[1][row], second)
            value = share[row] * first + (1 - share[row]) * second
            plain = share[row] * (weights * y1).sum(1) + (1 - share[row]) * (weights * y2).sum(1)
            absurd = ~few & ((value <= LST_RANGE[0]) | (value >= LST_RANGE[1]))
            out[row] = np.where(absurd, plain, value)
        return out

    def _coefficients(self, x1: Float64, y1: Float64, x2: Float64, y2: Float64, use: Mask) -> Float64:
        """Slope of fine `y` over coarse `x`, both dates together, (cells,); 1 where it cannot be trusted."""
        count = np.maximum(use.sum(1), 1)
        mean_x, mean_y = (x1 + x2).sum(1) / (2 * count), (y1 + y2).sum(1) / (2 * count)
        dx = [np.where(use, x - mean_x[:, None], 0) for x in (x1, x2)]
        dy = [np.where(use, y - mean_y[:, None], 0) for y in (y1, y2)]
        sxx, syy = (sum((d**2).sum(1) for d in part) for part in (dx, dy))
        sxy = sum((a * b).sum(1) for a, b in zip(dx, dy, strict=True))
        slope = sxy / np.maximum(sxx, 1e-12)
        freedom = np.maximum(2.0 * np.arange(use.shape[1] + 1) - 2, 1)
        critical = fdtri(1, freedom, 0.95)
        explained = slope * sxy
        unexplained = np.maximum(syy - explained, 0)
        significant = (count > 1) & (explained * freedom[count] >= critical[count] * unexplained)
        changed = np.abs((x1 - x2).sum(1) / count) >= self.least_change
        trusted = significant & changed & (slope > 0) & (slope <= 5)
        return np.where(trusted, slope, 1.0)


@dataclass(frozen=True)
class Fsdaf(Algorithm):
    """Flexible Spatiotemporal DAta Fusion: a change per class, a thin plate spline, and what both leave unexplained.

    The fine image is classified; the change of each class is unmixed from the coarse changes and added. What the
    coarse change leaves (the residual) goes to the fine cells in proportion to their distance from a thin plate
    spline through the coarse image where a window holds one class only, and evenly where it holds many. Last,
    changes are averaged over similar cells. The residual correction is thus part of the method.

    The classes come from k-means, where the authors have ISODATA with 4 to 6 of them. Their program first clips the
    extreme 0.01 % of the fine image, and works in blocks of 30 x 30 coarse cells; neither is done here.

    Zhu, X., Helmer, E. H., Gao, F., Liu, D., Chen, J., Lefsky, M. A. (2016): A flexible spatiotemporal method for
    fusing satellite images with different resolutions. Remote Sensing of Environment 172, 165-177.
    """

    name: ClassVar[str] = "fsdaf"

    window: float = 2.5
    """Side of the window in coarse cells: Zhu's 41 cells where the coarse cell is 16 times larger."""
    classes: int = 5
    """Number of classes."""
    similar: int = 20
    """Similar cells used, those with the nearest values."""
    purest: int = 100
    """Coarse cells per class, those with the largest shares of it, from which its change is estimated."""

    def predict(self, pairs: Sequence[tuple[Floats, Floats]], coarse: Floats) -> Float32:
        """Same as `Algorithm.predict`, with one pair; missing where any image is."""
        if len(pairs) != 1:
            todo = "Give the images of one other date."
            raise ArgumentError(f"FSDAF works with one pair, not {len(pairs)}", where="Fsdaf", todo=todo)
        factor = _factor_of(pairs, coarse)
        before, fine, now = (np.asarray(image, np.float64) for image in (*pairs[0], coarse))
        if not np.isfinite(now - before).any() or not np.isfinite(fine).any():
            return np.full(fine.shape, np.nan, np.float32)
        reach = _reach(self.window, factor)
        labels = classify(fine, self.classes)
        temporal = fine + np.append(class_changes(labels, now - before, self.purest), np.nan)[labels]
        residual = repeat(now - before - aggregate(temporal - fine, factor, 0), factor)
        bias = thin_plate(now, factor) - temporal
        bias[(bias > 0) != (residual > 0)] = 0
        purity = _same_class(labels, reach)
        parts = np.abs(bias) * purity + np.abs(residual) * (1 - purity) + 1e-6
        parts /= repeat(aggregate(parts, factor, 0), factor)
        parts[parts > 10] = 1
        parts /= repeat(aggregate(parts, factor, 0), factor)
        low, high = (bound([bound(now), bound(temporal)]) for bound in (np.nanmin, np.nanmax))
        change = np.clip(temporal + parts * residual, low, high) - fine
        return self._smooth(fine, change, reach)

    def _smooth(self, fine: Float64, change: Float64, reach: int) -> Float32:
        """The fine image with the change of each cell averaged over cells similar to it."""
        images = (np.where(np.isfinite(change), fine, np.nan).astype(np.float32),)
        values, changes = (_padded(image, reach).ravel() for image in (fine, change))
        out = np.empty(fine.shape, np.float32)
        threshold = _threshold(images[0], self.classes)
        for row, cells, far, use in _similar_cells(images, (threshold,), reach, self.similar):
            unlike = np.abs(values[cells] - fine[row][:, None]) / fine[row][:, None]
            weights = np.where(use, 1 / ((1 + far / reach) * (1 + unlike)), 0)
            total = (weights * np.where(use, changes[cells], 0)).sum(1)
            with np.errstate(invalid="ignore"):
                out[row] = fine[row] + total / weights.sum(1)
        return out


@dataclass(frozen=True, eq=False)
class Fusion:
    """A fusion algorithm with the images of other dates that it needs: a method for whole scenes."""

    algorithm: Algorithm
    """The algorithm with its settings, such as `Starfm()`."""
    pairs: tuple[tuple[xr.DataArray, xr.DataArray], ...]
    """A `Pair` for each other date: one for FSDAF, two for ESTARFM, one or more for STARFM."""

    @property
    def name(self) -> str:
        """The algorithm's."""
        return self.algorithm.name

    def __call__(self, scene: Scene, factor: int) -> xr.Dataset:
        """`lst` (y * factor, x * factor) K of a scene, NaN = missing.

        Raises:
            GridError: when an image of a pair is not on the scene's grid, or on the one `factor` times finer.
            ArgumentError: when the algorithm does not work with that many pairs.
        """
        target = refine(scene.geobox, factor)
        arrays = []
        for coarse, fine in self.pairs:
            for image, wanted, times in ((coarse, scene.geobox, 1), (fine, target, factor)):
                box = geobox_of(image, name="pair")
                if nesting(scene.geobox, box) != Nesting(times, 0, 0) or box.shape != wanted.shape:
                    what = f"an image of another date is not on the grid {times} times finer than the scene"
                    raise GridError(what, where=self.name, todo="Crop or resample it to that grid first.")
            arrays.append((coarse.transpose("y", "x").values, fine.transpose("y", "x").values))
        lst = self.algorithm.predict(arrays, scene.lst["lst"].values)
        return as_dataset(scene, factor, lst, self.name)


def classify(values: Floats, classes: int) -> NDArray[np.int8]:
    """Classes 0, 1, … by rising value, by k-means (Lloyd's iteration) that starts from quantiles; -1 = missing.

    Args:
        values: (y, x), NaN = missing; not all of them.
        classes: Number of classes wanted; there are fewer where there are fewer different values.
    """
    valid = np.isfinite(values)
    sample = values[valid].astype(np.float64)
    quantiles = np.quantile(sample, (np.arange(classes) + 0.5) / classes, method="nearest")
    _, label = kmeans2(sample[:, None], np.unique(quantiles)[:, None], iter=20, minit="matrix")
    labels = np.full(values.shape, -1, np.int8)
    labels[valid] = np.unique(label, return_inverse=True)[1]
    return labels


def class_changes(labels: NDArray[np.int8], change: Floats, purest: int) -> Float64:
    """The change of each class, unmixed from coarse changes by least squares with bounds (FSDAF's second step).

    Args:
        labels: (y * factor, x * factor) class of each fine cell, -1 = missing; cells with any missing are not used.
        change: (y, x) K, NaN = missing; not all of them.
        purest: Coarse cells per class to use. Of these, the tenths with the least and the largest change are left
            out, since land cover may have changed there.

    Returns:
        (classes,) K; the mean change where no coarse cell can be used.
    """
    factor = labels.shape[0] // change.shape[0]
    usable = np.isfinite(change) & (aggregate((labels >= 0).astype(np.float64), factor, 0) == 1)
    number = int(labels.max()) + 1
    changes = change[usable].astype(np.float64)
    if not changes.size:
        return np.full(number, np.nanmean(change))
    shares = [aggregate((labels == k).astype(np.float64), factor, 0)[usable] for k in range(number)]
    chosen = []
    for share in shares:
        order = np.argsort(-share, kind="stable")[: min(purest, int((share > 0.01).sum()))]
        if order.size:
            low, high = np.quantile(changes[order], (0.1, 0.9), method="nearest")
            chosen.append(order[(changes[order] >= low) & (changes[order] <= high)])
    rows = np.concatenate(chosen)
    margin = changes.std() + 1e-6
    bounds = changes.min() - margin, changes.max() + margin
    found: Float64 = lsq_linear(np.stack(shares, axis=1)[rows], changes[rows], bounds).x
    return found


def thin_plate(coarse: Floats, factor: int, reach: int = 5) -> Float64:
    """A thin plate spline through a coarse image, at the centres of fine cells.

    On a regular grid a cell's influence on the spline dies off within few cells and is the same everywhere. So the
    spline through 2 * reach + 1 cells each way is solved once, and its weights serve the whole image. Planes are
    met exactly, up to the edge.

    Args:
        coarse: (y, x), NaN = missing and taken from the nearest known cell; not all of them.
        factor: Fine cells along one side of a coarse cell.
        reach: Coarse cells from which a fine cell draws, each way.

    Returns:
        (y * factor, x * factor), without gaps.
    """
    padded = np.pad(fill_nearest(coarse).astype(np.float64), reach, mode="reflect", reflect_type="odd")
    side = np.arange(-reach, reach + 1.0)
    cells = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    spline = RBFInterpolator(cells, np.eye(len(cells)), kernel="thin_plate_spline")
    out = np.empty((coarse.shape[0] * factor, coarse.shape[1] * factor))
    inner = slice(reach, -reach)
    for a, b in np.ndindex(factor, factor):
        weights = spline([[(a + 0.5) / factor - 0.5, (b + 0.5) / factor - 0.5]]).reshape(side.size, side.size)
        out[a::factor, b::factor] = correlate(padded, weights)[inner, inner]
    return out


def _factor_of(pairs: Sequence[tuple[Floats, Floats]], coarse: Floats) -> int:
    """Fine cells along a coarse cell; the same for all pairs, 1 without any."""
    factor = pairs[0][1].shape[0] // coarse.shape[0] if pairs else 1
    wanted = tuple(n * factor for n in coarse.shape)
    for before, fine in pairs:
        if factor < 1 or before.shape != coarse.shape or fine.shape != wanted:
            what = f"images of {before.shape} and {fine.shape} cells do not fit a coarse one of {coarse.shape}"
            raise GridError(what, where="pairs", todo="Give coarse images of one shape, and fine ones that nest in it.")
    return factor


def _on_fine_cells(
    pairs: Sequence[tuple[Floats, Floats]], coarse: Floats, kind: Kind
) -> tuple[list[tuple[Float32, Float32]], Float32]:
    """All images as float32 on fine cells: (coarse, fine) of each pair, and the coarse one of the date wanted."""
    factor = _factor_of(pairs, coarse)

    def fine_cells(image: Floats) -> Float32:
        return interpolate(np.asarray(image, np.float32), factor, kind).astype(np.float32, copy=False)

    return [(fine_cells(c), np.asarray(f, np.float32)) for c, f in pairs], fine_cells(coarse)


def _threshold(fine: Floats, classes: int) -> float:
    """The difference up to which two cells of a fine image are similar."""
    return float(np.nanstd(fine)) * 2 / classes if np.isfinite(fine).any() else 0.0


def _reach(window: float, factor: int) -> int:
    """Fine cells from the centre of a window, whose side is in coarse cells, to its edge."""
    return max(1, round(window * factor / 2))


def _padded(image: Floats, reach: int) -> Floats:
    return np.pad(image, reach, constant_values=np.nan)


def _windows(image: Floats, reach: int) -> Floats:
    """(y, x, 2 * reach + 1, 2 * reach + 1): a view of the window around each cell, NaN beyond the image."""
    return sliding_window_view(_padded(image, reach), (2 * reach + 1, 2 * reach + 1))


def _distances(reach: int) -> Float32:
    """(2 * reach + 1, 2 * reach + 1): cells from the centre of a window."""
    side = np.arange(-reach, reach + 1)
    return np.hypot(side[:, None], side).astype(np.float32)


def _parts(shape: tuple[int, ...], reach: int) -> Iterator[tuple[int, slice]]:
    """An image in parts of a row, whose windows fit a processor's cache."""
    length = max(1, _CACHE // (2 * reach + 1) ** 2)
    for row in range(shape[0]):
        for start in range(0, shape[1], length):
            yield row, slice(start, min(start + length, shape[1]))


def _similar_cells(
    images: Sequence[Float32], thresholds: Sequence[float], reach: int, count: int
) -> Iterator[tuple[int, NDArray[np.intp], Float32, Mask]]:
    """For each cell, the `count` cells of its window that are the most similar to it, a row at a time.

    Cells that differ by more than the threshold in one of the images are not similar. The others are ranked by the
    sum, over the images, of the difference divided by the threshold; of equals, the nearer goes first.

    Yields:
        The row; (x, count) index into the flattened image with a margin of `reach` cells; (x, count) distance in
        cells; (x, count) whether there is such a cell.
    """
    height, width = images[0].shape
    scaled = [image / np.float32(max(limit, 1e-6)) for image, limit in zip(images, thresholds, strict=True)]
    views = [_windows(image, reach) for image in scaled]
    side = 2 * reach + 1
    by_distance = np.argsort(_distances(reach).ravel(), kind="stable")
    rank = np.empty(side**2, np.uint32)
    rank[by_distance] = np.arange(side**2)
    inside = by_distance // side * (width + 2 * reach) + by_distance % side
    far = _distances(reach).ravel()[by_distance]
    count = min(count, side**2)
    # Floats of one sign sort as their bits do, infinity and NaN last. The last bits are given up to say which cell it
    # is: so one integer per cell is sorted instead of a value with an index, which takes half the time.
    low = np.uint32((1 << int(side**2 - 1).bit_length()) - 1)
    infinity = np.float32(np.inf).view(np.uint32)
    best = np.empty((width, count), np.uint32)
    for row in range(height):
        for _, part in _parts((1, width), reach):
            apart = [np.abs(v[row, part] - s[row, part, None, None]) for v, s in zip(views, scaled, strict=True)]
            total = sum(apart[1:], start=apart[0])
            np.copyto(total, np.inf, where=functools.reduce(np.maximum, apart) > 1)
            keys = total.view(np.uint32).reshape(-1, side**2)
            keys &= ~low
            keys |= rank
            keys.partition(count - 1, axis=1)
            best[part] = keys[:, :count]
        which = best & low
        yield row, inside[which] + (row * (width + 2 * reach) + np.arange(width))[:, None], far[which], best < infinity


def _window_mean(values: Floats, reach: int) -> Float64:
    """Mean over the valid cells of each cell's window; NaN where there is none."""
    valid = np.isfinite(values)
    size = 2 * reach + 1
    total = uniform_filter(np.where(valid, values, 0).astype(np.float64), size, mode="constant")
    share = uniform_filter(valid.astype(np.float64), size, mode="constant")
    mean: Float64 = np.where(valid, total / np.maximum(share, 1e-12), np.nan)
    return mean


def _same_class(labels: NDArray[np.int8], reach: int) -> Float64:
    """Share of the cells of each cell's window that are of its class (FSDAF's homogeneity index)."""
    size = 2 * reach + 1
    share = np.zeros(labels.shape)
    for k in range(int(labels.max()) + 1):
        own = labels == k
        share[own] = uniform_filter(own.astype(np.float64), size, mode="constant")[own]
    cells: Float64 = uniform_filter(np.ones(labels.shape), size, mode="constant")
    return np.clip(share / cells, 0, 1)
