"""Filling fresh tables: the passes over the store, run in parallel.

A build begins with empty tables. It ends with filled and indexed ones, which reflect the store as
it was when the build began.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct
from psycopg.sql import Composed

from projections.catalog import PROJECTIONS
from service.database import statements as sql
from service.database.connections import Connection, url_of
from service.database.lease import Lease
from service.processes.workers import Call, WorkerPool, processors, worker_pool
from service.readmodels import passes, spill
from service.readmodels.errors import MissingEventsError
from service.readmodels.tables import Generations, index_statements
from service.readmodels.writing import count_statement
from service.store import scan
from service.store.events import books
from service.store.scan import Tally

_PART = 40_000  # entries that a process folds at once
_FEW = 20_000  # events that are not worth starting other processes for

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how much of it is done, and how much there is."""


class Build(Struct):
    """Fresh tables, and the position that they have reached in each book."""

    lease: Lease
    generations: Generations
    positions: dict[str, int]

    @property
    def tables(self) -> dict[str, str]:
        """The fresh table of each projection, by its name."""
        return {p.name: p.table(g) for p, g in self.generations.items()}

    @property
    def whole(self) -> bool:
        """Whether all projections are built."""
        return len(self.generations) == len(PROJECTIONS)


async def fill(  # noqa: PLR0913, PLR0917 - one parameter a part of it
    conn: Connection,
    build: Build,
    ends: Mapping[str, int],
    directory: Path,
    progress: Progress,
    processes: int | None,
) -> None:
    """Fill the fresh tables of a build from the store, then index and analyze them.

    Args:
        conn: the connection of the rebuild.
        build: a build whose tables are empty.
        ends: the position up to which each book is filled; its head by default.
        directory: where entries are left on disk.
        progress: called after each step.
        processes: the number of processes; one for each processor by default.

    Raises:
        MissingEventsError: if not all recorded events could be read.
    """
    found = await books(conn)
    heads = {name: book.position for name, book in found.items()}
    few = sum(heads.values()) <= _FEW and processes is None
    build.positions |= {name: min(head, ends.get(name, head)) for name, head in heads.items()}
    parts = {
        name: passes.Part(
            book.business_id, heads[name], build.positions[name], 1 + heads[name] // _PART
        )
        for name, book in found.items()
    }
    plan = passes.Plan(url_of(conn), build.tables, directory, parts)
    spill.divide(directory, heads)
    async with worker_pool(0 if few else processes or processors()) as workers:
        await _read(conn, workers, plan, progress)
        await _fold(conn, build, workers, plan, progress)
        await _index(conn, build, workers, progress, few=few)


async def _read(
    conn: Connection, workers: WorkerPool, plan: passes.Plan, progress: Progress
) -> None:
    heads = {book: part.head for book, part in plan.books.items()}
    tallies = {book: Tally() for book in heads}
    count = _counted(progress, "read", sum(heads.values()))

    def took(found: dict[str, Tally]) -> None:
        for book, tally in found.items():
            tallies[book].merge(tally)
        count(sum(tally.count for tally in found.values()))

    # after the heads were read, so that the parts contain everything before them
    stretches = await scan.plan_scan(conn, heads)
    tasks = [Call(passes.partition_blocks, (plan, stretch)) for stretch in stretches]
    await workers.run(tasks, took)
    for book, head in heads.items():
        if not tallies[book].is_whole(head):
            raise MissingEventsError(book, head, tallies[book].count)


async def _fold(
    conn: Connection, build: Build, workers: WorkerPool, plan: passes.Plan, progress: Progress
) -> None:
    parts = [
        Call(passes.fold_partition, (plan, book, number))
        for book, part in plan.books.items()
        for number in range(part.partitions)
    ]
    for book, parked in await workers.run(parts, _one_by_one(progress, "fold", len(parts))):
        for one in parked:
            params = {
                "book": book, "build": build.lease.owner, "stream": one.stream,
                "position": one.position, "error": one.error,
            }  # fmt: skip
            await conn.execute(sql.text("readmodels/park"), params)


async def _index(
    conn: Connection, build: Build, workers: WorkerPool, progress: Progress, *, few: bool
) -> None:
    counting = [
        statement
        for book in build.positions
        for projection in build.generations
        if (statement := count_statement(projection, build.tables, book))
    ]
    await workers.run(_runs(conn, counting, few=few), lambda _: None)
    indexes = [s for p in build.generations for s in index_statements(p, build.tables[p.name])]
    count = _counted(progress, "indexes", len(indexes))

    def made(number: int) -> None:
        for _ in range(number):
            count(1)

    await workers.run(_runs(conn, indexes, few=few), made)
    analyze = [sql.fill("readmodels/analyze", table=sql.relation(t)) for t in build.tables.values()]
    await workers.run(_runs(conn, analyze, few=few), lambda _: None)


def _runs(conn: Connection, statements: Sequence[Composed], *, few: bool) -> list[Call[int]]:
    """Calls that run statements; of few events one runs all, as each has to connect first."""
    url, texts = url_of(conn), [statement.as_string(conn) for statement in statements]
    return [Call(passes.run, (url, run)) for run in ([texts] if few else [[t] for t in texts])]


def _one_by_one(progress: Progress, doing: str, total: int) -> Callable[[object], None]:
    count = _counted(progress, doing, total)
    return lambda _: count(1)


def _counted(progress: Progress, doing: str, total: int) -> Callable[[int], None]:
    done = 0

    def count(more: int) -> None:
        nonlocal done
        done += more
        progress(doing, done, total)

    return count
