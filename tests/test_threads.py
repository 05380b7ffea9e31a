"""One thing is read while another is worked on, and no more than that."""

import os
import threading
import weakref

import pytest

from srdanet.threads import allowed, each, one_ahead


class Result:
    def __init__(self, thing):
        self.thing = thing


def test_all_come_in_order_with_their_results():
    for count in (0, 1, 2, 5):
        found = [(thing, result().thing) for thing, result in one_ahead(Result, range(count))]
        assert found == [(n, n) for n in range(count)]


def test_the_next_is_read_meanwhile_and_no_other():
    begun, second = [], threading.Event()

    def read(thing):
        begun.append(thing)
        if thing == 1:
            second.set()
        return thing

    things = one_ahead(read, range(4))
    _, result = next(things)
    assert result() == 0
    assert second.wait(5), "while the first is worked on"
    assert begun == [0, 1]
    things.close()


def test_a_result_is_kept_nowhere_else():
    things = one_ahead(Result, range(3))
    _, result = next(things)
    held = weakref.ref(result())
    assert held() is None, "nobody else holds what was given"
    things.close()


def test_an_error_comes_with_its_thing_and_the_others_go_on():
    def read(thing):
        if thing == 1:
            raise ValueError("the second")
        return thing

    found = []
    for thing, result in one_ahead(read, range(3)):
        if thing == 1:
            with pytest.raises(ValueError, match="the second"):
                result()
        else:
            found.append(result())
    assert found == [0, 2]


def test_the_variable_of_openmp_says_how_many_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert allowed() == 3
    for nothing in ("", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", nothing)
        assert 1 <= allowed() <= os.cpu_count()


@pytest.mark.parametrize("many", ["1", "3"])
def test_each_thing_is_worked_on_once_and_errors_come_out(monkeypatch, many):
    monkeypatch.setenv("OMP_NUM_THREADS", many)
    for count in (0, 1, 7):
        seen = []
        each(seen.append, range(count))
        assert sorted(seen) == list(range(count))

    def refuse(thing):
        raise ValueError(f"thing {thing}")

    with pytest.raises(ValueError, match="thing 0"):
        each(refuse, range(2))
