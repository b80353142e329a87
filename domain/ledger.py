"""The order of ledger rows of one instant: each begins where the one before ended.

Rows are the edges of a graph whose nodes are balances, and their order is an Eulerian trail from
the opening balance. Where a row is missing there is no such trail; the rows then form the fewest
trails that use all of them. Linear in the number of rows, but for sorting them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct


class Balance(Struct, frozen=True, array_like=True, gc=False):
    """What there is at a moment; None where a row does not tell it."""

    amount: str | None
    overage: str | None = None


class Row(Struct, frozen=True, array_like=True, gc=False):
    """One row of the ledger: what it found and what it left."""

    id: str
    before: Balance
    after: Balance


def chain(opening: Balance | None, rows: Sequence[Row]) -> list[Row]:
    """Put the rows of one instant in an order with the fewest gaps; at least one row.

    Rows that change nothing come as early as they fit. Among equally good orders the ids decide,
    so the order of arrival does not.

    Args:
        opening: the balance before the rows; None where nothing is known of it.
        rows: the rows, in any order.
    """
    if len(rows) == 1:
        return [*rows]
    whole = _tells_overage(rows)
    ordered = sorted(rows, key=_place)
    graph = _Graph(ordered, whole=whole)
    nodes = [graph.found(row) for row in ordered]
    start = _start(opening, nodes, graph, whole=whole)
    trails = [graph.walk(start)] if start is not None else []
    # where nothing tells where it begins: a new balance begins at nothing
    starts = sorted(nodes, key=_is_not_empty)
    for node in starts:
        while graph.excess[node] > 0:
            trails.append(graph.walk(node))
    trails = [graph.with_circuits(trail) for trail in trails]
    # what is left are circuits that no trail meets
    trails += [graph.with_circuits(graph.walk(node)) for node in starts if graph.waiting.get(node)]
    return [row for trail in trails for row in trail]


def gaps_of(opening: Balance | None, rows: Sequence[Row]) -> int:
    """How many of the rows, in this order, do not find what the one before left."""
    whole = _tells_overage(rows)
    gaps, left = 0, opening
    for row in rows:
        gaps += left is not None and not _fits(left, row.before, whole=whole)
        left = row.after
    return gaps


class _Graph:
    """The rows that are not in a trail yet.

    Attributes:
        waiting: the rows by the balance that they find, the next one last.
        excess: by balance, how many more rows find it than leave it.
    """

    def __init__(self, ordered: Sequence[Row], *, whole: bool) -> None:
        self._whole = whole
        self.waiting: dict[Balance, list[Row]] = {}
        self.excess: Counter[Balance] = Counter()
        for row in reversed(ordered):
            self.waiting.setdefault(self.found(row), []).append(row)
            self.excess[self.found(row)] += 1
            self.excess[self._left(row)] -= 1

    def found(self, row: Row) -> Balance:
        """The node that a row leads from."""
        return row.before if self._whole else Balance(row.before.amount)

    def _left(self, row: Row) -> Balance:
        return row.after if self._whole else Balance(row.after.amount)

    def walk(self, node: Balance) -> list[Row]:
        """Take rows from ``node`` on, as long as one finds what the last one left."""
        taken: list[Row] = []
        start = node
        while waiting := self.waiting.get(node):
            row = waiting.pop()
            taken.append(row)
            node = self._left(row)
        self.excess[start] -= 1
        self.excess[node] += 1
        return taken

    def with_circuits(self, trail: Iterable[Row]) -> list[Row]:
        """The trail with the circuits that begin on it; what waits must be circuits."""
        done: list[Row] = []
        ahead = [*trail][::-1]
        while ahead:
            node = self.found(ahead[-1])
            if self.waiting.get(node):
                ahead += reversed(self.walk(node))
                continue
            done.append(ahead.pop())
            if not ahead:
                ahead += reversed(self.walk(self._left(done[-1])))
        return done


def _place(row: Row) -> tuple[bool, str, tuple[str, ...]]:
    amounts = (row.before.amount, row.before.overage, row.after.amount, row.after.overage)
    changes = row.before.amount != row.after.amount
    return changes, row.id, tuple(amount or "" for amount in amounts)


def _is_not_empty(node: Balance) -> tuple[bool, bool]:
    return node.amount != "0", node.overage not in {None, "0"}


def _tells_overage(rows: Iterable[Row]) -> bool:
    return all(None not in {row.before.overage, row.after.overage} for row in rows)


def _start(
    opening: Balance | None, nodes: Sequence[Balance], graph: _Graph, *, whole: bool
) -> Balance | None:
    """Where the first trail begins, if some row finds the opening balance."""
    if opening is None:
        return None
    fitting = [node for node in nodes if _fits(opening, node, whole=whole)]
    return max(fitting, key=lambda node: graph.excess[node] > 0, default=None)


def _fits(left: Balance, found: Balance, *, whole: bool) -> bool:
    """Whether a row that found this can follow one that left that."""
    return left.amount == found.amount and (
        not whole or left.overage is None or left.overage == found.overage
    )
