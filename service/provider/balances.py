"""Balances of credits: each has a ledger of its own, which is read where the book lacks rows."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from domain.fold import Fold
from domain.legible import UNREADABLE, readable
from domain.payload import Moment, Name, decode
from projections.credits import CREDITS
from service.database.connections import Connection
from service.provider.kinds import CREDIT
from service.queries.known import known_resources
from service.queries.resources import VIEWS
from service.readmodels.streams import Target, streams_entries

_RESOLUTION = timedelta(seconds=1)


class Balance(Struct, frozen=True):
    """A row of the list of balances: whose ledger there is, and what it should lead to."""

    customer_id: Name
    balance: str | int | float | None = None
    overage: str | int | float | None = None
    last_transaction_at: Moment | None = None

    def key(self, parent: str) -> str:
        """The key of its read model, as a balance of the credit entitlement ``parent``."""
        return f"{self.customer_id}:{parent}"


_BALANCE = msgspec.json.Decoder(Balance)


def balance_of(body: bytes) -> Balance | None:
    """A balance; None if it names no customer."""
    try:
        balance, _ = decode(Balance, _BALANCE, readable(body)[0])
    except UNREADABLE:
        return None
    return balance if balance.customer_id and "\0" not in balance.customer_id else None


async def unknown_balances(
    conn: Connection, book: str, parent: str, listed: Sequence[Balance]
) -> list[Balance]:
    """Those to which the rows that the book has do not lead, or with a gap.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time.
    """
    ids = [balance.key(parent) for balance in listed]
    _, known = await known_resources(conn, book, CREDITS, ids)
    folds = {name: one.folded for name, one in known.items()}
    return [b for b, name in zip(listed, ids, strict=True) if not _leads_to(folds.get(name), b)]


async def known_rows(
    conn: Connection, book: str, business_id: str | None, balances: Iterable[str]
) -> set[str]:
    """The rows that the book has of the ledgers of some balances, named by their keys."""
    streams = [f"{CREDIT.category}-{key}" for key in balances]
    if not streams:
        return set()
    found = await streams_entries(conn, Target(book, business_id, VIEWS), streams, 2**62)
    return {entry.payload.entry_id for entries in found.values() for entry in entries}


def _leads_to(folded: Fold[Any] | None, balance: Balance) -> bool:
    if folded is None or folded.state.gaps:
        return False
    latest = balance.last_transaction_at
    if latest is not None and latest > folded.last[0] + _RESOLUTION:
        # rows that cancel out lead to the same balance
        return False
    return _same(folded.state.balance, balance.balance) and _same(
        folded.state.overage, balance.overage
    )


def _same(ours: str | None, theirs: str | float | None) -> bool:
    try:
        return float(ours or 0) == float(theirs or 0)
    except (ValueError, OverflowError):
        return False
