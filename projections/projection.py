"""The definition of a read model: its source, its columns, and how a thing becomes rows.

A row is a struct whose fields are the columns of the read model, in the same order and under the
same names; ``sql/readmodels/<name>/table.sql`` declares their types, and a test compares the two.
Rows are facts under a key, never differences: writing a row twice changes nothing.
"""

from collections.abc import Callable, Collection
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct

from domain.catalog import Aggregate

T = TypeVar("T")

VERSION = 7
"""The version of all read models, and of the folds stored in their ``memo`` columns.

Raise it whenever the meaning of any row changes, in the domain too. All tables of the new version
are then built together, next to the old ones: one fold makes them all, so they must agree.
"""

Source = Literal["event", "customer", "read model"] | Aggregate
"""The things that a read model shows; ``rows.Folded`` holds them.

``"event"`` is each event; an aggregate is each of its streams, folded; ``"customer"`` is each
customer that events name. ``"read model"`` is another read model, whose rows are counted.
"""


class Projection(Struct, Generic[T], frozen=True, eq=False):
    """One read model.

    Attributes:
        name: names the table, its directory in ``sql/readmodels`` and the resource in the API.
        source: the things that it shows.
        key: the column that, together with the book, identifies a row.
        further: additional columns of that key, if one is not enough.
        columns: the type of a row.
        rows: makes the rows of one thing. No two things may share a row's key.
        several: whether an event may have any number of rows, so that one that is written again
            may have lost some.
        counted: the read model whose rows are counted, if it counts any.
        filters: the columns that the API offers as filters.
        sorts: the times that the API offers as orders, the default first; never null.
    """

    name: str
    source: Source
    key: str
    columns: type[Struct]
    rows: Callable[[T], Collection[Any]]
    further: tuple[str, ...] = ()
    several: bool = False
    counted: "Projection[Any] | None" = None
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ("created_at", "status_since")

    @property
    def aggregate(self) -> Aggregate | None:
        """The aggregate whose streams it shows, if it shows streams."""
        return self.source if isinstance(self.source, Aggregate) else None

    @property
    def source_name(self) -> str:
        """The name of its source; an aggregate is named by its category."""
        return self.source.category if isinstance(self.source, Aggregate) else self.source

    @property
    def identity(self) -> tuple[str, ...]:
        """All columns that, together with the book, identify a row."""
        return (self.key, *self.further)

    @property
    def view(self) -> str:
        """The view through which readers find this version's rows, whatever table holds them."""
        return f"{self.name}_v{VERSION}"

    def table(self, generation: int) -> str:
        """The table of one build of this version."""
        return f"{self.view}_g{generation}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns after ``book``, in the order of the table."""
        return tuple(self.columns.__struct_fields__)
