"""What the ledger of a credit comes to, in whatever order and however often its rows are sent."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from domain.credit import LIFECYCLE, State
from domain.events import Entry
from domain.fold import Fold, decode, encode, extend, fold
from domain.ledger import Balance, Row, chain, gaps_of
from domain.packed import pack, packed, unpack
from domain.reading import read
from tests.builders import at, event

ROWS = [kind for kind in LIFECYCLE.events if kind != "credit.balance_low"]


def row(  # noqa: PLR0913 - as a row of the ledger has them
    identity: str | None,
    before: object,
    after: object,
    made: float | None,
    *,
    overage: tuple[object, object] | None = ("0", "0"),
    kind: str = "credit.deducted",
    stamped: float | None = None,
    position: int = 1,
) -> Entry:
    """A ledger row that was made then, in an event that is stamped then or later."""
    data = {
        "id": identity, "customer_id": "cus_1", "credit_entitlement_id": "cent_1",
        "balance_before": before, "balance_after": after,
    }  # fmt: skip
    if made is not None:
        data["created_at"] = at(made)
    if overage is not None:
        data["overage_before"], data["overage_after"] = overage
    when = at((made or 0) if stamped is None else stamped)
    document = {"business_id": "b", "type": kind, "timestamp": when, "data": data}
    return read(event(msgspec.json.encode(document), position, f"msg_{position}", when))


def state_of(*entries: Entry) -> State:
    state: State = fold(entries)[0].state
    return state


@pytest.mark.parametrize("overage", [("0", "0"), None])
@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_an_overage_reset_fits_before_the_row_of_its_instant(
    order: tuple[int, ...], overage: tuple[str, str] | None
) -> None:
    rows = [
        row("9", "0", "0", 5, overage=("50", "0"), kind="credit.overage_reset"),
        row("1", "0", "100", 5, overage=overage, kind="credit.added", position=2),
    ]
    state = state_of(*(rows[n] for n in order))
    assert (state.balance, state.overage, state.gaps) == ("100", "0", 0)


def test_a_row_that_is_sent_again_later_counts_once() -> None:
    state = state_of(
        row("l1", "0", "100", 1, position=1),
        row("l2", "100", "90", 2, position=2),
        row("l1", "0", "100", 1, stamped=900, position=3),
    )
    assert (state.balance, state.gaps, state.updated_at) == ("90", 0, at(2))


def test_a_row_that_is_sent_late_stands_where_it_was_made() -> None:
    rows = [
        row("l1", "0", "100", 1, position=1),
        row("l3", "90", "70", 3, position=2),
        row("l2", "100", "90", 2, stamped=900, position=3),
    ]
    assert (state_of(*rows[:2]).balance, state_of(*rows[:2]).gaps) == ("70", 1)
    assert (state_of(*rows).balance, state_of(*rows).gaps) == ("70", 0)


def test_a_row_cannot_be_made_after_it_was_sent() -> None:
    state = state_of(
        row("l1", "0", "100", 70 * 365 * 86_400, stamped=1, position=1),
        row("l2", "100", "90", 2, position=2),
    )
    assert (state.balance, state.gaps) == ("90", 0)


def test_a_circuit_is_not_taken_before_what_needs_it() -> None:
    # the greedy way goes 0 to 50 at once, and leaves two rows that fit nothing
    state = state_of(
        row("a", "0", "50", 5, position=1),
        row("b", "0", "10", 5, position=2),
        row("c", "10", "0", 5, position=3),
    )
    assert (state.balance, state.gaps) == ("50", 0)


def test_a_negative_zero_is_zero() -> None:
    state = state_of(row("a", "5", "-0", 1), row("b", "0.00", "7", 2, position=2))
    assert (state.balance, state.gaps) == ("7", 0)


def test_no_digit_of_an_amount_is_lost() -> None:
    exact = "12345678901234567890.12345678901234567891"
    assert state_of(row("a", "0", exact, 1)).balance == exact


def test_a_missing_change_of_the_overage_alone_is_a_gap() -> None:
    state = state_of(
        row("a", "10", "0", 1, position=1),
        row("c", "0", "20", 3, overage=("5", "5"), position=2),
    )
    assert (state.balance, state.overage, state.gaps) == ("20", "5", 1)


def test_a_row_without_a_time_of_its_own_stands_by_its_event() -> None:
    state = state_of(
        row("b", "5", "7", None, stamped=9, position=1), row("a", "0", "5", 1, position=2)
    )
    assert (state.balance, state.gaps) == ("7", 0)


class Made(Struct, frozen=True):
    """A ledger that a provider might have: its rows in the order of the world."""

    entries: tuple[Entry, ...]
    balances: tuple[tuple[str, str], ...]


@st.composite
def ledgers(draw: st.DrawFn) -> Made:
    """Changes of a balance and of its overage, several in an instant, small amounts that meet."""
    amounts = st.sampled_from(["0", "10", "10.5", "20"])
    balance, overage, second = "0", "0", 0
    entries, balances = [], []
    for number in range(1, draw(st.integers(1, 9)) + 1):
        second += draw(st.sampled_from([0, 0, 0, 1]))
        left = draw(amounts), draw(st.sampled_from([overage, "0", "5"]))
        entries.append(row(
            f"cle_{draw(st.integers(0, 99))}_{number}", balance, left[0], second,
            overage=(overage, left[1]), kind=draw(st.sampled_from(ROWS)), position=number,
        ))  # fmt: skip
        balance, overage = left
        balances.append(left)
    return Made(tuple(entries), tuple(balances))


@st.composite
def resent(draw: st.DrawFn, entry: Entry, position: int) -> Entry:
    """The same row in an event of its own, stamped when it was made or later."""
    document = msgspec.json.decode(entry.event.body)
    document["timestamp"] = at(draw(st.sampled_from([9, 60, 4000])))
    content = msgspec.json.encode(document)
    return read(event(content, position, f"msg_{position}", document["timestamp"]))


@given(data=st.data())
def test_a_complete_ledger_comes_to_its_balance(data: st.DataObject) -> None:
    made = data.draw(ledgers())
    repeated = data.draw(st.lists(st.sampled_from(made.entries), max_size=5))
    again = [data.draw(resent(one, 20 + n)) for n, one in enumerate(repeated)]
    entries = data.draw(st.permutations([*made.entries, *again]))
    state = state_of(*entries)
    assert ((state.balance, state.overage), state.gaps) == (made.balances[-1], 0)


@given(data=st.data())
def test_rows_that_are_lost_show_as_gaps(data: st.DataObject) -> None:
    made = data.draw(ledgers())
    kept = data.draw(st.lists(st.sampled_from(made.entries), min_size=1, unique_by=id))
    lost = len(made.entries) - len(kept)
    # the rows of an instant are ordered without a look at the next: after a loss another order
    # may have as few gaps, and end elsewhere
    later = len({entry.occurred_at for entry in kept}) - 1 if lost else 0
    assert state_of(*kept).gaps <= lost + later


@given(data=st.data())
def test_the_order_is_the_best_of_all(data: st.DataObject) -> None:
    node = st.builds(Balance, st.sampled_from(["0", "1", "2", "3"]))
    rows = [
        Row(str(n), data.draw(node), data.draw(node)) for n in range(data.draw(st.integers(1, 6)))
    ]
    opening = data.draw(st.none() | node)
    found = chain(opening, data.draw(st.permutations(rows)))
    assert sorted(one.id for one in found) == [one.id for one in rows]
    assert found == chain(opening, rows)
    assert gaps_of(opening, found) == min(gaps_of(opening, one) for one in permutations(rows))


@given(data=st.data())
def test_extending_and_folding_from_what_is_packed_come_to_the_same(data: st.DataObject) -> None:
    made = data.draw(ledgers())
    again = [data.draw(resent(one, 40 + n)) for n, one in enumerate(made.entries)]
    arrived = data.draw(st.permutations([*made.entries, *again]))
    memo: Fold[Any] | None = None
    for number, entry in enumerate(arrived, 1):
        stored = decode("credit", encode(memo)) if memo else None
        extended = extend(stored, [entry]) if stored else fold([entry])
        memo = (extended or fold(arrived[:number]))[0]
    assert memo == fold(arrived)[0]
    aggregate = arrived[0].aggregate
    assert aggregate is not None
    kept = [packed(one.event, one.type, one.occurred_at, one.payload) for one in arrived]
    unpacked = unpack(aggregate, pack(kept))
    assert [one.key for one in unpacked] == [one.key for one in arrived]
    assert fold(unpacked)[0].state == memo.state


def test_amounts_are_compared_as_numbers() -> None:
    state = state_of(row("a", 0, "100.50", 1), row("b", 100.5, 80, 2, position=2))
    assert (Decimal(state.balance or ""), state.gaps) == (Decimal(80), 0)
