"""The one list of aggregates. Everything that goes through all of them goes through this list."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import msgspec

from domain import (
    abandoned_checkout,
    credit,
    dispute,
    dunning,
    entitlement_grant,
    license_key,
    payment,
    payout,
    refund,
    subscription,
)
from domain.machine import Lifecycle
from domain.payload import Payload


class Aggregate(msgspec.Struct, frozen=True, eq=False):
    """One kind of resource: its table, its payload, its state and how a snapshot changes it.

    ``category`` leads the event types and the streams of this kind; ``status_prefix`` is what the
    provider may write before a status and we do not. ``immutable`` says that each event carries a
    row of its own that never changes, and not the resource as it was when the event was sent.
    """

    lifecycle: Lifecycle
    payload: type[Payload]
    decoder: msgspec.json.Decoder[Any]
    state: type[Any]
    evolve: Callable[[Any, Any], Any]
    category: str
    status_prefix: str
    immutable: bool = False


def _aggregate(module: ModuleType) -> Aggregate:
    return Aggregate(
        lifecycle=module.LIFECYCLE,
        payload=module.Payload,
        decoder=msgspec.json.Decoder(module.Payload),
        state=module.State,
        evolve=module.evolve,
        category=module.LIFECYCLE.category,
        status_prefix=f"{module.LIFECYCLE.category}_",
        immutable=getattr(module, "IMMUTABLE", False),
    )


SUBSCRIPTION = _aggregate(subscription)

AGGREGATES = (
    SUBSCRIPTION,
    _aggregate(payment),
    _aggregate(refund),
    _aggregate(dispute),
    _aggregate(license_key),
    _aggregate(entitlement_grant),
    _aggregate(payout),
    _aggregate(credit),
    _aggregate(abandoned_checkout),
    _aggregate(dunning),
)

BY_CATEGORY = {aggregate.category: aggregate for aggregate in AGGREGATES}
