"""What the made-up merchant sells: products, what they entitle to, and credits."""

from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from domain.paid import months_after

BUSINESS = "bus_simulated"
BRAND = "brd_simulated"
CURRENCY = "EUR"


class Product(Struct, frozen=True):
    """A product; ``interval`` is None for what is bought once, ``credits`` come each period."""

    id: str
    name: str
    price: int
    interval: str | None = None
    entitlements: tuple[str, ...] = ()
    credits: int = 0

    def period_from(self, start: datetime) -> datetime:
        """The end of a period that starts then."""
        return months_after(start, 12 if self.interval == "Year" else 1)


class Entitlement(Struct, frozen=True):
    """Something that a product entitles to; what is not delivered at once is linked by hand."""

    id: str
    name: str
    integration_type: str
    config: dict[str, Any]
    at_once: bool


ENTITLEMENTS = {
    e.id: e
    for e in (
        Entitlement("ent_key", "Licence key", "license_key", {"activations_limit": 5}, True),
        Entitlement("ent_discord", "Discord role", "discord", {"guild_id": "guild_1"}, False),
        Entitlement(
            "ent_export", "Exports", "feature_flag",
            {"feature_id": "export", "feature_type": "boolean"}, True,
        ),
    )
}  # fmt: skip

PRODUCTS = {
    p.id: p
    for p in (
        Product("pdt_basic", "Basic", 900, "Month"),
        Product("pdt_pro", "Pro", 1900, "Month", ("ent_key",)),
        Product("pdt_team", "Team", 4900, "Month", ("ent_discord", "ent_export"), 1000),
        Product("pdt_yearly", "Pro, by the year", 19000, "Year", ("ent_key",)),
        Product("pdt_lifetime", "Lifetime", 29900, None, ("ent_key",)),
    )
}

CREDITS = "cent_api"
CREDITS_NAME = "API credits"
LOW_PERCENT = 20
"""Below this share of a period's credits the provider warns."""

ROLLOVER_PERCENT = 20
"""Of the balance, this share of a period's credits is carried over at most."""

GRACE = timedelta(days=3)
TRIAL_DAYS = 14
