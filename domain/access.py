"""Is this customer entitled, until when, and because of what.

Access is a question to the state, never to an event's type. The rules, each named in the answer:

=========================  ========  =====================  ==================================
rule                       entitled  until                  when
=========================  ========  =====================  ==================================
``active``                 yes       next_billing_date      active
``renewal_awaited``        yes       open                   active, and next_billing_date has
                                                            passed without news: the provider
                                                            still says active, and a missed
                                                            webhook must not lock out
``renewal_missed``         no        the allowance's end    the same, longer than the book's
                                                            ``renewal_allowance_days``
``cancels_at_period_end``  yes       next_billing_date      active, cancellation scheduled
``period_ended``           no        next_billing_date      the same, and the date has passed
``grace``                  yes       past_due_ends_at       past_due within its grace period
``grace_ended``            no        past_due_ends_at       past_due, and the date has passed
``past_due``               no        open                   past_due, in a book without grace
``paid_through``           yes       the paid period's end  cancelled, the period is paid for
``granted``                yes       open                   a delivered entitlement grant of a
                                                            one-time purchase
the status itself          no        open                   every other status
=========================  ========  =====================  ==================================

The paid period's end is the latest ``service_periods`` end that a payment tells, or
``next_billing_date`` where that is over or none tells any: a missed webhook must not lock out.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from domain import entitlement_grant, payment, subscription
from domain.fold import Fold


class Policy(Struct, frozen=True):
    """Where merchants differ. The defaults lock nobody out who may have paid.

    Attributes:
        grace: whether ``past_due`` keeps access until the provider's grace period ends.
        paid_through: whether a cancelled subscription keeps access until the paid period ends.
        renewal_allowance_days: how long a renewal may be overdue without news; None is for ever.
    """

    grace: bool = True
    paid_through: bool = True
    renewal_allowance_days: int | None = None


class Because(Struct, frozen=True):
    """One reason: a subscription's, or an entitlement grant's; ``until`` is UTC, None is open."""

    subscription_id: str | None
    entitlement_grant_id: str | None
    product_id: str | None
    status: str
    since: datetime
    until: datetime | None
    rule: str
    entitled: bool


class Access(Struct, frozen=True):
    """The answer: entitled by at least one reason; ``until`` is the latest of theirs."""

    entitled: bool
    until: datetime | None
    because: tuple[Because, ...]


Decision = tuple[str, bool, datetime | None]


def access(
    subscriptions: Iterable[Fold[subscription.State]],
    at: datetime,
    *,
    grants: Iterable[Fold[entitlement_grant.State]] = (),
    paid_until: Mapping[str, datetime] | None = None,
    policy: Policy | None = None,
) -> Access:
    """Decide at the moment ``at``, with things as they were folded.

    Args:
        subscriptions: the customer's.
        at: the moment in the world.
        grants: the customer's; those that follow a subscription are left to it.
        paid_until: the end of what was paid, by subscription, as ``paid_periods`` gives it.
        policy: the book's; the defaults where it has none.
    """
    rules = policy or Policy()
    paid = paid_until or {}
    reasons = [_of_subscription(s, at, paid.get(s.state.id), rules) for s in subscriptions]
    reasons += [_of_grant(grant) for grant in grants if grant.state.subscription_id is None]
    because = tuple(sorted(reasons, key=_first_reason))
    granting = [b.until for b in because if b.entitled]
    ends = [until for until in granting if until is not None]
    open_ended = len(ends) < len(granting)
    until = None if open_ended or not ends else max(ends)
    return Access(entitled=bool(granting), until=until, because=because)


def paid_periods(payments: Iterable[Fold[payment.State]]) -> dict[str, datetime]:
    """Until when each subscription is paid for, by the payments that succeeded."""
    paid: dict[str, datetime] = {}
    for folded in payments:
        if folded.status == "succeeded":
            for period in folded.state.periods:
                known = paid.get(period.subscription_id)
                if known is None or known < period.ends_at:
                    paid[period.subscription_id] = period.ends_at
    return paid


def _of_subscription(
    folded: Fold[subscription.State], at: datetime, paid: datetime | None, policy: Policy
) -> Because:
    rule, entitled, until = _rule(folded, at, paid, policy)
    return Because(
        subscription_id=folded.state.id,
        entitlement_grant_id=None,
        product_id=folded.state.product_id,
        status=folded.status,
        since=folded.since,
        until=until,
        rule=rule,
        entitled=entitled,
    )


def _of_grant(folded: Fold[entitlement_grant.State]) -> Because:
    entitled = folded.status == "delivered"
    return Because(
        subscription_id=None,
        entitlement_grant_id=folded.state.id,
        product_id=None,
        status=folded.status,
        since=folded.since,
        until=None,
        rule="granted" if entitled else folded.status,
        entitled=entitled,
    )


def _rule(
    folded: Fold[subscription.State], at: datetime, paid: datetime | None, policy: Policy
) -> Decision:
    state = folded.state
    match folded.status:
        case "active":
            return _active(state, at, policy)
        case "past_due" if policy.grace:
            ends = state.past_due_ends_at
            over = ends is not None and ends <= at
            return ("grace_ended" if over else "grace", not over, ends)
        case "cancelled" if policy.paid_through:
            ends = paid if paid is not None and paid > at else state.next_billing_date
            if ends is not None and ends > at:
                return ("paid_through", True, ends)
    return (folded.status, False, None)


def _active(state: subscription.State, at: datetime, policy: Policy) -> Decision:
    ends = state.next_billing_date
    if ends is None or ends > at:
        scheduled = state.cancel_at_next_billing_date and ends is not None
        return ("cancels_at_period_end" if scheduled else "active", True, ends)
    if state.cancel_at_next_billing_date:
        return ("period_ended", False, ends)
    if policy.renewal_allowance_days is not None:
        allowed = ends + timedelta(days=policy.renewal_allowance_days)
        return (
            ("renewal_awaited", True, allowed)
            if allowed > at
            else ("renewal_missed", False, allowed)
        )
    return ("renewal_awaited", True, None)


def _first_reason(because: Because) -> tuple[bool, float, str]:
    # what grants comes first, then the latest change
    name = because.subscription_id or because.entitlement_grant_id or ""
    return (not because.entitled, -because.since.timestamp(), name)
