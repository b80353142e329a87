"""Cursors: where a page ended, of which list, by which order and filters."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.problems import Problem
from service.queries import paging
from service.store.positions import BEGINNING
from tests.builders import NOON

SORTS = ("-created_at", "created_at")
LIST = "/v1/payments"


def asked(**given: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"cursor": None, "sort": None, "status": "failed", "kinds": (), **given}


def ended(path: str = LIST, **given: Any) -> str:  # noqa: ANN401
    return paging.order(asked(**given), SORTS, str, path).following(NOON, "pay_1", BEGINNING)


def test_the_next_page_begins_where_the_one_before_ended() -> None:
    order = paging.order(asked(cursor=ended()), SORTS, str, LIST)
    assert order.after
    assert (order.sort, order.after.at, order.after.key) == ("-created_at", NOON, "pay_1")
    # how much of a page is shown, and how, makes no other list of it
    shown = asked(
        cursor=ended(limit=2, fields=["status"], min_position=7, after=3), limit=50, bom=True
    )
    assert paging.order(shown, SORTS, str, LIST).after
    # the same moment, however it was written
    begun = datetime(2026, 3, 1, tzinfo=UTC)
    place = ended(created_at_gte=begun)
    assert paging.order(asked(created_at_gte=begun, cursor=place), SORTS, str, LIST).after


def test_a_page_keeps_its_order_without_saying_it() -> None:
    assert paging.order(asked(cursor=ended(sort="created_at")), SORTS, str, LIST).sort == (
        "created_at"
    )
    with pytest.raises(Problem, match=r"a page sorted by created_at, not by -created"):
        paging.order(asked(cursor=ended(sort="created_at"), sort="-created_at"), SORTS, str, LIST)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("/v1/refunds", {}),
        ("/v1/payments/pay_1/history", {}),
        (LIST, {"status": "succeeded"}),
        (LIST, {"status": None}),
        (LIST, {"kinds": ["refund"]}),
        (LIST, {"created_at_gte": NOON}),
    ],
)
def test_a_cursor_of_another_list_or_of_other_filters_is_refused(
    path: str, given: dict[str, Any]
) -> None:
    with pytest.raises(Problem, match="belongs to another list or other filters") as refused:
        paging.order(asked(cursor=ended(), **given), SORTS, str, path)
    assert refused.value.kind.name == "invalid-parameter"
    assert refused.value.extra["parameter"] == "cursor"


@pytest.mark.parametrize("given", ["rubbish", "", "AAAA", "é"])
def test_what_no_page_gave_is_refused(given: str) -> None:
    with pytest.raises(Problem, match="cursor from a page of this API"):
        paging.order(asked(cursor=given), SORTS, str, LIST)
