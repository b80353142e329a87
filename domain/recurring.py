"""What a subscription is worth in a month, and what each step of it did to that.

A month is a twelfth of a year, which has 365 days and 52 weeks. An amount counts while the
subscription is ``active`` or ``past_due``: both are still to be paid for.
"""

from typing import Literal

from msgspec import Struct

from domain import subscription
from domain.machine import START
from domain.steps import Step

Kind = Literal["new", "expansion", "contraction", "churned", "reactivated"]
"""What a step did; stored in read models and answered by the API."""

COUNTED = ("active", "past_due")

_A_YEAR = {"day": 365, "week": 52, "month": 12, "year": 1}


class Movement(Struct, frozen=True):
    """The monthly amount before and after a step, in minor units of ``currency``."""

    kind: Kind
    currency: str | None
    before: int
    after: int


def movement(step: Step) -> Movement | None:
    """What a step did to recurring revenue; None where it moved nothing."""
    counted, counts = step.before in COUNTED, step.after in COUNTED
    state = step.state
    if not (counted or counts) or not isinstance(state, subscription.State):
        return None
    before = monthly(step.prior) if counted and step.prior is not None else 0
    after = monthly(state) if counts else 0
    kind = _kind(step, before, after, counted=counted, counts=counts)
    return Movement(kind, state.currency, before, after) if kind else None


def monthly(state: subscription.State) -> int:
    """The amount of a month, rounded to the minor unit; 0 where the provider tells none."""
    interval = (state.payment_frequency_interval or "").lower()
    amount, count = state.recurring_pre_tax_amount, state.payment_frequency_count
    if amount is None or not count or interval not in _A_YEAR:
        return 0
    # a half goes to the even neighbour, as round() would; in integers, since every event asks
    whole, rest = divmod(amount * _A_YEAR[interval], 12 * count)
    return whole + (2 * rest > 12 * count or (2 * rest == 12 * count and whole % 2))


def _kind(step: Step, before: int, after: int, *, counted: bool, counts: bool) -> Kind | None:
    if not counts:
        return "churned"
    if not counted:
        began = step.before in {subscription.LIFECYCLE.initial, START}
        return "new" if began else "reactivated"
    if before == after:
        return None
    return "expansion" if after > before else "contraction"
