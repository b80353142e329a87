"""A lifecycle table, compiled and checked.

An aggregate writes its table as rows of (event, from, to, in words), in the provider's own event
names; the words are a clause in which ``{it}`` stands for the resource.
``transitions`` expands the rows when the module is imported; a table that names an unknown
status, gives one event two outcomes from one status, leaves a status unreachable, or does not
allow an event to be told twice, is refused there and then.
The fold uses the plain lookup that results: a trigger of the library costs some
8 µs, a lookup 0.1 µs. The tests fire every (status, event) pair at the library and compare.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from transitions import Machine

START = "[*]"
"""The status of a stream before its first entry, if the provider has no name for it."""

SILENT = "(no event)"
"""The event of a row for a change that the provider makes without a webhook."""

Row = tuple[str, str | tuple[str, ...], str, str]


class Edge(NamedTuple):
    """One expanded row: ``event`` leads from ``source`` to ``target``."""

    event: str
    source: str
    target: str


class Lifecycle:
    """The compiled table of one aggregate.

    A ``group`` of statuses has a name and is drawn as one composite state; all of them must lead
    out of it by the same events.

    Attributes:
        category: the aggregate's name, as it leads the names of its streams.
        statuses: every status of the provider, in the provider's order; ``known`` is the set.
        initial: the status before the first entry; it may be ``START``.
        edges: the expanded table in the order of its rows, silent rows included.
        ranks: each event's place in the table, which orders entries of the same instant.
        words: what each event means, by event; ``{it}`` stands for the resource.
        steps: where each event leads from each status, by (event, status).
    """

    def __init__(
        self,
        category: str,
        statuses: Sequence[str],
        *,
        initial: str,
        rows: Iterable[Row],
        group: tuple[str, Sequence[str]] = ("", ()),
    ) -> None:
        self.category = category
        self.statuses = tuple(statuses)
        self.known = frozenset(statuses)
        self.initial = initial
        self._rows = tuple(rows)
        self._group = group
        self._check_names()
        self.edges = _expand(category, self._names(), initial, self._rows)
        self._check_group()
        self._check_reachable()
        self._check_repetition()
        self.ranks: Mapping[str, int] = {
            event: rank for rank, event in enumerate(dict.fromkeys(row[0] for row in self._rows))
        }
        self.words: Mapping[str, str] = {
            event: words for event, _, _, words in self._rows if event != SILENT
        }
        self.steps: Mapping[tuple[str, str], str] = {
            (edge.event, edge.source): edge.target for edge in self.edges if edge.event != SILENT
        }
        self._paths: dict[tuple[str, frozenset[str]], tuple[str, ...]] = {}
        self._targets = {
            event: frozenset(edge.target for edge in self.edges if edge.event == event)
            for event in self.ranks
        }
        self._silent = {(edge.source, edge.target) for edge in self.edges if edge.event == SILENT}

    @property
    def events(self) -> tuple[str, ...]:
        """The event types of this table, in its order."""
        return tuple(event for event in self.ranks if event != SILENT)

    def rank(self, event: str) -> int:
        """The place of an event among those of the same instant; an unknown one comes last."""
        return self.ranks.get(event, len(self.ranks))

    def step(self, status: str, event: str) -> str | None:
        """Where ``event`` leads from ``status``, or None where the table has no such edge."""
        return self.steps.get((event, status))

    def is_silent(self, source: str, target: str) -> bool:
        """Whether the provider moves from ``source`` to ``target`` without telling."""
        return (source, target) in self._silent

    def missing(self, source: str, targets: Iterable[str]) -> tuple[str, ...]:
        """The fewest events that lead from ``source`` to one of ``targets``.

        Empty where ``source`` is itself a target, or where no events lead there.
        """
        goals = frozenset(targets)
        if (source, goals) not in self._paths:
            self._paths[source, goals] = self._shortest(source, goals)
        return self._paths[source, goals]

    def _shortest(self, source: str, goals: frozenset[str]) -> tuple[str, ...]:
        paths: dict[str, tuple[str, ...]] = {source: ()}
        queue = deque([source])
        while queue:
            status = queue.popleft()
            if status in goals:
                return paths[status]
            for edge in self.edges:
                if edge.source == status and edge.target not in paths:
                    events = () if edge.event == SILENT else (edge.event,)
                    paths[edge.target] = paths[status] + events
                    queue.append(edge.target)
        return ()

    def sources(self, event: str) -> tuple[str, ...]:
        """The statuses from which the table allows ``event``."""
        return tuple(edge.source for edge in self.edges if edge.event == event)

    def targets(self, event: str) -> frozenset[str]:
        """The statuses to which the table lets ``event`` lead."""
        return self._targets.get(event, frozenset())

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, generated so that it cannot drift."""
        lines = ["stateDiagram-v2"]
        if self.initial != START:
            lines.append(f"    [*] --> {self.initial}")
        name, members = self._group
        if name:
            lines += [f'    state "{name}: from each to each without an event" as {name} {{']
            lines += [*(f"        {member}" for member in members), "    }"]
        edges = self._drawn_edges()
        lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in edges.items()]
        return "\n".join(lines)

    def _drawn_edges(self) -> dict[tuple[str, str], list[str]]:
        """The changes of status, those of a group as one."""
        merged: dict[tuple[str, str], list[str]] = {}
        name, members = self._group
        for edge in self.edges:
            source, target = edge.source, edge.target
            event = edge.event.removeprefix(f"{self.category}.")
            if source != target and not (source in members and target in members):
                names = merged.setdefault((name if source in members else source, target), [])
                names += [event] * (event not in names)
        return merged

    def _names(self) -> tuple[str, ...]:
        return self.statuses if self.initial in self.statuses else (self.initial, *self.statuses)

    def _check_names(self) -> None:
        known = {*self._names(), "*"}
        for event, source, target, words in self._rows:
            for name in (*_sources(source), target):
                if name not in known and name != "=":
                    raise ValueError(f"{self.category}: row {event!r} names status {name!r}")
            if bool(words) == (event == SILENT):
                raise ValueError(f"{self.category}: row {event!r} needs words, a silent one none")

    def _check_group(self) -> None:
        members = self._group[1]
        leaving = {
            frozenset((e.event, e.target) for e in self.edges
                      if e.source == member and e.target not in members)
            for member in members
        }  # fmt: skip
        if len(leaving) > 1:
            raise ValueError(f"{self.category}: the group {self._group[0]!r} leads out in two ways")

    def _check_reachable(self) -> None:
        reached, frontier = {self.initial}, [self.initial]
        while frontier:
            status = frontier.pop()
            fresh = {e.target for e in self.edges if e.source == status} - reached
            reached |= fresh
            frontier.extend(fresh)
        if lost := set(self.statuses) - reached:
            raise ValueError(f"{self.category}: no row leads to {sorted(lost)}")

    def _check_repetition(self) -> None:
        # the provider may tell the same again under another id: a replay, a second endpoint
        announced = [edge for edge in self.edges if edge.event != SILENT]
        for event in {edge.event for edge in announced}:
            targets = {edge.target for edge in announced if edge.event == event}
            if lost := targets - set(self.sources(event)):
                raise ValueError(f"{self.category}: {event!r} is not allowed from {sorted(lost)}")


def _sources(source: str | tuple[str, ...]) -> tuple[str, ...]:
    return source if isinstance(source, tuple) else (source,)


def _trigger(event: str, target: str) -> str:
    # silent rows may lead from one status to several: each gets a trigger of its own
    return f"{event} {target}" if event == SILENT else event


def compile_machine(statuses: Sequence[str], initial: str, rows: Iterable[Row]) -> Machine:
    """The library's own machine for a table, without a model; the tests fire events at it."""
    return Machine(
        model=None,
        states=list(statuses),
        initial=initial,
        auto_transitions=False,
        transitions=[
            {
                "trigger": _trigger(event, target),
                "source": "*" if source == "*" else list(_sources(source)),
                "dest": target,
            }
            for event, source, target, _ in rows
        ],
    )


def _expand(
    category: str, statuses: Sequence[str], initial: str, rows: Sequence[Row]
) -> tuple[Edge, ...]:
    machine = compile_machine(statuses, initial, rows)
    edges: list[Edge] = []
    for name, event in machine.events.items():
        for source, found in event.transitions.items():
            if len(found) > 1:
                raise ValueError(f"{category}: {name!r} has two outcomes from {source!r}")
            target = str(found[0].dest)
            edges.append(Edge(name.removesuffix(f" {target}"), source, target))
    return tuple(edges)
