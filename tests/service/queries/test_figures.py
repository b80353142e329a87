"""Figures against a count of the rows in Python, whatever the provider leaves out."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict, replace
from psycopg.sql import SQL

from domain.fold import decode
from domain.recurring import COUNTED, is_on_trial, monthly
from projections.events import EVENTS
from projections.subscriptions import SUBSCRIPTIONS
from service.database.connections import Connection
from service.database.statements import relation
from service.queries import metrics, resources
from service.queries.clocks import known_by
from service.queries.metric_known import Booking, Known, MetricQuestion
from service.queries.metric_parts import Wanted, parts_of_mrr, parts_of_sum
from service.queries.metric_products import Counted
from service.queries.metric_rows import DISPUTED, PAID, PAID_OUT, REFUNDED
from service.queries.paging import Order
from service.queries.periods import Span, span
from service.readmodels.projector import advance
from service.readmodels.rebuild import preview, rebuild
from service.sandbox.simulation import simulate
from service.store.events import append
from service.store.positions import Position
from tests.builders import NOON, body
from tests.deliveries import delivery

EVERYTHING = Wanted(None, 100_000, Order(b"", "-at", None), Position(0))
SUMS: Mapping[str, tuple[Any, Counted, str]] = {
    "revenue": (metrics.revenue, PAID, "payments"),
    "refunds": (metrics.refunds, REFUNDED, "refunds"),
    "disputes": (metrics.disputes, DISPUTED, "disputes"),
    "payouts": (metrics.payouts, PAID_OUT, "payouts"),
}
COUNTING = {"revenue": ("succeeded",), "refunds": ("succeeded",), "payouts": ("success",)}
COUNTS = re.compile(rb'"type":"(subscription|payment|refund|dispute|payout)[.]')
BOOKINGS: tuple[Booking, ...] = ("created_at", "status_since")
PLANS = ("basic", "pro")
PRODUCTS = (None, "pdt_pro")

SPANS = [
    # a day of 23 hours, and days that do not begin with those of UTC
    span("day", date(2026, 3, 20), date(2026, 4, 10), NOON, "Europe/London"),
    span("month", date(2025, 6, 1), date(2026, 5, 31), NOON, "Asia/Kathmandu"),
    span("quarter", date(2025, 1, 1), date(2026, 5, 31), NOON, "UTC"),
]

OTHERWISE: Mapping[str, tuple[Any, ...]] = {
    "created_at": tuple(datetime(2025, month, 9, tzinfo=UTC) for month in (3, 7, 9, 12)),
    "currency": ("SEK", "EUR"),
    "total_amount": (1, 70_000),
    "amount": (2, 80_000),
    "recurring_pre_tax_amount": (0, 90_000),
    "product_id": ("pdt_basic", "pdt_pro"),
    "product_cart": tuple([{"product_id": f"pdt_{name}", "quantity": 1}] for name in PLANS),
    "is_partial": (True, False),
    "on_demand": (True, False),
    "payment_id": ("pay_unheard_of",),
}
"""Fields that figures depend on, and what they may be told to be."""

ASKED: list[dict[str, Any]] = [
    {"span": SPANS[0]},
    {"span": SPANS[1], "booked_by": "status_since"},
    *(
        {"span": SPANS[n], "product_id": product, "booked_by": BOOKINGS[n - 1]}
        for n, product in ((1, None), (1, "pdt_basic"), (2, "pdt_pro"))
    ),
]  # fmt: skip

Sums = Counter[tuple[datetime, str | None, str]]


def sparse(content: bytes, chance: Random) -> bytes:
    """A body of the simulated provider, in which some fields may be missing or odd."""
    document = msgspec.json.decode(content)
    data, drawn = document["data"], chance.random()
    if document["type"] == "subscription.active" and drawn < 0.5:
        del data["product_id"]
    elif drawn < 0.1:
        data.pop(chance.choice(("currency", "product_id", "total_amount", "amount")), None)
    elif drawn < 0.2:
        data["currency"] = chance.choice(("SEK", "none"))
    elif drawn < 0.25 and "recurring_pre_tax_amount" in data:
        data["recurring_pre_tax_amount"] = chance.choice((None, 0, 2**53))
    elif drawn < 0.4 and "product_cart" in data:
        # as that of a renewal
        data["product_cart"] = []
    elif drawn < 0.3 and "payment_frequency_interval" in data:
        data["payment_frequency_interval"] = chance.choice(("Day", "Week", "Year", None))
    return msgspec.json.encode(document)


def regretted(content: bytes, chance: Random) -> list[bytes]:
    """A refund and a dispute of a payment, which name no product themselves."""
    document = msgspec.json.decode(content)
    paid = document["data"]["payment_id"]
    made = datetime.fromisoformat(document["timestamp"]) + timedelta(days=chance.randrange(60))
    more = {"currency": "EUR", "created_at": made, "payment_id": paid}
    ended = chance.choice(("opened", "won", "lost"))
    return [
        body("refund.succeeded", "succeeded", made, "", refund_id=f"ref_{paid}", amount=5, **more),
        body(f"dispute.{ended}", ended, made, f"dp_{paid}", amount="7", **more),
    ]


def told_otherwise(content: bytes, chance: Random) -> bytes:
    """The body once more, later as a rule, in which something that figures are made of differs."""
    document = msgspec.json.decode(content)
    data = document["data"]
    happened = datetime.fromisoformat(document["timestamp"])
    document["timestamp"] = happened + timedelta(days=chance.choice((-9, 0, 1, 40, 200)))
    for name in chance.choices([n for n in OTHERWISE if n in data], k=2):
        data[name] = chance.choice(OTHERWISE[name])
    return msgspec.json.encode(document)


async def tell(conn: Connection, contents: list[Any]) -> None:
    for start in range(0, len(contents), 60):
        await append(conn, "test", contents[start : start + 60])
        while await advance(conn, "test"):
            pass


async def figures(conn: Connection, question: MetricQuestion) -> dict[str, list[Any]]:
    found = {name: await read(conn, question) for name, (read, _, _) in SUMS.items()}
    found["mrr"], found["churn"] = await metrics.mrr_and_churn(conn, question)
    # what had not come yet has no row, and what was taken back has one of zeros
    return {name: [one for one in rows if any([*asdict(one).values()][2:])]
            for name, rows in found.items()}  # fmt: skip


async def counted(conn: Connection, name: str, asked: Span, date_of: Booking) -> Sums:
    """What a metric must say, from all rows of its read model."""
    _, one, count = SUMS[name]
    rows = await conn.execute(SQL("select * from {}").format(relation(one.projection.view)))
    sums = Sums()
    for row in await rows.fetchall():
        at, statuses = row[date_of], COUNTING.get(name)
        if (statuses and row["status"] not in statuses) or row.get("is_update_payment_method"):
            continue
        if not asked.periods[0] <= at < asked.until:
            continue
        currency = None if row["currency"] == "none" else row["currency"]
        key = (asked.periods[bisect_right(asked.periods, at) - 1].astimezone(UTC), currency)
        sums[*key, count] += 1
        sums[*key, "amount"] += row.get("total_amount", row.get("amount")) or 0
    return sums


async def recurring(conn: Connection, product: str | None) -> Counter[str | None]:
    """What recurs by currency, from the folds of all subscriptions."""
    rows = await conn.execute(SQL("select memo from {}").format(relation(SUBSCRIPTIONS.view)))
    sums = Counter[str | None]()
    for row in await rows.fetchall():
        folded = decode("subscription", row["memo"])
        state = folded.state
        stands = folded.status in COUNTED and not (state.on_demand or is_on_trial(state))
        if stands and product in {None, state.product_id} and monthly(state):
            sums[None if state.currency == "none" else state.currency] += monthly(state)
    return sums


async def hold_against_rows(conn: Connection, question: MetricQuestion) -> None:
    found = await figures(conn, question)
    for name, (_, _, count) in SUMS.items():
        said = Sums({
            (row.period.astimezone(UTC), row.currency, field): getattr(row, field)
            for row in found[name] for field in (count, "amount")
        })  # fmt: skip
        if question.product_id is None:
            expected = await counted(conn, name, question.span, question.booked_by)
            assert said == expected, name
        assert await hold_against_parts(conn, question, name, found[name]) or (
            question.product_id or question.span.interval == "day"
        ), name
    if question.span.until > NOON:
        await hold_against_folds(conn, question, found["mrr"])


async def hold_against_parts(
    conn: Connection, question: MetricQuestion, name: str, said: list[Any]
) -> int:
    """The number of rows behind a figure, which add up to it."""
    _, one, count = SUMS[name]
    parts = (await parts_of_sum(conn, one, question, EVERYTHING)).data
    assert len(parts) == sum(getattr(row, count) for row in said)
    assert sum(p.amount or 0 for p in parts) == sum(row.amount for row in said)
    return len(parts)


async def hold_against_folds(conn: Connection, question: MetricQuestion, said: list[Any]) -> None:
    end = question.span.periods[-1]
    last = {row.currency: row.mrr for row in said if row.period == end and row.mrr}
    worth = await recurring(conn, question.product_id)
    assert last == {c: n for c, n in worth.items() if n}
    await hold_against_standing(conn, question, said)


async def hold_against_standing(
    conn: Connection, question: MetricQuestion, said: list[Any]
) -> None:
    """The subscriptions behind what recurs at the end add up to it."""
    end = question.span.periods[-1]
    parts = (await parts_of_mrr(conn, "mrr", question, EVERYTHING)).data
    standing = Counter[str | None]()
    for part in parts:
        standing[None if part.currency == "none" else part.currency] += part.amount or 0
    last = {row.currency: row.mrr for row in said if row.period == end and row.mrr}
    assert {c: n for c, n in standing.items() if n} == last


async def last_known(conn: Connection) -> Known:
    """What is known now, as if all had been recorded when it was sent."""
    rows = await conn.execute("select max(position) as p, max(sent_at) as at from store.event")
    (last,) = await rows.fetchall()
    return Known(last["p"], last["at"])


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_each_figure_is_the_sum_of_what_there_is(conn: Connection, seed: int) -> None:
    chance = Random(seed)  # noqa: S311 - the same each time
    told = [
        delivery(sparse(one.body, chance), one.webhook_id)
        for one in simulate(25, seed, until=NOON, chaos=True)
    ]
    for _ in range(60):
        told.insert(chance.randrange(len(told)), told.pop(chance.randrange(len(told))))
    await tell(conn, told[: len(told) // 2])
    target = await resources.target_of(conn, "test")
    questions = [
        MetricQuestion(target=target, span=one, product_id=product, booked_by=booking)
        for one in SPANS for product in PRODUCTS for booking in BOOKINGS
    ]  # fmt: skip
    before = [await figures(conn, question) for question in questions]
    rows = await conn.execute("select max(position) as last from store.event")
    closed = Position((await rows.fetchall())[0]["last"])
    await tell(conn, told[len(told) // 2 :])
    for question in questions:
        await hold_against_rows(conn, question)
    known = await known_by(conn, "test", closed, datetime.now(UTC))
    for question, then in zip(questions, before, strict=True):
        assert await figures(conn, replace(question, known=known)) == then
    after = [await figures(conn, question) for question in questions]
    await rebuild(conn)
    assert [await figures(conn, question) for question in questions] == after


@pytest.mark.parametrize("seed", [3, *(pytest.param(n, marks=pytest.mark.slow) for n in (4, 5, 6))])
async def test_a_closed_month_stays_closed_whatever_is_told_later(
    conn: Connection, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - the same each time
    simulated = [(one.webhook_id, one.body) for one in simulate(20, seed, until=NOON)]
    bodies = [(name, sparse(one, chance)) for name, one in simulated if COUNTS.search(one)]
    paid = [content for _, content in bodies if b'"type":"payment.' in content]
    for number, content in enumerate(chance.sample(paid, 30)):
        bodies += [(f"msg_{number}_{n}", one) for n, one in enumerate(regretted(content, chance))]
    for _ in range(60):
        bodies.insert(chance.randrange(len(bodies)), bodies.pop(chance.randrange(len(bodies))))
    told = [delivery(content, name) for name, content in bodies]
    later = [
        # under the same id it is a revision
        delivery(told_otherwise(content, chance), name if chance.random() < 0.2 else None)
        for name, content in chance.choices(bodies, k=500)
    ]
    chance.shuffle(later)
    await tell(conn, told[: len(told) // 2])
    questions = [
        MetricQuestion(target=await resources.target_of(conn, "test"), **asked) for asked in ASKED
    ]
    closed: list[tuple[MetricQuestion, dict[str, list[Any]]]] = []
    for part in (told[len(told) // 2 :], later[:300], later[300:]):
        known = await last_known(conn)
        closed += [(replace(one, known=known), await figures(conn, one)) for one in questions]
        await tell(conn, part)
    for question, then in closed:
        assert await figures(conn, question) == then
        for name in SUMS:
            await hold_against_parts(conn, question, name, then[name])
        await hold_against_standing(conn, question, then["mrr"])
    assert [one.projection for one in await preview(conn, [EVENTS]) if one.rows] == []
