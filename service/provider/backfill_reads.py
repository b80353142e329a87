"""Reads by id of a backfill: what the rows of lists leave out, in the order of use.

What is to be read is found among the recorded rows, by their positions, so it needs neither a
projector nor memory that grows: a resource of which a row was recorded, and nothing whole since.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.fold import Fold
from domain.legible import UNREADABLE
from projections.catalog import MEMOS
from service.database import statements
from service.provider.backfill_run import Counts, KindProgress, Run
from service.provider.by_id import ReaderById
from service.provider.client import BACKGROUND
from service.provider.errors import NotFoundError, UnexpectedAnswerError, WrongKeyError
from service.provider.kinds import DISPUTE, KINDS, PAYMENT, REFUND, SUBSCRIPTION, Kind
from service.provider.lists import rows
from service.provider.readings import Reading
from service.queries.known import known_resources
from service.store.events import latest_observations
from service.telemetry.wording import number_of

_BATCH = 20
_AT_ONCE = 8
_ROUNDS = 3
_RECENT = timedelta(days=45)
_ENDED = frozenset({"cancelled", "expired", "failed"})


class Row(Struct, frozen=True):
    """What decides when a resource is read: a recorded row of its list."""

    status: str | None = None
    created_at: datetime | None = None


class Pass(Struct, frozen=True):
    """One pass over the recorded rows of a kind; the passes of a kind share no row."""

    kind: Kind
    name: str
    wants: Callable[[Row, datetime], bool]


class _Recorded(Struct, frozen=True):
    position: int
    id: str
    row: Row


def _is_live(row: Row, _now: datetime) -> bool:
    return row.status not in _ENDED


def _has_ended(row: Row, _now: datetime) -> bool:
    return row.status in _ENDED


def _is_recent(row: Row, now: datetime) -> bool:
    return row.created_at is None or row.created_at > now - _RECENT


def _is_older(row: Row, now: datetime) -> bool:
    return not _is_recent(row, now)


def _any(_row: Row, _now: datetime) -> bool:
    return True


PASSES = (
    Pass(SUBSCRIPTION, "live", _is_live),
    Pass(PAYMENT, "recent", _is_recent),
    Pass(REFUND, "all", _any),
    Pass(DISPUTE, "all", _any),
    Pass(SUBSCRIPTION, "ended", _has_ended),
    Pass(PAYMENT, "older", _is_older),
)
"""What is asked about most comes first. Kinds whose rows are whole are not here, nor customers:
their rows lack only ``blocked_at``, which no read model shows."""


async def count_to_read(run: Run, until: int) -> int:
    """How many resources the passes will look at, of the kinds of the run."""
    total = 0
    for kind in _kinds(run):
        progress = run.kinds[kind.category]
        after = min((_after(progress, p) for p in PASSES if p.kind is kind), default=until)
        params = {"book": run.book, "prefix": _prefix(kind), "after": after, "until": until}
        # not prepared: a plan made while the table was empty would scan the grown one
        cursor = await run.conn.execute(
            statements.text("provider/count_recorded_rows"), params, prepare=False
        )
        row = await cursor.fetchone()
        total += row["count"] if row else 0
    return total


async def read_by_id(run: Run, until: int, since: datetime | None, total: int) -> None:
    """Read by id what rows left out, of rows that were recorded up to a position.

    Raises:
        ProviderError: if the provider cannot be read.
    """
    done = 0
    for one in PASSES:
        if one.kind not in _kinds(run):
            continue
        progress = run.kinds[one.kind.category]
        while rows := await _page(run, one, until):
            wanted = [r for r in rows if _is_wanted(one, r.row, progress.begun_at, since)]
            await _read(run, one.kind, await _unknown(run, one.kind, wanted))
            progress.read_until[one.name] = rows[-1].position
            if wanted:
                await run.save(one.kind.category)
            done += len(wanted)
            run.watch.show("read by id", done, max(done, total))
        progress.read_until[one.name] = max(until, _after(progress, one))
        await run.save(one.kind.category)
    for kind in _kinds(run):
        run.kinds[kind.category].stage = "read"
        await run.save(kind.category)


async def read_later(run: Run, settle: timedelta) -> None:
    """Read once more what may have been older than a webhook, when that has settled.

    What still may be after three rounds is named as not read. What is to be read again is kept with
    the progress, so a run that goes on after a kill reads it too.

    Args:
        run: the run.
        settle: how long after the last such reading one waits.

    Raises:
        ProviderError: if the provider cannot be read.
    """
    for _ in range(_ROUNDS):
        count = sum(len(progress.later) for progress in run.kinds.values())
        if not count:
            return
        seconds = run.later_since + settle.total_seconds() - time.monotonic()
        if seconds > 0:
            changed = f"Within the last minute {number_of(count, 'resource')} changed."
            run.watch.say(f"{changed} They are read again in {seconds:.0f} s.")
            await asyncio.sleep(seconds)
        for category, progress in run.kinds.items():
            later, progress.later = progress.later, {}
            await _read(run, KINDS[category], [name for name, path in later.items() if not path])
            for path in {path for path in later.values() if path}:
                await _read_rows(run, category, path, {n for n, p in later.items() if p == path})
            if later:
                await run.save(category)
    for category, progress in run.kinds.items():
        for identity in progress.later:
            run.give_up(category, identity)


async def _read_rows(run: Run, category: str, path: str, ids: set[str]) -> None:
    """Read a list until it has shown some rows, and record those that are news."""
    listing = rows(run.provider, replace(KINDS[category], list_path=path, window=None))
    try:
        async for page in listing:
            found = [row for row in page.rows if row.id in ids]
            readings = [
                Reading(KINDS[category], row.id, row.body, page.reply, listed=True) for row in found
            ]
            await run.take(readings)
            ids -= {row.id for row in found}
            if not ids:
                return
    except (NotFoundError, UnexpectedAnswerError) as error:
        run.miss(f"the list {path}", str(error))
    for identity in ids:
        run.give_up(category, identity)


def _kinds(run: Run) -> list[Kind]:
    """The kinds of the run that are read by id, and not finished."""
    kinds = dict.fromkeys(one.kind for one in PASSES)
    return [k for k in kinds if k.category in run.kinds and run.kinds[k.category].stage != "read"]


def _after(progress: KindProgress, one: Pass) -> int:
    return progress.read_until.get(one.name, progress.complete_until)


def _prefix(kind: Kind) -> str:
    """How the store names the rows of a list, before the id; see ``Reading.name``."""
    return f"GET {kind.list_path} "


def _is_wanted(one: Pass, row: Row, begun_at: datetime, since: datetime | None) -> bool:
    if since is not None and row.created_at is not None and row.created_at < since:
        return False
    return one.wants(row, begun_at)


async def _page(run: Run, one: Pass, until: int) -> list[_Recorded]:
    params = {
        "book": run.book, "prefix": _prefix(one.kind), "until": until, "limit": _BATCH,
        "after": _after(run.kinds[one.kind.category], one),
    }  # fmt: skip
    cursor = await run.conn.execute(
        statements.text("provider/recorded_rows"), params, prepare=False
    )
    return [_Recorded(r["position"], r["id"], _row(r["body"])) for r in await cursor.fetchall()]


def _row(body: bytes) -> Row:
    try:
        return msgspec.json.decode(body, type=Row)
    except UNREADABLE:
        return Row()


async def _unknown(run: Run, kind: Kind, wanted: Sequence[_Recorded]) -> list[str]:
    """The ids of which the book knows nothing whole that came after the row."""
    rows = {one.id: one.position for one in wanted}
    if not rows:
        return []
    names = {identity: f"GET {kind.path_of(identity)}" for identity in rows}
    read = await latest_observations(run.conn, run.book, [*names.values()])
    _, known = await known_resources(run.conn, run.book, MEMOS[kind.category], [*rows])
    unknown = []
    for identity, position in rows.items():
        whole = read.get(names[identity])
        folded = known[identity].folded if identity in known else None
        if (whole is None or whole.position < position) and not _supplied(folded, position):
            unknown.append(identity)
    return unknown


def _supplied(folded: Fold[Any] | None, position: int) -> bool:
    """Whether something whole came after a position, such as a webhook."""
    supplies = folded.supplies if folded is not None else None
    return supplies is not None and (
        supplies.whole and not supplies.overlaid and supplies.position > position
    )


async def _read(run: Run, kind: Kind, ids: Iterable[str]) -> None:
    """Read resources by id, some at once, and record what is news."""
    turns = asyncio.Semaphore(_AT_ONCE)
    by_id = ReaderById(run.provider, BACKGROUND)

    async def read(identity: str) -> Reading | None:
        async with turns:
            try:
                return await by_id.read(kind, identity)
            except (NotFoundError, UnexpectedAnswerError, WrongKeyError) as error:
                if isinstance(error, WrongKeyError) and error.everywhere:
                    raise
                run.kinds[kind.category].missed = True
                run.miss(f"{kind.category} {identity}", str(error))
                return None

    # all of them end before the first failure is raised, so that none goes on in the background
    results = await asyncio.gather(*map(read, ids), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    readings = [result for result in results if isinstance(result, Reading)]
    if readings:
        _count(run.kinds[kind.category].counts, readings, await run.take(readings))


def _count(counts: Counts, readings: Sequence[Reading], compared: Sequence[Any]) -> None:
    counts.read += len(readings)
    counts.told_more += sum(one.is_news for one in compared)
