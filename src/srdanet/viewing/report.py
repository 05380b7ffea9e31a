"""The report of one product: a page that holds everything it shows, for screen, phone and paper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srdanet.arrays import Float32, repeat
from srdanet.atomic import publish, refuse_existing, staged
from srdanet.energy import excess
from srdanet.errors import ArgumentError, GridError, extra
from srdanet.flags import FLAGS, NO_AUXILIARY
from srdanet.grid import geobox_of, ground_cell, nesting
from srdanet.predictors.land_cover import GROUPS
from srdanet.product.layers import LST, QUALITY, UNCERTAINTY
from srdanet.product.lines import COAST_FROM, coast
from srdanet.product.looks import DIFFERENCE, LOOKS
from srdanet.product.quicklook import headline, shared_range, size_text, thumbnail
from srdanet.viewing import facts, figures
from srdanet.viewing.catalogue import Coarse, Entry

_ENDING = "_report.html"
_BARE = 0.5
"""Share of cells without auxiliary data from which the report warns."""


@dataclass(frozen=True)
class Figure:
    """One picture of the page."""

    source: str
    """A `data:` address."""
    title: str
    words: str
    """What it shows, and what follows from it."""


@dataclass(frozen=True)
class Section:
    """Pictures under one heading, and numbers beside them."""

    title: str
    figures: tuple[Figure, ...]
    words: str = ""
    numbers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Images:
    """The layers of a product, in memory."""

    coarse: Coarse
    fine: Float32
    bicubic: Float32
    uncertainty: Float32 | None
    quality: NDArray[np.uint8] | None
    land_cover: Mapping[str, NDArray[np.bool_]]

    @property
    def departure(self) -> Float32:
        """From bicubic interpolation (K)."""
        return self.fine - self.bicubic


def report_path(entry: Entry, folder: Path | None = None) -> Path:
    """Where the report of a product goes: beside it, or in `folder`."""
    return (folder or entry.note.parent) / f"{entry.stem}{_ENDING}"


def write_report(entry: Entry, folder: Path | None = None, *, overwrite: bool = False) -> Path:
    """Write the report of one product: `<stem>_report.html`.

    The whole finest level is held in memory: some 1 GB for a tile of 4800 x 4800 cells.

    Args:
        entry: The product.
        folder: Where to, made when absent; beside the product by default.
        overwrite: Replace an earlier report.

    Returns:
        The page.

    Raises:
        OutputError: when it exists and `overwrite` is off, or cannot be written.
        GranuleError: when a file of the product cannot be read.
        MissingExtraError: when jinja2 is not installed.
    """
    path = report_path(entry, folder)
    refuse_existing([path], overwrite=overwrite)
    page = render(entry)
    with staged(path.parent, entry.stem) as hidden:
        (hidden / path.name).write_text(page, encoding="utf-8")
        publish(hidden, [path.name], overwrite=overwrite)
    return path


def render(entry: Entry) -> str:
    """The page as HTML, which refers to nothing outside itself.

    Raises:
        GranuleError: when a file of the product cannot be read.
        MissingExtraError: when jinja2 is not installed.
    """
    with extra("jinja2", "report"):
        from jinja2 import Environment, StrictUndefined
    images = _read(entry)
    beyond = excess(images.fine, images.coarse.values)
    strata = facts.strata(images.fine, images.departure, beyond, images.uncertainty, images.quality, images.land_cover)
    text = files("srdanet.viewing").joinpath("page", "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text).render(
        title=headline(entry.record) or entry.stem,
        stem=entry.stem,
        record=entry.record,
        warnings=_warnings(entry, images),
        numbers=_numbers(entry, images),
        sections=list(_sections(entry, images, beyond)),
        strata=strata,
        inputs=_inputs(entry),
        flags=FLAGS,
        finest=size_text(entry.finest),
    )


def _read(entry: Entry) -> _Images:
    coarse, fine = entry.coarse(), entry.read()
    if fine is None:
        raise ArgumentError("has no temperature", where=entry.note, todo="Downscale the scene again.")
    # Where the grid does not hold whole coarse cells, the last ones are cut off.
    rows, cols = (n // coarse.factor for n in fine.shape)
    coarse = Coarse(coarse.values[:rows, :cols], coarse.factor, coarse.nominal, coarse.from_scene)
    height, width = rows * coarse.factor, cols * coarse.factor
    sigma, quality = entry.read(UNCERTAINTY.variable), entry.read(QUALITY.variable)
    return _Images(
        coarse=coarse,
        fine=fine[:height, :width],
        bicubic=facts.bicubic(coarse.values, coarse.factor),
        uncertainty=None if sigma is None else sigma[:height, :width],
        quality=None if quality is None else quality[:height, :width].astype(np.uint8),
        land_cover=_land_cover(entry, (height, width)),
    )


def _land_cover(entry: Entry, shape: tuple[int, int]) -> dict[str, NDArray[np.bool_]]:
    """Where each group of classes is on the finest grid; empty where no scene with land cover is known."""
    with entry.scene() as scene:
        if scene is None or "land_cover" not in scene.present:
            return {}
        data = scene.variable("land_cover")
        try:
            lies = nesting(geobox_of(data, name="land_cover"), entry.geobox)
        except GridError:
            return {}  # finer than the product: a cell has no single class
        classes = repeat(np.asarray(data.values), lies.factor)
    top, left = -lies.row, -lies.col
    part = classes[top : top + shape[0], left : left + shape[1]] if top >= 0 and left >= 0 else classes[:0]
    return {name: np.isin(part, members) for name, members in GROUPS.items()} if part.shape == shape else {}


def _warnings(entry: Entry, images: _Images) -> list[str]:
    """What the reader must know before looking at a picture."""
    found = []
    quality = images.quality
    bare = quality is not None and bool(quality.size) and float(np.mean((quality & NO_AUXILIARY.mask) > 0)) > _BARE
    if bare or not entry.record.auxiliary.present:
        found.append("No predictors: the result is little more than interpolation.")
    elif entry.record.auxiliary.missing:
        found.append(f"Made without {', '.join(entry.record.auxiliary.missing)}.")
    if not images.coarse.from_scene:
        found.append(
            f"The scene is not at hand: the {size_text(images.coarse.nominal)} image is the mean of the product, not "
            "its input. Name the scene with --scene."
        )
    return found


def _inputs(entry: Entry) -> list[tuple[str, str]]:
    """File and checksum of each input; an entry of the record may hold several of both."""
    rows = []
    for known in entry.record.inputs:
        names, sums = (
            [str(v) for v in value] if isinstance(value, list | tuple) else [str(value)]
            for value in (known.get("file", "unnamed"), known.get("sha256", "unknown"))
        )
        rows += list(zip(names, sums, strict=False))
    return rows


def _numbers(entry: Entry, images: _Images) -> list[tuple[str, str]]:
    about = entry.record.levels[str(entry.finest)]
    numbers = [("Valid cells", f"{100 * about.valid_share:.1f} %")]
    if about.lst:
        numbers.append(("LST, mean", f"{about.lst.mean:.1f} K"))
        numbers.append(("LST, range", f"{about.lst.min:.1f} to {about.lst.max:.1f} K"))
    if about.uncertainty_mean is not None:
        numbers.append(("Uncertainty, mean", f"{about.uncertainty_mean:.2f} K"))
    numbers.append(("Departure from bicubic, RMS", f"{facts.rms(images.departure):.2f} K"))
    if about.closure:
        numbers.append(("Closure on the input, RMSE", f"{about.closure.rmse:.3f} K"))
    return numbers


def _sections(entry: Entry, images: _Images, beyond: Float32) -> Iterator[Section]:
    yield Section("Maps", tuple(_maps(entry, images, (slice(None), slice(None)), whole=True)), _lines_words(entry))
    part = facts.detail(images.departure, images.coarse.factor)
    if part is not None:
        km = facts.DETAIL * images.coarse.factor * ground_cell(entry.geobox) / 1000
        words = f"The {km:.0f} km square in which the product departs most from interpolation, cell by cell."
        yield Section("Detail", tuple(_maps(entry, images, part, whole=False)), words)
    factor, km = images.coarse.factor, ground_cell(entry.geobox) / 1000
    named = {"coarse": images.coarse.values, "bicubic": images.bicubic, "product": images.fine}
    curves = [
        Figure(
            figures.distribution_picture(named),
            "Distribution",
            "A product that sharpens has longer tails than its input; interpolation has not.",
        )
    ]
    spectrum = facts.spectrum({**named, "coarse": repeat(images.coarse.values, factor)})
    if spectrum is not None:
        words = (
            "To the right of the line lies detail that the input cannot hold: a product that adds some stays above "
            "bicubic there. The coarse curve has power there too, from the edges of its cells."
        )
        curves.append(Figure(figures.spectrum_picture(spectrum, km, km * factor), "Spectra", words))
    yield Section("Distribution and spectra", tuple(curves))
    yield _closure(entry, images)
    over = facts.overshoot(beyond)
    numbers = (
        ("Cells beyond the range", f"{100 * over.share:.1f} %"),
        ("by more than 1 K", f"{100 * over.share_1k:.1f} %"),
        ("99th percentile", f"{over.p99:.2f} K"),
        ("Largest", f"{over.largest:.2f} K"),
    )
    words = "How far cells lie beyond the range of the 3 x 3 coarse cells around them. Lakes and towns do so rightly."
    picture = figures.histogram_picture(np.where(beyond > 0, beyond, np.nan), "excess where there is one (K)", log=True)
    yield Section("Overshoot", (Figure(picture, "Excess", "Logarithmic scale."),), words, numbers)


def _closure(entry: Entry, images: _Images) -> Section:
    about = entry.record.levels[str(entry.finest)].closure
    numbers = (("RMSE", f"{about.rmse:.3f} K"), ("Largest", f"{about.max:.3f} K"), ("Cells", f"{about.cells}")) \
        if about else ()  # fmt: skip
    words = "The product brought back to the cells of its input, less the input; measured when the product was made."
    if not images.coarse.from_scene:
        return Section("Closure", (), f"{words} Without the scene there is no picture of it.", numbers)
    error = facts.closure_error(images.fine, images.coarse.values)
    label = "product at the input's cells − input (K)"
    picture = Figure(figures.histogram_picture(error, label), "Closure error", "Within its middle 99.8 %.")
    return Section("Closure", (picture,), words, numbers)


def _maps(entry: Entry, images: _Images, part: tuple[slice, slice], *, whole: bool) -> Iterator[Figure]:
    box = entry.geobox[: images.fine.shape[0], : images.fine.shape[1]][part]
    factor, coarse = images.coarse.factor, images.coarse
    fine, bicubic = (thumbnail(image[part], figures.SIDE)[0] for image in (images.fine, images.bicubic))
    rows, cols = (slice(s.start and s.start // factor, s.stop and s.stop // factor) for s in part)
    limits = shared_range(fine)
    look = LOOKS[LST.variable]
    source = "as it went in" if coarse.from_scene else "mean of the product"
    input_, _ = thumbnail(coarse.values[rows, cols], figures.SIDE)
    yield Figure(figures.map_picture(input_, box, look, limits), size_text(coarse.nominal), source)
    yield Figure(figures.map_picture(bicubic, box, look, limits, scale_bar=False), "Bicubic", "interpolation of it")
    model = entry.record.model.name if entry.record.model else "unknown"
    words = f"the product, model {model}"
    yield Figure(figures.map_picture(fine, box, look, limits, scale_bar=False), size_text(entry.finest), words)
    difference, _ = thumbnail(images.departure[part], figures.SIDE)
    edge = max(abs(v) for v in DIFFERENCE.limits(difference))
    picture = figures.map_picture(difference, box, DIFFERENCE, (-edge, edge), scale_bar=False)
    yield Figure(picture, "Difference", "product − bicubic; orange is warmer")
    if images.uncertainty is not None and whole:
        sigma, _ = thumbnail(images.uncertainty[part], figures.SIDE)
        look = LOOKS[UNCERTAINTY.variable]
        picture = figures.map_picture(sigma, box, look, look.limits(sigma), scale_bar=False)
        yield Figure(picture, "Uncertainty", "stated by the model, one standard deviation")
    if images.quality is not None and whole:
        step = -(-max(images.quality.shape) // figures.SIDE)
        picture = figures.flag_picture(images.quality[::step, ::step], box)
        yield Figure(picture, "Quality", "first flag of each cell; the table below explains them")


def _lines_words(entry: Entry) -> str:
    drawn = "Coast: Natural Earth, 1:50 million. " if coast(entry.geobox) else ""
    wide = min(entry.geobox.shape) * ground_cell(entry.geobox) >= COAST_FROM
    none = "" if drawn or wide else "No coast is drawn: the map is too narrow for one of 1:50 million. "
    return f"{drawn}{none}Grey cells are missing. The first three share one colour scale."
