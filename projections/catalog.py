"""The list of all projections. Nothing else lists them."""

from collections.abc import Iterable
from typing import Any

from projections.by_day import BY_DAY
from projections.checkouts import CHECKOUTS
from projections.credits import CREDITS
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.dunning import DUNNING
from projections.entitlement_grants import ENTITLEMENT_GRANTS
from projections.events import EVENTS
from projections.license_keys import LICENSE_KEYS
from projections.movements import MOVEMENTS
from projections.payments import PAYMENTS
from projections.payouts import PAYOUTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.search_terms import SEARCH_TERMS
from projections.subscriptions import SUBSCRIPTIONS

STREAMS: tuple[Projection[Any], ...] = (
    SUBSCRIPTIONS,
    PAYMENTS,
    REFUNDS,
    DISPUTES,
    LICENSE_KEYS,
    ENTITLEMENT_GRANTS,
    PAYOUTS,
    CREDITS,
    CHECKOUTS,
    DUNNING,
)
"""One read model per aggregate, with a row for each stream; each is a resource of the API."""

PROJECTIONS: tuple[Projection[Any], ...] = (
    EVENTS,
    MOVEMENTS,
    *STREAMS,
    CUSTOMERS,
    SEARCH_TERMS,
    *BY_DAY,
)

BY_NAME = {projection.name: projection for projection in PROJECTIONS}

BY_CATEGORY = {p.source_name: p for p in STREAMS}
"""The read model of each aggregate's streams, by category."""

BY_SOURCE = {
    source: tuple(p for p in PROJECTIONS if p.source_name == source)
    for source in dict.fromkeys(p.source_name for p in PROJECTIONS)
}
"""All read models of each source, by its name."""

MEMOS = {**BY_CATEGORY, CUSTOMERS.source_name: CUSTOMERS}
"""The read model that stores the ``memo`` of each thing, by the name of the source."""

COUNTS = {p.counted.name: p for p in BY_DAY if p.counted is not None}
"""The read model that counts the rows of another one, by the name of that."""


def together(chosen: Iterable[Projection[Any]]) -> tuple[Projection[Any], ...]:
    """The chosen read models, with what counts their rows, and with what they count."""
    names = {p.counted.name if p.counted else p.name for p in chosen}
    names |= {COUNTS[name].name for name in names if name in COUNTS}
    return tuple(p for p in PROJECTIONS if p.name in names)
