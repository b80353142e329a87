"""What a page shows a customer of their access, as a table and as code.

``STATES`` gives each rule of ``policy`` its state, best first. A state says more than yes or no:
what to offer. Who has paid once is not told to buy as if for the first time, and who has a
subscription that waits for a payment is not sold a second one.
"""

from typing import Any, Literal, NamedTuple, get_args

from domain.fold import Fold

AccessState = Literal["active", "grace", "ending", "on_hold", "paused", "lapsed", "never"]


class StateRow(NamedTuple):
    """A state, whether it entitles, the rules that lead to it, what else does, what to show."""

    state: AccessState
    entitled: bool
    rules: tuple[str, ...]
    also: str
    page: str


STATES: tuple[StateRow, ...] = (
    StateRow(
        "active", True,
        ("active", "renewal_awaited", "paid", "paid_presumed", "unknown_status", "granted",
         "one_time_payment", "license_key", "unconfirmed"),
        "", "let in",
    ),
    StateRow(
        "grace", True, ("grace",),
        "", "let in; the renewal payment failed: ask for another payment method before `until`",
    ),
    StateRow(
        "ending", True, ("cancels_at_period_end", "paid_through", "trial_through"),
        "`paid` and `paid_presumed` after a cancellation",
        "let in; nothing follows after `until`: offer to continue",
    ),
    StateRow(
        "on_hold", False, ("on_hold", "past_due", "grace_ended", "renewal_missed"),
        "", "a subscription waits for a payment: ask for it, and do not sell a second one",
    ),
    StateRow("paused", False, ("paused",), "", "offer to resume"),
    StateRow(
        "lapsed", False,
        ("period_ended", "term_ended", "key_expired", "cancelled", "expired", "revoked",
         "disabled", "unknown_status", "one_time_payment", "license_key"),
        "`never`, where a payment of more than nothing succeeded at any time",
        "had access or paid once: offer to come back, not to buy for the first time",
    ),
    StateRow(
        "never", False, ("pending", "failed"),
        "nothing at all; `cancelled`, `expired` and `revoked` straight from pending",
        "nothing was ever bought: offer to buy",
    ),
)  # fmt: skip
"""Best first: of several reasons the first in this order leads. domain/README.md shows it.

A "no" that the provider did not confirm keeps the state that it had.
"""

RANK = {state: rank for rank, state in enumerate(get_args(AccessState))}
"""The place of each state in ``STATES``."""

_ENDED = ("cancelled", "expired", "revoked")
_BY_RULE = {(rule, row.entitled): row.state for row in STATES for rule in row.rules}


def state_of(
    rule: str, status: str, *, entitled: bool, reading: Fold[Any] | None = None
) -> AccessState:
    """The state of one reason; ``reading`` is what its rule decided on, where it is of one."""
    if entitled and status == "cancelled":
        return "ending"
    state = _BY_RULE[rule, entitled]
    if rule in _ENDED and reading is not None and _never_opened(reading):
        return "never"
    return state


def _never_opened(reading: Fold[Any]) -> bool:
    """Whether it is known that nothing but pending came before the status."""
    is_known = bool(reading.previous) and reading.occurred_at < reading.since
    return is_known and all(status == "pending" for status, _ in reading.previous)
