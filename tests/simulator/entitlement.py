"""Who is entitled at a moment, by the rules of the policy, from the truth.

Written for reading and not for speed: a subscription opens by its status, by a payment, or by a
grant. None is "the documentation leaves it open".
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.simulator.oracles import since, status_at, status_of
from tests.simulator.world import Fields, Resource, World, add_interval

_NEVER = ("paused", "expired", "failed")
_SLACK = timedelta(days=3)
"""How far the end of a period that nobody told may lie from where we presume it."""


def entitled(world: World, moment: datetime) -> bool | None:
    """Whether the customer may come in; None where the documentation leaves it open."""
    answers = [
        *(_by_subscription(world, one, moment) for one in _known(world, "subscription", moment)),
        *(_by_grant(one, moment) for one in _known(world, "entitlement_grant", moment)),
        *(_by_other(world, moment)),
    ]
    if True in answers:
        return True
    return None if None in answers else False


def has_bought(world: World, moment: datetime) -> bool | None:
    """Whether anything was ever bought; None where only a grant or a key says so."""
    for one in _known(world, "subscription", moment):
        statuses = {v.fields["status"] for v in one.versions if v.at <= moment}
        if statuses - {"pending", "failed"}:
            return True
    for one in _known(world, "payment", moment):
        row = _row(one, moment)
        free = row["total_amount"] == 0 or row["is_update_payment_method"]
        if row["status"] == "succeeded" and not free:
            return True
    given = [*_known(world, "entitlement_grant", moment), *_known(world, "license_key", moment)]
    return None if given else False


def _known(world: World, category: str, moment: datetime) -> Iterator[Resource]:
    """The resources of which some event has told."""
    for one in world.of(category):
        if status_at(world, one.stream, moment) is not None:
            yield one


def _row(resource: Resource, moment: datetime) -> Fields:
    row = resource.row(moment)
    assert row is not None
    return row


def _by_grant(grant: Resource, moment: datetime) -> bool | None:
    """A delivered grant counts, unless its subscription is decided on."""
    row = _row(grant, moment)
    return status_of(row) == "delivered" and row["subscription_id"] is None


def _by_other(world: World, moment: datetime) -> Iterator[None]:
    """What a purchase alone gives is a switch of the book."""
    for one in _known(world, "payment", moment):
        if _row(one, moment)["subscription_id"] is None:
            yield None
    subscriptions = {one.id for one in _known(world, "subscription", moment)}
    for category in ("license_key", "payment", "entitlement_grant"):
        # the subscription itself is told of a moment later
        if any(
            _row(one, moment)["subscription_id"] not in subscriptions
            for one in _known(world, category, moment)
        ):
            yield None


def _by_subscription(world: World, subscription: Resource, moment: datetime) -> bool | None:
    row = _row(subscription, moment)
    status, ends = row["status"], row["next_billing_date"]
    if status == "active":
        if row["expires_at"] is not None and row["expires_at"] <= moment:
            # paid for beyond the end of the term: left open
            rows = [_row(one, moment) for one in _succeeded(world, subscription, moment)]
            covered = any(_covers(one, moment) for one in rows)
            paid = _paid_since(world, subscription, moment)
            return None if covered or paid is not False else False
        if not row["cancel_at_next_billing_date"] or ends > moment:
            return True
    if status == "past_due" and row["past_due_ends_at"] > moment:
        return True
    if status in _NEVER:
        return False
    if status == "cancelled":
        return _after_cancellation(world, subscription, moment)
    return _paid_since(world, subscription, moment)


def _after_cancellation(world: World, subscription: Resource, moment: datetime) -> bool | None:
    """The paid periods go on; without any, the date, but only where there was access before."""
    began = since(subscription, subscription.number(moment))
    before = subscription.versions[subscription.number(began) - 1].fields
    payments = list(_succeeded(world, subscription, moment))
    kept = [_kept(world, one, moment) for one in payments]
    covers = [_covers(_row(one, moment), moment) for one in payments]
    covered = any(keep and cover for keep, cover in zip(kept, covers, strict=True))
    presumed = _paid_since(world, subscription, moment)
    if before["status"] in {"paused", "on_hold"}:
        # paid for, but shut when it was cancelled: left open
        return None if covered or presumed is not False else False
    if covered:
        return True
    if before["status"] == "past_due" or presumed is not False or None in kept:
        return None
    if any("service_periods" in _row(one, moment) for one in payments):
        # a pause moves the date and not what was paid
        paused = any(version.fields["paused_at"] for version in subscription.versions)
        return None if paused else False
    if False in kept:
        return None
    ends: datetime = _row(subscription, moment)["next_billing_date"]
    return not _over(before, began) and ends > moment


def _over(row: Fields, moment: datetime) -> bool:
    ends = row["expires_at"]
    return ends is not None and bool(ends <= moment)


def _paid_since(world: World, subscription: Resource, moment: datetime) -> bool | None:
    """Whether a payment since the status began covers the moment."""
    number = subscription.number(moment)
    began = since(subscription, number)
    answers: list[bool | None] = [False]
    for payment in _succeeded(world, subscription, moment):
        at = _paid_at(payment)
        kept = _kept(world, payment, moment)
        row = _row(payment, moment)
        if at < began or kept is False:
            continue
        if kept is None:
            answers.append(None)
        elif "service_periods" in row:
            answers.append(_covers(row, moment))
        elif row["total_amount"] > 0 and not row["is_update_payment_method"]:
            fields = subscription.fields
            names = ("payment_frequency_interval", "payment_frequency_count")
            interval, count = (fields[name] for name in names)
            presumed = add_interval(at, interval, count)
            answers.append(None if abs(presumed - moment) < _SLACK else presumed > moment)
    if True in answers:
        return True
    return None if None in answers else False


def _succeeded(world: World, subscription: Resource, moment: datetime) -> Iterator[Resource]:
    for payment in _known(world, "payment", moment):
        row = _row(payment, moment)
        if row["status"] == "succeeded" and row["subscription_id"] == subscription.id:
            yield payment


def _paid_at(payment: Resource) -> datetime:
    return next(v.at for v in payment.versions if v.fields["status"] == "succeeded")


def _kept(world: World, payment: Resource, moment: datetime) -> bool | None:
    """Whether the money was kept: not wholly refunded, not lost to a dispute."""
    disputes = [_row(one, moment) for one in _known(world, "dispute", moment)]
    statuses = {status_of(row) for row in disputes if row["payment_id"] == payment.id}
    if "lost" in statuses or _row(payment, moment)["refund_status"] == "full":
        return False
    # these are said to end in a loss, some day
    return None if statuses & {"accepted", "expired"} else True


def _covers(row: Fields, moment: datetime) -> bool:
    periods = row.get("service_periods", ())
    return any(one["starts_at"] <= moment < one["ends_at"] for one in periods)
