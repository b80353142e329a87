"""The rows of each metric: one for each period and currency."""

from datetime import datetime
from typing import Generic, TypeVar

from msgspec import Struct

Row = TypeVar("Row")


class Series(Struct, Generic[Row], frozen=True):
    """One row for each period and currency, oldest first."""

    data: list[Row]
    position: str


class Mrr(Struct, frozen=True):
    """``mrr`` is that of the previous period plus the six signed movements.

    It excludes ``trial`` and ``on_demand``: the monthly value of trials and of on-demand mandates
    at the end of the period.
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
    """``active`` is the previous one plus the movements, of which ``churned`` counts negative.

    ``switched`` is signed. ``active`` excludes ``trial`` and ``on_demand``.
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
    """Rates are fractions of the start of the period, null if that is zero."""

    period: datetime
    currency: str | None
    subscriptions_at_start: int
    churned: int
    churn_rate: float | None
    mrr_at_start: int
    churned_mrr: int
    mrr_churn_rate: float | None


class Revenue(Struct, frozen=True):
    """The number of payments that succeeded, and their total."""

    period: datetime
    currency: str | None
    payments: int
    amount: int


class Refunds(Struct, frozen=True):
    """The number of refunds that succeeded, how many were partial, and their total."""

    period: datetime
    currency: str | None
    refunds: int
    partial: int
    amount: int


class Disputes(Struct, frozen=True):
    """``open`` counts opened and challenged ones; ``lost`` lost, accepted and expired ones."""

    period: datetime
    currency: str | None
    disputes: int
    amount: int
    open: int
    won: int
    lost: int
    cancelled: int
    lost_amount: int


class Payouts(Struct, frozen=True):
    """The number of payouts that arrived, their total, and what the provider took for them."""

    period: datetime
    currency: str | None
    payouts: int
    amount: int
    fee: int
