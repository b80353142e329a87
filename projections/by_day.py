"""What metrics add up, counted by day: a year is some hundred rows, however much happened in it."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from projections.disputes import DISPUTES
from projections.movements import MOVEMENTS
from projections.payments import PAYMENTS
from projections.payouts import PAYOUTS
from projections.projection import Projection
from projections.refunds import REFUNDS


class Row(Struct, frozen=True, gc=False):
    """How much of one kind there was on a day; amounts in minor units of ``currency``.

    ``day`` is the midnight at which the day begins in UTC, and ``booked_by`` the date by which
    things belong to a day. A ``currency`` that is not told is ``none``.
    """

    day: datetime
    booked_by: str
    currency: str
    kind: str
    count: int
    amount: Decimal
    fee: Decimal


def _by_day(counted: Projection[Any]) -> Projection[Any]:
    return Projection[Any](
        name=f"{counted.name}_by_day",
        source="read model",
        key="day",
        further=("booked_by", "currency", "kind"),
        columns=Row,
        rows=lambda _: (),
        counted=counted,
    )


_COUNTED: tuple[Projection[Any], ...] = (MOVEMENTS, PAYMENTS, REFUNDS, DISPUTES, PAYOUTS)

BY_DAY: tuple[Projection[Any], ...] = tuple(_by_day(one) for one in _COUNTED)
"""The counts of each read model that metrics add up.

They change in the transaction that writes the counted rows, so they always add up to these.
"""
