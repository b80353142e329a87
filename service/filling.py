"""Filling fresh tables: the passes over the store, run in parallel.

A build begins with empty tables and ends with filled and indexed ones, which stand where the store
stood when it began.
"""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from projections.catalog import PROJECTIONS
from service import bulk, sql
from service.builds import Generations, index_statements
from service.lease import Lease
from service.postgres import Connection, url_of
from service.store import books
from service.workers import Task, Workers, processors, working

_CHUNK = 10_000  # positions that a process reads and decodes at a time
_PART = 40_000  # entries that a process folds at a time
_FEW = 20_000  # so few that other processes are not worth their start

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


class Build(Struct):
    """Fresh tables, and how far they have come in each book."""

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


async def fill(
    conn: Connection, build: Build, directory: Path, progress: Progress, processes: int | None
) -> None:
    """Fill the fresh tables of a build with what is stored now, index and analyze them."""
    ends = await books(conn)
    total = sum(book.position for book in ends.values())
    few = total <= _FEW and processes is None
    async with working(0 if few else processes or processors()) as workers:
        for name, book in ends.items():
            plan = bulk.Plan(
                url_of(conn), name, book.business_id, build.tables, directory / name,
                end=book.position, partitions=1 + book.position // _PART,
            )  # fmt: skip
            plan.directory.mkdir()
            await _pass(conn, build, workers, plan, progress)
            build.positions[name] = book.position
        statements = [
            s.as_string(conn) for p in build.generations
            for s in index_statements(p, build.tables[p.name])
        ]  # fmt: skip
        tasks = [Task(bulk.run, (url_of(conn), s)) for s in statements]
        await workers.run(tasks, _counted(progress, "indexes", len(tasks)))
        analyze = [
            sql.fill("read/analyze", table=sql.relation(t)).as_string(conn)
            for t in build.tables.values()
        ]
        await workers.run([Task(bulk.run, (url_of(conn), s)) for s in analyze], lambda _: None)


async def _pass(
    conn: Connection,
    build: Build,
    workers: Workers,
    plan: bulk.Plan,
    progress: Progress,
) -> None:
    """Read one book, then fold it, part by part."""
    read = [
        Task(bulk.sort, (plan, after, until), until - after)
        for after in range(0, plan.end, _CHUNK)
        for until in (min(after + _CHUNK, plan.end),)
    ]
    await workers.run(read, _counted(progress, f"{plan.book}: read", plan.end))
    parts = [Task(bulk.fold_partition, (plan, n)) for n in range(plan.partitions)]
    told = _counted(progress, f"{plan.book}: fold", plan.partitions)
    for _, parked in await workers.run(parts, told):
        for one in parked:
            params = {
                "book": plan.book, "build": build.lease.owner, "stream": one.stream,
                "position": one.position, "error": one.error,
            }  # fmt: skip
            await conn.execute(sql.text("read/park"), params)


def _counted(progress: Progress, doing: str, total: int) -> Callable[[int], None]:
    done = 0

    def count(weight: int) -> None:
        nonlocal done
        done += weight
        progress(doing, done, total)

    return count
