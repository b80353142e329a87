"""Reminders to customers who did not pay: dunning and abandoned checkouts."""

from datetime import timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.happenings import Resource

_AFTER = timedelta(hours=1)
_EXHAUSTED = timedelta(days=14)
_UNPAID = ("on_hold", "past_due")


class Dunning:
    """One sequence of reminders for each renewal that failed; it ends in silence."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._latest: dict[str, Resource] = {}

    def plan(self, held: Resource) -> None:
        """Begin to remind within the hour."""
        self._account.plan(self._account.now + _AFTER, self._start_if_unpaid, held)

    def start(self, held: Resource) -> Resource:
        """Begin to remind now."""
        account = self._account
        reminders = shapes.dunning(held, account.now)
        identity = held["subscription_id"]
        key = f"{identity}:{account.now:%Y%m%dT%H%M%S.%fZ}"
        account.add("dunning", key, reminders)
        self._latest[identity] = reminders
        account.happen("dunning", key, "dunning.started")
        account.plan(account.now + _EXHAUSTED, self._exhaust, reminders)
        return reminders

    def recover(self, held: Resource, payment_id: str) -> None:
        """Note that the customer paid, where reminders had begun."""
        reminders = self._latest.pop(held["subscription_id"], None)
        if reminders is not None:
            reminders.update(status="recovered", payment_id=payment_id)
            key = f"{held['subscription_id']}:{reminders['created_at']:%Y%m%dT%H%M%S.%fZ}"
            self._account.happen("dunning", key, "dunning.recovered")

    def _start_if_unpaid(self, held: Resource) -> None:
        if held["status"] in _UNPAID and held["subscription_id"] not in self._latest:
            self.start(held)

    def _exhaust(self, reminders: Resource) -> None:
        if reminders["status"] == "recovering":
            reminders["status"] = "exhausted"


class Checkouts:
    """Checkouts that customers left, with the reminders that follow."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def detect(self, paid: Resource, reason: str) -> Resource:
        """Note that a checkout was left with this payment."""
        account, identity = self._account, paid["payment_id"]
        left = shapes.abandoned_checkout(paid, reason, paid["created_at"])
        account.add("abandoned_checkout", identity, left)
        account.happen("abandoned_checkout", identity, "abandoned_checkout.detected")
        account.plan(account.now + timedelta(hours=1), self._remind, left)
        account.plan(account.now + timedelta(days=7), self._exhaust, left)
        return left

    def recover(self, payment_id: str, by: str) -> None:
        """Note that a later payment completed it."""
        left = self._account.get("abandoned_checkout", payment_id)
        left.update(status="recovered", recovered_payment_id=by)
        self._account.happen("abandoned_checkout", payment_id, "abandoned_checkout.recovered")

    @staticmethod
    def _remind(left: Resource) -> None:
        if left["status"] == "abandoned":
            left["status"] = "recovering"

    @staticmethod
    def _exhaust(left: Resource) -> None:
        if left["status"] in {"abandoned", "recovering"}:
            left["status"] = "exhausted"
