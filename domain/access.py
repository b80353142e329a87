"""Whether a customer is entitled, until when, why, and what a page shows them.

Access is a question to the state, never to an event's type. ``policy`` has the rules; every answer
names the rule that decided, and ``access_state`` says what a page makes of it. Who has paid for the
moment, by the book's own evidence, is not locked out, and a cancellation opens nothing that was
shut.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from domain import dispute, entitlement_grant, license_key, payment, refund, subscription
from domain.access_state import RANK, AccessState, state_of
from domain.fold import Fold
from domain.paid import Payments, as_paid, payments_by_subscription, proof_since, void_payments
from domain.policy import Policy, decide


class Because(Struct, frozen=True, kw_only=True):
    """One reason. ``until`` is UTC, None is open; of the ids, those are set that it is about.

    ``state`` is what a page would show if this were the only reason.
    """

    subscription_id: str | None = None
    entitlement_grant_id: str | None = None
    payment_id: str | None = None
    license_key_id: str | None = None
    product_id: str | None = None
    status: str
    since: datetime
    until: datetime | None
    rule: str
    entitled: bool
    state: AccessState


class Access(Struct, frozen=True):
    """The answer: entitled by at least one reason; ``until`` is the latest of theirs.

    ``state`` is that of the first reason: the best one leads. Only ``lapsed`` may come from a
    payment that gives nothing now, and so has no entry.
    """

    entitled: bool
    state: AccessState
    until: datetime | None
    because: tuple[Because, ...]


def access(  # noqa: PLR0913 - all that decides
    subscriptions: Iterable[Fold[subscription.State]],
    at: datetime,
    *,
    payments: Collection[Fold[payment.State]] = (),
    refunds: Collection[Fold[refund.State]] = (),
    disputes: Collection[Fold[dispute.State]] = (),
    grants: Collection[Fold[entitlement_grant.State]] = (),
    keys: Collection[Fold[license_key.State]] = (),
    elsewhere: Collection[str] = (),
    policy: Policy | None = None,
) -> Access:
    """Decide at the moment ``at``, with things as they were folded.

    Args:
        subscriptions: the customer's.
        at: the moment in the world.
        payments: the customer's, and all that name one of the subscriptions, by any payer.
        refunds: of these payments.
        disputes: of these payments.
        grants: the customer's.
        keys: the customer's licence keys.
        elsewhere: the subscriptions that a payment names and that are another customer's.
        policy: the book's; the defaults where it has none.
    """
    rules, payments = policy or Policy(), as_paid(payments)
    decided = {folded.state.id: folded for folded in subscriptions}
    void = set() if rules.refunded else void_payments(payments, refunds, disputes)
    paid = payments_by_subscription(payments, void)
    reasons = [_of_subscription(f, at, paid.get(i), rules) for i, f in decided.items()]
    reasons += _of_unknown_subscriptions(paid, {*decided, *elsewhere}, at)
    reasons += [_of_grant(g, at) for g in grants if g.state.subscription_id not in decided]
    alone = [key for key in keys if key.state.subscription_id not in decided]
    reasons += _of_keys(alone, grants, at, void, rules)
    reasons += _of_purchases(payments, grants, keys, void, rules)
    because = tuple(sorted(reasons, key=_first_reason))
    granting = [b.until for b in because if b.entitled]
    ends = [until for until in granting if until is not None]
    open_ended = len(ends) < len(granting)
    until = None if open_ended or not ends else max(ends)
    state = _overall(because, payments)
    return Access(entitled=bool(granting), state=state, until=until, because=because)


def _overall(because: Sequence[Because], payments: Iterable[Fold[payment.State]]) -> AccessState:
    """The state of the first reason; ``never`` is for those who never paid."""
    if because and because[0].state != "never":
        return because[0].state
    if any(map(_is_paid, payments)):
        return "lapsed"
    return "never"


def _of_subscription(
    folded: Fold[subscription.State], at: datetime, paid: Payments | None, policy: Policy
) -> Because:
    reading, decision = decide(folded, at, paid, policy)
    return Because(
        subscription_id=folded.state.id,
        product_id=folded.state.product_id,
        status=reading.status,
        since=reading.since,
        until=decision.until,
        rule=decision.rule,
        entitled=decision.entitled,
        state=state_of(decision.rule, reading.status, entitled=decision.entitled, reading=reading),
    )


def _of_unknown_subscriptions(
    paid: Mapping[str, Payments], known: Collection[str], at: datetime
) -> Iterator[Because]:
    """What is paid for subscriptions that have no event in the book."""
    for subscription_id, payments in paid.items():
        proved = proof_since(None, at, payments, None)
        if subscription_id not in known and proved is not None:
            yield Because(
                subscription_id=subscription_id,
                payment_id=proved.proof.payment_id,
                status="unknown",
                since=proved.proof.at,
                until=proved.until,
                rule=proved.rule,
                entitled=True,
                state=state_of(proved.rule, "unknown", entitled=True),
            )


def _of_grant(folded: Fold[entitlement_grant.State], at: datetime) -> Because:
    # where nothing decides between two readings, the one that entitles counts
    reading = folded.read_as("delivered") or folded
    status, since, state = reading.status, reading.since, reading.state
    entitled, ends = status == "delivered", state.expires_at
    expired = entitled and ends is not None and ends <= at
    rule = "key_expired" if expired else "granted" if entitled else status
    entitled = entitled and not expired
    return Because(
        entitlement_grant_id=state.id,
        subscription_id=state.subscription_id,
        status=status,
        since=since,
        until=ends if status == "delivered" else None,
        rule=rule,
        entitled=entitled,
        state=state_of(rule, status, entitled=entitled, reading=folded),
    )


def _of_keys(
    keys: Iterable[Fold[license_key.State]],
    grants: Iterable[Fold[entitlement_grant.State]],
    at: datetime,
    void: Collection[str],
    policy: Policy,
) -> Iterator[Because]:
    """What licence keys without a known subscription give that have no known grant.

    The provider disables a key whose payment was given back, and does not tell.
    """
    granted = {grant.state.license_key for grant in grants}
    for folded in keys:
        state = folded.state
        if state.key and state.key in granted:
            continue
        active, ends = folded.status == "active", state.expires_at
        expired = active and ends is not None and ends <= at
        rule = "key_expired" if expired else "license_key" if active else folded.status
        kept = state.payment_id not in void
        entitled = active and not expired and kept and policy.license_keys
        yield Because(
            license_key_id=state.id,
            subscription_id=state.subscription_id,
            payment_id=state.payment_id,
            product_id=state.product_id,
            status=folded.status,
            since=folded.since,
            until=ends if active else None,
            rule=rule,
            entitled=entitled,
            state=state_of(rule, folded.status, entitled=entitled, reading=folded),
        )


def _of_purchases(
    payments: Iterable[Fold[payment.State]],
    grants: Iterable[Fold[entitlement_grant.State]],
    keys: Iterable[Fold[license_key.State]],
    void: Collection[str],
    policy: Policy,
) -> Iterator[Because]:
    """What one-time payments give that no grant or licence key names."""
    granted = {grant.state.payment_id for grant in grants} | {key.state.payment_id for key in keys}
    for folded in payments:
        state = folded.state
        bought = folded.status == "succeeded" and not state.is_update_payment_method
        if not bought or state.subscription_ids or state.id in granted or state.id in void:
            continue
        yield Because(
            payment_id=state.id,
            status=folded.status,
            since=folded.since,
            until=None,
            rule="one_time_payment",
            entitled=policy.one_time_payments,
            state=state_of("one_time_payment", folded.status, entitled=policy.one_time_payments),
        )


def _is_paid(folded: Fold[payment.State]) -> bool:
    """Whether money came, whatever became of it; an unknown amount counts."""
    state = folded.state
    free = state.total_amount == 0 or state.is_update_payment_method
    return folded.status == "succeeded" and not free


def _first_reason(because: Because) -> tuple[int, float, str]:
    # the best state comes first, and so what grants; then the latest change
    ids = (because.subscription_id, because.entitlement_grant_id, because.license_key_id)
    name = next((key for key in ids if key), because.payment_id or "")
    return (RANK[because.state], -because.since.timestamp(), name)
