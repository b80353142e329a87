"""``/console/{book}/customers/{id}``: active? Until when? Why?"""

from asyncio import gather
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain.access import Because
from domain.past import Past
from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service.console.clocks import DateBox
from service.console.facts import LISTED, SHOWN, Fact, customer_of, fact, facts, listed, plain
from service.console.rules import PAGES, rule
from service.console.view import View, page
from service.database.reader import Queryable
from service.queries import events, paging, resources
from service.queries.access import access_of
from service.queries.answers import AccessAnswer, EventPage
from service.queries.documents import streams_of_payer
from service.queries.past_access import past_access_of

_LAST_THINGS = 10
_LISTED = 20
_TIMELINE = "-occurred_at"
_MONEY = ("payments", "refunds")


class Reason(Struct, frozen=True):
    """A reason of the access answer: the resource that it is about, and its rule in a sentence."""

    kind: str
    id: str
    product_id: str | None
    sentence: str
    entitled: bool
    status: str
    since: datetime
    until: datetime | None
    rule: str


class Row(Struct, frozen=True):
    """A resource in a table, and whose it is."""

    id: str
    status: str | None
    facts: list[Fact]
    stale: bool
    customer_id: str | None
    customer: str | None


class Owned(Struct, frozen=True):
    """The customer's resources of one kind; ``more`` says that not all are shown."""

    name: str
    kind: str
    columns: tuple[str, ...]
    rows: list[Row]
    more: bool


class Total(Struct, frozen=True):
    """What a customer paid and got back in one currency, in minor units."""

    currency: str
    paid: int
    refunded: int


class CustomerPage(Struct, frozen=True):
    """All that support asks first."""

    id: str
    title: str
    facts: list[Fact]
    access: AccessAnswer
    shows: str
    reasons: list[Reason]
    timeline: EventPage
    owned: list[Owned]
    totals: list[Total]
    box: DateBox


@page("/customers/{customer_id:str}", template="customer.html", section="Customers")
async def customer(view: View) -> CustomerPage:
    """The access card, the last things in words, and what the customer has."""
    identity, box = view.name("customer_id"), view.query(DateBox)
    async with view.pipelined() as conn:
        moments = await box.past(conn, view)
        answer, found, timeline, of_payer = await gather(
            _access(conn, view, identity, moments),
            resources.resource(conn, view.book, CUSTOMERS, identity, view.response_days),
            events.timeline(
                conn, view.book, identity, kinds=(), since=None, until=moments.as_of,
                order=paging.order({}, (_TIMELINE,), int, view.path), limit=_LAST_THINGS,
            ),
            streams_of_payer(conn, view.book, identity),
        )  # fmt: skip
        every = await gather(
            *(
                _owned(conn, view, projection, identity, of_payer)
                for projection in STREAMS
                if "customer_id" in projection.filters
            )
        )
    document, owned = plain(found), [one for one in every if one.rows]
    return CustomerPage(
        id=identity,
        title=document.get("name") or document.get("email") or identity,
        facts=facts(document, SHOWN[CUSTOMERS.name]),
        access=answer,
        shows=PAGES[answer.state],
        reasons=_reasons(answer),
        timeline=timeline,
        owned=owned,
        totals=money(owned),
        box=box,
    )


async def _access(conn: Queryable, view: View, identity: str, moments: Past) -> AccessAnswer:
    if not moments:
        return await access_of(conn, view.book, identity, view.now, view.policy)
    # it folds whatever was known then, and must not hold up what shares a connection
    async with view.pooled() as own:
        target = await resources.target_of(own, view.book)
        return await past_access_of(
            own, target, identity, moments, now=view.now, policy=view.policy
        )


async def _owned(
    conn: Queryable, view: View, projection: Projection[Any], customer_id: str, of_payer: list[str]
) -> Owned:
    """The customer's resources of one kind; those of the payer among them, which name nobody."""
    sort = f"-{projection.sorts[0]}"
    found = await resources.page(
        conn, view.book, projection, filters={"customer_id": customer_id},
        order=paging.order({}, (sort,), str, view.path), limit=_LISTED,
        response_days=view.response_days,
    )  # fmt: skip
    category = projection.aggregate.category if projection.aggregate else projection.name
    known = {document[projection.key] for document in found.data}
    unnamed = [
        identity
        for kind, _, identity in (stream.partition("-") for stream in of_payer)
        if kind == category and identity not in known
    ]
    documents = [
        *found.data,
        *[
            await resources.resource(conn, view.book, projection, identity, view.response_days)
            for identity in unnamed[:_LISTED]
        ],
    ]
    return Owned(
        projection.name, category, LISTED[projection.name],
        [row(projection, one) for one in documents],
        found.next_cursor is not None or len(unnamed) > _LISTED,
    )  # fmt: skip


def money(owned: list[Owned]) -> list[Total]:
    """What was paid and given back, by currency; nothing where not all of it is listed."""
    sums: dict[str, dict[str, int]] = {}
    for one in owned:
        if one.name not in _MONEY:
            continue
        if one.more:
            return []
        amounts = [fact for row in one.rows for fact in row.facts if row.status == "succeeded"]
        for amount in amounts:
            if amount.kind == "money" and amount.about:
                of_currency = sums.setdefault(amount.about, {"payments": 0, "refunds": 0})
                of_currency[one.name] += amount.value
    return [Total(currency, each["payments"], each["refunds"]) for currency, each in sums.items()]


def row(projection: Projection[Any], document: dict[str, Any]) -> Row:
    """A resource's document as a row of its list."""
    shown = listed(document, projection.name, projection.key)
    return Row(
        shown[projection.key],
        shown.get("status"),
        [fact(shown, name) for name in LISTED.get(projection.name, ())],
        bool(shown.get("stale")),
        *customer_of(shown),
    )


def _reasons(answer: AccessAnswer) -> list[Reason]:
    return [
        Reason(
            *_about(because),
            product_id=because.product_id,
            sentence=rule(because),
            entitled=because.entitled,
            status=because.status,
            since=because.since,
            until=because.until,
            rule=because.rule,
        )
        for because in answer.because
    ]


def _about(because: Because) -> tuple[str, str]:
    """The kind and the id of the resource that a reason is about."""
    named = (
        ("subscription", because.subscription_id),
        ("entitlement_grant", because.entitlement_grant_id),
        ("license_key", because.license_key_id),
        ("payment", because.payment_id),
    )
    return next(((kind, identity) for kind, identity in named if identity), ("", ""))
