"""What a comparison looks at: lists of theirs, and open resources of ours that no list shows."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from domain.drift import OPEN
from domain.legible import UNREADABLE, readable
from domain.payload import decode
from projections.catalog import BY_CATEGORY
from projections.credits import CREDITS
from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.provider.client import Patience, Provider
from service.provider.errors import UnexpectedAnswerError
from service.provider.kinds import (
    CREDIT,
    CREDIT_BALANCES,
    CREDIT_ENTITLEMENTS,
    CUSTOMER,
    ENTITLEMENT_GRANT,
    ENTITLEMENTS,
    GRANTS_OF_ENTITLEMENT,
    LICENSE_KEY,
    PAYOUT,
    SUBSCRIPTION,
    Kind,
)
from service.provider.lists import Page, rows
from service.provider.recording import Reading
from service.queries.known import known_resources
from service.queries.resources import of
from service.readmodels.streams import Target, streams_entries

_WHOLE = (LICENSE_KEY, CUSTOMER, PAYOUT)
"""Kinds that change without a webhook, or are few: their lists are read from the first row on."""

_PAGE = 1000


class Balance(Struct, frozen=True):
    """A row of the list of balances."""

    customer_id: str
    balance: str | float | None = None


_BALANCE = msgspec.json.Decoder(Balance)


async def theirs(  # noqa: PLR0913, PLR0917 - all that it works with
    conn: Connection,
    provider: Provider,
    target: Target,
    kind: Kind,
    since: timedelta,
    patience: Patience,
) -> AsyncIterator[list[Reading]]:
    """The rows of a kind's lists: those created since, and all that change silently or are open.

    Of credits only the ledger rows that the book does not have.

    Raises:
        ProviderError: by its kind.
    """
    if kind is CREDIT:
        async for readings in _ledgers(conn, provider, target, since, patience):
            yield readings
    elif kind is ENTITLEMENT_GRANT:
        async for readings in _grants(provider, patience):
            yield readings
    elif kind in _WHOLE:
        async for page in _rows(provider, kind, patience=patience):
            yield _readings(kind, page)
    else:
        begin = provider.now - since
        async for page in _rows(provider, kind, since=begin, patience=patience):
            yield _readings(kind, page)
        for status in OPEN["subscription"] if kind is SUBSCRIPTION else ():
            older = _rows(
                provider, kind, filters={"status": status}, until=begin, patience=patience
            )
            async for page in older:
                yield _readings(kind, page)


async def ours(conn: Connection, book: str, kind: Kind) -> AsyncIterator[list[str]]:
    """The ids of a kind that the book takes for open, and of those whose verdict needs attention.

    Some may come twice.
    """
    projection = BY_CATEGORY[kind.category]
    statement = statements.bind_views(
        "provider/reconcile/open", view=projection.view, key=projection.key
    )
    params = of(book, statuses=list(OPEN.get(kind.category, ())), limit=_PAGE)
    async for found in _pages(conn, statement, params, ""):
        yield [str(name) for name in found]
    statement = statements.bind_views("provider/reconcile/attention", events=EVENTS.view)
    params = of(book, category=kind.category, limit=_PAGE)
    async for found in _pages(conn, statement, params, ""):
        yield [str(name).partition("-")[2] for name in found]


async def _grants(provider: Provider, patience: Patience) -> AsyncIterator[list[Reading]]:
    async for page in _rows(provider, ENTITLEMENTS, patience=patience):
        for row in page.rows:
            filters = {"entitlement_id": row.id}
            listed = _rows(provider, GRANTS_OF_ENTITLEMENT, filters=filters, patience=patience)
            async for grants in listed:
                yield _readings(GRANTS_OF_ENTITLEMENT, grants)


async def _pages(
    conn: Connection, statement: str, params: Mapping[str, object], after: str
) -> AsyncIterator[list[str]]:
    while True:
        cursor = await conn.execute(statement, {**params, "after": after})
        found = [row["id"] for row in await cursor.fetchall()]
        if found:
            yield found
            after = found[-1]
        if len(found) < _PAGE:
            return


async def _ledgers(
    conn: Connection, provider: Provider, target: Target, since: timedelta, patience: Patience
) -> AsyncIterator[list[Reading]]:
    async for credits_ in _rows(provider, CREDIT_ENTITLEMENTS, patience=patience):
        for entitlement in credits_.rows:
            name = {"credit_entitlement_id": entitlement.id}
            async for page in _rows(provider, CREDIT_BALANCES, filters=name, patience=patience):
                balances = _balances(page)
                keys = [f"{b.customer_id}:{entitlement.id}" for b in balances]
                _, known = await known_resources(conn, target.book, CREDITS, keys)
                for balance, key in zip(balances, keys, strict=True):
                    held = known.get(key)
                    amount = held.folded.state.balance if held and held.folded else None
                    if amount is not None and _same(amount, balance.balance):
                        continue
                    filters = {**name, "customer_id": balance.customer_id}
                    recorded = await _recorded(conn, target, key)
                    async for ledger in _rows(
                        provider, CREDIT, filters=filters, patience=patience,
                        since=provider.now - since if amount is not None else None,
                    ):  # fmt: skip
                        found = _readings(CREDIT, ledger)
                        yield [reading for reading in found if reading.id not in recorded]


async def _recorded(conn: Connection, target: Target, key: str) -> set[str]:
    """The ledger rows that the book has of a balance."""
    stream = f"{CREDIT.category}-{key}"
    entries = await streams_entries(conn, target, [stream], 2**62)
    return {entry.payload.entry_id for entry in entries.get(stream, ())}


def _same(amount: str, other: str | float | None) -> bool:
    try:
        return other is not None and float(amount) == float(other)
    except ValueError:
        return False


def _readings(kind: Kind, page: Page) -> list[Reading]:
    return [Reading(kind, row.id, row.body, page.reply, listed=True) for row in page.rows]


def _balances(page: Page) -> list[Balance]:
    """The balances of a page.

    Raises:
        UnexpectedAnswerError: if one names no customer.
    """
    found = [_balance(row.body) for row in page.rows]
    named = [balance for balance in found if balance is not None]
    if len(named) < len(found):
        text = f"A balance of {page.reply.path} names no customer."
        raise UnexpectedAnswerError(text, page.reply.status)
    return named


def _balance(body: bytes) -> Balance | None:
    try:
        balance, _ = decode(Balance, _BALANCE, readable(body)[0])
    except UNREADABLE:
        return None
    return balance if balance.customer_id and "\0" not in balance.customer_id else None


async def _rows(  # noqa: PLR0913 - named parameters
    provider: Provider,
    kind: Kind,
    *,
    patience: Patience,
    filters: Mapping[str, str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[Page]:
    """The pages of a list; where a row of it has no id, that is told after the last.

    Raises:
        ProviderError: as ``rows``; also if a row could not be read.
    """
    unread: list[str] = []
    listing = rows(provider, kind, filters=filters, since=since, until=until, patience=patience)
    async for page in listing:
        unread += page.unread[: 1 - len(unread)]
        yield page
    if unread:
        raise UnexpectedAnswerError(f"Something could not be read: {unread[0]}.", 200)
