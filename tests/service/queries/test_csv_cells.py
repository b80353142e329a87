"""What a cell of a CSV looks like: numbers stay numbers, and no text begins a formula."""

import csv
import re
from datetime import UTC, datetime
from io import StringIO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from service.queries.csv_cells import cell

_BEGINS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


@pytest.mark.parametrize("number", ["-12.5", "-0", "-19", "-1e-7", "12.5", "-1;-2", "a, -3"])
def test_a_negative_number_stays_one(number: str) -> None:
    assert cell(number) == number


@pytest.mark.parametrize("text", ["a-b", "x = y", "ada@example.com", "a;b", "1,000", "", "née"])
def test_what_begins_no_formula_stays_as_it_is(text: str) -> None:
    assert cell(text) == text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-1+1", "'-1+1"),
        ("-", "'-"),
        ("-inf", "'-inf"),
        ("@sum(A1)", "'@sum(A1)"),
        ("\t=1", "'\t'=1"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\nx", "'\nx"),
        ("  =1", "'  =1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\u200b\u00a0=1", "'\u200b\u00a0=1"),
        ("\uff1d1", "'\uff1d1"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("\uff20x", "'\uff20x"),
        ("a;=1", "a;'=1"),
        ("a, =1", "a, '=1"),
        ("a\t=1", "a\t'=1"),
        ("a|@x", "a|'@x"),
        ("a\n=1\r\n+2", "a\n'=1\r\n'+2"),
        ("=a;=b", "'=a;'=b"),
        ('"=1', "'\"=1"),
    ],
)  # fmt: skip
def test_a_formula_gets_an_apostrophe_where_it_would_begin(text: str, written: str) -> None:
    assert cell(text) == written


def test_what_has_parts_is_json_still() -> None:
    for value in ({"a": -1, "b": [-1, -2.5, 3]}, [-1], True, [1, "-2"]):
        assert msgspec.json.decode(str(cell(value))) == value
    assert cell({"note": "a;=1"}) == '{"note":"a;\'=1"}'
    assert cell(["x", "=1"]) == '["x","\'=1"]'
    assert (cell(None), cell(-5), cell(1.5)) == (None, -5, 1.5)


@given(st.text(alphabet=st.sampled_from("a1 .;,|-=+@\t\r\n\"'\uff1d\uff0d\ufeff")))
def test_no_cell_is_run_however_the_table_is_cut(text: str) -> None:
    """Whichever separator the reader's spreadsheet takes, and whatever it makes of quotes."""
    written = StringIO()
    csv.writer(written).writerow(["x", cell(text)])
    for piece in re.split(r"[;,|\t\r\n]", written.getvalue()):
        begun = piece.strip(' "\ufeff')
        assert _NUMBER.fullmatch(begun) or not begun.startswith(_BEGINS), piece


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (datetime(2026, 3, 14, 10, tzinfo=UTC), "2026-03-14T10:00:00Z"),
        (Raw(b'"=1+1"'), "'=1+1"),
        (Raw(b"null"), None),
        (Raw(b"-12.5"), -12.5),
        (Raw(b'{ "a" : [1] }'), '{"a":[1]}'),
        (("a", "b"), '["a","b"]'),
        (True, "true"),
    ],
)
def test_a_cell_has_what_json_has(value: object, written: object) -> None:
    assert cell(value) == written
