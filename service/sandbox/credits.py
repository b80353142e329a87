"""Credits: a balance of each subscriber, and the ledger that leads to it."""

from service.sandbox.account import Account
from service.sandbox.catalog import (
    BRAND,
    BUSINESS,
    CREDITS,
    CREDITS_NAME,
    LOW_PERCENT,
    PRODUCTS,
    ROLLOVER_PERCENT,
)
from service.sandbox.happenings import ImpossibleError, Resource

_EVENTS = {
    "credit_added": "credit.added",
    "credit_deducted": "credit.deducted",
    "credit_expired": "credit.expired",
    "credit_rolled_over": "credit.rolled_over",
    "rollover_forfeited": "credit.rollover_forfeited",
    "overage_charged": "credit.overage_charged",
    "overage_reset": "credit.overage_reset",
    "manual_adjustment": "credit.manual_adjustment",
}
_TAKING = ("credit_deducted", "credit_expired", "rollover_forfeited")


class Credits:
    """Each row begins where the row before ended, in the order in which they are made."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def begin_period(self, held: Resource) -> None:
        """End the last period's balance and add the credits of a new one."""
        granted = PRODUCTS[held["product_id"]].credits
        if not granted:
            return
        balance, overage = self._balance(held)
        if overage:
            self._row(held, "overage_charged", overage, balance, overage)
            self._row(held, "overage_reset", overage, balance, 0)
        if balance:
            carried = min(balance, granted * ROLLOVER_PERCENT // 100)
            if balance > carried:
                self._row(held, "rollover_forfeited", balance - carried, carried, 0)
            self._row(held, "credit_expired", carried, 0, 0)
            self._row(held, "credit_rolled_over", carried, carried, 0)
            balance = carried
        else:
            balance = 0
        self._row(held, "credit_added", granted, balance + granted, 0)

    def end(self, held: Resource) -> None:
        """Let what is left of a subscription's credits expire."""
        balance, overage = self._balance(held)
        if balance:
            self._row(held, "credit_expired", balance, 0, overage)

    def use(self, held: Resource, amount: int) -> None:
        """Use credits; what the balance does not cover is overage. Warn when few are left.

        Raises:
            ImpossibleError: if the subscription has none.
        """
        if held["status"] not in {"active", "past_due"} or not PRODUCTS[held["product_id"]].credits:
            raise ImpossibleError(
                f"{held['subscription_id']} has no credits: it is {held['status']},"
                f" of {held['product_id']}."
            )
        if amount <= 0:
            raise ImpossibleError(f"Credits are used in amounts of 1 or more, not {amount}.")
        balance, overage = self._balance(held)
        left, over = max(0, balance - amount), overage + max(0, amount - balance)
        self._row(held, "credit_deducted", amount, left, over)
        threshold = PRODUCTS[held["product_id"]].credits * LOW_PERCENT // 100
        if left < threshold <= balance:
            self.warn(held)

    def adjust(self, held: Resource, amount: int) -> None:
        """Change a balance by hand."""
        balance, overage = self._balance(held)
        self._row(held, "manual_adjustment", amount, balance + amount, overage)

    def make(self, held: Resource, transaction: str, amount: int) -> None:
        """Append a row of a type, with what it needs before it."""
        balance, overage = self._balance(held)
        if transaction.startswith("overage") and not overage:
            self._row(held, "credit_deducted", balance + amount, 0, amount)
            balance, overage = 0, amount
        elif transaction in _TAKING and balance < amount:
            self._row(held, "credit_added", amount, balance + amount, overage)
            balance += amount
        match transaction:
            case "overage_charged":
                self._row(held, transaction, overage, balance, overage)
            case "overage_reset":
                self._row(held, transaction, overage, balance, 0)
            case _ if transaction in _TAKING:
                self._row(held, transaction, amount, balance - amount, overage)
            case _:
                self._row(held, transaction, amount, balance + amount, overage)

    def warn(self, held: Resource) -> None:
        """Say that few credits are left; the warning has no identity of its own."""
        customer_id = held["customer"]["customer_id"]
        granted = PRODUCTS[held["product_id"]].credits
        self._account.happen(
            "credit_balance", f"{customer_id}:{CREDITS}", "credit.balance_low",
            available_balance=str(self._balance(held)[0]), brand_id=BRAND,
            credit_entitlement_id=CREDITS, credit_entitlement_name=CREDITS_NAME,
            customer_id=customer_id, subscription_credits_amount=str(granted),
            subscription_id=held["subscription_id"],
            threshold_amount=str(granted * LOW_PERCENT // 100), threshold_percent=LOW_PERCENT,
        )  # fmt: skip

    def _balance(self, held: Resource) -> tuple[int, int]:
        known = self._account.resources["credit_balance"].get(
            f"{held['customer']['customer_id']}:{CREDITS}"
        )
        return (int(known["balance"]), int(known["overage"])) if known else (0, 0)

    def _row(
        self, held: Resource, transaction: str, amount: int, balance: int, overage: int
    ) -> None:
        account, customer_id = self._account, held["customer"]["customer_id"]
        before, over_before = self._balance(held)
        identity = account.name("cle", customer_id)
        account.add("credit", identity, {
            "amount": str(amount), "balance_after": str(balance), "balance_before": str(before),
            "brand_id": BRAND, "business_id": BUSINESS, "created_at": account.now,
            "credit_entitlement_id": CREDITS, "customer_id": customer_id, "description": None,
            "grant_id": None, "id": identity, "is_credit": balance > before, "metadata": {},
            "overage_after": str(overage), "overage_before": str(over_before),
            "reference_id": held["subscription_id"], "reference_type": "subscription",
            "transaction_type": transaction,
        })  # fmt: skip
        self._keep(held, balance, overage)
        account.happen("credit", identity, _EVENTS[transaction])

    def _keep(self, held: Resource, balance: int, overage: int) -> None:
        account, customer_id = self._account, held["customer"]["customer_id"]
        key = f"{customer_id}:{CREDITS}"
        made = account.resources["credit_balance"].get(key, {}).get("created_at", account.now)
        account.add("credit_balance", key, {
            "id": f"cbal_{key}", "balance": str(balance), "created_at": made,
            "credit_entitlement_id": CREDITS, "customer_id": customer_id,
            "overage": str(overage), "updated_at": account.now,
            "last_transaction_at": account.now,
        })  # fmt: skip
        held["credit_entitlement_cart"] = [{
            "credit_entitlement_id": CREDITS, "credit_entitlement_name": CREDITS_NAME,
            "credits_amount": str(PRODUCTS[held["product_id"]].credits),
            "overage_balance": str(overage), "overage_behavior": "invoice_at_billing",
            "overage_enabled": True, "product_id": held["product_id"],
            "remaining_balance": str(balance), "rollover_enabled": True, "unit": "call",
            "expires_after_days": None, "low_balance_threshold_percent": LOW_PERCENT,
            "max_rollover_count": 1, "overage_limit": None,
            "rollover_percentage": ROLLOVER_PERCENT, "rollover_timeframe_count": None,
            "rollover_timeframe_interval": None,
        }]  # fmt: skip
