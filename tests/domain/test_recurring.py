"""What a month of a subscription is worth, and what its steps did to that."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from domain.access import access
from domain.events import Entry
from domain.fold import Fold, extend, fold
from domain.recurring import COUNTED, Movement, is_on_trial, monthly, movements
from domain.steps import Shown, Step
from domain.subscription import LIFECYCLE, State
from tests.builders import at, entry

MONTHLY: dict[str, Any] = {"payment_frequency_interval": "Month", "payment_frequency_count": 1}


DAY = 86_400


def told(
    kind: str,
    status: str,
    seconds: float,
    position: int,
    amount: int | None = 500,
    **more: Any,  # noqa: ANN401
) -> Entry:
    fields = {"recurring_pre_tax_amount": amount, "currency": "USD"} | MONTHLY | more
    return entry(f"subscription.{kind}", status, seconds, position=position, **fields)


def moved(*steps: tuple[str, str, int, dict[str, Any]]) -> list[list[tuple[str, int]]]:
    entries = [
        told(kind, status, n, n + 1, amount, **more)
        for n, (kind, status, amount, more) in enumerate(steps)
    ]
    return [[(m.kind, m.amount) for m in movements(step)] for step in fold(entries)[1]]


@pytest.mark.parametrize(
    ("interval", "count", "amount", "a_month"),
    [
        ("Month", 1, 1000, 1000),
        ("Month", 3, 1000, 333),
        ("Year", 1, 1200, 100),
        ("Year", 2, 1200, 50),
        ("Week", 1, 300, 1304),
        ("Week", 2, 300, 652),
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
        [("new", 500)],
        [],
        [("expansion", 400)],
        [],
        [("contraction", -500)],
        [("churned", -400)],
        [],
        [("reactivated", 700)],
        [("churned", -700)],
    ]


def test_a_free_subscription_comes_and_goes_too() -> None:
    assert moved(("active", "active", 0, {}), ("cancelled", "cancelled", 0, {})) == [
        [("new", 0)], [("churned", 0)],
    ]  # fmt: skip


def test_one_that_changes_from_months_to_years_moves_by_the_month() -> None:
    yearly = {"payment_frequency_interval": "Year"}
    steps: tuple[Any, ...] = (
        ("active", "active", 1000, {}),
        ("plan_changed", "active", 9600, yearly),
    )
    assert moved(*steps)[1] == [("contraction", -200)]


def test_a_change_of_currency_leaves_one_and_enters_the_other() -> None:
    steps = fold([
        told("active", "active", 0, 1, 1000, currency="SEK"),
        told("plan_changed", "active", 9, 2, 1200, currency="NOK"),
        told("cancelled", "cancelled", 20, 3, 1200, currency="NOK"),
    ])[1]  # fmt: skip
    assert [movements(step) for step in steps] == [
        (Movement(at(0), "new", "SEK", 1000),),
        (
            Movement(at(9), "switched_from", "SEK", -1000),
            Movement(at(9), "switched_to", "NOK", 1200),
        ),
        (Movement(at(20), "churned", "NOK", -1200),),
    ]


def test_one_that_ends_in_another_currency_is_lost_in_the_one_that_it_was_counted_in() -> None:
    steps = fold([
        told("active", "active", 0, 1, 1000, currency="SEK"),
        told("cancelled", "cancelled", 20, 2, 1200, currency="NOK"),
    ])[1]  # fmt: skip
    assert movements(steps[1]) == (Movement(at(20), "churned", "SEK", -1000),)


def test_a_product_that_is_told_later_is_entered_with_all_that_it_is_worth() -> None:
    steps = fold([
        told("active", "active", 0, 1),
        told("updated", "active", 9, 2, product_id="pdt_a"),
        told("cancelled", "cancelled", 20, 3, product_id="pdt_a"),
    ])[1]  # fmt: skip
    assert [movements(step) for step in steps] == [
        (Movement(at(0), "new", "USD", 500),),
        (Movement(at(9), "contraction", "USD", 0, "pdt_a", "", 500),),
        (Movement(at(20), "churned", "USD", -500, "pdt_a"),),
    ]


TRIAL: dict[str, Any] = {
    "created_at": at(0), "trial_period_days": 7,
    "previous_billing_date": at(0), "next_billing_date": at(7 * DAY),
}  # fmt: skip
PAID: dict[str, Any] = TRIAL | {
    "previous_billing_date": at(7 * DAY + 60), "next_billing_date": at(37 * DAY),
}  # fmt: skip


def kinds(*entries: Entry) -> list[str]:
    return [m.kind for step in fold(entries)[1] for m in movements(step)]


def test_a_trial_recurs_from_its_first_paid_period_on() -> None:
    assert kinds(
        told("active", "active", 0, 1, **TRIAL),
        told("renewed", "active", 1, 2, **TRIAL),
        told("renewed", "active", 7 * DAY, 3, **PAID),
        told("cancelled", "cancelled", 9 * DAY, 4, **PAID),
    ) == ["trial_began", "trial_ended", "new", "churned"]


def test_a_trial_whose_first_charge_fails_is_new_when_it_is_paid() -> None:
    assert kinds(
        told("active", "active", 0, 1, **TRIAL),
        told("on_hold", "on_hold", 7 * DAY, 2, **TRIAL),
        told("active", "active", 8 * DAY, 3, **PAID),
    ) == ["trial_began", "trial_ended", "new"]


@pytest.mark.parametrize(
    ("fields", "on_trial"),
    [
        ({}, True),
        ({"next_billing_date": at(8 * DAY)}, True),
        ({"previous_billing_date": None}, True),
        ({"trial_period_days": 2**53}, True),
        ({"trial_period_days": -7}, False),
        ({"trial_period_days": 0}, False),
        ({"trial_period_days": None}, False),
        ({"created_at": None}, False),
        ({"next_billing_date": None}, False),
        # there was no trial: its first period is a month
        ({"next_billing_date": at(30 * DAY)}, False),
        ({"previous_billing_date": at(7 * DAY)}, False),
    ],
)
def test_a_subscription_is_on_trial_in_its_first_period(
    fields: dict[str, Any], *, on_trial: bool
) -> None:
    state = fold([told("active", "active", 0, 1, **(TRIAL | fields))])[0].state
    assert is_on_trial(state) == on_trial


def test_a_mandate_on_demand_recurs_only_when_it_is_billed_by_the_period() -> None:
    assert kinds(
        told("active", "active", 0, 1, on_demand=True),
        # what it leaves out stays as it was
        told("updated", "active", 5, 2, 900, on_demand=None),
        told("updated", "active", 6, 3, 900, on_demand=False),
    ) == ["on_demand_began", "on_demand_ended", "on_demand_began", "on_demand_ended", "new"]


@pytest.mark.parametrize(
    ("created", "kind", "found"),
    [
        (-2 * DAY, "active", "known"),
        (-3600, "active", "new"),
        (None, "active", "new"),
        # its beginning is missing
        (None, "updated", "known"),
    ],
)
def test_a_subscription_older_than_the_book_is_not_new(
    created: float | None, kind: str, found: str
) -> None:
    fields: dict[str, Any] = {} if created is None else {"created_at": at(created)}
    assert kinds(
        told(kind, "active", 0, 1, **fields),
        told("on_hold", "on_hold", 5, 2, **fields),
        told("active", "active", 9, 3, **fields),
    ) == [found, "churned", "reactivated"]


def test_a_snapshot_that_was_rendered_later_moves_when_it_was_rendered() -> None:
    (began,) = fold([told("active", "active", 0, 1, 1900)])[1]
    later = fold([told("active", "active", 0, 1, 5000, currency="EUR")])[0].state
    step = structs.replace(
        began, shown=Shown(at(900), "active", "past_due", began.state, later, None)
    )
    assert movements(step) == (
        Movement(at(0), "new", "USD", 1900),
        Movement(at(900), "switched_from", "USD", -1900),
        Movement(at(900), "switched_to", "EUR", 5000),
    )
    ended = structs.replace(
        began, shown=Shown(at(900), "active", "expired", began.state, later, None)
    )
    assert movements(ended)[1:] == (Movement(at(900), "churned", "USD", -1900),)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(sorted(LIFECYCLE.ranks)),
        st.sampled_from(LIFECYCLE.statuses),
        st.integers(0, 5),
        # some are sent late, and rendered then
        st.sampled_from([0, 0, 3, 5000]),
        st.sampled_from([None, 0, 500, 900]),
        st.sampled_from(
            [
                {},
                {"currency": "NOK"},
                {"on_demand": True},
                {"on_demand": False},
                TRIAL,
                PAID,
            ]
        ),
    ),
    min_size=1,
    max_size=10,
)


CAME = ("new", "known", "reactivated", "switched_to")


@given(drawn=EVENTS, cut=st.integers(1, 10))
def test_all_movements_together_are_what_it_is_worth_now(
    drawn: list[tuple[str, str, int, int, int | None, dict[str, Any]]], cut: int
) -> None:
    entries = [
        entry(
            kind, status, second, position=n + 1, sent=second + delay, webhook_id=f"msg_{n}",
            recurring_pre_tax_amount=amount, **MONTHLY | more,
        )
        for n, (kind, status, second, delay, amount, more) in enumerate(drawn)
    ]  # fmt: skip
    folded_at_once: tuple[Fold[State], list[Step]] = fold(entries)
    folded, steps = folded_at_once
    found = [movements(step) for step in steps]
    # in each currency, of each kind of worth: how many, and what they come to
    totals: Counter[tuple[str, str | None]] = Counter()
    amounts: Counter[tuple[str, str | None]] = Counter()
    for m in (m for of_step in found for m in of_step):
        counts = m.kind.partition("_")[0] if m.kind.endswith(("began", "ended")) else "recurring"
        totals[counts, m.currency] += m.kind.endswith("began") or m.kind in CAME
        totals[counts, m.currency] -= m.kind.endswith(("ended", "from")) or m.kind == "churned"
        amounts[counts, m.currency] += m.amount
    state = folded.state
    counts = "on" if state.on_demand else "trial" if is_on_trial(state) else "recurring"
    there = folded.status in COUNTED
    one = {(counts, state.currency): 1} if there else {}
    assert {k: n for k, n in totals.items() if n} == one
    worth = {k: monthly(state) for k in one if monthly(state)}
    assert {k: n for k, n in amounts.items() if n} == worth

    # in two parts each step is the same, whether the fold was extended or made again
    first = fold(entries[:cut])
    rest = extend(first[0], entries[cut:]) if entries[cut:] else None
    if rest is not None:
        assert [movements(s) for s in (*first[1], *rest[1])] == found


def test_an_event_that_tells_no_amount_moves_nothing() -> None:
    full = told("active", "active", 0, 1, next_billing_date=at(60))
    sparse = entry("subscription.gifted", "active", 1, position=2, recurring_pre_tax_amount=None)
    folded, steps = fold([full, sparse])
    assert movements(steps[1]) == ()
    assert access([folded], at(9)).until == at(60)
