"""Arrays worked on in parts, and arrays in files whose pages are handed back."""

from pathlib import Path

import numpy as np
import pytest

from srdanet import arrays
from srdanet.arrays import count_finite, in_strips, let_go


@pytest.mark.parametrize("shape", [(), (7,), (5, 3), (2, 0), (3, 4, 5)])
def test_strips_give_what_the_whole_gives(shape: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "_STRIP", 4)
    values = np.arange(np.prod(shape, dtype=int), dtype=np.float32).reshape(shape)
    found = in_strips(lambda a, b: a * 2 - b, values, values / 4, dtype=np.float64)
    np.testing.assert_array_equal(found, (values * 2 - values / 4).astype(np.float64))
    assert found.dtype == np.float64
    assert found.shape == shape


def test_finite_values_are_counted() -> None:
    assert count_finite(np.array([[1, np.nan], [np.inf, -3]])) == 2


@pytest.mark.parametrize("mode", ["w+", "c"])
def test_what_a_mapped_array_holds_outlives_its_pages(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(bytes(4 * 6000))
    mapped = np.memmap(path, np.float32, mode, shape=(60, 100))
    mapped[:] = np.arange(6000).reshape(60, 100)
    let_go(mapped, None, np.asarray(mapped)[3:5, ::2], np.zeros(3))
    np.testing.assert_array_equal(mapped, np.arange(6000).reshape(60, 100))
