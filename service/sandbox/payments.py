"""Payments, their refunds and their disputes."""

from datetime import timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.benefits import Benefits
from service.sandbox.happenings import ImpossibleError, Resource
from service.sandbox.shapes import Charge

DISPUTE_EDGES = {
    "challenged": {"opened"},
    "accepted": {"opened", "challenged"},
    "cancelled": {"opened", "challenged"},
    "expired": {"opened", "challenged"},
    "won": {"challenged"},
    "lost": {"opened", "challenged"},
}
"""From which statuses a dispute moves on to which."""


class Payments:
    """Charges customers; ``collected`` is what no payout has paid yet, in minor units."""

    def __init__(self, account: Account, benefits: Benefits) -> None:
        self._account, self._benefits = account, benefits
        self.collected = 0

    def charge(self, charge: Charge, *, silent: bool = False) -> Resource:
        """Make a payment with the status that the charge names, and let it be told."""
        account = self._account
        identity = account.name("pay", charge.customer_id)
        holder = account.get("customer", charge.customer_id)
        paid = account.add(
            "payment", identity, shapes.payment(identity, holder, charge, account.now)
        )
        if charge.status == "succeeded":
            self.collected += charge.amount
        if not silent:
            event = "processing" if charge.status.startswith("requires") else charge.status
            account.happen("payment", identity, f"payment.{event}")
        return paid

    def settle(self, payment_id: str, status: str, charge: Charge | None = None) -> Resource:
        """End a payment that is under way; ``charge`` says what it paid for.

        Raises:
            ImpossibleError: if it has ended.
        """
        paid = self._account.get("payment", payment_id)
        if paid["status"] in {"succeeded", "cancelled"}:
            raise ImpossibleError(f"{payment_id} has ended: {paid['status']}.")
        paid["status"] = status
        if status == "succeeded":
            paid.update(error_code=None, error_message=None)
            paid["service_periods"] = shapes.service_periods(charge) if charge else []
            self.collected += paid["total_amount"]
        self._account.happen("payment", payment_id, f"payment.{status}")
        return paid

    def refund(self, payment_id: str, amount: int | None, status: str = "succeeded") -> Resource:
        """Refund a payment, all that is left of it without an amount.

        Raises:
            ImpossibleError: if there is not so much to refund.
        """
        account = self._account
        paid = account.get("payment", payment_id)
        left = paid["total_amount"] - _refunded(paid, {"succeeded", "pending", "review"})
        amount = left if amount is None else amount
        if paid["status"] != "succeeded" or not 0 < amount <= left:
            raise ImpossibleError(
                f"{payment_id} is {paid['status']} and {left} of it can be refunded, not {amount}."
            )
        identity = account.name("ref", paid["customer"]["customer_id"])
        made = account.add(
            "refund", identity, shapes.refund(identity, paid, amount, account.now, status)
        )
        self._list_refund(made)
        if status in {"succeeded", "failed"}:
            self._tell_refund(made)
        return made

    def settle_refund(self, refund_id: str, status: str) -> None:
        """End a refund that is pending; its reference at the network comes later, silently."""
        made = self._account.get("refund", refund_id)
        if made["status"] not in {"pending", "review"}:
            raise ImpossibleError(f"{refund_id} has ended: {made['status']}.")
        made["status"] = status
        self._list_refund(made)
        self._tell_refund(made)

    def dispute(self, payment_id: str, *, rdr: bool = False) -> Resource:
        """Let a customer dispute a payment.

        Raises:
            ImpossibleError: if it did not succeed or is disputed.
        """
        account = self._account
        paid = account.get("payment", payment_id)
        if paid["status"] != "succeeded" or paid["disputes"] or not paid["total_amount"]:
            raise ImpossibleError(f"{payment_id} has not succeeded, cost nothing or is disputed.")
        identity = account.name("dp", paid["customer"]["customer_id"])
        made = shapes.dispute(identity, paid, account.now, rdr=rdr)
        account.add("dispute", identity, made)
        self._tell_dispute(made)
        return made

    def move_dispute(self, dispute_id: str, status: str) -> None:
        """Challenge, accept, withdraw or decide a dispute.

        Raises:
            ImpossibleError: if it cannot move there.
        """
        made = self._account.get("dispute", dispute_id)
        now = made["dispute_status"].removeprefix("dispute_")
        if now not in DISPUTE_EDGES.get(status, set()):
            raise ImpossibleError(f"{dispute_id} is {now} and cannot become {status}.")
        made["dispute_status"] = f"dispute_{status}"
        self._tell_dispute(made)

    def _tell_refund(self, made: Resource) -> None:
        account, payment_id = self._account, made["payment_id"]
        paid = account.get("payment", payment_id)
        account.happen("refund", made["refund_id"], f"refund.{made['status']}")
        if made["status"] == "succeeded":
            self.collected -= made["amount"]
            account.plan(account.now + timedelta(days=2), self._refer, made)
            if paid["refund_status"] == "full" and paid["subscription_id"] is None:
                self._benefits.revoke(payment_id, "refund")

    def _refer(self, made: Resource) -> None:
        made.update(
            network_reference=f"arn{made['refund_id'].partition('_')[2]}",
            network_reference_type="acquirer_reference_number",
            network_reference_updated_at=self._account.now,
        )
        self._list_refund(made)

    def _list_refund(self, made: Resource) -> None:
        paid = self._account.get("payment", made["payment_id"])
        item = {k: v for k, v in made.items() if k not in {"brand_id", "customer", "metadata"}}
        others = [r for r in paid["refunds"] if r["refund_id"] != made["refund_id"]]
        paid["refunds"] = [*others, item]
        done = _refunded(paid, {"succeeded"})
        whole = done >= paid["total_amount"]
        paid["refund_status"] = ("full" if whole else "partial") if done else None

    def _tell_dispute(self, made: Resource) -> None:
        paid = self._account.get("payment", made["payment_id"])
        left_out = {"brand_id", "customer", "payment_provider", "reason"}
        paid["disputes"] = [{k: v for k, v in made.items() if k not in left_out}]
        event = made["dispute_status"].removeprefix("dispute_")
        self._account.happen("dispute", made["dispute_id"], f"dispute.{event}")


def _refunded(paid: Resource, statuses: set[str]) -> int:
    return sum(r["amount"] for r in paid["refunds"] if r["status"] in statuses)
