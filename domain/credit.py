"""A customer's balance of one credit, by the rows of its ledger, and its lifecycle.

Each event but ``credit.balance_low`` is one immutable row of the provider's ledger; the warning has
no id of its own. All belong to the balance that they speak of, which is known by the customer and
the credit entitlement. Amounts are decimal strings in units of the credit, not money.

A row stands in its stream by its own ``created_at``, whenever and however often it is sent.
"""

from collections.abc import Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Literal, get_args

from msgspec import Struct, field

from domain.ledger import Balance, Row, chain, gaps_of
from domain.machine import START, Lifecycle
from domain.payload import Customer, Metadata, Moment, Name

Status = Literal["open"]

IMMUTABLE = True
"""Each event carries a row of its own that never changes, not a snapshot of the balance."""

# fmt: off
LIFECYCLE = Lifecycle("credit", get_args(Status), initial=START, rows=[
    # event                       from             to      in words
    ("credit.added",              (START, "open"), "open", "credits were added to {it}"),
    ("credit.rolled_over",        (START, "open"), "open", "credits of {it} were carried into the next period"),
    ("credit.rollover_forfeited", (START, "open"), "open", "credits of {it} were forfeited at the end of the period"),
    ("credit.manual_adjustment",  (START, "open"), "open", "{it} was adjusted by hand"),
    ("credit.overage_reset",      (START, "open"), "open", "the overage of {it} was reset"),
    ("credit.deducted",           (START, "open"), "open", "credits of {it} were used"),
    ("credit.overage_charged",    (START, "open"), "open", "overage of {it} was charged"),
    ("credit.expired",            (START, "open"), "open", "credits of {it} expired"),
    ("credit.balance_low",        (START, "open"), "open", "{it} fell below its threshold"),
])
# fmt: on

NOUN = "credit balance"
"""What a sentence calls it."""

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
    overage_before: Amount | None = None
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
        """The holder; the payload has only the id."""
        return Customer(self.customer_id)


class State(Struct, frozen=True, array_like=True, gc=False):
    """The balance as the ledger leaves it.

    Attributes:
        created_at: when the first row was made.
        updated_at: when the latest rows were made.
        gaps: how many rows do not find what the row before left; where it is not 0, one is missing.
        latest: the rows of the latest instant. They have no order of their own and are chained.
        opening: the balance before them; None where nothing is known of it.
        earlier_gaps: the gaps before them.
    """

    id: str
    customer_id: str
    credit_entitlement_id: str
    created_at: Moment | None
    updated_at: Moment | None
    balance: str | None
    overage: str | None
    gaps: int
    opening: Balance | None
    earlier_gaps: int
    latest: tuple[Row, ...]


def evolve(state: State | None, seen: Payload) -> State:
    """The state after a ledger row; a warning and a repeated row leave the balance as it is."""
    key = (seen.id, seen.customer_id, seen.credit_entitlement_id)
    known = state or State(*key, seen.created_at, None, None, None, 0, None, 0, ())
    row = _row(seen)
    if row is None:
        return known
    made = seen.created_at or known.updated_at
    if made == known.updated_at:
        opening, earlier, latest = known.opening, known.earlier_gaps, known.latest
        if any(_same(row, other) for other in latest):
            return known
    else:
        before = None if known.balance is None else Balance(known.balance, known.overage)
        opening, earlier, latest = before, known.gaps, ()
    rows = chain(opening, (*latest, row))
    return State(
        *key,
        created_at=known.created_at or seen.created_at,
        updated_at=made,
        balance=rows[-1].after.amount,
        overage=_overage(opening, rows),
        gaps=earlier + gaps_of(opening, rows),
        opening=opening,
        earlier_gaps=earlier,
        latest=tuple(rows),
    )


def _row(seen: Payload) -> Row | None:
    """The ledger row of a payload; None for a warning and for a row without a readable balance."""
    after = _decimal(seen.balance_after)
    if after is None:
        return None
    found = Balance(_decimal(seen.balance_before), _decimal(seen.overage_before))
    return Row(seen.entry_id or "", found, Balance(after, _decimal(seen.overage_after)))


def _same(row: Row, other: Row) -> bool:
    """Whether both are the same row; without an id, rows of the same amounts are."""
    return row.id == other.id and (row.id != "" or row == other)


def _overage(opening: Balance | None, rows: Sequence[Row]) -> str | None:
    """The overage that the latest row with one left."""
    left = [opening.overage if opening else None, *(row.after.overage for row in rows)]
    return next((overage for overage in reversed(left) if overage is not None), None)


# enough for every digit of a readable amount
_EXACT = Context(prec=240)


def _decimal(amount: str | float | None) -> str | None:
    """One spelling for equal amounts, such as ``12.5`` and ``0``; None if not a number."""
    if amount is None:
        return None
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) >= 40:  # noqa: PLR2004
        return None
    return f"{number.normalize(_EXACT):f}" if number else "0"
