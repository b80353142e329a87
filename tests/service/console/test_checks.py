"""What is wrong with a book, and what only looks like it."""

import pytest

from service.console.checks import refused_webhooks
from service.queries.refusals import RefusalCount

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
