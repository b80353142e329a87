"""Money and metrics over HTTP, over a story whose sums are known."""

import csv
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import number
from tests.acceptance.sums import STORY, day, money, subscription
from tests.builders import body


@pytest.fixture(scope="module")
def story(doors: Doors) -> Doors:
    for content in STORY:
        position = number(deliver(doors, content).json()["position"])
        doors.service.await_position(doors.live, position)
    return doors


def metric(doors: Doors, name: str, query: str, currency: str = "USD") -> list[list[Any]]:
    answer = doors.get(f"metrics/{name}?{query}")
    assert answer.status_code == 200, answer.text
    of_currency = [row for row in answer.json()["data"] if row["currency"] == currency]
    return [[row["period"][:10], *list(row.values())[2:]] for row in of_currency]


MONTHS = "created_at_gte=2026-01-15T00:00:00Z&created_at_lte=2026-03-10T00:00:00Z"


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        # mrr, new, expansion, contraction, churned, reactivated, known, trial, on_demand
        ("mrr", [
            ["2026-01-01", 1700, 1700, 0, 0, 0, 0, 0, 0, 0],
            ["2026-02-01", 1700, 0, 500, 0, -500, 0, 0, 0, 0],
            ["2026-03-01", 2000, 0, 0, -200, 0, 500, 0, 0, 0],
        ]),
        # active, new, churned, reactivated, known, switched, trial, on_demand
        ("subscriptions", [
            ["2026-01-01", 3, 3, 0, 0, 0, 0, 0, 0],
            ["2026-02-01", 2, 0, 1, 0, 0, 0, 0, 0],
            ["2026-03-01", 3, 0, 0, 1, 0, 0, 0, 0],
        ]),
        # at start, churned, rate, mrr at start, churned mrr, rate
        ("churn", [
            ["2026-01-01", 0, 0, None, 0, 0, None],
            ["2026-02-01", 3, 1, 0.3333, 1700, 500, 0.2941],
            ["2026-03-01", 2, 0, 0.0, 1700, 0, 0.0],
        ]),
        # payments, amount
        ("revenue", [["2026-01-01", 2, 2000], ["2026-02-01", 0, 0], ["2026-03-01", 0, 0]]),
        # refunds, partial, amount
        ("refunds", [["2026-01-01", 0, 0, 0], ["2026-02-01", 1, 1, 300], ["2026-03-01", 0, 0, 0]]),
        # disputes, amount, open, won, lost, cancelled, lost amount
        ("disputes", [
            ["2026-01-01", 0, 0, 0, 0, 0, 0, 0],
            ["2026-02-01", 2, 1000, 1, 0, 1, 0, 100],
            ["2026-03-01", 0, 0, 0, 0, 0, 0, 0],
        ]),
    ],
)  # fmt: skip
def test_a_metric_by_month(story: Doors, name: str, rows: list[list[Any]]) -> None:
    assert metric(story, name, f"interval=month&{MONTHS}") == rows


def test_a_change_of_currency_leaves_nothing_behind(story: Doors) -> None:
    assert metric(story, "mrr", MONTHS, "SEK") == [
        ["2026-01-01", 1000, 1000, 0, 0, 0, 0, 0, 0, 0],
        ["2026-02-01", 0, 0, 0, -1000, 0, 0, 0, 0, 0],
        ["2026-03-01", 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert metric(story, "mrr", MONTHS, "NOK") == [
        ["2026-01-01", 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ["2026-02-01", 1200, 0, 1200, 0, 0, 0, 0, 0, 0],
        ["2026-03-01", 0, 0, 0, 0, -1200, 0, 0, 0, 0],
    ]
    # active, new, churned, reactivated, known, switched, trial, on_demand
    assert metric(story, "subscriptions", MONTHS, "SEK")[1:] == [
        ["2026-02-01", 0, 0, 0, 0, 0, -1, 0, 0],
        ["2026-03-01", 0, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert metric(story, "subscriptions", MONTHS, "NOK")[1:] == [
        ["2026-02-01", 1, 0, 0, 0, 0, 1, 0, 0],
        ["2026-03-01", 0, 0, 1, 0, 0, 0, 0, 0],
    ]


def test_trials_and_mandates_on_demand_stand_beside_what_recurs(story: Doors) -> None:
    assert metric(story, "mrr", MONTHS, "GBP") == [
        ["2026-01-01", 300, 0, 0, 0, 0, 0, 300, 900, 100],
        ["2026-02-01", 1200, 900, 0, 0, 0, 0, 0, 0, 100],
        ["2026-03-01", 1200, 0, 0, 0, 0, 0, 0, 0, 100],
    ]
    assert metric(story, "subscriptions", MONTHS, "GBP") == [
        ["2026-01-01", 1, 0, 0, 0, 1, 0, 1, 1],
        ["2026-02-01", 2, 1, 0, 0, 0, 0, 0, 1],
        ["2026-03-01", 2, 0, 0, 0, 0, 0, 0, 1],
    ]


def test_what_was_before_the_first_period_is_in_it(story: Doors) -> None:
    march = "created_at_gte=2026-03-01T00:00:00Z&created_at_lte=2026-03-31T00:00:00Z"
    assert metric(story, "mrr", march) == [["2026-03-01", 2000, 0, 0, -200, 0, 500, 0, 0, 0]]
    days = "created_at_gte=2026-03-01&created_at_lte=2026-03-31"
    assert metric(story, "mrr", days) == metric(story, "mrr", march)


@pytest.mark.parametrize(
    ("interval", "first", "last", "count"),
    [("day", "2026-01-15", "2026-03-10", 55), ("week", "2026-01-12", "2026-03-09", 9)],
)
def test_days_and_weeks_end_where_months_do(
    story: Doors, interval: str, first: str, last: str, count: int
) -> None:
    rows = metric(story, "mrr", f"interval={interval}&{MONTHS}")
    assert (rows[0][0], rows[-1][0], len(rows)) == (first, last, count)
    assert rows[-1][1] == 2000
    assert sum(rows[-1][2:8]) == rows[-1][1] - rows[-2][1]


def test_a_metric_by_itself_is_of_the_last_twelve_months(story: Doors) -> None:
    rows = metric(story, "mrr", "")
    assert len(rows) == 12
    assert rows[-1][0][:7] == datetime.now(UTC).isoformat()[:7]


def test_a_metric_comes_as_csv_too(story: Doors) -> None:
    headers = {"authorization": f"Bearer {story.live}", "accept": "text/csv"}
    answer = story.service.client.get(f"/v1/metrics/refunds?{MONTHS}", headers=headers)
    found = list(csv.reader(StringIO(answer.text, newline="")))
    assert found[0] == ["period", "currency", "refunds", "partial", "amount"]
    assert ["2026-02-01T00:00:00Z", "USD", "1", "1", "300"] in found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("interval=year", "interval"),
        ("tz=Europe/Bonn", "tz: 'Europe/Bonn' is not a known time zone. Use a name such as Europe"),
        ("tz=../../etc/passwd", "is not a known time zone"),
        ("tz=%2B02:00", "is not a known time zone"),
        ("known_at=2099-01-01", "known_at must not be in the future"),
        ("known_at=999999", "beyond the end of this book"),
        ("booked_by=status_since", "booked_by: unknown parameter"),
        ("tz=Asia/Tokyo&created_at_gte=0001-01-01&created_at_lte=0001-01-01", "out of range"),
        ("limit=3", "limit: unknown parameter"),
        ("created_at_gte=soon", "created_at_gte: 'soon' is not a valid timestamp"),
        ("created_at_gte=2026-03-01T00:00:00Z&created_at_lte=2026-01-01T00:00:00Z", "not be after"),
        ("interval=day&created_at_gte=1999-01-01T00:00:00Z", "more than 1000 periods"),
        ("interval=day&created_at_gte=9999-12-31T00:00:00Z&created_at_lte=9999-12-31T09:00:00Z",
         "out of range"),
        ("created_at_gte=0001-01-01T00:00:00Z&created_at_lte=0001-01-01T00:00:00Z", ""),
    ],
)  # fmt: skip
def test_a_range_that_is_wrong_is_named(story: Doors, query: str, said: str) -> None:
    answer = story.get(f"metrics/mrr?{query}")
    if said:
        assert answer.status_code == 400
        assert said in answer.json()["detail"]
    else:
        assert answer.status_code == 200


def test_periods_begin_at_midnight_of_a_time_zone(story: Doors) -> None:
    # pay_b was made at midnight in UTC on 31 January: still the 30th in New York
    query = "interval=day&created_at_gte=2026-01-30&created_at_lte=2026-01-31"
    assert metric(story, "revenue", query) == [["2026-01-30", 0, 0], ["2026-01-31", 1, 900]]
    there = f"{query}&tz=America/New_York"
    assert metric(story, "revenue", there) == [["2026-01-30", 1, 900], ["2026-01-31", 0, 0]]
    answer = story.get(f"metrics/revenue?{there}").json()
    assert answer["data"][0]["period"] == "2026-01-30T00:00:00-05:00"
    # a month with a change of clocks in it
    march = "created_at_gte=2026-03-01&created_at_lte=2026-04-01&tz=Europe/Berlin"
    periods = [row["period"] for row in story.get(f"metrics/mrr?{march}").json()["data"]]
    assert sorted({*periods}) == ["2026-03-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00"]


def test_quarters(story: Doors) -> None:
    year = "interval=quarter&created_at_gte=2025-12-31&created_at_lte=2026-04-01"
    assert [row[:2] for row in metric(story, "mrr", year)] == [
        ["2025-10-01", 0], ["2026-01-01", 2000], ["2026-04-01", 2000],
    ]  # fmt: skip
    assert len(metric(story, "mrr", "interval=quarter")) == 4


METRICS = ("mrr", "subscriptions", "churn", "revenue", "refunds", "disputes")


def test_a_closed_month_stays_as_it_was_known(story: Doors) -> None:
    """The figures at each position of a book, asked again when everything is recorded."""
    position = story.get("metrics/mrr").json()["position"]
    before = {name: metric(story, name, MONTHS) for name in METRICS}
    between = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    late = [
        # told after the month was closed, of what had happened in it
        subscription("cancelled", "cancelled", 41, "sub_c", 200),
        subscription("active", "active", 15, "sub_new", 700),
        subscription("plan_changed", "active", 30, "sub_a", 1200),
        money("payment", "succeeded", 30, "pay_c", 9000),
        money("payment", "succeeded", 4, "pay_late", 50),
        money("refund", "succeeded", 44, "ref_late", 20, refund_id="ref_late"),
        money("dispute", "won", 34, "dp_a", 900),
        # and of what happened later
        subscription("cancelled", "cancelled", 64, "sub_b", 300),
    ]
    last = 0
    for content in late:
        last = number(deliver(story, content).json()["position"])
        story.service.await_position(story.live, last)
    after = {name: metric(story, name, MONTHS) for name in METRICS}
    assert [name for name in METRICS if after[name] == before[name]] == []
    for known_at in (position, between):
        known = {name: metric(story, name, f"{MONTHS}&known_at={known_at}") for name in METRICS}
        assert known == before
    assert {name: metric(story, name, f"{MONTHS}&known_at={last}") for name in METRICS} == after


def test_a_refund_and_a_dispute_count_when_they_are_booked(doors: Doors) -> None:
    def told(kind: str, on: int, name: str) -> bytes:
        aggregate, _, status = kind.partition(".")
        more = {"refund_id": name} if aggregate == "refund" else {}
        return body(
            kind, status, day(on), name, created_at=day(0), currency="CHF", amount=70, **more
        )

    contents = [told("refund.succeeded", 40, "ref_booked"), told("dispute.opened", 0, "dp_booked")]
    position = 0
    for content in [*contents, told("dispute.lost", 50, "dp_booked")]:
        position = number(deliver(doors, content).json()["position"])
    doors.service.await_position(doors.live, position)
    made = metric(doors, "refunds", MONTHS, "CHF")
    assert made == [["2026-01-01", 1, 0, 70], ["2026-02-01", 0, 0, 0], ["2026-03-01", 0, 0, 0]]
    booked = metric(doors, "refunds", f"{MONTHS}&booked_by=status_since", "CHF")
    assert booked == [["2026-01-01", 0, 0, 0], ["2026-02-01", 1, 0, 70], ["2026-03-01", 0, 0, 0]]
    # disputes, amount, open, won, lost, cancelled, lost amount
    lost = metric(doors, "disputes", f"{MONTHS}&booked_by=status_since", "CHF")
    assert lost[1] == ["2026-02-01", 1, 70, 0, 0, 1, 0, 70]
    # before the loss it counted where it was opened
    then = f"{MONTHS}&booked_by=status_since&known_at={position - 1}"
    assert metric(doors, "disputes", then, "CHF")[0] == ["2026-01-01", 1, 70, 1, 0, 0, 0, 0]


PRODUCTS = [
    subscription("active", "active", 0, "sub_p", 1000, "AUD", product_id="pdt_a"),
    subscription("active", "active", 5, "sub_q", 100, "AUD", product_id="pdt_a"),
    subscription("plan_changed", "active", 40, "sub_p", 1500, "AUD", product_id="pdt_b"),
    subscription("plan_changed", "active", 41, "sub_q", 100, "AUD", product_id="pdt_b"),
    subscription("cancelled", "cancelled", 62, "sub_q", 100, "AUD", product_id="pdt_b"),
    money("payment", "succeeded", 1, "pay_p", 1100, subscription_ids=["sub_p"]),
    money("payment", "succeeded", 2, "pay_cart", 50, product_cart=[
        {"product_id": "pdt_a", "quantity": 2}, {"product_id": "pdt_b", "quantity": 1},
    ]),
    money("refund", "succeeded", 3, "ref_p", 7, refund_id="ref_p", payment_id="pay_cart"),
    money("dispute", "opened", 4, "dp_p", 8, payment_id="pay_p"),
]  # fmt: skip


def test_a_metric_of_one_product(doors: Doors) -> None:
    position = 0
    for content in PRODUCTS:
        position = number(deliver(doors, content).json()["position"])
    doors.service.await_position(doors.live, position)

    def of(product: str, name: str, currency: str) -> list[list[Any]]:
        query = f"{MONTHS}&product_id={product}"
        now = metric(doors, name, query, currency)
        assert metric(doors, name, f"{query}&known_at={position}", currency) == now
        return now

    # mrr, new, expansion, contraction, churned, …
    assert [row[1:6] for row in of("pdt_a", "mrr", "AUD")] == [
        [1100, 1100, 0, 0, 0], [0, 0, 0, -1100, 0], [0, 0, 0, 0, 0],
    ]  # fmt: skip
    assert [row[1:6] for row in of("pdt_b", "mrr", "AUD")] == [
        [0, 0, 0, 0, 0], [1600, 0, 1600, 0, 0], [1500, 0, 0, 0, -100],
    ]  # fmt: skip
    assert [row[1:6] for row in metric(doors, "mrr", MONTHS, "AUD")] == [
        [1100, 1100, 0, 0, 0], [1600, 0, 500, 0, 0], [1500, 0, 0, 0, -100],
    ]  # fmt: skip
    assert [row[1] for row in of("pdt_b", "subscriptions", "AUD")] == [0, 2, 1]
    # sub_p has changed to pdt_b since
    assert of("pdt_a", "revenue", "USD")[0][1:] == [1, 50]
    assert of("pdt_b", "revenue", "USD")[0][1:] == [2, 1150]
    assert of("pdt_a", "refunds", "USD")[0][1:] == of("pdt_b", "refunds", "USD")[0][1:]
    assert of("pdt_b", "disputes", "USD")[0][1:3] == [1, 8]
    for name in ("disputes", "revenue"):
        assert of("pdt_none", name, "USD") == []
