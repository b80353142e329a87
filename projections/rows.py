"""From folded things to the rows of every read model."""

from collections.abc import Container, Iterator, Sequence
from itertools import chain
from typing import Any

from msgspec import Struct, field

from domain.events import Entry
from domain.fold import Fold
from projections.catalog import BY_SOURCE
from projections.customers import Known
from projections.events import Placed
from projections.projection import Projection


class Folded(Struct):
    """The things that read models show, by source.

    Attributes:
        events: the steps of streams, and the entries that belong to no stream.
        streams: the folds of streams, by category.
        customers: the customers that events name.
    """

    events: list[Placed | Entry] = field(default_factory=list)
    streams: dict[str, list[Fold[Any]]] = field(default_factory=dict)
    customers: list[Known] = field(default_factory=list)


def rows_of(
    folded: Folded, names: Container[str]
) -> Iterator[tuple[Projection[Any], Iterator[Struct]]]:
    """The rows of the read models called ``names``, made one by one as they are consumed.

    Live projecting, the retry of a parked stream and a rebuild all get their rows here.
    """
    sources: dict[str, Sequence[Any]] = {
        "event": folded.events, **folded.streams, "customer": folded.customers
    }  # fmt: skip
    for source, things in sources.items():
        if things:
            for projection in BY_SOURCE[source]:
                if projection.name in names:
                    yield projection, chain.from_iterable(map(projection.rows, things))
