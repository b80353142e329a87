"""The shape of a projection: a name, a version, and how something folded becomes a row.

A row is a struct whose fields are the columns of the read model, in their order and under their
names; ``sql/readmodels/<name>/table.sql`` declares their types, and a test holds the two equal.
Rows are facts keyed by identity, never differences, so writing one again changes nothing.

Raise ``VERSION`` whenever the meaning of any row changes, in the domain too: the tables of a
version are built anew, all of them together, beside the old ones. One fold makes them, and they
must agree.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import Struct

from domain.catalog import Aggregate

T = TypeVar("T")

VERSION = 2
"""The version of all read models, and of the folds that they keep as ``memo``."""


class Projection(Struct, Generic[T], frozen=True, eq=False):
    """One read model.

    Attributes:
        name: names its table, its directory in ``sql/readmodels`` and its resource in the API.
        key: the column that, with the book, identifies a row.
        further: the columns that are needed for that beside ``key``, if any are.
        columns: the row's type.
        row: makes the row of one folded thing.
        filters: the columns that the API offers as filters.
        sorts: the times that the API offers as orders, the usual one first; never null.
        aggregate: the aggregate whose streams it shows, if it shows one's.
    """

    name: str
    key: str
    columns: type[Struct]
    row: Callable[[T], Any]
    further: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ("created_at", "status_since")
    aggregate: Aggregate | None = None

    @property
    def identity(self) -> tuple[str, ...]:
        """All columns that, with the book, identify a row."""
        return (self.key, *self.further)

    @property
    def view(self) -> str:
        """The name under which readers find this version's rows, whichever table holds them."""
        return f"{self.name}_v{VERSION}"

    def table(self, generation: int) -> str:
        """The table of one build of this version."""
        return f"{self.view}_g{generation}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """The columns after ``book``, in the order of the table."""
        return tuple(self.columns.__struct_fields__)
