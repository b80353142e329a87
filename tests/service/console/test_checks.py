"""What is wrong with a book, and what only looks like it."""

import pytest

from service.console.checks import lag, refused_webhooks, silence
from service.queries.projections import ProjectionAnswer, ProjectionPage
from service.queries.refusals import RefusalCount
from tests.builders import NOON, at

STRANGER = RefusalCount("missing-header", 1, 3, 7)
OLD = RefusalCount("unknown-signature", 0, 0, 2)
FRESH = RefusalCount("unknown-signature", 1, 1, 2)


@pytest.mark.parametrize(
    ("counts", "tone", "value", "detail"),
    [
        ([], "good", "none", "None in the last day."),
        (
            [STRANGER],
            "plain",
            "7",
            "Of strangers, not of the provider. 3 in the last hour: missing-header.",
        ),
        ([OLD], "wait", "2", "0 in the last hour: unknown-signature."),
        ([STRANGER, FRESH], "bad", "2", "1 in the last hour: unknown-signature."),
    ],
)
def test_strangers_who_are_refused_are_nothing_to_look_at(
    counts: list[RefusalCount], tone: str, value: str, detail: str
) -> None:
    check = refused_webhooks(counts)
    assert (check.tone, check.value, check.detail) == (tone, value, detail)


@pytest.mark.parametrize(
    ("events", "seconds", "tone", "value", "detail"),
    [
        (0, 0.0, "good", "current", "Every event is reflected."),
        (3, 2.0, "good", "current", "All but the latest 3 events are reflected."),
        (1200, 90.0, "bad", "1\u202f200 behind", "Pages are 2\u202fmin older than the store."),
    ],
)
def test_what_is_not_reflected_yet_is_counted(
    events: int, seconds: float, tone: str, value: str, detail: str
) -> None:
    model = ProjectionAnswer("payments", 1, "live", "5", events, seconds)
    check = lag(ProjectionPage([model], None, 0, "5"))
    assert (check.tone, check.value, check.detail) == (tone, value, detail)


def test_what_is_parked_is_not_called_reflected() -> None:
    model = ProjectionAnswer("payments", 1, "live", "5", 0, 0.0)
    check = lag(ProjectionPage([model], None, 1, "5"))
    assert check.detail == "Every event that could be folded is reflected."


def test_a_book_without_a_webhook_says_where_they_belong() -> None:
    assert "/webhooks/shop" in silence(None, "shop", NOON).detail
    assert silence(at(-90), "shop", NOON).tone == "good"
    assert silence(at(-90_000), "shop", NOON).tone == "bad"
