"""The provider's lists: filters, pages, and rows that are lighter than the resource by its id.

A page is ``{"items": [...]}``, newest first, without a total: an empty page is the end. The page
number starts at 0. Payments have a highest page number, and a request beyond it gets that page.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from service.sandbox.errors import ApiError
from service.sandbox.list_queries import (
    CustomersQuery,
    DisputesQuery,
    InstancesQuery,
    LicenseKeysQuery,
    PageQuery,
    PaymentsQuery,
    PayoutsQuery,
    RefundsQuery,
    SubscriptionsQuery,
)

Query = TypeVar("Query", bound=PageQuery)

Row = Mapping[str, Any]
"""A resource; its times are datetimes in UTC."""

Rows = Mapping[str, Mapping[str, Row]]
"""All resources by kind and id."""

_CREATED = itemgetter("created_at")
_PAGING = frozenset({"page_number", "page_size", "created_at_gte", "created_at_lte"})


class Listing(Struct, frozen=True):
    """One list of the account.

    Attributes:
        path: the path of the list, and the parent of the paths by id.
        kind: the kind of its resources.
        query: its parameters.
        identity: the field with the id.
        fields: the fields of a row; None if a row has all.
        capped: whether there is a highest page number.
        by_id: whether the resource can be read by its id.
    """

    path: str
    kind: str
    query: type[PageQuery]
    identity: str
    fields: frozenset[str] | None = None
    capped: bool = False
    by_id: bool = True


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LISTINGS = (
    Listing(
        "/subscriptions", "subscription", SubscriptionsQuery, "subscription_id",
        _names(
            "billing cancel_at_next_billing_date cancelled_at cancelled_by created_at currency"
            " customer customer_business_name discount_cycles_remaining discount_id discounts"
            " has_payment_method metadata next_billing_date on_demand paused_at"
            " payment_frequency_count payment_frequency_interval payment_method_id"
            " previous_billing_date product_id product_name quantity recurring_pre_tax_amount"
            " scheduled_change status subscription_id subscription_period_count"
            " subscription_period_interval tax_id tax_inclusive trial_amount trial_period_days"
        ),
    ),
    Listing(
        "/payments", "payment", PaymentsQuery, "payment_id",
        _names(
            "brand_id card_exp_month card_exp_year card_last_four card_network card_type"
            " charge_type checkout_session_id created_at currency customer"
            " digital_products_delivered dispute_status has_license_key includes_usage invoice_id"
            " invoice_url is_multi_subscription metadata payment_id payment_method"
            " payment_method_type payment_provider refund_status retry_attempt service_periods"
            " status subscription_id subscription_ids three_ds_flow three_ds_status"
            " three_ds_version total_amount"
        ),
        capped=True,
    ),
    Listing(
        "/refunds", "refund", RefundsQuery, "refund_id",
        _names(
            "amount business_id created_at currency is_partial network_reference"
            " network_reference_type network_reference_updated_at payment_id reason refund_id"
            " status"
        ),
    ),
    Listing(
        "/disputes", "dispute", DisputesQuery, "dispute_id",
        _names(
            "amount business_id created_at currency dispute_id dispute_stage dispute_status"
            " is_resolved_by_rdr payment_id payment_provider"
        ),
    ),
    Listing("/license_keys", "license_key", LicenseKeysQuery, "id"),
    Listing("/license_key_instances", "license_key_instance", InstancesQuery, "id"),
    Listing("/customers", "customer", CustomersQuery, "customer_id"),
    Listing("/payouts", "payout", PayoutsQuery, "payout_id", by_id=False),
)  # fmt: skip


def query_of(query: type[Query], params: Mapping[str, str]) -> Query:
    """The parameters of a request; unknown ones are ignored, as the provider does.

    Raises:
        ApiError: 400, if one is not valid.
    """
    try:
        return msgspec.convert(dict(params), query, strict=False)
    except msgspec.ValidationError as error:
        raise ApiError(400, f"A query parameter is not valid: {error}.") from None


def page(rows: Iterable[Row], query: PageQuery, last_page: int | None = None) -> list[Row]:
    """One page of rows, newest first; of the same moment, the one that was made last."""
    number = query.page_number if last_page is None else min(query.page_number, last_page)
    newest = sorted(rows, key=_CREATED)[::-1]
    return newest[number * query.page_size : (number + 1) * query.page_size]


def selected(world: Rows, listing: Listing, query: PageQuery) -> Iterable[Row]:
    """The resources that pass the filters of a query."""
    names = _filters(query)
    tests = [(_TESTS.get(name, _equals(name)), getattr(query, name)) for name in names]
    since, until = query.created_at_gte, query.created_at_lte
    for row in world.get(listing.kind, {}).values():
        created_at = row["created_at"]
        if (since is not None and created_at < since) or (until is not None and created_at > until):
            continue
        if not tests or all(test(world, row, value) for test, value in tests):
            yield row


def light(world: Rows, listing: Listing, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows of a list: without what lists leave out, with what only lists have."""
    if listing.kind == "customer":
        return [{**row, "blocked_at": None} for row in rows]
    if listing.fields is None:
        return [dict(row) for row in rows]
    if listing.kind in _ADDED:
        add = _ADDED[listing.kind](world)
        rows = [{**row, **add(row)} for row in rows]
    return [{k: v for k, v in row.items() if k in listing.fields} for row in rows]


def _filters(query: PageQuery) -> list[str]:
    names = (name for name in query.__struct_fields__ if name not in _PAGING)
    return [name for name in names if getattr(query, name) is not None]


Test = Callable[[Rows, Row, Any], bool]


def _equals(name: str) -> Test:
    return lambda _, row, value: row.get(name) == value


def _of_customer(world: Rows, row: Row, value: str) -> bool:
    if "customer_id" in row:
        return bool(row["customer_id"] == value)
    if customer := row.get("customer"):
        return bool(customer["customer_id"] == value)
    payment = world.get("payment", {}).get(str(row.get("payment_id")))
    return payment is not None and _of_customer({}, payment, value)


def _of_subscription(world: Rows, row: Row, value: str) -> bool:
    if "subscription_id" in row:
        return bool(row["subscription_id"] == value)
    payment = world.get("payment", {}).get(str(row.get("payment_id")), {})
    return payment.get("subscription_id") == value


def _of_product(world: Rows, row: Row, value: str) -> bool:
    if "product_id" in row:
        return bool(row["product_id"] == value)
    if any(item["product_id"] == value for item in row.get("product_cart") or ()):
        return True
    subscription = world.get("subscription", {}).get(str(row.get("subscription_id")), {})
    return subscription.get("product_id") == value


def _like(name: str) -> Test:
    return lambda _, row, value: str(value).lower() in str(row.get(name)).lower()


_TESTS: Mapping[str, Test] = {
    "customer_id": _of_customer,
    "subscription_id": _of_subscription,
    "product_id": _of_product,
    "name": _like("name"),
}


RowAdder = Callable[[Row], dict[str, Any]]


def _subscription_rows(world: Rows) -> RowAdder:
    products = world.get("product", {})

    def add(row: Row) -> dict[str, Any]:
        return {
            "product_name": products.get(row["product_id"], {}).get("name"),
            "discounts": [
                {name: discount.get(name) for name in ("discount_id", "discount_cycles_remaining")}
                for discount in row["discounts"] or ()
            ],
        }

    return add


def _payment_rows(world: Rows) -> RowAdder:
    with_key = {key.get("payment_id") for key in world.get("license_key", {}).values()}

    def add(row: Row) -> dict[str, Any]:
        disputes = sorted(row["disputes"], key=_CREATED)
        return {
            "has_license_key": row["payment_id"] in with_key,
            "dispute_status": disputes[-1]["dispute_status"] if disputes else None,
        }

    return add


_ADDED: Mapping[str, Callable[[Rows], RowAdder]] = {
    "subscription": _subscription_rows,
    "payment": _payment_rows,
}
