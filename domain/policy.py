"""The access policy for one subscription, as a table and as code.

``RULES`` names every rule of the policy, also those for purchases without a subscription, which
``access`` decides.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import Struct

from domain.fold import Fold
from domain.paid import Payments, days_after, interval_after, proof_since
from domain.subscription import LIFECYCLE, State

RULES: tuple[tuple[str, str, str, str], ...] = (
    # rule                    entitled until                   when
    ("active",                "yes",   "`next_billing_date`",    "active"),
    ("renewal_awaited",       "yes",   "open, or the allowance's end", "active, and `next_billing_date` has passed without news: a webhook may be missing"),
    ("renewal_missed",        "no",    "the allowance's end",  "the same, for longer than the book's `renewal_allowance_days`"),
    ("cancels_at_period_end", "yes",   "`next_billing_date`",    "active, with a cancellation scheduled"),
    ("period_ended",          "no",    "`next_billing_date`",    "the same, and the date has passed"),
    ("term_ended",            "no",    "`expires_at`",           "any status that would entitle, and `expires_at` has passed"),
    ("grace",                 "yes",   "`past_due_ends_at`",     "past_due, within its grace period"),
    ("grace_ended",           "no",    "`past_due_ends_at`",     "the same, and the date has passed"),
    ("past_due",              "no",    "open",                 "past_due, in a book with `grace = false`"),
    ("paid",                  "yes",   "the paid period's end", "pending, on_hold, past_due, grace, grace_ended, renewal_awaited, renewal_missed, period_ended, term_ended, unknown_status or no known subscription, and a payment that succeeded since that began covers the moment; also after a cancellation"),
    ("paid_presumed",         "yes",   "one billing interval after the payment", "the same but for renewal_awaited and term_ended, with a payment of more than nothing that names no period"),
    ("paid_through",          "yes",   "the paid period's end", "cancelled, after a status with access; `next_billing_date` where no payment names a period, or a later period was billed than any payment names"),
    ("trial_through",         "yes",   "the trial's end",      "cancelled during the trial"),
    ("unknown_status",        "yes",   "`next_billing_date`",    "nothing but types or statuses that this version does not know, since pending if that was told, and the date lies ahead"),
    ("granted",               "yes",   "the key's `expires_at`, or open", "a delivered entitlement grant whose subscription is not decided on here"),
    ("one_time_payment",      "by `one_time_payments`", "open", "a succeeded payment for no subscription, of which no grant is known"),
    ("license_key",           "by `license_keys`", "`expires_at`", "an active licence key without a known grant or subscription, whose payment was not given back"),
    ("key_expired",           "no",    "`expires_at`",           "a grant or a licence key whose `expires_at` has passed"),
    ("unconfirmed",           "by `unconfirmed`", "by `unconfirmed`", "no reason entitles, and the provider, asked whether that is so, did not answer; see `confirm_denials`"),
    ("the status itself",     "no",    "open, or when it ended", "every other status"),
)  # fmt: skip
"""Rule, entitled, until, when; domain/README.md shows this table."""


class Policy(Struct, frozen=True):
    """Where merchants differ. The defaults lock nobody out who may have paid.

    Attributes:
        grace: whether ``past_due`` keeps access until the provider's grace period ends.
        paid_through: whether a cancelled subscription keeps access until the paid period ends.
        trial_through: whether a cancelled trial keeps access until the trial ends.
        refunded: whether a payment that was wholly refunded or lost to a dispute counts as paid.
        one_time_payments: whether a payment entitles of whose purchase no grant is known.
        license_keys: whether a licence key entitles of which neither grant nor subscription is known.
        renewal_allowance_days: how long a renewal may be overdue without news; None is for ever.
    """

    grace: bool = True
    paid_through: bool = True
    trial_through: bool = True
    refunded: bool = False
    one_time_payments: bool = False
    license_keys: bool = False
    renewal_allowance_days: int | None = None


class Decision(NamedTuple):
    """A rule, whether it entitles, and until when; None is open."""

    rule: str
    entitled: bool
    until: datetime | None


_YIELDING = frozenset({
    "pending", "on_hold", "past_due", "grace_ended", "term_ended", "period_ended",
    "renewal_missed", "unknown_status",
})  # fmt: skip
"""The rules over which a payment that succeeded since the status began prevails."""

_WAITING = frozenset({"grace", "renewal_awaited"})
"""The rules that let in who has still to pay; a payment for the moment says more, and until when."""

_SAID = frozenset({"term_ended", "renewal_awaited"})
"""The rules by the provider's own dates, which a period that is only presumed does not outweigh."""


def decide(
    folded: Fold[State], at: datetime, payments: Payments | None, policy: Policy
) -> tuple[Fold[State], Decision]:
    """What one subscription gives at the moment ``at``, and the reading of it that decided.

    Where nothing decides between two readings, the one that entitles counts.
    """
    of_it = payments or Payments()
    decided = [(reading, _decide(reading, at, of_it, policy)) for reading in folded.readings]
    return next((one for one in decided if one[1].entitled), decided[0])


def _decide(folded: Fold[State], at: datetime, payments: Payments, policy: Policy) -> Decision:
    decision, ends = _by_status(folded, at, payments, policy), folded.state.expires_at
    # what was paid for is given, whenever the term ends
    proved = decision.rule == "paid" or decision.until == payments.paid_until
    if decision.entitled and ends is not None and not (proved and decision.until):
        decision = decision._replace(until=min(ends, decision.until or ends))
        if ends <= at:
            decision = Decision("term_ended", False, ends)
    if decision.rule not in (_WAITING if decision.entitled else _YIELDING):
        return decision
    since = _counting_from(folded.status, folded.not_before)
    failed = payments.failed_until(folded.since)
    if since is not None and failed is not None:
        # where it is open when the status began, it began with the last payment that failed
        since = max(since, failed)
    paid = paid_since(since, at, payments, folded.state)
    if paid is None or (paid.rule == "paid_presumed" and decision.rule in _SAID):
        return decision
    shorter = decision.entitled and decision.until and paid.until and paid.until < decision.until
    return decision if shorter else paid


def _by_status(folded: Fold[State], at: datetime, payments: Payments, policy: Policy) -> Decision:
    state = folded.state
    match folded.status:
        case "active":
            return _active(state, at, policy)
        case "past_due" if policy.grace:
            ends = state.past_due_ends_at
            over = ends is not None and ends <= at
            return Decision("grace_ended" if over else "grace", not over, ends)
        case "cancelled":
            return _cancelled(folded, at, payments, policy)
        case LIFECYCLE.initial if _may_have_begun(folded):
            ends = state.next_billing_date
            return Decision("unknown_status", ends is not None and ends > at, ends)
    return Decision(folded.status, False, None)


def _may_have_begun(folded: Fold[State]) -> bool:
    """Whether what came after pending, or instead of it, is not known to this version."""
    return "unknown" in folded.verdicts and not folded.state.told_pending


def _active(state: State, at: datetime, policy: Policy) -> Decision:
    ends = state.next_billing_date
    if ends is None or ends > at:
        scheduled = state.cancel_at_next_billing_date and ends is not None
        return Decision("cancels_at_period_end" if scheduled else "active", True, ends)
    if state.cancel_at_next_billing_date:
        return Decision("period_ended", False, ends)
    if policy.renewal_allowance_days is None:
        return Decision("renewal_awaited", True, None)
    allowed = days_after(ends, policy.renewal_allowance_days)
    if allowed > at:
        return Decision("renewal_awaited", True, allowed)
    return Decision("renewal_missed", False, allowed)


def _cancelled(folded: Fold[State], at: datetime, payments: Payments, policy: Policy) -> Decision:
    shut = Decision("cancelled", False, None)
    if not _had_access(folded, payments, policy):
        return paid_since(folded.not_before, at, payments, folded.state) or shut
    ends = _trial_end(folded, payments)
    rule, keeps = "trial_through", policy.trial_through
    if ends is None:
        rule, keeps, ends = "paid_through", policy.paid_through, _paid_end(folded, payments)
    if not keeps:
        return shut
    since = None if folded.state.next_billing_date is None else _proving_since(folded)
    paid = paid_since(since, at, payments, folded.state)
    if ends is None or ends <= at:
        return paid or shut._replace(until=ends)
    # what outlasts it says so from the start
    return paid if paid and paid.until and paid.until > ends else Decision(rule, True, ends)


def _counting_from(status: str, began: datetime) -> datetime | None:
    """Since when payments prevail over a status; None for ever, before anything else was known."""
    return None if status == LIFECYCLE.initial else began


def _proving_since(folded: Fold[State]) -> datetime | None:
    """The same after a cancellation: what gave access before it gives it afterwards too."""
    shut = [_counting_from(*before) for before in folded.previous if before[0] in _YIELDING]
    known = [began for began in shut if began is not None]
    if len(known) < len(shut):
        return None
    return min(known, default=folded.not_before)


def _paid_end(folded: Fold[State], payments: Payments) -> datetime | None:
    """Until when a cancelled subscription is paid for, as far as is known."""
    state = folded.state
    ends, named, billed = payments.paid_until, payments.named_until, state.previous_billing_date
    if payments.is_void and not _billed_after(billed, payments):
        kept = [p for p in payments.succeeded if p.charged and not p.void and p.ends_at is None]
        presumed = (interval_after(p.at, state) for p in kept)
        return max((end for end in (ends, *presumed) if end), default=None)
    if folded.previous and all(status == "past_due" for status, _ in folded.previous):
        # the next period was not paid for: what is left is the grace
        return max((end for end in (ends, state.grace_ends_at) if end), default=None)
    # a period was billed after those that the known payments name: its payment is missing
    unknown = named is None or (billed is not None and billed >= named)
    if unknown and state.next_billing_date is not None:
        return max(ends or state.next_billing_date, state.next_billing_date)
    return ends


def _billed_after(billed: datetime | None, payments: Payments) -> bool:
    """Whether a period was billed after all known payments: its own is missing."""
    last, named = payments.succeeded[-1], payments.named_until
    if billed is None or (named is not None and billed < named):
        return False
    # a day for the hours in which the provider bills
    return last.ends_at is not None or billed - timedelta(days=1) > last.at


def _had_access(folded: Fold[State], payments: Payments, policy: Policy) -> bool:
    """Whether there was access when the subscription was cancelled, by any reading of it."""
    if not folded.previous or folded.occurred_at >= folded.since:
        # nothing is known from before: only a payment that failed denies, and none after it or for
        # that moment
        failed = payments.failed_until(folded.since)
        return failed is None or any(
            failed < proof.at or proof.covers(folded.since, proof.ends_at)
            for proof in payments.succeeded
        )
    return any(_gave_access(folded, *before, payments, policy) for before in folded.previous)


def _gave_access(
    folded: Fold[State],
    status: str,
    began: datetime,
    payments: Payments,
    policy: Policy,
) -> bool:
    at, state = folded.since, folded.state
    if status == "active":
        return True
    if status == "past_due" and policy.grace:
        ends = state.grace_ends_at
        if ends is None or ends > at:
            return True
    if status == LIFECYCLE.initial and _may_have_begun(folded):
        return True
    if status not in _YIELDING:
        return False
    return paid_since(_counting_from(status, began), at, payments, state) is not None


def _trial_end(folded: Fold[State], payments: Payments) -> datetime | None:
    """The end of the trial in which a subscription was cancelled; None where it was in none."""
    state = folded.state
    if (state.trial_period_days or 0) <= 0 or state.created_at is None:
        return None
    if any(proof.charged for proof in payments.succeeded):
        return None
    end = days_after(state.created_at, state.trial_period_days or 0)
    # a day for the provider's rounding
    if folded.since - timedelta(days=1) > end:
        return None
    return state.next_billing_date or end


def paid_since(
    since: datetime | None, at: datetime, payments: Payments, state: State | None
) -> Decision | None:
    """What the payments prove that succeeded since a status began; None where nothing is proved."""
    proved = proof_since(since, at, payments, state)
    return proved and Decision(proved.rule, True, proved.until)
