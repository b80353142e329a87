"""Reads what a bundle is made from: the events of a resource, of its payment and its customer."""

from collections.abc import Sequence
from functools import partial

from msgspec import Struct, structs
from psycopg.rows import DictRow

from domain.reading import read
from projections.events import EVENTS
from projections.payments import PAYMENTS
from service.database import statements
from service.database.connections import Connection
from service.evidence.case import CATEGORIES, Case, Question, Record, choose, resources_of
from service.evidence.documents import Document
from service.problems import Problem
from service.queries.documents import related, streams_of_payer
from service.readmodels.folding import fold_aside
from service.readmodels.streams import Target
from service.store.chain import Columns
from service.store.events import event_of
from service.telemetry.wording import number_of

MOST_EVENTS = 10_000
"""The most events that are read for a bundle."""

MOST_BYTES = 32 << 20
"""The most bytes of their bodies."""

_MOST_CANDIDATES = 50_000


class _Found(Struct, frozen=True):
    """An event that may belong into a bundle."""

    position: int
    stream: str | None
    size: int


async def gather(
    conn: Connection, target: Target, question: Question, until: int, head: int
) -> tuple[list[Record], Case]:
    """The events of a resource, of the payment that it is about, and of the customer.

    Returns:
        The events, and the case that they make.

    Args:
        conn: a connection.
        target: the read models of the book.
        question: what the events are about.
        until: the position that the read models reflect.
        head: the last position of the book.

    Raises:
        Problem: ``not-found`` if no event is of it; ``too-many-events``.
    """
    own: list[str] = []
    customer_id: str | None = question.id
    if question.kind != "customer":
        own, customer_id = await _around(conn, target, question, until)
    streams = [*own]
    if customer_id is not None:
        streams += await streams_of_payer(conn, target.book, customer_id)
    whole = question.kind == "customer"
    found = await _candidates(conn, target, customer_id, streams, until, whole=whole)
    if not found:
        text = f"This book has no event about the {question.kind} {question.id!r}."
        if lacking := head - until:
            text = (
                f"No event about the {question.kind} {question.id!r} is known yet: the read models"
                f" lack {number_of(lacking, 'event')} of this book. Ask again in a moment."
            )
        raise Problem("not-found", text)
    found, unread = _within(found, own if question.kind in {"dispute", "payment"} else None)
    records = await _records(conn, target, [one.position for one in found])
    kept, case = await fold_aside(len(records), partial(_chosen, question, records), 2)
    return kept, structs.replace(case, unread=unread)


def _chosen(question: Question, records: list[Record]) -> tuple[list[Record], Case]:
    """The records that a bundle has, and the case that they make."""
    every = choose(question, records)
    chosen = {record.position for record in every.records}
    if len(chosen) == len(records):
        return records, every
    kept = [record for record in records if record.position in chosen]
    # the page rests on what is in the bundle, and says what is not
    return kept, structs.replace(choose(question, kept), left_out=every.left_out)


def _within(found: list[_Found], own: Sequence[str] | None) -> tuple[list[_Found], int]:
    """As many events as a bundle may rest on, and how many streams were left out.

    Args:
        found: all events.
        own: the streams of what it is about, which must all be there. What was recorded nearest to
            them comes next. None: nothing may be left out.

    Raises:
        Problem: ``too-many-events``.
    """
    if len(found) <= MOST_EVENTS and sum(one.size for one in found) <= MOST_BYTES:
        return found, 0
    streams: dict[str, list[_Found]] = {}
    for one in found:
        streams.setdefault(one.stream or "", []).append(one)
    first = next((streams[name][0].position for name in own or () if name in streams), None)
    if own is None or first is None or len(found) > _MOST_CANDIDATES:
        raise _too_many()

    def distance(name: str) -> tuple[bool, int]:
        return name not in own, min(abs(one.position - first) for one in streams[name])

    chosen: list[_Found] = []
    size, names = 0, sorted(streams, key=distance)
    for n, name in enumerate(names):
        size += sum(one.size for one in streams[name])
        if len(chosen) + len(streams[name]) > MOST_EVENTS or size > MOST_BYTES:
            if name in own:
                break
            return sorted(chosen, key=lambda one: one.position), len(names) - n
        chosen += streams[name]
    raise _too_many()


def _too_many() -> Problem:
    return Problem(
        "too-many-events",
        f"A bundle may rest on {MOST_EVENTS:,} events with {MOST_BYTES >> 20} MiB of bodies."
        " Ask about a single payment or dispute: of its customer, what is near to it is taken.",
    )


async def fetched_documents(conn: Connection, book: str, case: Case) -> list[Document]:
    """What the provider had about the disputes of a case besides events."""
    ids = [one.id for one in case.disputes]
    params = {"book": book, "dispute_ids": ids}
    cursor = await conn.execute(statements.text("evidence/documents"), params)
    return [Document(**row) for row in await cursor.fetchall()]


async def _around(
    conn: Connection, target: Target, question: Question, until: int
) -> tuple[list[str], str | None]:
    """The streams of what a question is about, and the customer.

    Of a dispute or a payment they are the payment, its refunds and disputes, and what it pays for.
    """
    streams, customer_id = [question.stream], None
    if question.kind == "payment":
        streams += await _of_payment(conn, target.book, question.id)
    for _ in range(2):
        found, _ = _within(await _candidates(conn, target, None, streams, until), None)
        records = await _records(conn, target, [one.position for one in found])
        resources = await fold_aside(len(records), partial(resources_of, records))
        for resource in resources.values():
            customer_id = customer_id or resource.link_to("customer_id")
            payment_id = resource.link_to("payment_id") if question.kind == "dispute" else None
            if payment_id and f"payment-{payment_id}" not in streams:
                # its distance decides what of the customer is taken
                streams.insert(0, f"payment-{payment_id}")
                streams += await _of_payment(conn, target.book, payment_id)
            if resource.stream in streams[:1] and resource.category == "payment":
                held = (f"subscription-{one}" for one in resource.links_to("subscription_ids"))
                streams += [one for one in held if one not in streams]
    return list(dict.fromkeys(streams)), customer_id


async def _of_payment(conn: Connection, book: str, payment_id: str) -> list[str]:
    """The streams of its refunds and disputes."""
    found = (await related(conn, book, PAYMENTS, payment_id, MOST_EVENTS))["related"]
    if found["more"]:
        raise _too_many()
    refunds = [f"refund-{one.refund_id}" for one in found["refunds"]]
    return [*refunds, *(f"dispute-{one.dispute_id}" for one in found["disputes"])]


async def _candidates(  # noqa: PLR0913 - the parameters of the statement
    conn: Connection,
    target: Target,
    customer_id: str | None,
    streams: Sequence[str],
    until: int,
    *,
    whole: bool = False,
) -> list[_Found]:
    params = {
        "book": target.book, "customer_id": customer_id, "streams": list(streams), "until": until,
        "categories": None if whole else list(CATEGORIES), "limit": _MOST_CANDIDATES + 1,
    }  # fmt: skip
    statement = statements.bind_views("evidence/candidates", events=target.tables[EVENTS.name])
    cursor = await conn.execute(statement, params, prepare=False)
    return [_Found(**row) for row in await cursor.fetchall()]


async def _records(conn: Connection, target: Target, positions: Sequence[int]) -> list[Record]:
    params = {"book": target.book, "positions": list(positions)}
    cursor = await conn.execute(
        statements.text("evidence/records"), params, prepare=False, binary=True
    )
    rows = await cursor.fetchall()
    return await fold_aside(len(rows), partial(_read, rows, target.business_id))


def _read(rows: Sequence[DictRow], business_id: str | None) -> list[Record]:
    names = structs.fields(Columns)
    return [
        Record(
            position=row["position"],
            revision=row["revision"],
            recorded_at=row["recorded_at"],
            columns=Columns(**{field.name: row[field.name] for field in names}),
            previous=row["previous"],
            link=row["link"],
            body=row["body"],
            entry=read(event_of(row), business_id),
        )
        for row in rows
    ]
