"""What the book knows of some resources, to be compared with what the provider says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from domain.carried import evolved
from domain.catalog import Aggregate
from domain.events import Entry
from domain.fold import Fold, decode
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service.database import statements
from service.database.reader import Queryable
from service.queries.documents import COMPUTED, document, resource, shared_fields
from service.queries.resources import checkpoint_of, of
from service.store.positions import Position

_OURS = frozenset({"status", "dispute_status", "provider_status"})
"""Fields that are compared by the lifecycle, whose spelling of a status is not the provider's."""

_OURS_OF_CUSTOMERS = frozenset({"created_at"})
"""Fields of a customer that we compute: the provider's ``created_at`` is not shown."""


_NOTHING: tuple[object, ...] = (None, [], {})


class Known(Struct, frozen=True):
    """What the book knows of one resource.

    Attributes:
        folded: its stream; None of a customer, who has none.
        document: its fields, under the provider's names.
    """

    folded: Fold[Any] | None
    document: Mapping[str, Any]

    def differing(self, entry: Entry, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """The fields in which an observation differs from what is known; empty if in none.

        What the fold makes of a field is compared as the fold would have it, so whatever decides
        something is a difference, also where the document lacks it.

        Args:
            entry: the observation.
            fields: the fields of its body. What only rows of lists show does not count.
        """
        if self.folded is None or entry.aggregate is None:
            return tuple(self._differing_from_document(fields))
        aggregate, state = entry.aggregate, self.folded.state
        after = evolved(aggregate, state, entry)
        names = [
            name
            for name, value in fields.items()
            if name not in _OURS and self._differs(entry, after, name, value)
        ]
        if not _is_partial(entry) and after != state:
            # what a whole resource leaves out is absent
            gone = [n for n in shared_fields(aggregate) if n not in fields]
            names += [n for n in gone if getattr(after, n) != getattr(state, n)]
        if entry.status not in {None, self.folded.status} or self.folded.other is not None:
            names.insert(0, "status")
        return tuple(names)

    def _differing_from_document(self, fields: Mapping[str, Any]) -> list[str]:
        shown = {n: v for n, v in fields.items() if n not in _OURS_OF_CUSTOMERS}
        return [n for n, v in shown.items() if not _same(v, self.document.get(n))]

    def decides(self, entry: Entry, names: Iterable[str]) -> bool:
        """Whether one of the fields in which they differ leads to another status or state."""
        if self.folded is None or entry.aggregate is None:
            return False
        by_meaning = {"status", *shared_fields(entry.aggregate)}
        state = self.folded.state
        return any(name in by_meaning or _moves(entry, state, name) for name in names)

    def _differs(self, entry: Entry, after: Any, name: str, value: Any) -> bool:  # noqa: ANN401
        aggregate, folded = entry.aggregate, self.folded
        assert aggregate is not None, "of a stream"  # noqa: S101
        assert folded is not None, "of a stream"  # noqa: S101
        if name in shared_fields(aggregate):
            # the document may spell a moment or an amount otherwise
            return bool(getattr(after, name) != getattr(folded.state, name))
        # the document has what we computed, which is more than the provider's field
        if _moves(entry, folded.state, name) or name in COMPUTED:
            return _moves(entry, folded.state, name)
        if not _is_partial(entry):
            return bool(value != self.document.get(name))
        if name in self.document:
            return not _same(value, self.document[name])
        # known to the fold though no document shows it, or read by nobody
        is_read = _attribute(aggregate, name) is not None
        return is_read and not is_empty(value) and not _moves(entry, None, name)


def _is_partial(entry: Entry) -> bool:
    return entry.observed is not None and entry.observed.listed


def _attribute(aggregate: Aggregate, name: str) -> str | None:
    """Which field of the payload reads a field of the provider."""
    return next((ours for ours, encoded in aggregate.fields if encoded == name), None)


def _moves(entry: Entry, state: Any, name: str) -> bool:  # noqa: ANN401 - of any aggregate
    """Whether one field of a snapshot leads from a state to another one."""
    aggregate = entry.aggregate
    attribute = _attribute(aggregate, name) if aggregate else None
    if aggregate is None or attribute is None or getattr(entry.payload, attribute) is None:
        return False
    make: Callable[..., Any] = aggregate.payload
    empty = make(id=entry.payload.id)
    alone = make(**{"id": entry.payload.id, attribute: getattr(entry.payload, attribute)})
    return bool(aggregate.evolve(state, alone) != aggregate.evolve(state, empty))


def is_empty(value: object) -> bool:
    """Whether a field says that there is nothing: rows of lists may have ``[]`` for null."""
    return value in _NOTHING


def _same(one: object, other: object) -> bool:
    return one == other or (is_empty(one) and is_empty(other))


async def known_resources(
    conn: Queryable, book: str, projection: Projection[Any], ids: Sequence[str]
) -> tuple[Position, dict[str, Known]]:
    """What the book knows of some resources of one kind, by id, and up to which position.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time.
    """
    statement = statements.bind_views("queries/known", view=projection.view, key=projection.key)
    rows = await (await conn.execute(statement, of(book, ids=list(ids)))).fetchall()
    known = {row["key"]: _known(projection, row) for row in rows if row["key"] is not None}
    return checkpoint_of(rows), known


def _known(projection: Projection[Any], row: Mapping[str, Any]) -> Known:
    if projection is CUSTOMERS:
        return Known(None, _plain(document(projection, {**row, "stale": False}, 0)))
    category = projection.aggregate.category if projection.aggregate else ""
    folded = decode(category, row["memo"])
    return Known(folded, _plain(resource(projection, folded, row["body"], 0)))


def _plain(shown: Mapping[str, Any]) -> dict[str, Any]:
    """A document as it is sent: text and numbers only."""
    return msgspec.json.decode(msgspec.json.encode(shown), type=dict[str, Any])
