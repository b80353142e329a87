"""The list of aggregates; everything that applies to all of them iterates over it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
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
    provider may write before a status and we do not. ``updated_at`` reads the moment at which the
    provider changed the resource, where its payload tells it; ``times`` are the moments of the past
    in a payload, after which it was rendered; ``progress`` are counts of a state that only grow; an
    ``immutable`` payload is a row that never changes, and stands by its own time. ``of_fact`` names
    the fields that belong to the event, whenever the rest is rendered. ``fields`` are those of the
    payload, each with the provider's name for it; ``only_status`` is set where the lifecycle has
    but one. ``webhook_only`` names the fields that the provider's API does not show, each
    with the status in which a webhook does (``*``: any).
    ``began`` reads when the status in a payload began, where the payload tells it. ``noun`` is what
    a sentence calls the resource, and ``amount`` the field of the state by which a person knows it;
    None where there is none.
    """

    lifecycle: Lifecycle
    payload: type[Payload]
    decoder: msgspec.json.Decoder[Any]
    state: type[Any]
    evolve: Callable[[Any, Any], Any]
    category: str
    status_prefix: str
    updated_at: Callable[[Any], Any] | None
    times: Callable[[Any], tuple[Any, ...]] | None
    progress: Callable[[Any], tuple[int, ...]] | None
    immutable: bool
    of_fact: tuple[str, ...]
    fields: tuple[tuple[str, str], ...]
    only_status: str | None
    webhook_only: Mapping[str, str]
    began: Callable[[str, Any], datetime | None]
    noun: str
    amount: str | None

    def money(self, state: Any) -> tuple[int | None, str | None]:  # noqa: ANN401 - of this aggregate
        """The amount of a state and its currency, in minor units."""
        return (getattr(state, self.amount), state.currency) if self.amount else (None, None)


def _aggregate(module: ModuleType) -> Aggregate:
    times: tuple[str, ...] = getattr(module, "TIMES", ())
    statuses = module.LIFECYCLE.statuses
    updated = "updated_at" in module.Payload.__struct_fields__
    return Aggregate(
        lifecycle=module.LIFECYCLE,
        payload=module.Payload,
        decoder=msgspec.json.Decoder(module.Payload),
        state=module.State,
        evolve=module.evolve,
        category=module.LIFECYCLE.category,
        status_prefix=f"{module.LIFECYCLE.category}_",
        updated_at=attrgetter("updated_at") if updated else None,
        # attrgetter gives a tuple only for two names and more
        times=attrgetter(*times, *times[:1]) if times else None,
        progress=getattr(module, "progress", None),
        immutable=getattr(module, "IMMUTABLE", False),
        of_fact=getattr(module, "OF_FACT", ()),
        fields=tuple((f.name, f.encode_name) for f in msgspec.structs.fields(module.Payload)),
        only_status=statuses[0] if len(statuses) == 1 else None,
        webhook_only=getattr(module, "WEBHOOK_ONLY", {}),
        began=_began(getattr(module, "BEGAN", {})),
        noun=getattr(module, "NOUN", module.LIFECYCLE.category),
        amount=getattr(module, "AMOUNT", None),
    )


def _began(fields: Mapping[str, str]) -> Callable[[str, Any], datetime | None]:
    def began(status: str, payload: Any) -> datetime | None:  # noqa: ANN401 - of the aggregate
        name = fields.get(status, fields.get("*"))
        return getattr(payload, name) if name else None

    return began


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
