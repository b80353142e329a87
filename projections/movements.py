"""Movements of recurring revenue: what each event of a subscription did to it."""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from domain.events import Entry
from domain.recurring import movements
from projections.events import Placed
from projections.projection import Projection


class Row(Struct, frozen=True, gc=False):
    """One movement, at the moment ``at``; amounts a month, in minor units of ``currency``.

    ``number`` tells apart the movements of one event. ``product`` is the subscription's; where it
    changed, ``was_product`` and ``was_amount`` are the product and the amount before, else null and
    0. A product that was not told before is an empty one.
    """

    position: int
    number: int
    stream: str
    at: datetime
    kind: str
    currency: str | None
    amount: int
    product: str | None
    was_product: str | None
    was_amount: int


def rows(event: Placed | Entry) -> Collection[Row]:
    """The movements of an event: none, as a rule."""
    if not isinstance(event, Placed) or not (moved := movements(event.step)):
        return ()
    entry = event.step.entry
    return [
        Row(
            entry.event.position, number, entry.stream or "", one.at, one.kind, one.currency,
            one.amount, one.product, one.was_product, one.was_amount or 0,
        )
        for number, one in enumerate(moved)
    ]  # fmt: skip


MOVEMENTS = Projection[Placed | Entry](
    name="movements",
    source="event",
    key="position",
    further=("number",),
    columns=Row,
    rows=rows,
    several=True,
)
