"""Spans of time as a person writes them."""

from datetime import timedelta

import pytest

from service.spans import parse_span


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("40d", timedelta(days=40)),
        ("90m", timedelta(minutes=90)),
        ("1d12h", timedelta(hours=36)),
        ("0.5s", timedelta(seconds=0.5)),
        ("2w", timedelta(days=14)),
        ("0d", timedelta(0)),
    ],
)
def test_a_span_is_read(text: str, span: timedelta) -> None:
    assert parse_span(text) == span


@pytest.mark.parametrize("text", ["", "40", "d", "-1d", "1 d", "1y", "1d ", "1..5d", "٣d"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span of time"):
        parse_span(text)


def test_a_span_has_a_limit() -> None:
    with pytest.raises(ValueError, match="is longer than"):
        parse_span("999999999w")
