"""A customer's balance of one credit, told by the rows of its ledger, and its lifecycle.

Each event but ``credit.balance_low`` is one immutable row of the provider's ledger; the warning has
no id of its own. All belong to the balance that they speak of, which is known by the customer and
the credit entitlement. Amounts are decimal strings in units of the credit, not money.
"""

from decimal import Decimal, InvalidOperation
from typing import Literal, get_args

from msgspec import Struct, field

from domain.machine import START, Lifecycle
from domain.payload import Customer, Metadata, Moment, Name

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

IMMUTABLE = True
"""A row of the ledger never changes: it is the same whenever it is sent."""

# a number was seen where the string is documented
Amount = Name | int | float


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read, of a ledger row or of a warning."""

    customer_id: Name
    credit_entitlement_id: Name
    entry_id: Name | None = field(name="id", default=None)
    created_at: Moment | None = None
    balance_before: Amount | None = None
    balance_after: Amount | None = None
    overage_after: Amount | None = None
    metadata: Metadata | None = None

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


class Entry(Struct, frozen=True, array_like=True, gc=False):
    """One row of the ledger: what it found and what it left."""

    id: str
    before: str | None
    after: str
    overage: str | None


class State(Struct, frozen=True, array_like=True, gc=False):
    """The balance as the ledger leaves it.

    Rows of one instant have no order of their own; they are chained, each to the one that left what
    it found. ``gaps`` counts the rows that fit to none: where it is not 0, a row is missing.
    ``updated_at`` is when the latest rows were made; ``latest`` are they, and ``opening`` and
    ``earlier_gaps`` what was before them.
    """

    id: str
    customer_id: str
    credit_entitlement_id: str
    created_at: Moment | None
    updated_at: Moment | None
    balance: str | None
    overage: str | None
    gaps: int
    opening: str | None
    earlier_gaps: int
    latest: tuple[Entry, ...]


def evolve(state: State | None, seen: Payload) -> State:
    """The state after a ledger row; a warning and a row told twice leave the balance as it is."""
    key = (seen.id, seen.customer_id, seen.credit_entitlement_id)
    known = state or State(*key, seen.created_at, None, None, None, 0, None, 0, ())
    after = _decimal(seen.balance_after)
    entry_id = seen.entry_id or ""
    if after is None or (entry_id and any(entry.id == entry_id for entry in known.latest)):
        return known
    later = known.updated_at is None or (seen.created_at or known.updated_at) > known.updated_at
    opening = known.balance if later else known.opening
    earlier = known.gaps if later else known.earlier_gaps
    overage = _decimal(seen.overage_after)
    row = Entry(entry_id, _decimal(seen.balance_before), after, overage)
    latest = tuple(sorted((*(() if later else known.latest), row), key=lambda e: e.id))
    balance, overage, gaps = _chained(opening, latest)
    return State(
        *key,
        created_at=known.created_at or seen.created_at,
        updated_at=seen.created_at if later else known.updated_at,
        balance=balance,
        overage=overage or known.overage,
        gaps=earlier + gaps,
        opening=opening,
        earlier_gaps=earlier,
        latest=latest,
    )


def _chained(balance: str | None, entries: tuple[Entry, ...]) -> tuple[str | None, str | None, int]:
    """Balance and overage after the rows of one instant, and how many fit to none before."""
    left, gaps, overage = list(entries), 0, None
    while left:
        fits = next((e for e in left if e.before == balance), None)
        if fits is None:
            # the chain begins, or begins anew: with the row that no other of these leads to
            gaps += balance is not None
            led_to = {e.after for e in left}
            fits = next((e for e in left if e.before not in led_to), left[0])
        left.remove(fits)
        balance, overage = fits.after, fits.overage
    return balance, overage, gaps


def _decimal(amount: str | float | None) -> str | None:
    """One spelling for equal amounts, as ``12.5``; None for what is no number."""
    if amount is None:
        return None
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return None
    return f"{number.normalize():f}" if number.is_finite() and abs(number.adjusted()) < 40 else None  # noqa: PLR2004
