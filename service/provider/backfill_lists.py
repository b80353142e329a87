"""Lists of a backfill: each row is compared and recorded, page by page.

The first lists are those that decide access. What takes a payment back comes before the payments,
so that no payment opens what a refund has closed; the long lists that decide nothing come last.
"""

from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any

from msgspec import Struct

from service.provider.backfill_run import Run
from service.provider.balances import Balance, balance_of, unknown_balances
from service.provider.errors import NotFoundError, UnexpectedAnswerError, WrongKeyError
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
from service.provider.readings import Reading

ORDER = (
    SUBSCRIPTION, REFUND, DISPUTE, LICENSE_KEY, ENTITLEMENT_GRANT, PAYMENT, CUSTOMER, PAYOUT,
    CREDIT,
)  # fmt: skip
"""The kinds in the order in which a question about access needs their lists; credits, of which
each balance has a ledger of its own, come last."""


class _Lists:
    """The lists of one kind; one that is refused is named, and the others are read."""

    def __init__(self, run: Run, kind: Kind, since: datetime | None) -> None:
        self.complete = True
        self.answered = False
        self.refused: WrongKeyError | None = None
        self._run = run
        self._kind = kind
        self._since = since

    async def read(self) -> None:
        """Read all of them, and record their rows."""
        name = f"the list of {self._kind.category}s"
        if self._kind is ENTITLEMENT_GRANT:
            await self._each(ENTITLEMENTS, self._read_grants)
        elif self._kind is CREDIT:
            await self._each(CREDIT_ENTITLEMENTS, self._read_balances)
        else:
            await self._tried(name, self._read(self._kind, "", self._since))

    async def _tried(self, name: str, reading: Coroutine[Any, Any, None]) -> None:
        try:
            await reading
        except WrongKeyError as error:
            if error.everywhere:
                raise
            self.refused = self.refused or error
            self._miss(name, error)
        except (NotFoundError, UnexpectedAnswerError) as error:
            self._miss(name, error)
        else:
            self.answered = True

    def _miss(self, name: str, error: Exception) -> None:
        self.complete = False
        self._run.miss(name, str(error))

    async def _each(self, parents: Kind, read: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Read the lists that belong to the resources of another list."""
        category = self._kind.category
        ids = set[str]()
        await self._tried(f"the list of {category}s", self._collect(parents, ids))
        begun = self._run.kinds[category].parent
        for parent in sorted(ids):
            # from the one that was being read on
            if parent >= begun:
                await self._tried(f"the {category}s of {parent}", read(parent))

    async def _collect(self, parents: Kind, ids: set[str]) -> None:
        async for page in rows(self._run.provider, parents):
            ids.update(row.id for row in page.rows)
            self._name_unread(page)

    async def _read_grants(self, parent: str) -> None:
        await self._read(GRANTS_OF_ENTITLEMENT, parent, None)

    async def _read(self, kind: Kind, parent: str, since: datetime | None) -> None:
        filters = {"entitlement_id": parent} if parent else {}
        async with aclosing(_pages(self._run, kind, parent, filters, since)) as pages:
            async for page in pages:
                await self._take(kind, page)

    async def _take(self, kind: Kind, page: Page) -> None:
        self._name_unread(page)
        readings = [Reading(kind, row.id, row.body, page.reply, listed=True) for row in page.rows]
        counts = self._run.kinds[kind.category].counts
        counts.add_rows(await self._run.take(readings))
        self._run.watch.show(f"list {kind.category}s", counts.rows, None)

    def _name_unread(self, page: Page) -> None:
        for unread in page.unread:
            self._run.miss(f"a row of {self._kind.category}s", unread)

    async def _read_balances(self, parent: str) -> None:
        """Read the ledger of each customer's balance, unless it is known to lead there."""
        run, filters = self._run, {"credit_entitlement_id": parent}
        async with aclosing(_pages(run, CREDIT_BALANCES, parent, filters, None)) as pages:
            async for page in pages:
                self._name_unread(page)
                balances = [one for row in page.rows if (one := self._balance(row)) is not None]
                for balance in await _unknown_balances(run, parent, balances):
                    customer = balance.customer_id
                    name = f"the credits of {customer} of {parent}"
                    await self._tried(name, self._read_ledger(parent, customer))
                    # a page may be read again, and is a hundred ledgers
                    done = run.kinds[CREDIT.category].ledgers
                    done.append(balance.key(parent))
                    del done[: -2 * PAGE_SIZE]
                    await run.save(CREDIT.category)

    async def _read_ledger(self, parent: str, customer: str) -> None:
        filters = {"credit_entitlement_id": parent, "customer_id": customer}
        async for page in rows(self._run.provider, CREDIT, filters=filters, since=self._since):
            await self._take(CREDIT, page)

    def _balance(self, row: Row) -> Balance | None:
        balance = balance_of(row.body)
        if balance is None:
            self._run.miss(
                f"a row of {self._kind.category}s", f"balance {row.id} names no customer"
            )
        return balance


class Listed(Struct, frozen=True):
    """Whether all lists of a kind were read, and why the key is refused if it is for all."""

    complete: bool
    refused: WrongKeyError | None


async def read_list(run: Run, kind: Kind, since: datetime | None) -> Listed:
    """Read all lists of a kind, and record their rows; what cannot be read is named.

    Raises:
        ProviderError: if the provider cannot be read.
    """
    lists = _Lists(run, kind, since)
    await lists.read()
    progress = run.kinds[kind.category]
    if lists.complete:
        progress.stage = "listed"
    progress.parent, progress.remaining, progress.ledgers = "", None, []
    await run.save(kind.category)
    return Listed(lists.complete, None if lists.answered else lists.refused)


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


async def _unknown_balances(run: Run, parent: str, listed: Sequence[Balance]) -> list[Balance]:
    done = {*run.kinds[CREDIT.category].ledgers}
    balances = [balance for balance in listed if balance.key(parent) not in done]
    if not run.kinds[CREDIT.category].listed_once:
        # a balance that is known may have a past that is not
        return balances
    return await unknown_balances(run.conn, run.book, parent, balances)
