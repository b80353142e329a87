"""What a month of a subscription is worth, and what its steps did to that."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.access import access
from domain.fold import Fold, extend, fold
from domain.recurring import COUNTED, monthly, movement
from domain.steps import Step
from domain.subscription import LIFECYCLE, State
from tests.builders import at, entry

MONTHLY: dict[str, Any] = {"payment_frequency_interval": "Month", "payment_frequency_count": 1}


def moved(*steps: tuple[str, str, int, dict[str, Any]]) -> list[tuple[str, int, int] | None]:
    entries = [
        entry(
            f"subscription.{kind}", status, n, position=n + 1,
            recurring_pre_tax_amount=amount, currency="USD", **MONTHLY | frequency,
        )
        for n, (kind, status, amount, frequency) in enumerate(steps)
    ]  # fmt: skip
    found = [movement(step) for step in fold(entries)[1]]
    return [(m.kind, m.before, m.after) if m else None for m in found]


@pytest.mark.parametrize(
    ("interval", "count", "amount", "a_month"),
    [
        ("Month", 1, 1000, 1000),
        ("Month", 3, 1000, 333),
        ("Year", 1, 1200, 100),
        ("Year", 2, 1200, 50),
        ("Week", 1, 300, 1300),
        ("Week", 2, 300, 650),
        ("Day", 1, 12, 365),
        ("day", 30, 900, 912),
        ("Fortnight", 1, 900, 0),
        (None, 1, 900, 0),
        ("Month", 0, 900, 0),
        ("Month", None, 900, 0),
        ("Month", 1, None, 0),
    ],
)
def test_an_amount_is_scaled_to_a_month(
    interval: str | None, count: int | None, amount: int | None, a_month: int
) -> None:
    one = entry(
        "subscription.active", "active", 0, position=1, recurring_pre_tax_amount=amount,
        payment_frequency_interval=interval, payment_frequency_count=count,
    )  # fmt: skip
    assert monthly(fold([one])[0].state) == a_month


def test_each_step_says_what_it_moved() -> None:
    assert moved(
        ("active", "active", 500, {}),
        ("renewed", "active", 500, {}),
        ("plan_changed", "active", 900, {}),
        ("past_due", "past_due", 900, {}),
        ("plan_changed", "past_due", 400, {}),
        ("on_hold", "on_hold", 400, {}),
        ("updated", "on_hold", 700, {}),
        ("active", "active", 700, {}),
        ("cancelled", "cancelled", 700, {}),
    ) == [
        ("new", 0, 500),
        None,
        ("expansion", 500, 900),
        None,
        ("contraction", 900, 400),
        ("churned", 400, 0),
        None,
        ("reactivated", 0, 700),
        ("churned", 700, 0),
    ]


def test_a_free_subscription_comes_and_goes_too() -> None:
    assert moved(("active", "active", 0, {}), ("cancelled", "cancelled", 0, {})) == [
        ("new", 0, 0), ("churned", 0, 0),
    ]  # fmt: skip


def test_one_that_changes_from_months_to_years_moves_by_the_month() -> None:
    yearly = {"payment_frequency_interval": "Year"}
    steps: tuple[Any, ...] = (
        ("active", "active", 1000, {}),
        ("plan_changed", "active", 9600, yearly),
    )
    assert moved(*steps)[1] == ("contraction", 1000, 800)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(LIFECYCLE.ranks)),
        st.sampled_from(LIFECYCLE.statuses),
        st.integers(0, 5),
        st.sampled_from([None, 0, 500, 900]),
    ),
    min_size=1,
    max_size=10,
)


@given(told=EVENTS, cut=st.integers(1, 10))
def test_all_movements_together_are_what_it_is_worth_now(
    told: list[tuple[str, str, int, int | None]], cut: int
) -> None:
    entries = [
        entry(
            kind, status, second, position=n + 1, sent=second, webhook_id=f"msg_{n}",
            recurring_pre_tax_amount=amount, **MONTHLY,
        )
        for n, (kind, status, second, amount) in enumerate(told)
    ]  # fmt: skip
    told_at_once: tuple[Fold[State], list[Step]] = fold(entries)
    folded, steps = told_at_once
    found = [movement(step) for step in steps]
    worth = monthly(folded.state) if folded.status in COUNTED else 0
    assert sum(m.after - m.before for m in found if m) == worth
    counts = [m and m.kind for m in found]
    there = counts.count("new") + counts.count("reactivated") - counts.count("churned")
    assert there == (folded.status in COUNTED)

    # told in two parts, each step is the same, whether the fold was extended or made again
    first = fold(entries[:cut])
    rest = extend(first[0], entries[cut:]) if entries[cut:] else None
    if rest is not None:
        assert [movement(s) for s in (*first[1], *rest[1])] == found


def test_an_event_that_tells_no_amount_moves_nothing() -> None:
    told = entry(
        "subscription.active", "active", 0, position=1,
        recurring_pre_tax_amount=500, currency="USD", next_billing_date=at(60), **MONTHLY,
    )  # fmt: skip
    sparse = entry("subscription.gifted", "active", 1, position=2, recurring_pre_tax_amount=None)
    folded, steps = fold([told, sparse])
    assert movement(steps[1]) is None
    assert access([folded], at(9)).until == at(60)
