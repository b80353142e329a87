"""Nothing that a stranger sends drives a terminal, forges a line, or shows a secret."""

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.telemetry.sanitize import escape, mask_secrets, sanitize_value, truncate
from tests.builders import SECRET

UNSAFE = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}


@given(st.text(st.characters()))
def test_what_is_escaped_has_no_control_character_and_no_mark_of_direction(text: str) -> None:
    shown = escape(text)
    assert not {unicodedata.category(c) for c in shown} & UNSAFE
    # what the Unicode of this Python does not know yet, and spaces of every width, are harmless
    strange = {c for c in shown if not c.isprintable()}
    assert {unicodedata.category(c) for c in strange} <= {"Cn", "Zs"}


def test_a_letter_stays_and_a_control_is_written_out() -> None:
    assert escape("Zoë 東京 🎉") == "Zoë 東京 🎉"
    assert escape("\x1b]0;title\a\u202e\n") == r"\x1b]0;title\x07\u202e\n"
    assert escape("a\nb\x85", "\n") == "a\nb\\x85"


@pytest.mark.parametrize(
    "text",
    [
        f"no such file: {SECRET}",
        f"[{SECRET.swapcase().replace('WHSEC', 'whsec')}]",
        "postgresql://me:hunter2secret@db.example.com/daybook",
        "postgresql://me:hunter2/secret@db.example.com/daybook",
        "postgresql://me:hunter2@secret@db.example.com/daybook",
        "host=db password=hunter2secret user=me",
        "host=db password='hunter2 sec\\'ret' user=me",
        "Bearer dbk_my_book_0a1b2c3d_hunter2secret-hunter2secret_000000",
        "authorization: Bearer hunter2secret.hunter2",
    ],
)
def test_a_secret_is_masked(text: str) -> None:
    shown = mask_secrets(text)
    assert "…" in shown
    for part in (SECRET[6:], "hunter2", "secret", "sec", "ret"):
        assert part not in shown.replace("whsec", "")


def test_what_is_long_is_cut_with_a_note_of_how_much() -> None:
    assert truncate("x" * 512) == "x" * 512
    assert truncate("x" * 700) == "x" * 512 + "… (188 characters more)"
    assert truncate("begin" + "x" * 90 + "end", 12, tail=4) == "beginxxx… (86 characters more)xend"


class Broken:
    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (5, 5),
        (1 << 16_609, "a number of 16610 bits"),
        (b"\x1b", r"b'\x1b'"),
        ({"a\n": ["\x1b"]}, {r"a\n": [r"\x1b"]}),
        (list(range(100)), [*range(32), "… (68 more)"]),
        (Broken(), "a Broken (ValueError in its repr)"),
        ([[[["\x1b"]]]], [[[r"['\x1b']"]]]),
    ],
    ids=type,
)
def test_values_of_any_kind_are_bounded(value: object, shown: object) -> None:
    assert sanitize_value(value) == shown


def test_a_secret_beyond_the_cut_shows_no_part_of_itself() -> None:
    for before in (500, 505, 2040):
        assert not re.search(SECRET[6:14], sanitize_value("x" * before + SECRET))


@pytest.mark.parametrize("piece", ["://a:", "dbk_", "password='", "whsec_ ", "dbk_a_00000000_"])
def test_masking_takes_no_longer_for_a_text_that_nearly_fits(piece: str) -> None:
    began = time.monotonic()
    mask_secrets(piece * 20_000)
    assert time.monotonic() - began < 10
