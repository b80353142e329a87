"""Is this customer entitled, until when, and because of what.

Access is a question to the state, never to an event's type. The rules, each named in the answer:

==========================  ========  ==========================  =================================
rule                        entitled  until                       when
==========================  ========  ==========================  =================================
``active``                  yes       next_billing_date           active
``renewal_awaited``         yes       open                        active, and next_billing_date has
                                                                  passed without news: the provider
                                                                  still says active, and a missed
                                                                  webhook must not lock out
``cancels_at_period_end``   yes       next_billing_date           active, cancellation scheduled
``period_ended``            no        next_billing_date           the same, and the date has passed
``grace``                   yes       past_due_ends_at            past_due within its grace period
``grace_ended``             no        past_due_ends_at            past_due, and the date has passed
``paid_through``            yes       next_billing_date           cancelled, the period is paid for
the status itself           no        open                        every other status
==========================  ========  ==========================  =================================
"""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from domain.fold import Fold
from domain.subscription import State


class Because(Struct, frozen=True):
    """One subscription's part in the answer; ``until`` is UTC, None where it is open."""

    subscription_id: str
    product_id: str | None
    status: str
    since: datetime
    until: datetime | None
    rule: str
    entitled: bool


class Access(Struct, frozen=True):
    """The answer: entitled by at least one subscription; ``until`` is the latest of theirs."""

    entitled: bool
    until: datetime | None
    because: tuple[Because, ...]


def access(subscriptions: Iterable[Fold[State]], at: datetime) -> Access:
    """Decide at the moment ``at``, with the subscriptions as they were folded."""
    because = tuple(sorted((_because(s, at) for s in subscriptions), key=_first_reason))
    granting = [b.until for b in because if b.entitled]
    ends = [until for until in granting if until is not None]
    open_ended = len(ends) < len(granting)
    until = None if open_ended or not ends else max(ends)
    return Access(entitled=bool(granting), until=until, because=because)


def _because(folded: Fold[State], at: datetime) -> Because:
    rule, entitled, until = _rule(folded.status, folded.state, at)
    return Because(
        subscription_id=folded.state.id,
        product_id=folded.state.product_id,
        status=folded.status,
        since=folded.since,
        until=until,
        rule=rule,
        entitled=entitled,
    )


def _rule(status: str, state: State, at: datetime) -> tuple[str, bool, datetime | None]:
    ends = state.next_billing_date
    passed = ends is not None and ends <= at
    match status:
        case "active" if state.cancel_at_next_billing_date and ends:
            return ("period_ended" if passed else "cancels_at_period_end", not passed, ends)
        case "active" if passed:
            return ("renewal_awaited", True, None)
        case "active":
            return ("active", True, ends)
        case "past_due":
            grace = state.past_due_ends_at
            over = grace is not None and grace <= at
            return ("grace_ended" if over else "grace", not over, grace)
        case "cancelled" if ends and not passed:
            return ("paid_through", True, ends)
        case _:
            return (status, False, None)


def _first_reason(because: Because) -> tuple[bool, float, str]:
    # what grants comes first, then the latest change
    return (not because.entitled, -because.since.timestamp(), because.subscription_id)
