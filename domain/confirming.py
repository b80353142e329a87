"""When the provider is asked before a customer is denied, and what holds where it does not answer.

A "no" of the book rests on the last news. The next one, by which the customer has
paid or bought again, may be lost. ``QUESTIONS`` is the table of ``stands``.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec.structs import replace

from domain.access import Because
from domain.access_state import AccessState
from domain.fold import Fold
from domain.paid import interval_after
from domain.subscription import State

Unconfirmed = Literal["recent", "deny", "allow"]
"""What a book decides where the provider does not answer."""

FRESH = timedelta(minutes=1)
"""News that are younger are taken as they are."""

QUESTIONS: tuple[tuple[str, str], ...] = (
    # the first reason against                                              asked
    ("there is none: nothing is known that could give access",             "yes"),
    ("its resource is parked, or can be read in two ways",                 "yes"),
    ("it is `pending`: a payment may be under way",                        "yes"),
    ("a date decides that has passed since the last news of its resource", "yes"),
    ("the last news of its resource are older than a minute",              "yes"),
    ("the last news of its resource are of the last minute",               "no"),
)  # fmt: skip
"""The first row that applies decides; domain/README.md shows this table."""

_DATED = frozenset({
    "period_ended", "grace_ended", "term_ended", "renewal_missed", "key_expired", "unknown_status",
})  # fmt: skip
"""The rules that deny because a date has passed: no event has told so."""


def stands(
    because: Sequence[Because], folds: Iterable[Fold[Any]], at: datetime, *, parked: bool
) -> bool:
    """Whether a "no" is given without asking the provider.

    Args:
        because: the reasons of the answer, none of which entitles.
        folds: the streams that decided.
        at: now.
        parked: whether one of them lacks its later events.
    """
    if not because or parked:
        return False
    first = because[0]
    folded = _resource_of(first, folds)
    if folded is None or folded.other is not None or folded.status == "pending":
        return False
    told = folded.last[0]
    if first.until is not None and told < first.until <= at:
        return False
    return abs(at - told) < FRESH


def unconfirmed(
    because: Sequence[Because],
    state: AccessState,
    folds: Iterable[Fold[Any]],
    at: datetime,
    setting: Unconfirmed,
) -> Because:
    """The reason that decides where the provider did not confirm a "no" of this state.

    With ``recent`` a customer is let in for one billing interval after a date that ended the access
    without news. What an event has told, such as a hold or a cancellation, stays a "no".
    """
    until = None
    if setting == "recent":
        until = _until(because, folds)
    entitled = setting == "allow" or (until is not None and until > at)
    reason = Because(
        status="unknown",
        since=at,
        until=until if entitled else None,
        rule="unconfirmed",
        entitled=entitled,
        state="active" if entitled else state,
    )
    if not because:
        return reason
    # it is about the same resource as the first reason against
    return replace(
        because[0],
        until=reason.until,
        rule=reason.rule,
        entitled=reason.entitled,
        state=reason.state,
    )


def _until(because: Iterable[Because], folds: Iterable[Fold[Any]]) -> datetime | None:
    by_id = {folded.state.id: folded.state for folded in folds}
    ends: list[datetime] = []
    for one in because:
        if one.rule in _DATED and one.until is not None:
            state = by_id.get(one.subscription_id)
            ends.append(interval_after(one.until, state if isinstance(state, State) else None))
    return max(ends, default=None)


def _resource_of(because: Because, folds: Iterable[Fold[Any]]) -> Fold[Any] | None:
    ids = (because.entitlement_grant_id, because.license_key_id, because.subscription_id)
    wanted = next((one for one in ids if one), because.payment_id)
    return next((folded for folded in folds if folded.state.id == wanted), None)
