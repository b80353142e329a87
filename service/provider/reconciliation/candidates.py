"""What a comparison looks at: lists of theirs, and open resources of ours that no list shows."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta

from domain.drift import OPEN
from projections.catalog import BY_CATEGORY
from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.provider.balances import Balance, balance_of, unknown_balances
from service.provider.client import Patience, Provider
from service.provider.errors import NotFoundError, ProviderError, UnexpectedAnswerError
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
from service.provider.readings import Reading
from service.queries.resources import of
from service.readmodels.streams import Target

_WHOLE = (LICENSE_KEY, CUSTOMER, PAYOUT)
"""Kinds that change without a webhook, or are few: their lists are read from the first row on."""

_PAGE = 1000


async def theirs(  # noqa: PLR0913, PLR0917 - all that it works with
    conn: Connection,
    provider: Provider,
    target: Target,
    kind: Kind,
    since: timedelta,
    patience: Patience,
) -> AsyncIterator[list[Reading]]:
    """The rows of a kind's lists: those created since, and all that change silently or are open.

    Of credits the whole ledgers of the balances that the book knows otherwise.

    Raises:
        ProviderError: by its kind.
    """
    if kind is CREDIT:
        async for readings in _ledgers(conn, provider, target, patience):
            yield readings
        return
    if kind is ENTITLEMENT_GRANT:
        async for readings in _grants(provider, patience):
            yield readings
        return
    failures: list[ProviderError] = []
    begin = None if kind in _WHOLE else provider.now - since
    async for page in _rows(provider, kind, failures, since=begin, patience=patience):
        yield _readings(kind, page)
    for status in OPEN["subscription"] if kind is SUBSCRIPTION else ():
        older = _rows(
            provider, kind, failures, filters={"status": status}, until=begin, patience=patience
        )
        async for page in older:
            yield _readings(kind, page)
    _tell(failures)


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
    failures: list[ProviderError] = []
    async for page in _rows(provider, ENTITLEMENTS, failures, patience=patience):
        for row in page.rows:
            filters = {"entitlement_id": row.id}
            listed = _rows(
                provider, GRANTS_OF_ENTITLEMENT, failures, filters=filters, patience=patience
            )
            async for grants in listed:
                yield _readings(GRANTS_OF_ENTITLEMENT, grants)
    _tell(failures)


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
    conn: Connection, provider: Provider, target: Target, patience: Patience
) -> AsyncIterator[list[Reading]]:
    """The whole ledger of each balance to which what the book has does not lead."""
    failures: list[ProviderError] = []
    async for entitlements in _rows(provider, CREDIT_ENTITLEMENTS, failures, patience=patience):
        for parent in (row.id for row in entitlements.rows):
            name = {"credit_entitlement_id": parent}
            listed = _rows(provider, CREDIT_BALANCES, failures, filters=name, patience=patience)
            async for page in listed:
                for balance in await unknown_balances(
                    conn, target.book, parent, _balances(page, failures)
                ):
                    filters = {**name, "customer_id": balance.customer_id}
                    async for ledger in _rows(
                        provider, CREDIT, failures, filters=filters, patience=patience
                    ):
                        yield _readings(CREDIT, ledger)
    _tell(failures)


def _readings(kind: Kind, page: Page) -> list[Reading]:
    return [Reading(kind, row.id, row.body, page.reply, listed=True) for row in page.rows]


def _balances(page: Page, failures: list[ProviderError]) -> list[Balance]:
    """The balances of a page; one that names no customer is told."""
    found = [balance_of(row.body) for row in page.rows]
    named = [balance for balance in found if balance is not None]
    if len(named) < len(found):
        text = f"A balance of {page.reply.path} names no customer."
        failures.append(UnexpectedAnswerError(text, page.reply.status))
    return named


async def _rows(  # noqa: PLR0913 - named parameters
    provider: Provider,
    kind: Kind,
    failures: list[ProviderError],
    *,
    patience: Patience,
    filters: Mapping[str, str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncIterator[Page]:
    """The pages of a list; one that is broken costs no other list, and goes to ``failures``.

    Raises:
        ProviderError: if it is more than this list that cannot be read.
    """
    listing = rows(provider, kind, filters=filters, since=since, until=until, patience=patience)
    try:
        async for page in listing:
            failures += [
                UnexpectedAnswerError(f"Something could not be read: {one}.", page.reply.status)
                for one in page.unread[: 1 - len(failures)]
            ]
            yield page
    except (NotFoundError, UnexpectedAnswerError) as error:
        failures.append(error)


def _tell(failures: Sequence[ProviderError]) -> None:
    """Tell of broken lists, when the others have been read.

    Raises:
        ProviderError: the first, if there is one.
    """
    if failures:
        raise failures[0]
