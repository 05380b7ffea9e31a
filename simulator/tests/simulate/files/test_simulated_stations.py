"""Stations on the simulated ground measure its truth, and go through a whole day."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from srdanet.grid import Level, cell_at
from srdanet.readers.stations_longwave import Longwave, open_listed, open_longwave
from srdanet_simulator import Simulation, companion, simulate
from srdanet_simulator.balance.sites import COUNT, at, course, through
from srdanet_simulator.day import STEPS
from srdanet_simulator.files.stations import station_names, truth_at_sites, write_stations

SCENES = [(4, "h26v05", "2020-07-15"), (9, "h18v03", "2021-01-12"), (3, "h12v11", "2020-10-01")]


@pytest.fixture(scope="module", params=SCENES, ids=[tile for _, tile, _ in SCENES])
def scene(request: pytest.FixtureRequest) -> Simulation:
    seed, tile, date = request.param
    return simulate(seed, 8, tile, date)


@pytest.fixture(scope="module")
def records(scene: Simulation, tmp_path_factory: pytest.TempPathFactory) -> tuple[Longwave, ...]:
    truth = truth_at_sites(scene) | truth_at_sites(companion(scene))
    return open_listed(write_stations(scene, truth, tmp_path_factory.mktemp("stations"))[-1])


def test_they_measure_the_truth_of_both_overpasses(scene: Simulation, records: tuple[Longwave, ...]) -> None:
    for known in (scene, companion(scene)):
        for record in records:
            there = known.truth[cell_at(known.geobox_at(Level.M250), record.longitude, record.latitude)]
            assert record.at(known.time) == pytest.approx(there, abs=0.05)


def test_they_stand_on_several_covers_at_the_same_places_all_year(scene: Simulation) -> None:
    sites = scene.raw.sites
    assert len(sites.row) == COUNT
    assert len(set(zip(sites.row.tolist(), sites.col.tolist(), strict=True))) == COUNT
    assert len(set(sites.cover)) >= 2
    later = simulate(scene.seed, 8, scene.tile, "2020-04-20").raw.sites
    np.testing.assert_array_equal((sites.row, sites.col), (later.row, later.col))
    assert sites.cover == later.cover


def test_the_day_goes_up_and_down(scene: Simulation, records: tuple[Longwave, ...]) -> None:
    for record in records:
        assert record.time.size == 24 * 60
        assert (record.time[0], record.time[-1]) == (
            np.datetime64(scene.date),
            np.datetime64(f"{scene.date}T23:59"),
        )
        kelvin = record.lst()
        assert np.isfinite(kelvin).all()
        assert np.abs(np.diff(kelvin)).max() < 1.0
        local = (np.arange(24 * 60) / 60 + record.longitude / 15) % 24
        assert 10.5 < local[kelvin.argmax()] < 16
        assert np.ptp(kelvin) > 3


def test_a_course_is_solved_as_the_truth_is(scene: Simulation) -> None:
    sites = scene.raw.sites
    day = course(sites, scene.raw.weather, STEPS)
    assert day.kelvin.shape == (len(day.time), COUNT)
    np.testing.assert_allclose(day.emissivity, scene.emissivity[sites.row, sites.col], atol=1e-6)
    nearest = int(np.abs(day.time - scene.time).argmin())
    known = scene.truth[sites.row, sites.col]
    np.testing.assert_allclose(day.kelvin[nearest], known, atol=0.3)
    moved = through(day, {scene.time: known, day.time[0]: day.kelvin[0] + 1})
    np.testing.assert_allclose(at(moved.kelvin, moved, np.array([scene.time]))[0], known, atol=5e-3)
    np.testing.assert_allclose(moved.kelvin[0], day.kelvin[0] + 1)


def test_files_say_what_they_are(scene: Simulation, tmp_path: Path) -> None:
    files = write_stations(scene, truth_at_sites(scene), tmp_path)
    assert [f.name for f in files] == station_names(scene.tile, scene.date)
    with files[-1].open() as file:
        rows = list(csv.DictReader(file))
    for path, row in zip(files, rows, strict=False):
        record = open_longwave(path)
        assert record.name.startswith("Simulated")
        assert row["cover"] in record.name
        assert row["file"] == path.name
        assert (record.latitude, record.longitude) == (float(row["latitude"]), float(row["longitude"]))
        line = path.read_text().splitlines()[700].split()
        assert len(line) == 48, "as many columns as SURFRAD has"


@pytest.mark.real
def test_rows_are_laid_out_as_in_a_real_file(scene: Simulation, tmp_path: Path, shared_data: Path) -> None:
    theirs = (shared_data / "stations" / "surfrad-slv16001.dat").read_text().splitlines()
    ours = write_stations(scene, truth_at_sites(scene), tmp_path)[0].read_text().splitlines()
    assert len(ours) == len(theirs)
    assert len(ours[100].split()) == len(theirs[100].split())
    assert len(ours[1].split()) == len(theirs[1].split())
