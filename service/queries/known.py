"""What the book knows of some resources, to be compared with what the provider says."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from domain.carried import evolved
from domain.events import Entry
from domain.fold import Fold, decode
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service.database import statements
from service.database.reader import Queryable
from service.queries.documents import document, resource, shared_fields
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

        Args:
            entry: the observation.
            fields: the fields of its body. What only rows of lists show does not count.
        """
        # an event shows of a customer only some fields, after a reading too
        partial = self.folded is None or (entry.observed is not None and entry.observed.listed)
        ours = _OURS_OF_CUSTOMERS if self.folded is None else _OURS
        names = [
            name
            for name, value in fields.items()
            if name not in ours
            and value != self.document.get(name)
            and not (
                partial and (name not in self.document or _both_empty(value, self.document[name]))
            )
        ]
        if self.folded is None or entry.aggregate is None:
            return tuple(names)
        status = entry.status
        if status not in {None, self.folded.status} or self.folded.other is not None:
            names.insert(0, "status")
        # the document may spell a moment or an amount otherwise
        after = evolved(entry.aggregate, self.folded.state, entry)
        same = {
            name
            for name in shared_fields(entry.aggregate)
            if getattr(after, name) == getattr(self.folded.state, name)
        }
        return tuple(name for name in names if name not in same)


def _both_empty(one: object, other: object) -> bool:
    """Whether both say that there is nothing: rows of lists have ``[]`` where others have null."""
    return one in _NOTHING and other in _NOTHING


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
