"""One comparison from beginning to end: canary, comparison, judgement, guards, and what is kept."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec.structs import replace

from domain.drift import HELD, Cause
from projections.catalog import BY_CATEGORY
from service.database.connections import Connection, connect
from service.database.lease import hold_lease
from service.provider import endpoints
from service.provider.client import Provider
from service.provider.errors import ProviderError
from service.provider.kinds import KINDS
from service.provider.reconciliation import judgement, keeping
from service.provider.reconciliation.comparison import PARTITIONS, Comparison, batches
from service.provider.reconciliation.evidence import Records
from service.provider.reconciliation.guards import (
    StoppedError,
    check_canary,
    check_losses,
    payers,
)
from service.provider.reconciliation.options import Options
from service.provider.recording import Compared, Reading, compare, record
from service.queries.known import known_resources
from service.queries.reconcile import Difference, Drift, Run, Skipped
from service.queries.resources import VIEWS, position
from service.readmodels import spill
from service.readmodels.streams import Target
from service.settings import Book
from service.store.audit import record_act
from service.store.events import books

_APART = timedelta(hours=2)
"""A resource is gone if the provider does not have it twice, so far apart."""

_NAMED = 1000
"""The most customers who are named in the head of a run."""

_CATCH_UP_SECONDS = 10.0
_POLL_SECONDS = 0.1

Progress = Callable[[str, int], None]


async def reconcile(
    url: str, name: str, book: Book, options: Options, progress: Progress = lambda *_: None
) -> Run:
    """Compare a book with the provider, and keep what was found.

    Without ``options.apply`` no event is recorded.

    Raises:
        LeaseTakenError: if another process compares the same book.
        Problem: ``not-ready`` while the read models are built for the first time.
        SettingsError: if the book has no API key of the provider.
    """
    async with (
        Provider(name, book) as provider,
        hold_lease(url, f"reconcile of {name}"),
        await connect(url) as conn,
    ):
        # a run that cannot begin yet is not kept
        await position(conn, name)
        begun = _begun(options)
        await keeping.begin(conn, name, begun)
        with spill.new_directory() as directory:
            known = await keeping.absences(conn, name)
            target = Target(name, book.business_id, VIEWS)
            comparison = Comparison(conn, provider, target, directory, options, {*known})
            whole = _Whole(conn, provider, book, options, begun, comparison, target, progress)
            try:
                await whole.run()
            except StoppedError as error:
                whole.end("stopped", str(error))
            except ProviderError as error:
                whole.end("incomplete", str(error))
        await keeping.finish(conn, name, whole.head)
        return whole.head


def _begun(options: Options) -> Run:
    now = datetime.now(UTC)
    return Run(
        run_id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", began_at=now, ended_at=None,
        state="running", reason=None, since=now - options.since, apply=options.apply,
        looked_at=0, in_sync=0, differing=0, applied=0, review=0, drift=(), gaining=0, losing=0,
        gains=(), losses=(), calls=0, skipped=(), unsubscribed_types=(),
    )  # fmt: skip


class _Whole:
    """A run, with what it has found so far in ``head``."""

    def __init__(  # noqa: PLR0913, PLR0917 - all that it works with
        self,
        conn: Connection,
        provider: Provider,
        book: Book,
        options: Options,
        head: Run,
        comparison: Comparison,
        target: Target,
        progress: Progress,
    ) -> None:
        self.head = head
        self._conn = conn
        self._provider = provider
        self._book = book
        self._options = options
        self._comparison = comparison
        self._target = target
        self._progress = progress
        self._skipped: list[Skipped] = []
        self._drift: Counter[tuple[str, Cause]] = Counter()
        self._held: set[str] = set()

    async def run(self) -> None:
        name, options = self._target.book, self._options
        await self._catch_up()
        self._progress("a resource that the book knows", 0)
        checked = await check_canary(
            self._conn, self._provider, name, self._target.business_id, options.patience
        )
        if not checked:
            text = "The book knows no resource by which the key could be checked."
            self._skipped.append(Skipped("API key", text))
        await self._check_types()
        kinds = [k for c, k in KINDS.items() if not options.kinds or c in options.kinds]
        await self._comparison.run(kinds, self._progress)
        await self._judge()
        reason = None
        if options.apply:
            reason = await self._apply()
        self.end(self._state(), reason)

    def end(
        self, state: Literal["stopped", "incomplete", "drift", "in_sync"], reason: str | None
    ) -> None:
        """Complete the head."""
        found, looked_at = self._comparison, self._comparison.looked_at
        differing = self._drift.total()
        self.head = replace(
            self.head,
            ended_at=datetime.now(UTC),
            state=state,
            reason=reason,
            looked_at=looked_at,
            in_sync=max(0, looked_at - differing - len(found.absent)),
            differing=differing,
            drift=tuple(Drift(k, c, n) for (k, c), n in sorted(self._drift.items())),
            calls=self._provider.calls,
            skipped=(*self._skipped, *found.skipped),
        )

    def _state(self) -> Literal["incomplete", "drift", "in_sync"]:
        if self._comparison.failed:
            return "incomplete"
        return "drift" if self._drift.total() > self.head.applied else "in_sync"

    async def _catch_up(self) -> None:
        """Wait until the read models reflect what was recorded before."""
        held = (await books(self._conn)).get(self._target.book)
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while held is not None:
            lag = held.position - (await position(self._conn, self._target.book)).number
            if lag <= 0:
                return
            if time.monotonic() > deadline:
                text = "They are not in the read models yet. Is `daybook serve` running?"
                self._skipped.append(Skipped(f"the latest {lag} events", text))
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _check_types(self) -> None:
        """Which types the book's endpoint does not receive."""
        try:
            existing, _ = await endpoints.list_endpoints(
                self._provider, patience=self._options.patience
            )
        except ProviderError as error:
            self._skipped.append(Skipped("types of the webhook endpoint", str(error)))
            return
        own = [e for e in endpoints.of_book(existing, self._target.book) if not e.disabled]
        if not own:
            text = f"No enabled endpoint delivers to /webhooks/{self._target.book}."
            self._skipped.append(Skipped("types of the webhook endpoint", text))
            return
        missing = set.intersection(*(set(e.missing_types) for e in own))
        self.head = replace(self.head, unsubscribed_types=tuple(sorted(missing)))

    async def _judge(self) -> None:
        """Find causes and effects, customer by customer, and keep the differences."""
        records = await Records.load(self._conn, self._target.book)
        policy = self._book.access.policy
        gains: list[str] = []
        losses: list[str] = []
        for partition in range(PARTITIONS):
            counted = set[tuple[str, str]]()
            found: list[Compared] = []
            readings = self._comparison.differing(partition)
            for chunk in batches(readings):
                counted |= {(r.kind.category, r.id) for r, counts in chunk if counts}
                found += await self._compared([reading for reading, _ in chunk])
            judged = await judgement.judge(self._conn, self._target, policy, records, found)
            own = [d for d in judged.differences if (d.kind, d.id) in counted]
            await self._keep(own)
            mine = [*_in_partition(judged.gains, partition)]
            lost = [*_in_partition(judged.losses, partition)]
            self.head = replace(
                self.head,
                gaining=self.head.gaining + len(mine),
                losing=self.head.losing + len(lost),
            )
            gains += mine[: _NAMED - len(gains)]
            losses += lost[: _NAMED - len(losses)]
        await self._judge_absent()
        self.head = replace(self.head, gains=tuple(gains), losses=tuple(losses))

    async def _judge_absent(self) -> None:
        """Keep what the provider does not have; it is gone if it was absent hours before too."""
        now, name = datetime.now(UTC), self._target.book
        known = await keeping.absences(self._conn, name)
        first = 0
        for absent in dict.fromkeys(self._comparison.absent):
            await keeping.keep_absence(self._conn, name, absent, now)
            if now - known.get(absent, now) >= _APART:
                await self._keep([await self._gone(*absent)])
            else:
                first += 1
        for found in self._comparison.returned:
            await keeping.forget_absence(self._conn, name, found)
        if first:
            text = "The provider does not have them (404). They count as gone if a run hours later"
            self._skipped.append(Skipped(f"{first} resources", f"{text} finds the same."))

    async def _gone(self, kind: str, resource_id: str) -> Difference:
        projection = BY_CATEGORY[kind]
        _, known = await known_resources(self._conn, self._target.book, projection, [resource_id])
        folded = known[resource_id].folded if resource_id in known else None
        customer = getattr(folded.state, "customer_id", None) if folded else None
        return judgement.gone(kind, resource_id, folded.status if folded else None, customer)

    async def _keep(self, found: Sequence[Difference]) -> None:
        number = self._drift.total() + 1
        await keeping.add(self._conn, self._target.book, self.head.run_id, number, found)
        self._drift.update((one.kind, one.cause) for one in found)
        accept = self._options.accept_losses
        held = {f"{d.kind}-{d.id}" for d in found if d.cause in HELD or (d.review and not accept)}
        self._held |= held
        self.head = replace(self.head, review=self.head.review + sum(d.review for d in found))

    async def _apply(self) -> str | None:
        """Record what differs; a reason if that was not done."""
        if not self._options.accept_losses:
            try:
                check_losses(self.head.losing, await payers(self._conn, self._target.book))
            except StoppedError as error:
                return str(error)
        if self._drift.total():
            act = self._options.act
            await record_act(self._conn, self._target.book, act, "apply", self.head.run_id)
        for partition in range(PARTITIONS):
            readings = self._comparison.differing(partition)
            counted = (reading for reading, counts in readings if counts)
            for chunk in batches(counted):
                await self._record(chunk)
        return None

    async def _record(self, readings: Sequence[Reading]) -> None:
        name = self._target.book
        found = [
            one
            for one in await self._compared(readings)
            if f"{one.reading.kind.category}-{one.reading.id}" not in self._held
        ]
        await record(self._conn, name, found, self._provider.key_fingerprint)
        names = [f"{one.reading.kind.category}-{one.reading.id}" for one in found]
        await keeping.mark_applied(self._conn, name, self.head.run_id, names)
        self.head = replace(self.head, applied=self.head.applied + len(names))

    async def _compared(self, readings: Sequence[Reading]) -> list[Compared]:
        """Those that still differ: meanwhile webhooks may have come."""
        found = await compare(self._conn, self._target.book, self._target.business_id, readings)
        return [one for one in found if one.is_news]


def _in_partition(customers: Sequence[str], partition: int) -> Iterator[str]:
    """The customers whose home a partition is: the others are judged in their own."""
    return (c for c in customers if spill.partition_of(c, PARTITIONS) == partition)
