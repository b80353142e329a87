"""Why the book differs from the provider, and what to do about it.

A difference is explained by its evidence alone: what both sides show, and what the book knows of
the webhooks that did not come. ``explain`` decides; the first cause that fits counts.
"""

from collections.abc import Mapping
from typing import Literal, get_args

from msgspec import Struct

from domain.access import Access
from domain.catalog import BY_CATEGORY
from domain.fold import Fold
from domain.subscription import State

Cause = Literal[
    "never_arrived",
    "refused_at_the_door",
    "parked",
    "unknown_type",
    "silent_by_design",
    "in_flight",
    "gone",
    "list_blind_spot",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

Effect = Literal["none", "gains", "loses"]
"""What applying does to the access of a customer."""

REMEDIES: Mapping[Cause, str] = {
    "never_arrived": "Apply the reading; see which types the endpoint lacks, and let the provider"
    " replay missing messages.",
    "refused_at_the_door": "Remove the reason of the refusals, let the provider replay failed"
    " messages, or apply the reading.",
    "parked": "Remove the error, then run: daybook parked retry",
    "unknown_type": "Install a version that knows the type, or apply the reading.",
    "silent_by_design": "Apply the reading: no webhook will tell of it.",
    "in_flight": "Nothing: its webhook is on the way. The next run looks at it again.",
    "gone": "Look for it in the provider's dashboard; the book is left as it is.",
    "list_blind_spot": "Apply the reading.",
}
"""What to do, by cause."""

HELD: frozenset[Cause] = frozenset({"in_flight", "parked", "gone"})
"""The causes for which nothing is applied."""

OPEN: Mapping[str, tuple[str, ...]] = {
    "subscription": ("pending", "active", "past_due", "on_hold", "paused"),
    "payment": (
        "processing", "requires_customer_action", "requires_merchant_action",
        "requires_payment_method", "requires_confirmation", "requires_capture",
        "partially_captured", "partially_captured_and_capturable",
    ),
    "refund": ("pending", "review"),
    "dispute": ("opened", "challenged"),
    "license_key": ("active", "disabled"),
}  # fmt: skip
"""The statuses that do not last, by category: a resource in one is always compared."""

PAYING = frozenset({"active", "past_due"})
"""The statuses of a subscription whose customer counts as a payer."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What is known of one difference.

    Attributes:
        category: of the resource.
        ours, theirs: the status on either side; None where there is none, or no such resource.
        fields: the names of the fields that differ.
        known: whether the book knows the resource.
        gone: whether the provider does not have it, as two readings hours apart say.
        in_flight: whether something happened so shortly before that its webhook may be under way.
        parked: the error for which its stream is parked.
        unknown_types: types of its events that this version does not know.
        refused: how many webhooks were refused since it changed, by reason.
        blind: whether only fields differ that rows of lists lack, and of which the book has seen
            nothing else.
    """

    category: str
    ours: str | None = None
    theirs: str | None = None
    fields: tuple[str, ...] = ()
    known: bool = True
    gone: bool = False
    in_flight: bool = False
    parked: str | None = None
    unknown_types: tuple[str, ...] = ()
    refused: Mapping[str, int] = {}
    blind: bool = False


class Explanation(Struct, frozen=True):
    """The cause of a difference, the evidence in words, and the event types that did not come."""

    cause: Cause
    evidence: str
    missing_types: tuple[str, ...] = ()

    @property
    def remedy(self) -> str:
        """What to do."""
        return REMEDIES[self.cause]


def explain(evidence: Evidence) -> Explanation:
    """The cause of a difference."""
    special = _special(evidence)
    if special is not None:
        return special
    missing = missing_types(evidence)
    if not missing:
        return Explanation("silent_by_design", _silence(evidence))
    # any event tells of an immutable row: to name all types says no more
    names = f"{evidence.category} event" if _is_immutable(evidence) else ", ".join(missing)
    if evidence.refused:
        counts = ", ".join(f"{n} for {reason}" for reason, n in sorted(evidence.refused.items()))
        text = f"Webhooks were refused since it changed: {counts}. Missing: {names}."
        return Explanation("refused_at_the_door", text, missing)
    return Explanation("never_arrived", f"The book has no {names} that leads there.", missing)


def missing_types(evidence: Evidence) -> tuple[str, ...]:
    """The event types that would have told of a difference; none where the provider sends none."""
    aggregate = BY_CATEGORY.get(evidence.category)
    if aggregate is None:
        return ()
    life = aggregate.lifecycle
    if aggregate.immutable:
        return life.events
    if evidence.theirs is not None and evidence.theirs != evidence.ours:
        before = life.initial if evidence.ours is None else evidence.ours
        return life.missing(before, (evidence.theirs,))
    updated = f"{evidence.category}.updated"
    return (updated,) if updated in life.events else ()


def _special(evidence: Evidence) -> Explanation | None:
    """The causes that do not depend on the statuses."""
    if evidence.gone:
        return Explanation("gone", "The provider answers 404, twice, hours apart.")
    if evidence.in_flight:
        return Explanation("in_flight", "It changed within the last minute.")
    if evidence.parked is not None:
        return Explanation("parked", f"Its events wait: {evidence.parked}")
    aggregate, status = BY_CATEGORY.get(evidence.category), evidence.theirs
    unknown = evidence.unknown_types
    if aggregate and status is not None and status not in aggregate.lifecycle.known:
        unknown = (f"the status {status}", *unknown)
    if unknown:
        names = ", ".join(unknown)
        return Explanation("unknown_type", f"This version does not know {names}.")
    if evidence.blind:
        names = ", ".join(evidence.fields)
        return Explanation("list_blind_spot", f"Only a row of a list was read, without {names}.")
    return None


def _is_immutable(evidence: Evidence) -> bool:
    aggregate = BY_CATEGORY.get(evidence.category)
    return bool(aggregate and aggregate.immutable)


def _silence(evidence: Evidence) -> str:
    if evidence.category not in BY_CATEGORY:
        return f"The provider sends no webhook about a {evidence.category}."
    if evidence.theirs != evidence.ours and evidence.theirs is not None:
        before = evidence.ours or "nothing"
        return f"The provider sends no webhook from {before} to {evidence.theirs}."
    return f"The provider sends no webhook when {', '.join(evidence.fields) or 'it'} changes."


def effect_on(before: Access, after: Access) -> Effect:
    """What the change from one answer to another does to the customer."""
    if before.entitled == after.entitled:
        return "none"
    return "gains" if after.entitled else "loses"


def needs_review(
    before: Mapping[str, Fold[State]], after: Mapping[str, Fold[State]]
) -> frozenset[str]:
    """The subscriptions that end for a customer who has another one that goes on.

    A person decides on them: which of two subscriptions a customer lives on is easily confused.

    Args:
        before: the customer's subscriptions as the book has them, by id.
        after: the same once the readings are applied.
    """
    paying = {name for name, folded in after.items() if folded.status in PAYING}
    ending = {
        name
        for name, folded in before.items()
        if folded.status in PAYING and name in after and name not in paying
    }
    return frozenset(ending) if paying else frozenset()
