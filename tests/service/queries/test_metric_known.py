"""Figures as they were known, whatever is recorded while they are asked for."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from domain.events import Entry
from domain.fold import fold
from projections.movements import MOVEMENTS
from service.database.connections import Connection, connect
from service.queries import metric_known, metrics, resources
from service.queries.metric_known import Known, MetricQuestion
from service.queries.metric_parts import Parts, Wanted, parts_of_mrr, parts_of_sum
from service.queries.metric_rows import PAID, REFUNDED
from service.queries.paging import Order
from service.queries.periods import span
from service.readmodels.folding import fold_aside
from service.readmodels.projector import advance
from service.readmodels.rebuild import rebuild
from service.readmodels.streams import park
from service.store.events import append
from service.store.positions import Position
from tests.builders import NOON, at, body
from tests.deliveries import delivery

Figure = Callable[[Connection, MetricQuestion], Awaitable[int]]
Do = Callable[[Connection], Awaitable[None]]

LATEST = Wanted("USD", 9, Order(b"", "-at", None), Position(2))


async def tell(conn: Connection, *contents: bytes) -> None:
    await append(conn, "test", [delivery(content) for content in contents])
    while await advance(conn, "test"):
        pass


def paid(kind: str, second: float, **told: Any) -> bytes:  # noqa: ANN401
    made: dict[str, Any] = {"created_at": at(0), "total_amount": 500, "currency": "USD"}
    return body(f"payment.{kind}", kind, at(second), "pay_1", **made | told)


def returned(kind: str, second: float, **told: Any) -> bytes:  # noqa: ANN401
    category, _, status = kind.partition(".")
    made: dict[str, Any] = {
        "created_at": at(0),
        "amount": 70,
        "currency": "USD",
        "payment_id": "pay_1",
    }
    more: dict[str, Any] = {"refund_id": "ref_1"} if category == "refund" else {}
    return body(kind, status, at(second), "dp_1", **made | more | told)


def subscribed(kind: str, second: float, status: str = "active", **told: Any) -> bytes:  # noqa: ANN401
    worth: dict[str, Any] = {
        "recurring_pre_tax_amount": 900,
        "currency": "USD",
        "created_at": at(0),
    }
    monthly: dict[str, Any] = {"payment_frequency_interval": "Month", "payment_frequency_count": 1}
    return body(f"subscription.{kind}", status, at(second), "sub_1", **worth | monthly | told)


async def revenue(conn: Connection, question: MetricQuestion) -> int:
    return sum(one.amount for one in await metrics.revenue(conn, question))


async def payments(conn: Connection, question: MetricQuestion) -> int:
    found = await parts_of_sum(conn, PAID, question, LATEST)
    return sum(one.amount or 0 for one in found.data)


async def refunds(conn: Connection, question: MetricQuestion) -> int:
    return sum(one.amount for one in await metrics.refunds(conn, question))


async def disputes(conn: Connection, question: MetricQuestion) -> int:
    return sum(one.amount for one in await metrics.disputes(conn, question))


async def recurring(conn: Connection, question: MetricQuestion) -> int:
    return sum(one.mrr for one in await metrics.mrr(conn, question))


async def subscribers(conn: Connection, question: MetricQuestion) -> int:
    found = await parts_of_mrr(conn, "mrr", question, LATEST)
    return sum(one.amount or 0 for one in found.data)


async def somebody_waits(conn: Connection) -> bool:
    """Whether somebody waits for a lock on a view of the read models."""
    found = await conn.execute(
        "select from pg_locks where not granted and relation::regclass::text like 'read.%'"
    )
    return bool(await found.fetchall())


CASES: list[tuple[Figure, int, bytes]] = [
    (revenue, 500, paid("succeeded", 60)),
    (payments, 500, paid("succeeded", 60)),
    (recurring, 900, subscribed("renewed", -60)),
    (subscribers, 900, subscribed("renewed", -60)),
]


@pytest.fixture
async def closed(conn: Connection) -> MetricQuestion:
    """A question about a month as it was known after two events."""
    await tell(conn, paid("succeeded", 0), subscribed("active", 0))
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    target = await resources.target_of(conn, "test")
    return MetricQuestion(target=target, span=month, known=Known(2, NOON))


@pytest.fixture
def meanwhile(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Do], None]:
    """Let something be done by others each time that a question has found what to fold again."""

    def let(do: Do) -> None:
        async def fold_meanwhile(count: int, work: Callable[[], Any]) -> Any:  # noqa: ANN401
            async with await connect(database_url) as other:
                await do(other)
            return await fold_aside(count, work)

        monkeypatch.setattr(metric_known, "fold_aside", fold_meanwhile)

    return let


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
async def test_what_is_recorded_meanwhile_changes_no_closed_month(
    conn: Connection,
    closed: MetricQuestion,
    meanwhile: Callable[[Do], None],
    case: tuple[Figure, int, bytes],
) -> None:
    figure, worth, later = case
    assert await figure(conn, closed) == worth
    meanwhile(lambda other: tell(other, later))
    assert await figure(conn, closed) == worth


async def test_a_rebuild_meanwhile_empties_no_closed_month(
    conn: Connection, closed: MetricQuestion, meanwhile: Callable[[Do], None], database_url: str
) -> None:
    rebuilding: list[asyncio.Task[Any]] = []

    async def build() -> None:
        async with await connect(database_url) as own:
            await rebuild(own, [MOVEMENTS])

    async def begin(other: Connection) -> None:
        rebuilding.append(asyncio.create_task(build()))
        async with asyncio.timeout(60):
            # until it has switched, or waits to
            while not rebuilding[0].done() and not await somebody_waits(other):  # noqa: ASYNC110 - of the database
                await asyncio.sleep(0.01)

    meanwhile(begin)
    assert await recurring(conn, closed) == 900
    await rebuilding[0]


DAY = 86_400
A, B = ({"product_id": f"pdt_{name}"} for name in "ab")
CART_A, CART_B = ({"product_cart": [{**one, "quantity": 1}]} for one in (A, B))
IN_JUNE = {"created_at": at(40 * DAY)}
EMPTY: dict[str, Any] = {"product_cart": [], "subscription_id": "sub_1"}
BY_STATUS: dict[str, Any] = {"booked_by": "status_since"}

# a figure of May, what it was worth, what had been told by then, and what was told later
LATER: dict[str, tuple[Figure, int, dict[str, Any], list[bytes], list[bytes]]] = {
    "it was made in June": (
        revenue, 500, {}, [paid("succeeded", 0)], [paid("succeeded", 60, **IN_JUNE)],
    ),
    "a row was made in June": (
        payments, 500, {}, [paid("succeeded", 0)], [paid("succeeded", 60, **IN_JUNE)],
    ),
    "it was made in May": (
        revenue, 0, {}, [paid("succeeded", 0, **IN_JUNE)], [paid("succeeded", 60)],
    ),
    "no date was told before": (
        revenue, 500, {}, [paid("succeeded", 0, created_at=None)],
        [paid("succeeded", 60, **IN_JUNE)],
    ),
    "it succeeds in June": (
        revenue, 500, BY_STATUS, [paid("succeeded", 0)], [paid("failed", 39 * DAY, **IN_JUNE)],
    ),
    "it succeeded before it was made": (
        revenue, 500, BY_STATUS, [paid("succeeded", 0, **IN_JUNE)],
        [paid("failed", 39 * DAY, **IN_JUNE)],
    ),
    "its currency": (
        revenue, 500, {}, [paid("succeeded", 0)], [paid("succeeded", 60, currency="SEK")],
    ),
    "the refund was made in June": (
        refunds, 70, {}, [returned("refund.succeeded", 0)],
        [returned("refund.succeeded", 60, **IN_JUNE)],
    ),
    "the dispute was made in June": (
        disputes, 70, {}, [returned("dispute.opened", 0)],
        [returned("dispute.lost", 60, **IN_JUNE)],
    ),
    "its cart": (
        revenue, 500, A, [paid("succeeded", 0, **CART_A)], [paid("succeeded", 60, **CART_B)],
    ),
    "the cart of the refunded payment": (
        refunds, 70, A, [paid("succeeded", 0, **CART_A), returned("refund.succeeded", 0)],
        [paid("succeeded", 60, **CART_B)],
    ),
    "the payment of a dispute": (
        disputes, 0, A, [returned("dispute.opened", 0)], [paid("succeeded", 0, **CART_A)],
    ),
    "the plan": (
        revenue, 500, A, [subscribed("active", 0, **A), paid("succeeded", 0, **EMPTY)],
        [subscribed("plan_changed", 60, **B)],
    ),
    "the plan of the refunded payment": (
        refunds, 70, A,
        [subscribed("active", 0, **A), paid("succeeded", 0, **EMPTY),
         returned("refund.succeeded", 0)],
        [subscribed("plan_changed", 60, **B)],
    ),
    "the plan was another one": (
        revenue, 0, A, [subscribed("active", 0, **B), paid("succeeded", 0, **EMPTY)],
        [subscribed("plan_changed", 60, **A)],
    ),
    "the subscription": (
        revenue, 0, A, [paid("succeeded", 0, **EMPTY)], [subscribed("active", 0, **A)],
    ),
    "a renewal of the same plan": (
        revenue, 500, A, [subscribed("active", 0, **A), paid("succeeded", 0, **EMPTY)],
        [subscribed("renewed", 60, **A)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LATER.values(), ids=LATER)
async def test_what_is_told_otherwise_later_changes_no_closed_month(
    conn: Connection, case: tuple[Figure, int, dict[str, Any], list[bytes], list[bytes]]
) -> None:
    figure, worth, asked, before, later = case
    await tell(conn, *before)
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    target = await resources.target_of(conn, "test")
    now = MetricQuestion(target=target, span=month, **asked)
    then = replace(now, known=Known(len(before), NOON))
    assert [await figure(conn, one) for one in (now, then)] == [worth] * 2
    await tell(conn, *later)
    assert await figure(conn, then) == worth


async def test_the_same_webhook_with_a_later_time_changes_no_closed_month(
    conn: Connection,
) -> None:
    hour = 3600
    less: dict[str, Any] = {"recurring_pre_tax_amount": 100}
    began, later = subscribed("active", 0), subscribed("active", 18 * hour, **less)
    ended = delivery(subscribed("expired", 6 * hour, "expired"))
    renewed = delivery(subscribed("renewed", 3 * hour, **less), None, at(12 * hour))
    await append(conn, "test", [delivery(began, "msg_1"), ended, renewed])
    while await advance(conn, "test"):
        pass
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    now = MetricQuestion(target=await resources.target_of(conn, "test"), span=month)
    before = await metrics.mrr(conn, now)
    await append(conn, "test", [delivery(later, "msg_1")])
    while await advance(conn, "test"):
        pass
    assert await metrics.mrr(conn, now) != before
    assert await metrics.mrr(conn, replace(now, known=Known(3, at(12 * hour)))) == before


FIGURES: list[tuple[Figure, int]] = [
    (revenue, 500), (payments, 500), (refunds, 70), (disputes, 70), (recurring, 900),
    (subscribers, 900),
]  # fmt: skip


@pytest.mark.parametrize("asked", [{}, BY_STATUS, A], ids=str)
@pytest.mark.parametrize(("figure", "worth"), FIGURES, ids=lambda one: getattr(one, "__name__", ""))
async def test_what_began_later_is_not_folded_again(
    conn: Connection,
    monkeypatch: pytest.MonkeyPatch,
    figure: Figure,
    worth: int,
    asked: dict[str, Any],
) -> None:
    # one more than had been recorded by then
    monkeypatch.setattr(metric_known, "MOST_FOLDED", 5)
    told = [
        paid("succeeded", 0, **CART_A), returned("refund.succeeded", 0),
        returned("dispute.opened", 0), subscribed("active", 0, **A),
    ]  # fmt: skip
    await tell(conn, *told)
    await tell(conn, *(one.replace(b"_1", f"_{n}".encode()) for n in range(2, 9) for one in told))
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    now = MetricQuestion(target=await resources.target_of(conn, "test"), span=month, **asked)
    assert await figure(conn, now) == 8 * worth
    assert await figure(conn, replace(now, known=Known(len(told), NOON))) == worth
    assert await figure(conn, replace(now, known=Known(0, NOON))) == 0


Whose = Callable[[Connection, MetricQuestion], Awaitable[list[str | None]]]


async def whose_refunds(conn: Connection, question: MetricQuestion) -> list[str | None]:
    return _customers(await parts_of_sum(conn, REFUNDED, question, LATEST))


async def whose_mrr(conn: Connection, question: MetricQuestion) -> list[str | None]:
    return _customers(await parts_of_mrr(conn, "mrr", question, LATEST))


async def whose_movements(conn: Connection, question: MetricQuestion) -> list[str | None]:
    return _customers(await parts_of_mrr(conn, "new", question, LATEST))


def _customers(found: Parts) -> list[str | None]:
    return [one.customer.customer_id if one.customer else None for one in found.data]


OF_CUS_2 = {"customer": "cus_2"}
REFUND = returned("refund.succeeded", 0, customer=None)

# whose a row of May is, what had been told by then, and what was told later
WHOSE: dict[str, tuple[Whose, str | None, list[bytes], list[bytes]]] = {
    "another customer of the refunded payment": (
        whose_refunds, "cus_1", [paid("succeeded", 0), REFUND],
        [paid("succeeded", 60, **OF_CUS_2)],
    ),
    "the refunded payment": (whose_refunds, None, [REFUND], [paid("succeeded", 0)]),
    "another subscriber": (
        whose_mrr, "cus_1", [subscribed("active", 0)], [subscribed("renewed", 60, **OF_CUS_2)],
    ),
    "another subscriber of a movement": (
        whose_movements, "cus_1", [subscribed("active", 0)],
        [subscribed("renewed", 60, **OF_CUS_2)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WHOSE.values(), ids=WHOSE)
async def test_whose_it_was_stays_as_known(
    conn: Connection, case: tuple[Whose, str | None, list[bytes], list[bytes]]
) -> None:
    whose, owner, before, later = case
    await tell(conn, *before)
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    now = MetricQuestion(target=await resources.target_of(conn, "test"), span=month)
    then = replace(now, known=Known(len(before), NOON))
    assert [await whose(conn, one) for one in (now, then)] == [[owner]] * 2
    await tell(conn, *later)
    assert await whose(conn, now) != [owner]
    assert await whose(conn, then) == [owner]


@pytest.mark.parametrize("figure", [recurring, subscribers, revenue, payments])
async def test_a_parked_stream_counts_as_it_was_before_its_failure(
    conn: Connection, monkeypatch: pytest.MonkeyPatch, figure: Figure
) -> None:
    def fragile(told: list[Entry]) -> Any:  # noqa: ANN401
        if any(one.event.position == 4 for one in told):
            raise RuntimeError("no such luck")
        return fold(told)

    monkeypatch.setattr(metric_known, "fold", fragile)
    target = await resources.target_of(conn, "test")
    changed = subscribed("plan_changed", 30, **B)
    await tell(conn, subscribed("active", 0, **A), paid("succeeded", 0, **EMPTY), changed)
    await park(conn, target, "subscription-sub_1", 4, "as a test")
    await tell(conn, subscribed("plan_changed", 40, **A))
    month = span("month", date(2026, 5, 1), date(2026, 5, 31), NOON)
    now = MetricQuestion(target=target, span=month, product_id="pdt_b")
    worth = await figure(conn, now)
    assert worth
    await tell(conn, subscribed("renewed", -60, **A))
    assert await figure(conn, replace(now, known=Known(4, NOON))) == worth
