"""The rows of the metrics.

Amounts are in minor units of ``currency``, which is null where the provider told none; a period is
named by its beginning, in UTC.
"""

from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

R = TypeVar("R")


class Series(Struct, Generic[R], frozen=True):
    """A row for each period and currency, the oldest first."""

    data: list[R]
    position: str


class Mrr(Struct, frozen=True):
    """``mrr`` is the one of the period before and the six movements, which are signed.

    ``trial`` and ``on_demand`` are not in it: what the trials and the mandates on demand of the
    period's end would come to in a month.
    """

    period: datetime
    currency: str | None
    mrr: int
    new: int
    expansion: int
    contraction: int
    churned: int
    reactivated: int
    known: int
    trial: int
    on_demand: int


class Subscriptions(Struct, frozen=True):
    """``active`` is the one before and the four that came, less ``churned``.

    ``switched`` is signed; ``trial`` and ``on_demand`` are not in ``active``.
    """

    period: datetime
    currency: str | None
    active: int
    new: int
    churned: int
    reactivated: int
    known: int
    switched: int
    trial: int
    on_demand: int


class Churn(Struct, frozen=True):
    """Rates are parts of one, null where there was nothing to lose."""

    period: datetime
    currency: str | None
    subscriptions_at_start: int
    churned: int
    churn_rate: float | None
    mrr_at_start: int
    churned_mrr: int
    mrr_churn_rate: float | None


class Revenue(Struct, frozen=True):
    """How many payments succeeded, and what they took together."""

    period: datetime
    currency: str | None
    payments: int
    amount: int


class Refunds(Struct, frozen=True):
    """How many refunds succeeded, how many of them of a part only, and what they returned."""

    period: datetime
    currency: str | None
    refunds: int
    partial: int
    amount: int


class Disputes(Struct, frozen=True):
    """``open`` are opened or challenged; ``lost`` are lost, accepted or expired."""

    period: datetime
    currency: str | None
    disputes: int
    amount: int
    open: int
    won: int
    lost: int
    cancelled: int
    lost_amount: int
