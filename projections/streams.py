"""Read models with one row for each stream of an aggregate."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, TypeVar

from msgspec import Struct

from domain.catalog import Aggregate
from domain.fold import Fold, encode
from projections.projection import Projection

R = TypeVar("R", bound=Struct)

_OF_FOLD = {
    "status": "status",
    "status_since": "since",
    "position": "position",
    "snapshot_position": "snapshot_position",
}


def stream_projection(
    name: str,
    aggregate: Aggregate,
    columns: type[Struct],
    filters: tuple[str, ...],
    **derived: Callable[[Fold[Any]], Any],
) -> Projection[Fold[Any]]:
    """The read model ``name`` with one row for each stream of ``aggregate``.

    The first of the columns is the key: the resource's id. Every other column is copied from the
    state or the fold by its name, but for ``created_at`` (the first entry's time where the
    provider tells none), ``memo`` (the fold, to be extended) and those in ``derived``.

    Raises:
        ValueError: if a column is neither derived nor a field of the state.
    """
    return Projection(
        name=name,
        key=columns.__struct_fields__[0],
        columns=columns,
        source=aggregate,
        rows=stream_rows(aggregate, columns, **derived),
        filters=filters,
    )


def stream_rows(
    aggregate: Aggregate, columns: type[R], **derived: Callable[[Fold[Any]], Any]
) -> Callable[[Fold[Any]], tuple[R]]:
    """The function that makes the row of a fold; see ``stream_projection``."""
    key, *others = columns.__struct_fields__
    computed = {"created_at": _created_at, "memo": encode, **derived}
    fields = set(aggregate.state.__struct_fields__)
    if unknown := set(others) - fields - computed.keys() - _OF_FOLD.keys():
        raise ValueError(f"{aggregate.category}: no source for the columns {sorted(unknown)}")
    paths = {name: _OF_FOLD.get(name, f"state.{name}") for name in others}
    # a computed column is read as something cheap first, and then replaced
    paths = {name: "status" if name in computed else path for name, path in paths.items()}
    read = attrgetter("state.id", *paths.values())
    names = (key, *others)
    places = [(names.index(name), compute) for name, compute in computed.items() if name in names]

    def rows(fold: Fold[Any]) -> tuple[R]:
        values = list(read(fold))
        for place, compute in places:
            values[place] = compute(fold)
        return (columns(*values),)

    return rows


def _created_at(fold: Fold[Any]) -> datetime:
    created: datetime = fold.state.created_at or fold.occurred_at
    return created
