"""What can be read at the provider: one table of kinds, with the gaps of their lists."""

from urllib.parse import quote

from msgspec import Struct

_CREATED = ("created_at_gte", "created_at_lte")


class Kind(Struct, frozen=True):
    """One kind of resource, and how it is listed and read.

    ``category`` is that of the domain. ``list_path`` and ``read_path`` contain the ids they need
    in braces; there is no ``read_path`` where the provider has none. ``id_field`` names a row's id,
    ``status_filter`` the parameter that selects a status. ``window`` has the parameters for the
    first and the last moment of creation; a list without it cannot be divided by time. ``lacks``
    are the fields that a resource has and a row of the list does not: a row is a partial
    observation, and what it lacks is not absent.
    """

    category: str
    list_path: str
    read_path: str | None
    id_field: str
    status_filter: str | None = None
    window: tuple[str, str] | None = _CREATED
    lacks: frozenset[str] = frozenset()

    def path_of(self, resource_id: str) -> str:
        """The path of one resource.

        Raises:
            ValueError: if the provider has no such path.
        """
        if self.read_path is None:
            raise ValueError(f"{self.category} cannot be read by id")
        return self.read_path.format(id=quote(resource_id, safe=""))


SUBSCRIPTION = Kind(
    "subscription", "/subscriptions", "/subscriptions/{id}", "subscription_id", "status",
    lacks=frozenset({
        "addons", "brand_id", "cancellation_comment", "cancellation_feedback",
        "credit_entitlement_cart", "custom_field_responses", "expires_at",
        "meter_credit_entitlement_cart", "meters",
    }),
)  # fmt: skip
PAYMENT = Kind(
    "payment", "/payments", "/payments/{id}", "payment_id", "status",
    lacks=frozenset({
        "billing", "business_id", "card_holder_name", "card_issuing_country",
        "custom_field_responses", "discount_id", "discounts", "disputes", "error_code",
        "error_message", "is_update_payment_method", "payment_link", "payment_method_id",
        "product_cart", "refunds",
        "settlement_amount", "settlement_currency", "settlement_tax", "tax", "updated_at",
    }),
)  # fmt: skip
REFUND = Kind(
    "refund", "/refunds", "/refunds/{id}", "refund_id", "status",
    lacks=frozenset({"brand_id", "customer", "metadata"}),
)  # fmt: skip
DISPUTE = Kind(
    "dispute", "/disputes", "/disputes/{id}", "dispute_id", "dispute_status",
    lacks=frozenset({"brand_id", "customer", "reason", "remarks"}),
)  # fmt: skip
LICENSE_KEY = Kind("license_key", "/license_keys", "/license_keys/{id}", "id", "status")
CUSTOMER = Kind(
    "customer", "/customers", "/customers/{id}", "customer_id", lacks=frozenset({"blocked_at"})
)
PAYOUT = Kind("payout", "/payouts", None, "payout_id")
ENTITLEMENT_GRANT = Kind(
    "entitlement_grant", "/customers/{customer_id}/entitlement-grants", None, "id", "status",
    window=None,
)  # fmt: skip
CREDIT = Kind(
    "credit", "/credit-entitlements/{credit_entitlement_id}/balances/{customer_id}/ledger", None,
    "id", window=("start_date", "end_date"),
)  # fmt: skip

KINDS = {
    kind.category: kind
    for kind in (
        SUBSCRIPTION, PAYMENT, REFUND, DISPUTE, LICENSE_KEY, CUSTOMER, ENTITLEMENT_GRANT, CREDIT,
        PAYOUT,
    )
}  # fmt: skip
"""The kinds by category, in the order in which a book that starts empty needs them."""

ENTITLEMENTS = Kind("entitlement_grant", "/entitlements", None, "id", window=None)
ENTITLEMENT_GRANTS = Kind(
    "entitlement_grant", "/entitlements/{entitlement_id}/grants", None, "id", "status", window=None
)
"""The same grants as ``ENTITLEMENT_GRANT`` has, without asking for each customer."""

CREDIT_ENTITLEMENTS = Kind("credit", "/credit-entitlements", None, "id", window=None)
CREDIT_BALANCES = Kind(
    "credit", "/credit-entitlements/{credit_entitlement_id}/balances", None, "id", window=None
)
"""Both lead to the ledgers of ``CREDIT``: a balance names the customer of one."""
