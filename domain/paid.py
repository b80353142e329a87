"""The time for which payments cover each subscription, without what was returned."""

import calendar
import math
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct, field

from domain import dispute, payment, refund, subscription
from domain.fold import Fold

_LOST = ("lost", "accepted")


class Proof(Struct, frozen=True):
    """A succeeded payment of a subscription.

    Attributes:
        at: when it succeeded.
        starts_at, ends_at: the period that it paid for; None where the payment names none, as in
            older payloads.
        void: whether it was wholly refunded, or lost to a dispute.
        charged: whether it took more than nothing, and was no replacement of a payment method.
    """

    payment_id: str
    at: datetime
    starts_at: datetime | None
    ends_at: datetime | None
    void: bool
    charged: bool

    def covers(self, at: datetime, ends_at: datetime | None) -> bool:
        """Whether ``at`` lies in the period, of which ``ends_at`` is the end."""
        begun = self.starts_at is None or self.starts_at <= at
        return not self.void and begun and ends_at is not None and ends_at > at


class Payments(Struct):
    """The payments of one subscription: those that succeeded, and when others failed.

    Both have the oldest first.
    """

    succeeded: list[Proof] = field(default_factory=list)
    failed: list[datetime] = field(default_factory=list)

    def failed_until(self, at: datetime) -> datetime | None:
        """When a payment failed last, until a moment."""
        return max((moment for moment in self.failed if moment <= at), default=None)

    @property
    def paid_until(self) -> datetime | None:
        """The latest end of the periods that were paid for and not given back."""
        return max((p.ends_at for p in self.succeeded if p.ends_at and not p.void), default=None)

    @property
    def named_until(self) -> datetime | None:
        """The latest end of all periods that they name, given back or not."""
        return max((p.ends_at for p in self.succeeded if p.ends_at), default=None)

    @property
    def is_void(self) -> bool:
        """Whether the latest of them was given back."""
        return bool(self.succeeded) and self.succeeded[-1].void


def payments_by_subscription(
    payments: Iterable[Fold[payment.State]], void: Collection[str] = ()
) -> dict[str, Payments]:
    """The payments of each subscription, by any payer.

    ``void`` names the payments that count no more, as ``void_payments`` gives them.
    """
    found: dict[str, Payments] = {}
    for folded in sorted(payments, key=lambda payment: (payment.since, payment.state.id)):
        for subscription_id in folded.state.subscription_ids:
            known = found.setdefault(subscription_id, Payments())
            if folded.status == "succeeded":
                known.succeeded += _proofs(folded, subscription_id, void=folded.state.id in void)
            elif folded.status == "failed":
                known.failed.append(folded.since)
    return found


def void_payments(
    payments: Iterable[Fold[payment.State]],
    refunds: Iterable[Fold[refund.State]],
    disputes: Iterable[Fold[dispute.State]],
) -> set[str]:
    """The payments that were wholly refunded, or lost to a dispute of all of it."""
    returned: dict[str | None, int] = {}
    for back in refunds:
        if back.status == "succeeded":
            of, sent = back.state.payment_id, back.state.amount or 0
            returned[of] = returned.get(of, 0) + sent
    lost: dict[str | None, float] = {}
    for taken in disputes:
        if taken.status in _LOST:
            of, amount = taken.state.payment_id, taken.state.amount
            lost[of] = lost.get(of, 0) + (math.inf if amount is None else amount)
    return {p.state.id for p in payments if _is_void(p.state, returned, lost)}


def _is_void(
    state: payment.State, returned: Mapping[str | None, int], lost: Mapping[str | None, float]
) -> bool:
    total = state.total_amount
    if state.refund_status == "full" or (total and returned.get(state.id, 0) >= total):
        return True
    return state.id in lost and (total is None or lost[state.id] >= total)


def _proofs(folded: Fold[payment.State], subscription_id: str, *, void: bool) -> list[Proof]:
    state, at = folded.state, folded.since
    charged = (state.total_amount or 0) > 0 and not state.is_update_payment_method
    named = [p for p in state.periods if p.subscription_id == subscription_id]
    if not named:
        return [Proof(state.id, at, None, None, void, charged)]
    return [Proof(state.id, at, p.starts_at, p.ends_at, void, charged) for p in named]


def interval_after(at: datetime, state: subscription.State | None) -> datetime:
    """The end of one billing interval from ``at``; of a month where the interval is not known."""
    interval = ((state and state.payment_frequency_interval) or "month").lower()
    count = (state and state.payment_frequency_count) or 1
    try:
        if interval in {"day", "week"}:
            return at + timedelta(days=count * (7 if interval == "week" else 1))
        return months_after(at, count * (12 if interval == "year" else 1))
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=at.tzinfo)


def months_after(at: datetime, months: int) -> datetime:
    """The same day so many months later, or the last day of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)
