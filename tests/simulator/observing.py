"""The provider's API: a resource as it shows it at a moment."""

from datetime import datetime
from typing import Any

import msgspec

from tests.simulator.deliveries import _EMBEDS, _IDENTITIES
from tests.simulator.world import Resource, World


def rendered(world: World, resource: Resource, moment: datetime) -> bytes | None:
    """The resource as JSON; None before there is any."""
    row = resource.row(moment)
    if row is None:
        return None
    data: dict[str, Any] = {}
    if resource.category in _IDENTITIES:
        data[_IDENTITIES[resource.category]] = resource.id
    data |= row
    if resource.category in _EMBEDS:
        data["customer"] = {"customer_id": "cus_1", **(world.customer.row(moment) or {})}
    return msgspec.json.encode(data)
