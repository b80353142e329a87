"""Writers in processes of their own, on one book, with a store that was tampered with or not."""

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from typing import LiteralString, ParamSpec, TypeVar

import psycopg
from msgspec import Struct

from service.database.connections import connect
from service.database.statements import text
from service.ingest.writer import Writer
from service.problems import Problem
from service.store import events
from service.store.chain import Delivery
from service.store.events import append
from tests.builders import at
from tests.deliveries import delivery

P = ParamSpec("P")
R = TypeVar("R")

MUTANTS: dict[str, dict[str, LiteralString]] = {
    "none": {},
    "no lock": {
        "store/lock_head": (
            "select position, link, greatest(clock_timestamp(), recorded_at) as recorded_at"
            " from store.head where book = %(book)s"
        )
    },
    "a sequence": {
        # 100 apart, since a batch numbers onward from there
        "store/lock_head": (
            "select nextval('tampered') * 100 as position, link, clock_timestamp() as recorded_at"
            " from store.head where book = %(book)s"
        )
    },
}
"""Statements of the store in place of its own: how it would go without the lock on the head."""


class Written(Struct):
    """What one process was told: the places of its deliveries, and what failed unasked."""

    places: list[tuple[str, bytes, int]]
    broken: int
    errors: list[str]


def together(start: Barrier) -> None:
    """Wait for the other processes, so that none is done before the last one begins."""
    start.wait()


class _Statements:
    """The store's statements, one of them replaced, and the append broken when asked for."""

    def __init__(self, mutant: str) -> None:
        self._replaced = MUTANTS[mutant]
        self.break_next = False
        self.broken = 0

    def text(self, name: str) -> LiteralString:
        # after the rows were copied, before they are committed
        if name == "store/move_head" and self.break_next:
            self.break_next = False
            self.broken += 1
            return "select 1/0"
        return self._replaced.get(name) or text(name)


def write(url: str, seed: int, rounds: int, mutant: str, *, grouped: bool) -> Written:
    """Append random batches to the book ``test``: the work of one process.

    Args:
        url: of the database.
        seed: what is sent; seeds share ids, so processes send the same deliveries.
        rounds: how many batches.
        mutant: what the store is tampered with.
        grouped: through a ``Writer`` rather than by ``append`` itself.
    """
    chance = random.Random(seed)  # noqa: S311 - not a secret
    statements = _Statements(mutant)
    vars(events).update(text=statements.text, _number=_slowly(events._number, chance))
    run = _grouped if grouped else _appended
    written = asyncio.run(run(url, chance, rounds, statements))
    written.broken = statements.broken
    return written


def _slowly(number: Callable[P, R], chance: random.Random) -> Callable[P, R]:
    """Between the lock and the insert, where another process must not come in."""

    def slow(*args: P.args, **kwargs: P.kwargs) -> R:
        time.sleep(chance.choice([0, 0, 0.001, 0.004]))
        return number(*args, **kwargs)

    return slow


def _batch(chance: random.Random, number: int) -> list[Delivery]:
    """Few ids, bodies and times: duplicates and revisions, in one batch and across processes."""
    return [
        delivery(
            chance.choice([b"1", b"2", b"3"]),
            f"msg_{2 * number + chance.randrange(200)}",
            at(chance.randrange(3)),
        )
        for _ in range(chance.randint(1, 6))
    ]


async def _appended(
    url: str, chance: random.Random, rounds: int, statements: _Statements
) -> Written:
    written = Written([], 0, [])
    async with await connect(url) as conn:
        for number in range(rounds):
            await asyncio.sleep(chance.choice([0, 0.001, 0.003]))
            batch = _batch(chance, number)
            statements.break_next = chance.random() < 0.2
            try:
                receipts = await append(conn, "test", batch)
            except psycopg.errors.DivisionByZero:
                continue
            except psycopg.Error as error:
                written.errors.append(type(error).__name__)
                continue
            for sent, receipt in zip(batch, receipts, strict=True):
                written.places.append((sent.webhook_id, sent.body, receipt.position))
    return written


async def _grouped(
    url: str, chance: random.Random, rounds: int, statements: _Statements
) -> Written:
    written = Written([], 0, [])
    writer = Writer(url, "test", lambda _: None)
    task = asyncio.create_task(writer.run())

    async def record(sent: Delivery) -> None:
        try:
            receipt = await writer.record(sent)
        except Problem as problem:
            written.errors.append(problem.kind.name)
        else:
            written.places.append((sent.webhook_id, sent.body, receipt.position))

    for number in range(rounds):
        await asyncio.sleep(chance.choice([0, 0.001, 0.003]))
        batch = _batch(chance, number)
        # the writer tries the rows of a broken batch one by one, and a single one not again
        statements.break_next = len(batch) > 1 and chance.random() < 0.2
        await asyncio.gather(*map(record, batch))
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return written
