"""Lists of a backfill: each row is compared and recorded, page by page.

The first lists are those that decide access. What takes a payment back comes before the payments,
so that no payment opens what a refund has closed; the long lists that decide nothing come last.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from domain.fold import Fold
from projections.credits import CREDITS
from service.provider.backfill_run import Run
from service.provider.errors import NotFoundError, UnexpectedAnswerError
from service.provider.kinds import (
    CREDIT,
    CREDIT_BALANCES,
    CREDIT_ENTITLEMENTS,
    CUSTOMER,
    DISPUTE,
    ENTITLEMENT_GRANT,
    ENTITLEMENTS,
    GRANTS_OF_ENTITLEMENT,
    LICENSE_KEY,
    PAYMENT,
    PAYOUT,
    REFUND,
    SUBSCRIPTION,
    Kind,
)
from service.provider.lists import PAGE_SIZE, Page, rows
from service.provider.page import Row
from service.provider.recording import Reading
from service.queries.known import known_resources

ORDER = (
    SUBSCRIPTION, REFUND, DISPUTE, LICENSE_KEY, ENTITLEMENT_GRANT, PAYMENT, CUSTOMER, PAYOUT,
    CREDIT,
)  # fmt: skip
"""The kinds in the order in which a question about access needs their lists; credits, of which
each balance has a ledger of its own, come last."""


class Balance(Struct, frozen=True):
    """A row of the list of balances: whose ledger there is, and what it should lead to."""

    customer_id: str
    balance: str | int | float | None = None
    overage: str | int | float | None = None


async def read_list(run: Run, kind: Kind, since: datetime | None) -> None:
    """Read all lists of a kind, and record their rows; one that is refused is named.

    Raises:
        ProviderError: if the provider cannot be read.
    """
    try:
        if kind is ENTITLEMENT_GRANT:
            for parent in await _parents(run, ENTITLEMENTS, kind):
                await _read(run, GRANTS_OF_ENTITLEMENT, parent, None)
        elif kind is CREDIT:
            for parent in await _parents(run, CREDIT_ENTITLEMENTS, kind):
                await _read_balances(run, parent, since)
        else:
            await _read(run, kind, "", since)
    except (NotFoundError, UnexpectedAnswerError) as error:
        run.miss(f"the list of {kind.category}s", str(error))
    progress = run.kinds[kind.category]
    progress.stage, progress.parent, progress.remaining = "listed", "", None
    progress.ledgers = []
    await run.save(kind.category)


async def _parents(run: Run, kind: Kind, child: Kind) -> list[str]:
    """The ids that the lists of a kind belong to, from the one that was being read on."""
    ids = {row.id async for page in rows(run.provider, kind) for row in page.rows}
    begun = run.kinds[child.category].parent
    return [one for one in sorted(ids) if one >= begun]


async def _read(run: Run, kind: Kind, parent: str, since: datetime | None) -> None:
    filters = {"entitlement_id": parent} if parent else {}
    async with aclosing(_pages(run, kind, parent, filters, since)) as pages:
        async for page in pages:
            await _take(run, kind, page)


async def _pages(
    run: Run, kind: Kind, parent: str, filters: Mapping[str, str], since: datetime | None
) -> AsyncGenerator[Page, None]:
    """The pages of a list, from where it was; each is done once the next is asked for."""
    progress = run.kinds[kind.category]
    remaining = progress.remaining if progress.parent == parent else None
    listing = rows(run.provider, kind, filters=filters, since=since, remaining=remaining)
    async for page in listing:
        yield page
        progress.parent, progress.remaining = parent, page.remaining
        await run.save(kind.category)


async def _take(run: Run, kind: Kind, page: Page) -> None:
    for unread in page.unread:
        run.miss(f"a row of {kind.category}s", unread)
    readings = [Reading(kind, row.id, row.body, page.reply, listed=True) for row in page.rows]
    counts = run.kinds[kind.category].counts
    counts.add_rows(await run.take(readings))
    run.watch.show(f"list {kind.category}s", counts.rows, None)


async def _read_balances(run: Run, parent: str, since: datetime | None) -> None:
    """Read the ledger of each customer's balance, unless it is known to lead there."""
    filters = {"credit_entitlement_id": parent}
    async with aclosing(_pages(run, CREDIT_BALANCES, parent, filters, None)) as pages:
        async for page in pages:
            for balance in await _unknown_balances(run, parent, page.rows):
                ledger = {**filters, "customer_id": balance.customer_id}
                async for part in rows(run.provider, CREDIT, filters=ledger, since=since):
                    await _take(run, CREDIT, part)
                # a page may be read again, and is a hundred ledgers
                done = run.kinds[CREDIT.category].ledgers
                done.append(_key(balance, parent))
                del done[: -2 * PAGE_SIZE]
                await run.save(CREDIT.category)


async def _unknown_balances(run: Run, parent: str, listed: Sequence[Row]) -> list[Balance]:
    done = {*run.kinds[CREDIT.category].ledgers}
    found = [msgspec.json.decode(row.body, type=Balance) for row in listed]
    balances = [balance for balance in found if _key(balance, parent) not in done]
    if not run.kinds[CREDIT.category].listed_once:
        # a balance that is known may have a past that is not
        return balances
    ids = [_key(balance, parent) for balance in balances]
    _, known = await known_resources(run.conn, run.book, CREDITS, ids)
    folds = {name: one.folded for name, one in known.items()}
    return [b for b, name in zip(balances, ids, strict=True) if not _leads_to(folds.get(name), b)]


def _key(balance: Balance, parent: str) -> str:
    return f"{balance.customer_id}:{parent}"


def _leads_to(folded: Fold[Any] | None, balance: Balance) -> bool:
    """Whether the rows that are known lead to a balance, without a gap."""
    if folded is None or folded.state.gaps:
        return False
    return _same(folded.state.balance, balance.balance) and _same(
        folded.state.overage, balance.overage
    )


def _same(ours: str | None, theirs: str | float | None) -> bool:
    return float(ours or 0) == float(theirs or 0)
