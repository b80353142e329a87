"""One comparison from beginning to end: canary, comparison, judgement, guards, and what is kept."""

import asyncio
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal

from msgspec.structs import replace

from service.database.connections import UNAVAILABLE, Connection, connect
from service.database.lease import hold_lease
from service.provider import endpoints
from service.provider.client import Provider
from service.provider.errors import ProviderError
from service.provider.kinds import KINDS
from service.provider.reconciliation import keeping
from service.provider.reconciliation.comparison import Comparison
from service.provider.reconciliation.evidence import Records
from service.provider.reconciliation.guards import StoppedError, check_canary
from service.provider.reconciliation.options import Options
from service.provider.reconciliation.outcome import Outcome
from service.queries.reconcile import Drift, Run, Skipped
from service.queries.resources import VIEWS, position
from service.readmodels import spill
from service.readmodels.streams import Target
from service.settings import Book
from service.store.events import MOST_DELIVERIES, books
from service.telemetry.wording import number_of

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
        try:
            await keeping.begin(conn, name, begun)
            with spill.new_directory() as directory:
                target = Target(name, book.business_id, VIEWS)
                records = await Records.load(conn, name)
                comparison = Comparison(
                    conn, provider, target, directory, options, records,
                    {*await keeping.absences(conn, name)},
                )  # fmt: skip
                whole = _Whole(conn, provider, book, options, begun, comparison, target, progress)
                try:
                    await whole.run()
                except StoppedError as error:
                    whole.end("stopped", str(error))
                except ProviderError as error:
                    whole.end("incomplete", str(error))
            await keeping.finish(conn, name, whole.head)
        except BaseException:
            # the connection may be in the middle of something
            with suppress(*UNAVAILABLE):
                async with await connect(url) as other:
                    await keeping.interrupt(other, name)
            raise
        return whole.head


def _begun(options: Options) -> Run:
    now = datetime.now(UTC)
    return Run(
        run_id=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}", began_at=now, ended_at=None,
        state="running", reason=None, since=now - options.since, apply=options.apply,
        looked_at=0, in_sync=0, differing=0, applied=0, review=0, drift=(), gaining=0, losing=0,
        gains=(), losses=(), calls=0, skipped=(), unsubscribed_types=(), kinds=options.kinds,
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
        self._outcome = Outcome(
            conn, target, book.access.policy, comparison, head.run_id, accept=options.accept_losses
        )

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
        await self._outcome.judge()
        reason = None
        if options.apply:
            reason = await self._outcome.apply(self._provider.key_fingerprint, self._options.act)
        self.end(self._state(), reason)

    def end(
        self, state: Literal["stopped", "incomplete", "drift", "in_sync"], reason: str | None
    ) -> None:
        """Complete the head."""
        found, outcome = self._comparison, self._outcome
        looked_at, differing = found.looked_at, outcome.drift.total()
        self.head = replace(
            self.head,
            ended_at=datetime.now(UTC),
            state=state,
            reason=reason,
            looked_at=looked_at,
            in_sync=max(0, looked_at - differing - len(found.absent)),
            differing=differing,
            drift=tuple(Drift(k, c, n) for (k, c), n in sorted(outcome.drift.items())),
            applied=outcome.applied,
            review=outcome.review,
            gaining=outcome.gaining,
            losing=outcome.losing,
            gains=tuple(outcome.gains),
            losses=tuple(outcome.losses),
            calls=self._provider.calls,
            rate_limit_remaining=self._provider.rate_limit_remaining,
            skipped=(*self._skipped, *found.skipped, *outcome.skipped),
        )

    def _state(self) -> Literal["incomplete", "drift", "in_sync"]:
        if self._comparison.failed:
            return "incomplete"
        return "drift" if self._outcome.drift.total() > self._outcome.applied else "in_sync"

    async def _catch_up(self) -> None:
        """Wait until the read models reflect what was recorded before."""
        held = (await books(self._conn)).get(self._target.book)
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        while held is not None:
            lag = held.position - (await position(self._conn, self._target.book)).number
            if lag <= 0:
                return
            if time.monotonic() > deadline:
                if lag > MOST_DELIVERIES:
                    raise StoppedError(
                        f"The read models lack the latest {number_of(lag, 'event')}, which would be"
                        " taken for differences. Is `daybook serve` running? Compare again when it"
                        " has caught up."
                    )
                text = "They are not in the read models yet. Is `daybook serve` running?"
                self._skipped.append(Skipped(f"the latest {number_of(lag, 'event')}", text))
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
