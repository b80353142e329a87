"""The monthly value of a subscription, and how each step changed it.

A month is a twelfth of a year of 365 days, and a week seven of these days. An amount recurs while
the subscription is ``active`` or ``past_due``: both are still to be paid for. While a subscription
is on trial nothing is paid, and a mandate that is charged on demand promises nothing: both are
counted separately.
"""

from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from domain import subscription
from domain.machine import START
from domain.steps import Step

Kind = Literal[
    "new", "known", "expansion", "contraction", "churned", "reactivated", "switched_to",
    "switched_from", "trial_began", "trial_ended", "on_demand_began", "on_demand_ended",
]  # fmt: skip
"""What a step did; stored in read models.

``known`` came before the book began. ``switched_from`` left its currency, and ``switched_to``
entered another.
"""

COUNTED = ("active", "past_due")

_STOPPED = ("on_hold", "paused", "cancelled", "expired")
"""Statuses before which an amount recurred."""

# payments in a year: so many in so many years
_A_YEAR = {"day": (365, 1), "week": (365, 7), "month": (12, 1), "year": (1, 1)}

_A_DAY = timedelta(days=1)

_LONGEST_TRIAL = 36_500
"""In days; a longer one ends no later, for no calendar reaches to its end."""


class Movement(Struct, frozen=True):
    """What moved at a moment; ``amount`` a month, signed, in minor units of ``currency``.

    A subscription that changes its product has ``was_product`` and ``was_amount``, those that it
    had; for either product alone it entered, or left. ``was_product`` is empty where none was told.
    """

    at: datetime
    kind: Kind
    currency: str | None
    amount: int
    product: str | None = None
    was_product: str | None = None
    was_amount: int | None = None


class _Worth(Struct, frozen=True):
    """What a subscription counts for: as what, in which currency, how much, of which product."""

    counts: Literal["recurring", "trial", "on_demand"]
    currency: str | None
    amount: int
    product: str | None


def movements(step: Step) -> tuple[Movement, ...]:
    """What a step moved, and what its snapshot moved later where it was rendered later.

    A subscription that changes its currency leaves one and enters another, so that the movements in
    each currency add up to what there is in it.
    """
    shown, payload = step.shown, step.entry.payload
    if step.entry.observed is not None and step.prior is None:
        return _before_the_book(step)
    counted, counts = step.before in COUNTED, step.after in COUNTED
    if shown is None and (not (counted or counts) or (counted and counts and _is_as_before(step))):
        return ()
    if not isinstance(payload, subscription.Payload):
        return ()
    at = step.at
    older = step.prior is None and (
        step.verdict == "inferred"
        or (payload.created_at is not None and at - payload.created_at > _A_DAY)
    )
    found = _moved(at, step.before, step.after, step.prior, step.state, known=older)
    if shown is not None:
        known = older and step.after not in COUNTED
        found += _moved(shown.at, shown.before, shown.after, shown.prior, shown.state, known=known)
    return found


def _before_the_book(step: Step) -> tuple[Movement, ...]:
    """What a subscription moved before it was read for the first time, as far as its dates tell.

    It is taken to have recurred at today's amount since it was created, or since its trial ended.
    """
    state = step.state
    if not isinstance(state, subscription.State) or step.after not in (*COUNTED, *_STOPPED):
        return ()
    at, began = step.at, min(state.created_at or step.at, step.at)
    worth = _worth(COUNTED[0], state)
    if worth is None:
        return ()
    if state.trial_period_days and worth.counts == "recurring":
        began += min(max(state.trial_period_days, 0), _LONGEST_TRIAL) * _A_DAY
    gained = _gained(min(began, at), worth, "known")
    if step.after in COUNTED:
        return gained
    ended = step.began[0] if step.began is not None else at
    if step.after == "expired":
        ended = min((t for t in (state.cancelled_at, state.expires_at) if t), default=ended)
    return (*gained, *_lost(min(ended, at), worth)) if began < ended else ()


def monthly(state: subscription.State) -> int:
    """The amount of a month, rounded to the minor unit; 0 where the provider tells none."""
    interval = (state.payment_frequency_interval or "").lower()
    amount, count = state.recurring_pre_tax_amount, state.payment_frequency_count
    if amount is None or not count or interval not in _A_YEAR:
        return 0
    payments, years = _A_YEAR[interval]
    # a half goes to the even neighbour, as round() would; in integers, since every event asks
    months = 12 * count * years
    whole, rest = divmod(amount * payments, months)
    return whole + (2 * rest > months or (2 * rest == months and whole % 2))


def is_on_trial(state: subscription.State) -> bool:
    """Whether the current billing period is the trial.

    It is where it is the first period, and ends when the trial does. A day is left for clocks and
    for the hours in which the provider bills.
    """
    began, ends, days = state.created_at, state.next_billing_date, state.trial_period_days
    if not days or began is None or ends is None:
        return False
    billed = state.previous_billing_date
    first = billed is None or billed - began <= _A_DAY
    return first and (ends - began) / _A_DAY <= days + 1


def _is_as_before(step: Step) -> bool:
    """Whether a step can have moved nothing, as seen at once: so it is with nearly all."""
    prior, state = step.prior, step.state
    return (
        isinstance(prior, subscription.State)
        and not (prior.trial_period_days or state.trial_period_days)
        and prior.recurring_pre_tax_amount == state.recurring_pre_tax_amount
        and prior.currency == state.currency
        and prior.product_id == state.product_id
        and prior.payment_frequency_interval == state.payment_frequency_interval
        and prior.payment_frequency_count == state.payment_frequency_count
        and prior.on_demand == state.on_demand
    )


def _moved(  # noqa: PLR0913 - both sides of a step
    at: datetime,
    before: str,
    after: str,
    prior: Any,  # noqa: ANN401 - of the aggregate's type
    state: Any,  # noqa: ANN401
    *,
    known: bool,
) -> tuple[Movement, ...]:
    old, new = _worth(before, prior), _worth(after, state)
    if old == new:
        return ()
    if old is None or new is None or old.counts != new.counts:
        lost = _lost(at, old) if old else ()
        return lost + (_gained(at, new, _entering(before, prior, known=known)) if new else ())
    if new.counts != "recurring":
        return _lost(at, old) + _gained(at, new, "new")
    if old.currency != new.currency:
        return (
            Movement(at, "switched_from", old.currency, -old.amount, old.product),
            Movement(at, "switched_to", new.currency, new.amount, new.product),
        )
    kind: Kind = "expansion" if new.amount > old.amount else "contraction"
    grown = new.amount - old.amount
    if old.product == new.product:
        return (Movement(at, kind, new.currency, grown, new.product),)
    # null would say that it has not changed
    was = old.product or ""
    return (Movement(at, kind, new.currency, grown, new.product, was, old.amount),)


def _worth(status: str, state: Any) -> _Worth | None:  # noqa: ANN401 - of the aggregate's type
    if status not in COUNTED or not isinstance(state, subscription.State):
        return None
    amount = monthly(state)
    if state.on_demand:
        return _Worth("on_demand", state.currency, amount, state.product_id)
    counts: Literal["recurring", "trial"] = "trial" if is_on_trial(state) else "recurring"
    return _Worth(counts, state.currency, amount, state.product_id)


def _lost(at: datetime, old: _Worth) -> tuple[Movement, ...]:
    kinds: dict[str, Kind] = {"trial": "trial_ended", "on_demand": "on_demand_ended"}
    kind = kinds.get(old.counts, "churned")
    return (Movement(at, kind, old.currency, -old.amount, old.product),)


def _gained(at: datetime, new: _Worth, entering: Kind) -> tuple[Movement, ...]:
    kinds: dict[str, Kind] = {"trial": "trial_began", "on_demand": "on_demand_began"}
    kind = kinds.get(new.counts, entering)
    return (Movement(at, kind, new.currency, new.amount, new.product),)


def _entering(before: str, prior: Any, *, known: bool) -> Kind:  # noqa: ANN401
    """How a subscription comes to recur: for the first time or again."""
    if known:
        return "known"
    if before in {subscription.LIFECYCLE.initial, START}:
        return "new"
    recurred = isinstance(prior, subscription.State) and not (prior.on_demand or is_on_trial(prior))
    return "reactivated" if recurred else "new"
