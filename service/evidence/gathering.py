"""Reads what a bundle is made from: the events of a resource, of its payment and its customer."""

from collections.abc import Sequence

from msgspec import Struct, structs

from domain.reading import read
from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.evidence.case import CATEGORIES, Case, Question, Record, choose, resources_of
from service.evidence.documents import Document
from service.problems import Problem
from service.queries.documents import streams_of_payer
from service.readmodels.streams import Target
from service.store.chain import Columns
from service.store.events import event_of
from service.telemetry.wording import number_of

MOST_EVENTS = 2_000
"""The most events that are read for a bundle."""

MOST_BYTES = 32 << 20
"""The most bytes of their bodies."""


class _Found(Struct, frozen=True):
    """An event that may belong into a bundle."""

    position: int
    stream: str | None
    size: int


async def gather(
    conn: Connection, target: Target, question: Question, until: int, head: int
) -> list[Record]:
    """The events of a resource, of the payment that it is about, and of the customer.

    Args:
        conn: a connection.
        target: the read models of the book.
        question: what the events are about.
        until: the position that the read models reflect.
        head: the last position of the book.

    Raises:
        Problem: ``not-found`` if no event is of it; ``too-many-events``.
    """
    streams, customer_id = [question.stream], None
    if question.kind == "customer":
        customer_id, streams = question.id, []
    else:
        streams, customer_id = await _around(conn, target, question, until)
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
    records = await _records(conn, target, [one.position for one in found])
    kept = {record.position for record in choose(question, records).records}
    return [record for record in records if record.position in kept]


async def fetched_documents(conn: Connection, book: str, case: Case) -> list[Document]:
    """What the provider had about the disputes of a case besides events."""
    ids = [one.id for one in case.disputes]
    params = {"book": book, "dispute_ids": ids}
    cursor = await conn.execute(statements.text("evidence/documents"), params)
    return [Document(**row) for row in await cursor.fetchall()]


async def _around(
    conn: Connection, target: Target, question: Question, until: int
) -> tuple[list[str], str | None]:
    """The streams that a question names, one after the other, and the customer."""
    streams, customer_id = [question.stream], None
    for _ in range(2):
        found = await _candidates(conn, target, None, streams, until)
        records = await _records(conn, target, [one.position for one in found])
        for resource in resources_of(records).values():
            customer_id = customer_id or resource.link_to("customer_id")
            payment_id = resource.link_to("payment_id") if question.kind == "dispute" else None
            if payment_id and f"payment-{payment_id}" not in streams:
                streams.append(f"payment-{payment_id}")
    return streams, customer_id


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
        "categories": None if whole else list(CATEGORIES), "limit": MOST_EVENTS + 1,
    }  # fmt: skip
    statement = statements.bind_views("evidence/candidates", events=target.tables[EVENTS.name])
    cursor = await conn.execute(statement, params, prepare=False)
    found = [_Found(**row) for row in await cursor.fetchall()]
    total = sum(one.size for one in found)
    if len(found) > MOST_EVENTS or total > MOST_BYTES:
        raise Problem(
            "too-many-events",
            f"A bundle may rest on {MOST_EVENTS:,} events with {MOST_BYTES >> 20} MiB of bodies."
            " Ask about one payment or one dispute instead.",
        )
    return found


async def _records(conn: Connection, target: Target, positions: Sequence[int]) -> list[Record]:
    params = {"book": target.book, "positions": list(positions)}
    cursor = await conn.execute(
        statements.text("evidence/records"), params, prepare=False, binary=True
    )
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
            entry=read(event_of(row), target.business_id),
        )
        for row in await cursor.fetchall()
    ]
