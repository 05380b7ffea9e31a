from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from srdanet.errors import GranuleError
from srdanet.readers.odl import parse

TEXT = """
/* a comment with GROUP = x */
GROUP=GridStructure
\tGROUP=GRID_1
\t\tGridName="MODIS (1 km) = x"
\t\tXDim=1200
\t\tUpperLeftPointMtrs=(-4447802.079066,0.000000)
\t\tNested=((1,2),("a",B))
\t\tProjection=GCTP_SNSOID
\tEND_GROUP=GRID_1
END_GROUP=GridStructure
OBJECT = LONG
  VALUE = "over
two lines"
END_OBJECT
OBJECT = DATE
  VALUE = "2020-07-15"
END_OBJECT = DATE
END
rubbish = = =
"""


def test_values_blocks_and_lists() -> None:
    root = parse(TEXT)
    grid = root.find("GRID_1")
    assert grid is not None
    assert grid.values == {
        "GridName": "MODIS (1 km) = x",
        "XDim": 1200,
        "UpperLeftPointMtrs": [-4447802.079066, 0.0],
        "Nested": [[1, 2], ["a", "B"]],
        "Projection": "GCTP_SNSOID",
    }
    assert [block.name for block in root.walk()] == ["", "GridStructure", "GRID_1", "LONG", "DATE"]
    assert root.value("DATE") == "2020-07-15"
    assert root.value("LONG") == "over\ntwo lines"
    assert root.value("NOTHING") is None


def test_text_after_a_nul_is_padding() -> None:
    assert parse('A="x"\n\0\0B=').values == {"A": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("GROUP=A\nX=1\n", "inside A"),
        ("GROUP=A\nEND_GROUP=B\nEND", "not open"),
        ("END_GROUP=B", "not open"),
        ("A=(1,2", "not closed"),
        ('A="x', "quotation"),
        ("A=", "missing"),
        ("A B", "no value"),
        ("A=,", "missing"),
    ],
)
def test_damaged_text_names_file_and_line(text: str, said: str) -> None:
    with pytest.raises(GranuleError, match=said) as caught:
        parse(text, "some.hdf")
    assert str(caught.value).startswith("some.hdf: The metadata text is damaged in line")


@given(st.text(alphabet='GROUPEND_OBJECT=()",\n /*\0 12.x', max_size=200))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        root = parse(text)
    except GranuleError:
        return
    assert root.name == ""


words = st.text(alphabet="abcXYZ_1", min_size=1, max_size=8).filter(lambda w: not w[0].isdigit() and w != "END")
scalars = st.one_of(st.integers(-(10**9), 10**9), words.map(lambda w: f"s{w}"))


@given(st.dictionaries(words, st.one_of(scalars, st.lists(scalars, max_size=4)), max_size=6), words)
def test_what_is_written_is_read_back(values: dict[str, object], name: str) -> None:
    def spell(value: object) -> str:
        return "(" + ",".join(map(spell, value)) + ")" if isinstance(value, list) else str(value)

    lines = [f"GROUP={name}", *(f"{key} = {spell(value)}" for key, value in values.items()), f"END_GROUP={name}"]
    assert parse("\n".join([*lines, "END"])).blocks[0].values == values
