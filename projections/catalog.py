"""The one list of projections."""

from typing import Any

from projections.checkouts import CHECKOUTS
from projections.credits import CREDITS
from projections.customers import CUSTOMERS
from projections.disputes import DISPUTES
from projections.dunning import DUNNING
from projections.entitlement_grants import ENTITLEMENT_GRANTS
from projections.events import EVENTS
from projections.license_keys import LICENSE_KEYS
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
"""Those that show the streams of one aggregate."""

PROJECTIONS: tuple[Projection[Any], ...] = (EVENTS, *STREAMS, CUSTOMERS, SEARCH_TERMS)

BY_NAME = {projection.name: projection for projection in PROJECTIONS}
BY_CATEGORY = {p.aggregate.category: p for p in STREAMS if p.aggregate is not None}
