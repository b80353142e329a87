"""Causes of differences, by their evidence alone."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalog import AGGREGATES
from domain.drift import (
    CAUSES,
    HELD,
    OPEN,
    REMEDIES,
    Evidence,
    explain,
    missing_types,
    needs_review,
)
from domain.fold import Fold, fold
from domain.reading import read
from tests.builders import body, event

SUBSCRIPTION: dict[str, Any] = {"category": "subscription", "ours": "active", "theirs": "on_hold"}
FIELD: dict[str, Any] = {**SUBSCRIPTION, "theirs": "active", "fields": ("quantity",)}


@pytest.mark.parametrize(
    ("evidence", "cause", "missing"),
    [
        (SUBSCRIPTION, "never_arrived", ("subscription.on_hold",)),
        ({**SUBSCRIPTION, "refused": {"bad-signature": 2}}, "refused_at_the_door",
         ("subscription.on_hold",)),
        ({**SUBSCRIPTION, "ours": None, "known": False}, "never_arrived",
         ("subscription.active", "subscription.on_hold")),
        (FIELD, "never_arrived", ("subscription.updated",)),
        ({**FIELD, "blind": True}, "list_blind_spot", ()),
        ({**SUBSCRIPTION, "theirs": "frozen"}, "unknown_type", ()),
        ({**SUBSCRIPTION, "unknown_types": ("subscription.frozen",)}, "unknown_type", ()),
        ({**SUBSCRIPTION, "parked": "ValueError"}, "parked", ()),
        ({**SUBSCRIPTION, "parked": "ValueError", "in_flight": True}, "in_flight", ()),
        ({**SUBSCRIPTION, "theirs": None, "gone": True}, "gone", ()),
        ({"category": "customer", "fields": ("email",)}, "silent_by_design", ()),
        ({"category": "license_key", "ours": "active", "theirs": "disabled"},
         "silent_by_design", ()),
        ({"category": "license_key", "ours": "expired", "theirs": "active"},
         "silent_by_design", ()),
        ({"category": "refund", "ours": "pending", "theirs": "review"}, "silent_by_design", ()),
        ({"category": "payment", "ours": "succeeded", "theirs": "succeeded",
          "fields": ("refunds",)}, "silent_by_design", ()),
        ({"category": "refund", "ours": "review", "theirs": "succeeded"}, "never_arrived",
         ("refund.succeeded",)),
    ],
)  # fmt: skip
def test_the_first_cause_that_fits_counts(
    evidence: dict[str, Any], cause: str, missing: tuple[str, ...]
) -> None:
    found = explain(Evidence(**evidence))
    assert (found.cause, found.missing_types) == (cause, missing)


def test_the_evidence_names_what_shows_the_cause() -> None:
    row = explain(Evidence(category="credit", theirs="open", known=False))
    assert row.evidence == "The book has no credit event that leads there."
    assert "credit.added" in row.missing_types
    refused = explain(Evidence(**SUBSCRIPTION, refused={"bad-signature": 2, "too-old": 1}))
    assert "2 for bad-signature, 1 for too-old" in refused.evidence
    assert "ValueError" in explain(Evidence(**SUBSCRIPTION, parked="ValueError")).evidence
    silent = explain(Evidence(category="payment", theirs="succeeded", ours="succeeded",
                              fields=("refunds",)))  # fmt: skip
    assert "refunds" in silent.evidence


def test_every_cause_has_a_remedy() -> None:
    assert REMEDIES.keys() == set(CAUSES) > HELD


def test_open_statuses_are_statuses_that_another_follows() -> None:
    for aggregate in AGGREGATES:
        life = aggregate.lifecycle
        for status in OPEN.get(aggregate.category, ()):
            assert {e.target for e in life.edges if e.source == status} - {status}


STATUSES = st.sampled_from([None, "frozen", *(s for a in AGGREGATES for s in a.lifecycle.statuses)])


@given(
    category=st.sampled_from([*(a.category for a in AGGREGATES), "customer"]),
    ours=STATUSES,
    theirs=STATUSES,
    fields=st.lists(st.sampled_from(["status", "email", "metadata"])).map(tuple),
)
def test_everything_has_a_cause(
    category: str, ours: str | None, theirs: str | None, fields: tuple[str, ...]
) -> None:
    evidence = Evidence(category=category, ours=ours, theirs=theirs, fields=fields)
    found = explain(evidence)
    assert found.cause in {"never_arrived", "silent_by_design", "unknown_type"}
    assert found.evidence.endswith(".")
    assert (found.cause == "never_arrived") <= bool(missing_types(evidence))


def held(name: str, status: str) -> Fold[Any]:
    folded, _ = fold([read(event(body(f"subscription.{status}", status, identity=name), 1))])
    return folded


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (("active", "active"), ("on_hold", "active"), {"a"}),
        (("active", "active"), ("on_hold", "on_hold"), set()),
        (("active", "cancelled"), ("on_hold", "cancelled"), set()),
        (("on_hold", "active"), ("cancelled", "active"), set()),
        (("active", "cancelled"), ("cancelled", "active"), {"a"}),
    ],
)
def test_who_has_another_subscription_is_for_a_person(
    before: tuple[str, str], after: tuple[str, str], expected: set[str]
) -> None:
    ours = {name: held(name, status) for name, status in zip("ab", before, strict=True)}
    theirs = {name: held(name, status) for name, status in zip("ab", after, strict=True)}
    assert needs_review(ours, theirs) == expected
