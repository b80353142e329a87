"""Amounts, times and names in words, the same on every machine. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain import currency as currencies

UNKNOWN = "not known"

_NAMES = {
    "payment": "Payment", "subscription": "Subscription", "refund": "Refund",
    "dispute": "Dispute", "entitlement_grant": "Grant", "license_key": "Licence key",
    "abandoned_checkout": "Checkout",
}  # fmt: skip


def noun(category: str) -> str:
    """What a resource of a category is called."""
    return _NAMES.get(category, category.replace("_", " ").capitalize())


def money(amount: object, currency: object) -> str | None:
    """An amount in minor units with its currency, such as "1,234.50 EUR"; None if not known."""
    if not isinstance(amount, int) or isinstance(amount, bool):
        return None
    if not isinstance(currency, str) or not currency:
        return f"{amount:,} in minor units of an unknown currency"
    return currencies.money(amount, currency)


def moment(at: datetime | None) -> str | None:
    """A time in UTC to the second, such as "10 Feb 2026, 09:00:00"."""
    return None if at is None else f"{at.day} {at:%b %Y}, {at:%H:%M:%S}"


def day(at: datetime) -> str:
    """A day in UTC."""
    return f"{at.day} {at:%B %Y}"


def words(value: object) -> str | None:
    """A value of the provider's in words; None for one that says nothing."""
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ")


def plain(value: object) -> str | None:
    """A text or a number as it is; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value) or None


def address(billing: object) -> str | None:
    """A billing address in one line."""
    if not isinstance(billing, Mapping):
        return None
    names = ("street", "zipcode", "city", "state", "country")
    parts = [found for name in names if (found := plain(billing.get(name)))]
    return ", ".join(parts) or None


def card(fields: Mapping[str, Any]) -> str | None:
    """The means of payment, such as "visa credit, ending in 4242, issued in DE"."""
    kind = [plain(fields.get(name)) for name in ("card_network", "card_type")]
    parts = [" ".join(one for one in kind if one) or plain(fields.get("payment_method")) or ""]
    if last := plain(fields.get("card_last_four")):
        parts.append(f"ending in {last}")
    if country := plain(fields.get("card_issuing_country")):
        parts.append(f"issued in {country}")
    return ", ".join(part for part in parts if part) or None


def cart(fields: Mapping[str, Any]) -> str | None:
    """The products with their numbers, such as "pdt_1 (2), pdt_2"."""
    items = fields.get("product_cart")
    listed = items if isinstance(items, Sequence) and not isinstance(items, str) else ()
    named = [_item(one) for one in (*listed, fields) if isinstance(one, Mapping)]
    return ", ".join(dict.fromkeys(one for one in named if one)) or None


def _item(item: Mapping[str, Any]) -> str | None:
    product, count = plain(item.get("product_id")), plain(item.get("quantity"))
    return product and (product if count in {None, "1"} else f"{product} ({count})")


def period(fields: Mapping[str, Any]) -> str | None:
    """How often a subscription is charged, such as "every 1 Month"."""
    unit = plain(fields.get("payment_frequency_interval"))
    count = plain(fields.get("payment_frequency_count"))
    return f"every {count or 1} {unit.lower()}" if unit else None
