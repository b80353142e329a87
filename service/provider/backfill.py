"""Fills a book from the provider's lists, and then by id with what lists leave out.

Interrupted at any point, the next call goes on where it was. After a run that has ended, the next
one reads the lists again and records only what has changed. Every reading is recorded before the
progress that counts it, so what a kill costs is a page that is read again.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from msgspec import Struct

from service.database.connections import connect
from service.database.lease import hold_lease
from service.provider.backfill_lists import ORDER, read_list
from service.provider.backfill_reads import count_to_read, read_by_id, read_later
from service.provider.backfill_run import Counts, Run, Watch, requests_of
from service.provider.client import COMMAND, Provider
from service.provider.errors import NotFoundError, UnexpectedAnswerError, WrongKeyError
from service.provider.kinds import CUSTOMER, SUBSCRIPTION, Kind
from service.provider.lists import rows
from service.provider.readings import Reading
from service.provider.recording import SETTLING
from service.queries.resources import position
from service.readmodels.follower import is_followed
from service.store.events import books

CATEGORIES = tuple(kind.category for kind in ORDER)
"""The kinds that can be read, in the order of their lists."""

_FIRST_ROWS = 10
"""Rows that are looked at for their business: one may not name it."""

_LEASE_SECONDS = 5.0


class Options(Struct, frozen=True):
    """What a backfill reads.

    Attributes:
        only: these categories; all where empty.
        since: resources that were created since; all of them where None.
        scope: names ``since``: a run goes on with an unfinished one of the same scope only.
        lists_only: leave out the reads by id.
        dry_run: read the lists and compare, and write nothing.
        settle: so long after a reading that may be older than a webhook it is read again.
    """

    only: Collection[str] = ()
    since: datetime | None = None
    scope: str = ""
    lists_only: bool = False
    dry_run: bool = False
    settle: timedelta = SETTLING + timedelta(seconds=2)


class Outcome(Struct, frozen=True):
    """What a backfill did, since its run began.

    Attributes:
        counts: by category, in the order of the lists.
        requests: requests that were spent.
        resumed: whether it went on with an unfinished run.
        unread: what could not be read and why; the first of ``unread_count``.
        head, projected: the book's last position, and the one that the read models have reached.
        served: whether a projector follows the book.
    """

    counts: Mapping[str, Counts]
    requests: int
    resumed: bool
    unread: tuple[str, ...]
    unread_count: int
    head: int
    projected: int
    served: bool


async def backfill(  # noqa: PLR0913, PLR0917 - what it works with
    url: str,
    provider: Provider,
    book: str,
    business_id: str | None,
    options: Options | None = None,
    watch: Watch | None = None,
) -> Outcome:
    """Read what the provider has, and record what the book does not know.

    The read models must have been built once; the projector need not run. Two backfills of a book
    do not run at once.

    Args:
        url: the database.
        provider: the client of the book.
        book: its name.
        business_id: the business that it names, if it names one.
        options: what to read; all by default.
        watch: is shown the progress.

    Raises:
        LeaseTakenError: if another backfill of the book is running.
        OtherBusinessError: if the key is one of another business; nothing of it was recorded.
        ProviderError: if the provider cannot be read; the next call goes on.
        Problem: ``not-ready`` if the read models have never been built.
    """
    chosen, watch = options or Options(), watch or Watch()
    async with _alone(url, book, dry_run=chosen.dry_run), await connect(url) as conn:
        run = Run(conn, provider, book, business_id, watch=watch, dry_run=chosen.dry_run)
        kinds = [k for k in ORDER if not chosen.only or k.category in chosen.only]
        resumed = await run.begin(kinds, chosen.scope)
        if resumed:
            watch.say("Going on with the run that was interrupted.")
        await _check_business(run)
        await _finish(run, chosen, await _read(run, kinds, chosen))
        head = (await books(conn))[book].position
        projected = (await position(conn, book, even_lost=True)).number
        return Outcome(
            {kind.category: run.kinds[kind.category].counts for kind in kinds},
            requests_of(run.kinds),
            resumed,
            tuple(run.unread),
            run.unread_count,
            head,
            projected,
            await is_followed(conn, book),
        )


@asynccontextmanager
async def _alone(url: str, book: str, *, dry_run: bool) -> AsyncIterator[None]:
    """Hold the lease of the book's backfill; one that was killed loses it within seconds."""
    if dry_run:
        yield
        return
    async with hold_lease(url, f"backfill of {book}", _LEASE_SECONDS, wait=True):
        yield


async def _check_business(run: Run) -> None:
    """Read some rows before anything is recorded: most do not name their business, customers do.

    It also shows whether the key works, and tells the provider's clock.

    Raises:
        OtherBusinessError: if one is of another business.
        WrongKeyError: if the key may read neither customers nor subscriptions.
    """
    refused: WrongKeyError | None = None
    for kind in (CUSTOMER, SUBSCRIPTION):
        try:
            async for page in rows(run.provider, kind, page_size=_FIRST_ROWS, patience=COMMAND):
                found = [Reading(kind, r.id, r.body, page.reply, listed=True) for r in page.rows]
                await run.compare(found)
                break
        except WrongKeyError as error:
            refused = error
        except (NotFoundError, UnexpectedAnswerError):
            # the list itself will be named
            return
        else:
            return
    if refused is not None:
        raise refused


class _Done(Struct, frozen=True):
    """The position up to which rows have been read by id, and the kinds that lack rows."""

    until: int
    incomplete: frozenset[str]


async def _read(run: Run, kinds: list[Kind], options: Options) -> _Done:
    """Read the lists, and then by id."""
    refused: list[WrongKeyError] = []
    lacking = set[str]()
    for kind in kinds:
        if run.kinds[kind.category].stage == "listing":
            listed = await read_list(run, kind, options.since)
            refused += [] if listed.refused is None else [listed.refused]
            lacking |= set() if listed.complete else {kind.category}
    if kinds and len(refused) == len(kinds):
        raise refused[0]
    done = _Done((await books(run.conn))[run.book].position, frozenset(lacking))
    if options.dry_run:
        return done
    if not options.lists_only:
        total = await count_to_read(run, done.until)
        if total:
            run.watch.expect(total)
        await read_by_id(run, done.until, options.since, total)
    await read_later(run, options.settle)
    return done


async def _finish(run: Run, options: Options, done: _Done) -> None:
    """Let the next call begin a run of its own."""
    async with run.conn.transaction():
        for category, progress in run.kinds.items():
            progress.stage = "idle"
            if options.since is None and category not in done.incomplete:
                progress.listed_once = True
            if not options.lists_only:
                if options.since is None and not progress.missed:
                    progress.complete_until = done.until
                progress.read_until, progress.missed = {}, False
            await run.save(category)
