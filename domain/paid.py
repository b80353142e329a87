"""The time for which payments cover each subscription, without what was returned."""

import calendar
import math
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import NamedTuple

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
        charged: whether it took more than nothing, as far as is known, and was no replacement of a
            payment method.
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


def as_paid(payments: Iterable[Fold[payment.State]]) -> list[Fold[payment.State]]:
    """The payments, each as one that succeeded where it can be read so."""
    return [folded.read_as("succeeded") or folded for folded in payments]


def subscriptions_named_by(customer_id: str, payments: Iterable[Fold[payment.State]]) -> set[str]:
    """The subscriptions that a customer's payments name; those of nobody are the customer's."""
    return {
        named
        for folded in payments
        if folded.state.customer_id == customer_id
        for named in folded.state.subscription_ids
    }


def payments_by_subscription(
    payments: Iterable[Fold[payment.State]], void: Collection[str] = ()
) -> dict[str, Payments]:
    """The payments of each subscription, by any payer.

    The replacement of a payment method is none, unless it names a period.
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
    returned: dict[str | None, list[refund.State]] = {}
    for back in refunds:
        if all(reading.status == "succeeded" for reading in back.readings):
            returned.setdefault(back.state.payment_id, []).append(back.state)
    lost: dict[str | None, list[dispute.State]] = {}
    for claim in disputes:
        if all(reading.status in _LOST for reading in claim.readings):
            lost.setdefault(claim.state.payment_id, []).append(claim.state)
    return {
        folded.state.id
        for folded in payments
        if folded.state.refund_status == "full"
        or _is_whole(folded.state, returned.get(folded.state.id, ()))
        or _is_whole(folded.state, lost.get(folded.state.id, ()))
    }


def _is_whole(paid: payment.State, back: Iterable[refund.State | dispute.State]) -> bool:
    """Whether all of a payment was taken back."""
    taken = sum(_taken(paid, one) for one in back)
    return 0 < taken >= (paid.total_amount or 0)


def _taken(paid: payment.State, back: refund.State | dispute.State) -> float:
    """How much of a payment was taken back.

    Amounts in two currencies say nothing of each other, as where a customer paid in their own. Then
    a refund is whole if the provider says that it is not partial; a dispute is, as nearly all are.
    """
    comparable = not _differ(back.currency, paid.currency)
    if back.amount is not None and paid.total_amount is not None and comparable:
        return back.amount
    return 0 if isinstance(back, refund.State) and back.is_partial is not False else math.inf


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other


def _proofs(folded: Fold[payment.State], subscription_id: str, *, void: bool) -> list[Proof]:
    state, at = folded.state, folded.since
    # an amount that was not told, or cannot be read, counts
    charged = state.total_amount != 0 and not state.is_update_payment_method
    named = [p for p in state.periods if p.subscription_id == subscription_id]
    if not named:
        if state.is_update_payment_method:
            return []
        return [Proof(state.id, at, None, None, void, charged)]
    return [Proof(state.id, at, p.starts_at, p.ends_at, void, charged) for p in named]


class Proved(NamedTuple):
    """The payment that proves the most, by which rule, and until when."""

    rule: str
    until: datetime
    proof: Proof


def proof_since(
    since: datetime | None, at: datetime, payments: Payments, state: subscription.State | None
) -> Proved | None:
    """Which of the payments proves the most that succeeded since a status began.

    One that names its period goes before all that do not.
    """
    named: list[Proved] = []
    presumed: list[Proved] = []
    for proof in payments.succeeded:
        if since is not None and proof.at < since:
            continue
        if proof.ends_at is not None:
            if proof.covers(at, proof.ends_at):
                named.append(Proved("paid", proof.ends_at, proof))
        elif proof.charged:
            end = interval_after(proof.at, state)
            if proof.covers(at, end):
                presumed.append(Proved("paid_presumed", end, proof))
    return max(named or presumed, key=attrgetter("until"), default=None)


def interval_after(at: datetime, state: subscription.State | None) -> datetime:
    """The end of one billing interval from ``at``; of a month where the interval is not known."""
    interval = ((state and state.payment_frequency_interval) or "month").lower()
    count = max((state and state.payment_frequency_count) or 1, 1)
    if interval in {"day", "week"}:
        return days_after(at, count * (7 if interval == "week" else 1))
    try:
        return months_after(at, count * (12 if interval == "year" else 1))
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=at.tzinfo)


def days_after(at: datetime, days: int) -> datetime:
    """So many days later, or the last moment of all calendars."""
    try:
        return at + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=at.tzinfo)


def months_after(at: datetime, months: int) -> datetime:
    """The same day so many months later, or the last day of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)
