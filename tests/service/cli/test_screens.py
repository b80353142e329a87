"""The command line shows data as it is: no markup, and nothing that drives a terminal."""

import io
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli import screens
from service.cli.screens import Screen
from service.store.api_keys import Key
from tests.acceptance.service import command

AT = datetime(2026, 3, 14, tzinfo=UTC)
HOSTILE = ("[bold]", "[/]", "[link=http://x]", ":smile:", "\x1b[2J", "\x1b]0;x\a", "\u202e", "\r")


def printed(*, width: int = 4_000, show: Any) -> str:  # noqa: ANN401
    out = io.StringIO()
    show(Screen(file=out, width=width))
    return out.getvalue()


def shown_everywhere(text: str) -> dict[str, Any]:
    """Each screen, with the text wherever data may stand."""
    because = SimpleNamespace(
        subscription_id=text, product_id=text, status=text, since=AT, until=None, rule=text
    )
    answer: Any = SimpleNamespace(
        customer_id=text, entitled=True, state=text, until=AT, because=[because]
    )
    entry = SimpleNamespace(
        event_position=text, occurred_at=AT, recorded_at=AT, status_from=text, status_to=text,
        type=text, verdict=text, what=text, newer=True, late=False, revision=False, undecided=False,
    )  # fmt: skip
    events: Any = SimpleNamespace(stream=text, data=[entry])
    parked = {"book": text, "stream": text, "position": 1, "error": f"Traceback\n{text}"}
    checkpoint = {"book": text, "head": 9, "position": 8, "lost": False}
    key = Key(text, text, (), text, AT, None, None)
    count: Any = SimpleNamespace(last_hour=3, reason=text)
    return {
        "access": lambda out: screens.access(out, answer),
        "history": lambda out: screens.history(out, events),
        "status": lambda out: screens.status(out, [checkpoint], {text: AT}, [parked]),
        "refusals": lambda out: screens.refusals(out, [(text, count)]),
        "keys": lambda out: screens.keys(out, [key]),
        "print": lambda out: out.print(text, style="red", soft_wrap=True),
    }


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=4).map("x".join))
def test_every_cell_shows_what_is_there_literally_and_harmless(text: str) -> None:
    expected = (
        text.replace("\x1b", r"\x1b").replace("\a", r"\x07")
        .replace("\u202e", r"\u202e").replace("\r", r"\r")
    )  # fmt: skip
    for name, show in shown_everywhere(text).items():
        shown = printed(show=show)
        assert expected in shown, name
        assert not {"\x1b", "\a", "\u202e", "\r"} & set(shown), name


@pytest.mark.parametrize("width", [1, 20, 40, 80])
def test_a_narrow_terminal_cuts_nothing_off(width: int) -> None:
    text = "sub_0123456789abcdef"
    for name, show in shown_everywhere(text).items():
        shown = printed(width=width, show=show)
        if width >= 40:
            assert sum(map(shown.count, "abcdef")) >= 6, name
            assert "…" not in shown


def test_a_terminal_without_unicode_is_written_to(database_url: str) -> None:
    env = {"DAYBOOK_DATABASE_URL": database_url, "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"}
    shown = command("status", env=env)
    assert "read models at" in shown
    assert shown.isascii()
    assert "\x1b" not in shown
