"""Each figure of a metric is the sum of the rows behind it, now and as it was known."""

import csv
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import httpx
import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.acceptance.sums import STORY, day, money
from tests.acceptance.test_metrics import MONTHS, PRODUCTS, metric
from tests.builders import body

MOVED = ("new", "expansion", "contraction", "churned", "reactivated", "known")
STANDING = ("mrr", "trial", "on_demand")


def payout(status: str, on: int, name: str, amount: int) -> bytes:
    return body(
        f"payout.{status}", status, day(on), name, None, payout_id=name, created_at=day(29),
        currency="EUR", amount=amount, fee=20,
    )  # fmt: skip


LATE = [
    money("payment", "succeeded", 4, "pay_late", 50),
    money("refund", "succeeded", 44, "ref_late", 20, refund_id="ref_late"),
    payout("failed", 40, "po_a", 700),
]


def tell(doors: Doors, contents: list[bytes]) -> None:
    position = 0
    for content in contents:
        position = number(deliver(doors, content).json()["position"])
    doors.service.await_position(doors.live, position)


@pytest.fixture(scope="module")
def closed(doors: Doors) -> tuple[Doors, str]:
    """A story, and the position at which its months were closed, after which more came."""
    told = [*STORY, *PRODUCTS, payout("success", 31, "po_a", 700), payout("success", 30, "po_b", 9)]
    tell(doors, told)
    at = doors.get("metrics/mrr").json()["position"]
    tell(doors, LATE)
    return doors, at


def figures(doors: Doors, name: str, query: str) -> list[dict[str, Any]]:
    answer = doors.get(f"metrics/{name}?{query}")
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["data"]
    assert rows
    return rows


def rows(doors: Doors, name: str, query: str, figure: dict[str, Any]) -> list[dict[str, Any]]:
    """All rows behind a figure, three at a time."""
    given = f"{query}&created_at_gte={figure['period']}&created_at_lte={figure['period']}"
    return [*_pages(doors, f"metrics/{name}/rows?{given}&currency={figure['currency']}&limit=3")]


def _pages(doors: Doors, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        answer = doors.get(f"{path}{cursor}")
        assert answer.status_code == 200, answer.text
        yield from answer.json()["data"]
        if answer.json()["next_cursor"] is None:
            return
        cursor = f"&cursor={answer.json()['next_cursor']}"


def total(found: list[dict[str, Any]]) -> int:
    return sum(row["amount"] for row in found)


ASKED = ["interval=month", "interval=quarter", "product_id=pdt_b"]


@pytest.mark.parametrize(
    ("query", "then"),
    [
        ("product_id=pdt_b", False), ("interval=month", True),
        *(
            pytest.param(query, then, marks=pytest.mark.slow)
            for query, then in (
                ("interval=month", False), ("interval=quarter", False),
                ("interval=quarter", True), ("product_id=pdt_b", True),
            )
        ),
    ],
)  # fmt: skip
def test_recurring_revenue_is_the_sum_of_its_rows(
    closed: tuple[Doors, str], query: str, *, then: bool
) -> None:
    doors, at = closed
    query += f"&known_at={at}" if then else ""
    churn = figures(doors, "churn", f"{query}&{MONTHS}")
    for mrr, start in zip(figures(doors, "mrr", f"{query}&{MONTHS}"), churn, strict=True):
        for name in (*MOVED, *STANDING):
            assert total(rows(doors, "mrr", f"{query}&figure={name}", mrr)) == mrr[name]
        before = rows(doors, "mrr", f"{query}&figure=mrr_at_start", start)
        assert (len(before), total(before)) == (
            start["subscriptions_at_start"], start["mrr_at_start"],
        )  # fmt: skip
        gone = rows(doors, "mrr", f"{query}&figure=churned", start)
        assert (len(gone), -total(gone)) == (start["churned"], start["churned_mrr"])


@pytest.mark.parametrize("then", [False, True], ids=["now", "known"])
@pytest.mark.parametrize("query", [*ASKED, "booked_by=status_since", "tz=Asia/Tokyo"])
@pytest.mark.parametrize(
    ("name", "count"), [("revenue", "payments"), ("refunds", "refunds"), ("disputes", "disputes")]
)
def test_a_sum_is_the_sum_of_its_rows(
    closed: tuple[Doors, str], name: str, count: str, query: str, *, then: bool
) -> None:
    doors, at = closed
    query += f"&known_at={at}" if then else ""
    for figure in figures(doors, name, f"{query}&{MONTHS}"):
        found = rows(doors, name, query, figure)
        assert (len(found), total(found)) == (figure[count], figure["amount"])


def test_payouts_are_the_sum_of_those_that_arrived(closed: tuple[Doors, str]) -> None:
    doors, at = closed
    winter = "created_at_gte=2026-01-01&created_at_lte=2026-02-28"
    for query, months in (("", [(1, 9), (0, 0)]), (f"known_at={at}&", [(2, 709), (0, 0)])):
        found = figures(doors, "payouts", f"{query}{winter}")
        assert [(row["payouts"], row["amount"]) for row in found] == months
        assert found[0]["fee"] == 20 * found[0]["payouts"]
        parts = rows(doors, "payouts", query.rstrip("&"), found[0])
        assert [total(parts), sum(row["fee"] for row in parts)] == [months[0][1], found[0]["fee"]]
    # by the day on which it arrived
    arrived = figures(doors, "payouts", f"{winter}&known_at={at}&booked_by=status_since")
    assert [row["payouts"] for row in arrived] == [1, 1]


def test_a_row_says_what_whose_and_when(closed: tuple[Doors, str]) -> None:
    doors, _ = closed
    january = {"period": "2026-01-01T00:00:00Z", "currency": "USD"}
    paid = rows(doors, "revenue", "", january)
    assert [row["at"] for row in paid] == sorted((row["at"] for row in paid), reverse=True)
    assert {
        (row["kind"], row["link"], row["customer"]["customer_id"])
        for row in paid
        if row["id"] == "pay_a"
    } == {("payment", "/v1/payments/pay_a", "cus_1")}
    # the dispute names nobody: whose payment it is about
    (refund,) = [row for row in rows(doors, "refunds", "", january) if row["id"] == "ref_p"]
    assert refund["customer"]["customer_id"] == "cus_1"
    moved = rows(doors, "mrr", "figure=reactivated", {**january, "period": "2026-03-01T00:00:00Z"})
    assert [(row["id"], row["movement"], row["amount"]) for row in moved] == [
        ("sub_b", "reactivated", 500)
    ]


def test_rows_come_as_csv_too(closed: tuple[Doors, str]) -> None:
    doors, _ = closed
    answer = doors.get(f"metrics/revenue/rows?{MONTHS}&format=csv")
    table = list(csv.DictReader(StringIO(answer.text)))
    assert {"id", "amount", "currency", "customer.email"} <= {*table[0]}
    months = figures(doors, "revenue", MONTHS)
    assert sum(int(row["amount"]) for row in table) == sum(row["amount"] for row in months)


@pytest.mark.parametrize("then", ["0", "2020-01-01", "2020-01-01T12:00:00Z"])
@pytest.mark.parametrize("name", ["mrr", "churn", "revenue", "refunds", "disputes", "payouts"])
def test_before_the_first_event_there_are_no_rows(
    closed: tuple[Doors, str], name: str, then: str
) -> None:
    doors, _ = closed
    for path in (name, *([] if name == "churn" else [f"{name}/rows"])):
        answer = doors.get(f"metrics/{path}?{MONTHS}&known_at={then}")
        assert (answer.status_code, answer.json()["data"]) == (200, []), answer.text
        table = doors.get(f"metrics/{path}?{MONTHS}&known_at={then}&format=csv")
        assert (table.status_code, len(table.text.splitlines())) == (200, 1)


@pytest.mark.parametrize("query", ["figure=active", "product_id=", "sort=at", "cursor=x"])
def test_a_wrong_parameter_is_named(closed: tuple[Doors, str], query: str) -> None:
    answer = closed[0].get(f"metrics/mrr/rows?{query}")
    assert (answer.status_code, answer.json()["parameter"]) == (400, query.partition("=")[0])


def test_absurd_amounts_take_no_figure_away(doors: Doors) -> None:
    """Each is one that the provider could sign; their sum has more than 64 bits."""
    count, position = 40, 0
    for one in range(count):
        content = body(
            "subscription.active", "active", day(5), f"sub_vast_{one}", currency="JPY",
            recurring_pre_tax_amount=2**53, payment_frequency_interval="Day",
            payment_frequency_count=1,
        )  # fmt: skip
        position = number(deliver(doors, content).json()["position"])
    doors.service.await_position(doors.live, position)
    worth = metric(doors, "mrr", MONTHS, "JPY")[0][1]
    assert worth == count * (2**53 * 365 // 12) > 2**63
    assert metric(doors, "churn", MONTHS, "JPY")[1][4] == worth
    rows = doors.get(f"metrics/mrr/rows?{MONTHS}&currency=JPY&limit=100").json()["data"]
    assert sum(row["amount"] for row in rows) == worth
    told = doors.get(f"metrics/mrr?{MONTHS}&format=csv").text
    assert f"JPY,{worth},{worth},0" in told
    with httpx.Client(
        base_url=doors.service.client.base_url, headers={"sec-fetch-site": "same-origin"}
    ) as finance:
        finance.post("/console/-/sign-in", data={"key": doors.live})
        page = finance.get("/console/live/money?since=2026-01-01&until=2026-03-31")
        assert page.status_code == 200
        vast = re.findall("[0-9\u202f]{20,}", page.text)
        assert {one.replace("\u202f", "") for one in vast} == {str(worth)}
