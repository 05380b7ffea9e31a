"""Quality words follow clouds and regions."""

from __future__ import annotations

import numpy as np
import pytest

from srdanet.readers.quality import QC_LST, STATE_1KM, decode, lst_error
from srdanet_simulator.noise import stream
from srdanet_simulator.sensor.clouds import Clouds, draw_clouds
from srdanet_simulator.sensor.words import lst_words, state_words


@pytest.fixture(scope="module")
def scenes() -> list[tuple[Clouds, np.ndarray]]:
    made = []
    for seed in range(40):
        over = draw_clouds((64, 64), stream(seed, "c"), 0.2 if seed % 2 else 0.0)
        made.append((over, lst_words(over, stream(seed, "w"))))
    return made


def test_cloud_is_said_and_doubt_grows_beside_it(scenes: list[tuple[Clouds, np.ndarray]]) -> None:
    near, far = [], []
    for over, words in scenes[1::2]:
        np.testing.assert_array_equal(decode(QC_LST, words)["mandatory"] == 2, over.cover)
        near.append((words[(over.distance > 0) & (over.distance <= 2)] == 0).mean())
        if (over.distance > 9).sum() > 50:
            far.append((words[over.distance > 9] == 0).mean())
    assert np.mean(near) == 0
    assert 0.5 < np.mean(far) < 0.95


def test_windows_are_mostly_of_one_kind_or_the_other(scenes: list[tuple[Clouds, np.ndarray]]) -> None:
    doubt = np.array([((words >> 6) & 3 == 1).mean() for _, words in scenes[::2]])
    assert np.median(doubt) < 0.15
    assert np.ptp(doubt) > 0.5


def test_words_are_regional(scenes: list[tuple[Clouds, np.ndarray]]) -> None:
    edges = [(np.diff(words.astype(int), axis=1) != 0).mean() for _, words in scenes]
    # a tenth of the cells, strewn about, would make a fifth of the steps
    assert np.mean(edges) < 0.1
    assert np.max(edges[::2]) < 0.2


def test_large_errors_are_rare_and_there_is_cause_for_them(scenes: list[tuple[Clouds, np.ndarray]]) -> None:
    share = []
    for over, words in scenes:
        large = (lst_error(words) > 2) & ~over.cover
        share.append(large.mean())
        assert np.all(over.thin[large] > 1.5)
    assert 0 < np.mean(share) < 0.005
    assert np.median(share) == 0


def test_state_words_agree_with_the_clouds() -> None:
    over = draw_clouds((30, 40), stream(6, "c"), 0.2)
    water = np.zeros((30, 40), np.float32)
    water[3:5, 7:20] = 1
    fields = decode(STATE_1KM, state_words(over, water, np.zeros_like(water), stream(1, "s")))
    np.testing.assert_array_equal(fields["cloud"] == 1, over.cover)
    np.testing.assert_array_equal(fields["adjacent"] == 1, over.near)
    np.testing.assert_array_equal(fields["shadow"] == 1, over.shadow)
    np.testing.assert_array_equal(fields["land_water"] == 3, water > 0.5)
