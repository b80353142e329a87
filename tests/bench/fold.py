"""What it costs to understand an event, and that a stream's length does not matter."""

import statistics
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from rich.console import Console
from rich.table import Table

from domain.events import Entry, Event, read
from domain.fold import Fold, extend, fold
from service.sandbox.simulation import simulate
from tests.builders import NOON, at, body, event

T = TypeVar("T")

_ROUNDS = 15


def run() -> None:
    """Print microseconds an event, medians of several rounds, and of a bare decode of the bytes."""
    deliveries = enumerate(simulate(300, 1, until=NOON), 1)
    made = [event(s.body, n, s.webhook_id, s.sent_at) for n, s in deliveries]
    entries = [entry for entry in map(read, made) if entry.aggregate]
    size = sum(len(e.body) for e in made) / len(made)
    bare = _each(made, lambda e: msgspec.json.decode(e.body))
    table = Table("", "µs an event", "of a bare decode")
    table.add_row(f"bare msgspec decode, {size:.0f} bytes on average", f"{bare:.2f}", "1.00")

    def understand(one: Event) -> None:
        entry = read(one)
        if entry.aggregate:
            entry.aggregate.evolve(None, entry.payload)

    for name, figure in (
        ("decode and evolve", _each(made, understand)),
        ("the whole fold of a stream of one", _each(entries, lambda e: fold([e]))),
        ("extend a stream of 10", _extend(10)),
        ("extend a stream of 10,000", _extend(10_000)),
    ):
        table.add_row(name, f"{figure:.2f}", f"{figure / bare:.2f}")
    Console().print(table)


def _extend(length: int) -> float:
    def renewal(n: int) -> Entry:
        content = body("subscription.renewed", "active", at(n), "sub_1")
        return read(event(content, n, f"msg_{n}", at(n)))

    memo: Fold[object] = fold([renewal(n) for n in range(1, length + 1)])[0]
    following = [renewal(length + 1)]
    return _each([following] * 1000, lambda more: extend(memo, more))


def _each(things: list[T], do: Callable[[T], object]) -> float:
    rounds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for thing in things:
            do(thing)
        rounds.append((time.perf_counter() - started) / len(things) * 1e6)
    return statistics.median(rounds)
