"""Comparison of many methods: sums counted scene by scene, and the tables and tests that follow from them.

`Scores` holds what was counted of each scene under the scene's name. Two of them are joined by `+`, which only puts
scenes together: so neither the order of scenes nor which worker counted them shows in any number. Sums are taken last,
over the scenes in the order of their names.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from itertools import combinations
from types import MappingProxyType
from typing import Any, NamedTuple, Self

import numpy as np

from srdanet.arrays import Float64
from srdanet.baselines import Method
from srdanet.errors import ArgumentError, RunError
from srdanet.evaluation import report, strata
from srdanet.evaluation.bootstrap import NO_INTERVAL, Interval, holm, paired
from srdanet.evaluation.methods import Chooser
from srdanet.evaluation.metrics import Comparison, Coverage, Overshoot, Structure, Tally, Totals
from srdanet.evaluation.report import Measure, Row, Subset, When
from srdanet.evaluation.scoring import BICUBIC_NAME, Score, score_methods
from srdanet.evaluation.strata import By
from srdanet.production.execute import Executor, execute
from srdanet.scene import LabelledScene

FEWEST_GROUPS = 6
"""Groups (days, pairs, scenes) below which blocks of the scenes are drawn instead: of five, no test finds anything."""


class Key(NamedTuple):
    """The name of a scene among all that were compared."""

    same_sensor: bool
    """Whether the truth is of the sensor of the coarse LST: the two kinds share no table."""
    source: str
    """The data set."""
    group: str
    """What the bootstrap draws: a day, a pair, a scene."""
    name: str
    """Time and place, which tell it from the others of its group."""

    @classmethod
    def of(cls, labelled: LabelledScene) -> Key:
        """The name of a labelled scene."""
        scene = labelled.scene
        corner = scene.geobox.affine
        place = f"{corner.c:.0f} {corner.f:.0f}"
        parts = [part for part in (scene.when, When.of(scene.day).value, place, *labelled.attributes.values()) if part]
        return cls(labelled.same_sensor, labelled.source, labelled.group, ", ".join(parts))


@dataclass(frozen=True)
class Scores:
    """What was counted of each scene and method; joined by `+` in any order, to the same."""

    scenes: Mapping[Key, Mapping[Subset, Mapping[str, Score]]] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(
        cls,
        choosers: Mapping[str, Chooser],
        labelled: LabelledScene,
        others: Sequence[LabelledScene] = (),
        by: Collection[By] | None = None,
    ) -> Self:
        """One scene, given to each method that can serve it.

        Args:
            choosers: Name to what chooses the method for a scene.
            labelled: The scene.
            others: Scenes that may be of the same ground at other times.
            by: What to sort cells by as well; None for all that is known of the scene.

        Raises:
            ArgumentError: same as in `score_methods`.
        """
        return cls(_scored(_Job.of(choosers, labelled, others, by)).scenes)

    def __add__(self, other: Scores) -> Scores:
        """The scenes of both.

        Raises:
            ArgumentError: when both hold one scene with different numbers.
        """
        if not isinstance(other, Scores):
            return NotImplemented
        for key in self.scenes.keys() & other.scenes.keys():
            if self.scenes[key] != other.scenes[key]:
                what = f"{key.source} {key.group} ({key.name}) was counted twice, with different results"
                raise ArgumentError(what, todo="Compare each scene once, with all methods.")
        return Scores({**self.scenes, **other.scenes})

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of all that took part, in the order in which they were given; bicubic where it stands."""
        names = (name for scene in self.scenes.values() for scores in scene.values() for name in scores)
        return tuple(dict.fromkeys(names))

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON, from which `from_dict` makes the same again, digit by digit."""
        return {
            "scenes": [
                {"key": list(key), "subset": list(astuple(subset)), "method": name, "sums": _plain(score)}
                for key, scene in self.scenes.items()
                for subset, scores in scene.items()
                for name, score in scores.items()
            ]
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """What `as_dict` gave.

        Raises:
            ArgumentError: when it is something else.
        """
        found: dict[Key, dict[Subset, dict[str, Score]]] = {}
        try:
            for entry in data["scenes"]:
                when, *rest = entry["subset"]
                scene = found.setdefault(Key(*entry["key"]), {})
                scene.setdefault(Subset(When(when), *rest), {})[entry["method"]] = _score(entry["sums"])
        except (KeyError, TypeError, ValueError) as error:
            what = f"are not the sums of a comparison ({error!r})"
            raise ArgumentError(what, where="sums", todo="Give a file sums.json of `srdanet compare`.") from error
        return cls(found)


def compare(
    choosers: Mapping[str, Chooser],
    scenes: Iterable[LabelledScene],
    *,
    series: bool = False,
    by: Collection[By] | None = None,
    executor: Executor | None = None,
) -> Iterator[Scores]:
    """The scores of one scene after the other, to be added up.

    Args:
        choosers: Name to what chooses the method for a scene.
        scenes: The scenes.
        series: Whether scenes may show the same ground at other times: all are held in memory, for the methods that
            need images of other dates.
        by: As in `Scores.of`.
        executor: Where scenes are scored, several at a time; None: here, one after the other. The scores are the same,
            in the same order. It is not closed.

    Raises:
        RunError: when a scene cannot be scored where the executor does it.
    """
    others = list(scenes) if series else []
    jobs = (_Job.of(choosers, labelled, others, by) for labelled in others or scenes)
    if executor is None:
        for job in jobs:
            yield _scored(job)
        return
    held: dict[str, _Job] = {}
    ended: dict[int, Scores] = {}

    def names() -> Iterator[str]:
        for number, job in enumerate(jobs):
            held[str(number)] = job
            yield str(number)

    due = 0
    for name, outcome in execute(names(), _scored, held.__getitem__, executor):
        job = held.pop(name)
        if outcome.cause is not None:
            key = Key.of(job.labelled)
            todo = "Leave out the method that does it; with --workers 0 its own message is shown."
            raise RunError(outcome.cause.what, where=f"{key.source} {key.group} ({key.name})", todo=todo)
        ended[int(name)] = outcome.result
        while due in ended:
            yield ended.pop(due)
            due += 1


@dataclass(frozen=True)
class _Job:
    """A scene with the methods that serve it; crosses to another process."""

    methods: Mapping[str, Method]
    labelled: LabelledScene
    kinds: Collection[By]

    @classmethod
    def of(
        cls,
        choosers: Mapping[str, Chooser],
        labelled: LabelledScene,
        others: Sequence[LabelledScene],
        by: Collection[By] | None,
    ) -> Self:
        chosen = {name: choose(labelled, others) for name, choose in choosers.items()}
        methods = {name: method for name, method in chosen.items() if method is not None}
        kinds = strata.known(labelled) if by is None else [kind for kind in by if kind in strata.known(labelled)]
        return cls(methods, labelled, kinds)


def _scored(job: _Job) -> Scores:
    return Scores({Key.of(job.labelled): score_methods(job.methods, job.labelled, job.kinds)})


class Standing(NamedTuple):
    """One method in a table."""

    method: str
    row: Row
    drawn: str
    """What the bootstrap of its interval drew: `group` or `block`."""


class Test(NamedTuple):
    """Two methods on the same groups."""

    subset: Subset
    first: str
    second: str
    ratio: float
    """Error of the first divided by that of the second."""
    interval: Interval
    """95 % interval of it."""
    drawn: str
    """What was drawn and paired: `group` or `block`."""
    groups: int
    p: float
    """Of Wilcoxon's signed rank test."""
    p_holm: float
    """The same, raised for the number of pairs of methods of the subset."""


@dataclass(frozen=True)
class Table:
    """All methods on one data set."""

    name: str
    about: str
    same_sensor: bool
    standings: tuple[Standing, ...]
    """By subset, then by method."""
    tests: tuple[Test, ...]


def tables(scores: Scores, name: str, about: str, *, cases: bool = False) -> tuple[Table, ...]:
    """The tables of a data set: one, or two where the truth is of the same sensor in a part of the scenes alone.

    Args:
        scores: What was counted.
        name: Name of the set.
        about: What it is.
        cases: Whether each group has rows of its own, before those of all.
    """
    found = []
    for same_sensor in (True, False):
        keys = sorted(key for key in scores.scenes if key.same_sensor is same_sensor and scores.scenes[key])
        if not keys:
            continue
        parts: list[tuple[str, list[Key]]] = []
        groups = dict.fromkeys(key.group for key in keys)
        if cases:
            parts += [(group, [key for key in keys if key.group == group]) for group in groups]
        if not cases or len(groups) > 1:
            parts.append(("", keys))
        standings, tests = [], []
        for case, members in parts:
            subsets = {subset for key in members for subset in scores.scenes[key]}
            for subset in sorted(subsets, key=lambda subset: subset.order):
                held = [(key, scores.scenes[key][subset]) for key in members if subset in scores.scenes[key]]
                columns = {method: _column(held, method) for method in scores.methods}
                shown = replace(subset, case=case)
                for method, column in columns.items():
                    if column:
                        standings.append(_standing(method, shown, column, same_sensor=same_sensor))
                if not subset.stratum:
                    tests += _tests(shown, columns, same_sensor=same_sensor)
        found.append(Table(name, about, same_sensor, tuple(standings), tuple(tests)))
    return tuple(found)


class _Entry(NamedTuple):
    """One scene of a method's column."""

    key: Key
    mine: Score
    bicubic: Score


_Column = list[_Entry]


def _column(held: Sequence[tuple[Key, Mapping[str, Score]]], method: str) -> _Column:
    """The scenes that a method took part in and has cells of."""
    entries = (_Entry(key, scores[method], scores[BICUBIC_NAME]) for key, scores in held if method in scores)
    return [entry for entry in entries if entry.mine.tally.error.n]


def _standing(method: str, subset: Subset, column: _Column, *, same_sensor: bool) -> Standing:
    groups: dict[str, list[Comparison]] = {}
    for key, mine, bicubic in column:
        groups.setdefault(key.group, []).append(Comparison(mine.tally, bicubic.tally))
    images = [image for members in groups.values() for image in members]
    counts = {"cells": round(sum(image.model.error.n for image in images)), "scenes": len(images)}
    many = len(groups) >= FEWEST_GROUPS
    # Errors in a class of cells had each image's mean error taken away before.
    centred = not (same_sensor or subset.stratum)
    if centred and many:
        return Standing(method, replace(report.median(subset, images, "scenes"), counts=counts), "group")
    measure = Measure.POOLED_RMSE if same_sensor else Measure.CENTRED_RMSE
    row = report.pooled(subset, list(groups.values()), counts, measure)
    if many:
        return Standing(method, row, "group")
    both = ([entry.mine for entry in column], [entry.bicubic for entry in column])
    parts = [_blocks(scores, centred=centred) for scores in both]
    row = replace(row, model=_rmse(parts[0]), bicubic=_rmse(parts[1]), interval=_interval(*parts))
    return Standing(method, row, "block")


def _blocks(scores: Iterable[Score], *, centred: bool) -> Float64:
    """(n, 2) squared error (K2) and cells of each block with cells, the scene's mean error taken away or not."""
    sums = []
    for score in scores:
        bias = score.tally.error.bias if centred else 0.0
        sums += [(b.squared - 2 * bias * b.error + b.n * bias**2, b.n) for b in score.blocks if b.n]
    return np.asarray(sums, np.float64).reshape(-1, 2)


def _groups(column: _Column, *, centred: bool) -> Float64:
    """(n, 2) the same of each group."""
    sums: dict[str, list[tuple[float, float]]] = {}
    for key, mine, _ in column:
        error = mine.tally.error
        squared = error.squared - (error.n * error.bias**2 if centred else 0.0)
        sums.setdefault(key.group, []).append((squared, error.n))
    return np.asarray([np.sum(scenes, axis=0) for scenes in sums.values()], np.float64).reshape(-1, 2)


def _rmse(sums: Float64) -> float:
    """Over all groups, K."""
    squared, n = sums.sum(axis=0)
    return math.sqrt(max(float(squared), 0.0) / float(n))


def _interval(mine: Float64, other: Float64) -> Interval:
    """95 % interval of the share of one RMSE in another, from squared error and cells of each group, (n, 2) both."""
    return NO_INTERVAL if len(mine) < 2 else report.share_of_rmse(np.concatenate([mine, other], axis=1))


def _tests(subset: Subset, columns: Mapping[str, _Column], *, same_sensor: bool) -> list[Test]:
    """Every pair of methods, over the scenes that both took part in."""
    found = []
    for first, second in combinations([name for name, column in columns.items() if column], 2):
        common = {entry.key for entry in columns[first]} & {entry.key for entry in columns[second]}
        shared = [[entry for entry in columns[name] if entry.key in common] for name in (first, second)]
        drawn = "group" if len({key.group for key in common}) >= FEWEST_GROUPS else "block"
        mine, other = (
            _groups(column, centred=not same_sensor)
            if drawn == "group"
            else _blocks([entry.mine for entry in column], centred=not same_sensor)
            for column in shared
        )
        if not len(mine):
            continue
        p = paired(*(np.sqrt(sums[:, 0].clip(0) / sums[:, 1]) for sums in (mine, other)))
        ratio = _rmse(mine) / _rmse(other) if _rmse(other) else math.nan
        found.append(Test(subset, first, second, ratio, _interval(mine, other), drawn, len(mine), p, p))
    raised = holm([test.p for test in found])
    return [test._replace(p_holm=p) for test, p in zip(found, raised, strict=True)]


_PARTS = {"error": Totals, "closure": Totals, "coverage": Coverage, "centred": Coverage}
_PARTS |= {"structure": Structure, "overshoot": Overshoot}


def _plain(score: Score) -> dict[str, Any]:
    parts = {name: list(astuple(getattr(score.tally, name))) for name in _PARTS}
    return {**parts, "blocks": [list(astuple(block)) for block in score.blocks]}


def _score(sums: Mapping[str, Any]) -> Score:
    parts = {name: kind(*sums[name]) for name, kind in _PARTS.items()}
    return Score(Tally(**parts), tuple(Totals(*block) for block in sums["blocks"]))
