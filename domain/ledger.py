"""The order of ledger rows with the same timestamp: each row continues the balance before.

Rows are the edges of a graph whose nodes are balances, and their order is an Eulerian trail from
the opening balance. If a row is missing there is no such trail; the rows then form as few trails as
possible. Except for sorting, the time is linear in the number of rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct


class Balance(Struct, frozen=True, array_like=True, gc=False):
    """A balance and its overage; None if a row does not have it."""

    amount: str | None
    overage: str | None = None


class Row(Struct, frozen=True, array_like=True, gc=False):
    """One row of the ledger, with the balance before and after it."""

    id: str
    before: Balance
    after: Balance


def chain(opening: Balance | None, rows: Sequence[Row]) -> list[Row]:
    """The rows of one timestamp in an order with the fewest gaps.

    Rows that change nothing come as early as they fit. Among equally good orders the ids decide,
    and never the order of arrival.

    Args:
        opening: the balance before the rows; None if unknown.
        rows: one or more rows, in any order.
    """
    if len(rows) == 1:
        return [*rows]
    whole = _have_overage(rows)
    ordered = sorted(rows, key=_place)
    graph = _Graph(ordered, whole=whole)
    nodes = [graph.before(row) for row in ordered]
    start = _start(opening, nodes, graph, whole=whole)
    trails = [graph.walk(start)] if start is not None else []
    # with an unknown opening balance, prefer to start at zero as a new credit does
    starts = sorted(nodes, key=_is_not_empty)
    for node in starts:
        while graph.excess[node] > 0:
            trails.append(graph.walk(node))
    trails = [graph.with_circuits(trail) for trail in trails]
    # the remaining rows form circuits that no trail meets
    trails += [graph.with_circuits(graph.walk(node)) for node in starts if graph.waiting.get(node)]
    return [row for trail in trails for row in trail]


def gaps_of(opening: Balance | None, rows: Sequence[Row]) -> int:
    """The number of rows, in this order, that do not continue the balance before."""
    whole = _have_overage(rows)
    gaps, balance = 0, opening
    for row in rows:
        gaps += balance is not None and not _fits(balance, row.before, whole=whole)
        balance = row.after
    return gaps


class _Graph:
    """The rows that are not in a trail yet.

    Attributes:
        waiting: the rows by the balance before them, the next one last.
        excess: by balance, the number of rows that start at it minus those that end at it.
    """

    def __init__(self, ordered: Sequence[Row], *, whole: bool) -> None:
        self._whole = whole
        self.waiting: dict[Balance, list[Row]] = {}
        self.excess: Counter[Balance] = Counter()
        for row in reversed(ordered):
            self.waiting.setdefault(self.before(row), []).append(row)
            self.excess[self.before(row)] += 1
            self.excess[self._after(row)] -= 1

    def before(self, row: Row) -> Balance:
        """The node that a row starts at."""
        return row.before if self._whole else Balance(row.before.amount)

    def _after(self, row: Row) -> Balance:
        return row.after if self._whole else Balance(row.after.amount)

    def walk(self, node: Balance) -> list[Row]:
        """Take rows from ``node`` on, as long as one continues the balance before."""
        taken: list[Row] = []
        start = node
        while waiting := self.waiting.get(node):
            row = waiting.pop()
            taken.append(row)
            node = self._after(row)
        self.excess[start] -= 1
        self.excess[node] += 1
        return taken

    def with_circuits(self, trail: Iterable[Row]) -> list[Row]:
        """The trail with the circuits that start on it; all waiting rows must be in circuits."""
        done: list[Row] = []
        ahead = [*trail][::-1]
        while ahead:
            node = self.before(ahead[-1])
            if self.waiting.get(node):
                ahead += reversed(self.walk(node))
                continue
            done.append(ahead.pop())
            if not ahead:
                ahead += reversed(self.walk(self._after(done[-1])))
        return done


def _place(row: Row) -> tuple[bool, str, tuple[str, ...]]:
    amounts = (row.before.amount, row.before.overage, row.after.amount, row.after.overage)
    changes = row.before.amount != row.after.amount
    return changes, row.id, tuple(amount or "" for amount in amounts)


def _is_not_empty(node: Balance) -> tuple[bool, bool]:
    return node.amount != "0", node.overage not in {None, "0"}


def _have_overage(rows: Iterable[Row]) -> bool:
    return all(None not in {row.before.overage, row.after.overage} for row in rows)


def _start(
    opening: Balance | None, nodes: Sequence[Balance], graph: _Graph, *, whole: bool
) -> Balance | None:
    """The node at which the first trail starts, if a row starts at the opening balance."""
    if opening is None:
        return None
    fitting = [node for node in nodes if _fits(opening, node, whole=whole)]
    return max(fitting, key=lambda node: graph.excess[node] > 0, default=None)


def _fits(after: Balance, before: Balance, *, whole: bool) -> bool:
    """Whether a row that starts at ``before`` can follow one that ends at ``after``."""
    return after.amount == before.amount and (
        not whole or after.overage is None or after.overage == before.overage
    )
