"""Randomness: seeded, of the asked spectrum, and the same wherever a place is looked at from."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet_simulator import noise
from srdanet_simulator.noise import fractal, hashed, salt, smoothstep, stream, voronoi


def test_streams_depend_on_seed_and_name_alone() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    assert len({stream(s, n).random() for s in (1, 2) for n in ("a", "b")}) == 4


@pytest.fixture(params=["from noise", "from waves"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way in which fields are drawn, by their size."""
    if request.param == "from waves":
        monkeypatch.setattr(noise, "_LARGE", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("slope", [2.0, 3.0, 4.0])
def test_fractal_has_the_asked_spectrum(slope: float) -> None:
    field = fractal((256, 256), stream(3, "field"), slope=slope, cell=100.0)
    assert field.dtype == np.float32
    assert abs(float(field.mean())) < 1e-3
    assert float(field.std()) == pytest.approx(1, abs=1e-3)
    window = np.hanning(256)[:, None] * np.hanning(256)[None, :]
    power = np.abs(np.fft.fft2(field * window)) ** 2
    k = np.hypot(*np.meshgrid(np.fft.fftfreq(256), np.fft.fftfreq(256)))
    part = (k > 0.03) & (k < 0.3)
    found = -np.polyfit(np.log(k[part]), np.log(power[part]), 1)[0]
    assert found == pytest.approx(slope, abs=0.25)


@pytest.mark.usefixtures("way")
def test_fractal_varies_as_much_down_as_along() -> None:
    field = fractal((300, 240), stream(9, "even"), slope=3.0, cell=100.0, outer=2000.0)
    down, along = (part.std() for part in np.gradient(field))
    assert down == pytest.approx(along, rel=0.03)
    # what is alike along whole rows or whole columns has no more than its share
    rows, cols = field.mean(1).std() * np.sqrt(240), field.mean(0).std() * np.sqrt(300)
    assert rows == pytest.approx(cols, rel=0.35)


@pytest.mark.usefixtures("way")
def test_a_flat_outer_scale_leaves_nothing_larger() -> None:
    near = fractal((256, 256), stream(4, "n"), slope=3.5, cell=100.0, outer=1500.0)
    far = fractal((256, 256), stream(4, "n"), slope=3.5, cell=100.0, outer=np.inf)
    blocks = [f.reshape(4, 64, 4, 64).mean((1, 3)).std() for f in (near, far)]
    assert blocks[0] < 0.5 * blocks[1]


@pytest.mark.usefixtures("way")
def test_grain_makes_a_field_longer_along_its_direction() -> None:
    angle = np.radians(30)
    field = fractal((300, 300), stream(5, "grain"), slope=4.0, cell=100.0, outer=1500.0, grain=(angle, 6.0))
    south, east = np.gradient(field)
    along, across = np.cos(angle) * east + np.sin(angle) * south, -np.sin(angle) * east + np.cos(angle) * south
    assert across.std() > 3 * along.std()


def test_hashed_is_uniform_and_knows_each_key() -> None:
    numbers = hashed(np.arange(100_000), 7)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, 20, (0, 1))
    assert abs(counts - 5000).max() < 400
    assert not np.array_equal(numbers, hashed(np.arange(100_000), 8))
    assert abs(np.corrcoef(numbers[1:], numbers[:-1])[0, 1]) < 0.02


def test_voronoi_cells_belong_to_the_place_not_to_the_window() -> None:
    y, x = (part.astype(np.float32) * 50 for part in np.mgrid[:120, :160])
    whole = voronoi(x, y, 900.0, salt(1, "v"))
    part = voronoi(x[30:90, 40:100], y[30:90, 40:100], 900.0, salt(1, "v"))
    np.testing.assert_array_equal(part, whole[30:90, 40:100])
    expected = 120 * 160 * 50 * 50 / 900**2
    assert 0.6 * expected < len(np.unique(whole)) < 2.2 * expected  # cells cut by the rim count whole


def test_smoothstep_runs_either_way() -> None:
    values = np.linspace(-1, 2, 31, dtype=np.float32)
    up, down = smoothstep(values, 0.0, 1.0), smoothstep(values, 1.0, 0.0)
    np.testing.assert_allclose(up + down, 1, atol=1e-6)
    assert np.all(np.diff(up) >= 0)
