"""A customer's balance of one credit, told by the rows of its ledger, and its lifecycle.

Each event but ``credit.balance_low`` is one immutable row of the provider's ledger; the warning has
no id of its own. All belong to the balance that they speak of, which is known by the customer and
the credit entitlement. Amounts are decimal strings in units of the credit, not money.
"""

from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import START, Lifecycle
from domain.payload import Customer, Moment, Name

Status = Literal["open"]

# fmt: off
LIFECYCLE = Lifecycle("credit", get_args(Status), initial=START, rows=[
    # event                       from            to
    ("credit.added",              (START, "open"), "open"),
    ("credit.rolled_over",        (START, "open"), "open"),
    ("credit.rollover_forfeited", (START, "open"), "open"),
    ("credit.manual_adjustment",  (START, "open"), "open"),
    ("credit.overage_reset",      (START, "open"), "open"),
    ("credit.deducted",           (START, "open"), "open"),
    ("credit.overage_charged",    (START, "open"), "open"),
    ("credit.expired",            (START, "open"), "open"),
    ("credit.balance_low",        (START, "open"), "open"),
])
# fmt: on

# a number was seen where the string is documented
Amount = Name | int | float


class Payload(Struct, frozen=True, gc=False):
    """The fields of ``data`` that are read, of a ledger row or of a warning."""

    customer_id: Name
    credit_entitlement_id: Name
    entry_id: Name | None = field(name="id", default=None)
    created_at: Moment | None = None
    balance_before: Amount | None = None
    balance_after: Amount | None = None
    overage_after: Amount | None = None
    available_balance: Amount | None = None

    @property
    def id(self) -> str:
        """``customer_id:credit_entitlement_id``."""
        return f"{self.customer_id}:{self.credit_entitlement_id}"

    @property
    def status(self) -> str | None:
        """The provider gives a balance no status."""
        return None

    @property
    def who(self) -> Customer | None:
        """The holder, of whom the payload knows no more than the id."""
        return Customer(self.customer_id)


class State(Struct, frozen=True, array_like=True, gc=False):
    """The balance as the latest ledger row leaves it.

    ``gaps`` counts the rows whose ``balance_before`` is not what the row before them left: where
    it is not 0, a row is missing. ``updated_at`` is when the latest row was made.
    """

    id: str
    customer_id: str
    credit_entitlement_id: str
    created_at: Moment | None
    updated_at: Moment | None
    balance: str | None
    overage: str | None
    gaps: int


def evolve(state: State | None, seen: Payload) -> State:
    """The state after a ledger row; a warning leaves the balance as it is."""
    balance, overage = _decimal(seen.balance_after), _decimal(seen.overage_after)
    if state is None:
        made = seen.created_at
        key = (seen.id, seen.customer_id, seen.credit_entitlement_id)
        return State(*key, made, made, balance, overage, 0)
    if balance is None:
        return state
    gap = state.balance is not None and state.balance != _decimal(seen.balance_before)
    return State(
        id=state.id,
        customer_id=state.customer_id,
        credit_entitlement_id=state.credit_entitlement_id,
        created_at=state.created_at or seen.created_at,
        updated_at=seen.created_at or state.updated_at,
        balance=balance,
        overage=overage,
        gaps=state.gaps + gap,
    )


def _decimal(amount: str | float | None) -> str | None:
    """One spelling for equal amounts, as ``12.5``; None for what is no number."""
    if amount is None:
        return None
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return None
    return f"{number.normalize():f}" if number.is_finite() and abs(number.adjusted()) < 40 else None  # noqa: PLR2004
