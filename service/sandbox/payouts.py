"""Payouts: every fortnight the provider pays out what the payments brought."""

from datetime import timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.happenings import ImpossibleError, Resource
from service.sandbox.payments import Payments

_EVERY = timedelta(days=14)
_FEE = 500
_HELD, _FAILED = 0.08, 0.06
_OWNER = "payouts"
_STATUSES = ("in_progress", "on_hold", "failed", "success")


class Payouts:
    """One payout after the other."""

    def __init__(self, account: Account, payments: Payments) -> None:
        self._account, self._payments = account, payments
        account.plan(account.now + _EVERY, self._fortnight)

    def make(self, amount: int) -> Resource:
        """Queue a payout."""
        account = self._account
        identity = account.name("pyt", account.business_id)
        made = account.add("payout", identity, shapes.payout(identity, amount, _FEE, account.now))
        account.happen("payout", identity, "payout.created")
        return made

    def move(self, payout_id: str, status: str) -> None:
        """Let a payout go on; the provider calls none of its statuses final.

        Raises:
            ImpossibleError: if there is no such payout or status, or it has this status.
        """
        made = self._account.get("payout", payout_id)
        if status not in _STATUSES or made["status"] == status:
            others = " or ".join(name for name in _STATUSES if name != made["status"])
            raise ImpossibleError(f"{payout_id} is {made['status']} and can become {others}.")
        made.update(status=status, updated_at=self._account.now)
        if status == "success":
            made["payout_document_url"] = f"https://example.com/payouts/{payout_id}"
        self._account.happen("payout", payout_id, f"payout.{status}")

    def _fortnight(self) -> None:
        account, chance = self._account, self._account.chance(_OWNER)
        account.plan(account.now + _EVERY, self._fortnight)
        fate, hours = chance.random(), chance.randrange(20, 60)
        amount, self._payments.collected = self._payments.collected, 0
        if amount <= _FEE:
            self._payments.collected = amount
            return
        payout_id = self.make(amount - _FEE)["payout_id"]
        at = account.now + timedelta(hours=20)
        account.plan(at, self._go_on, payout_id, "in_progress")
        if fate < _HELD:
            account.plan(at + timedelta(hours=5), self._go_on, payout_id, "on_hold")
            at += timedelta(days=3)
            account.plan(at, self._go_on, payout_id, "in_progress")
        end = "failed" if fate > 1 - _FAILED else "success"
        account.plan(at + timedelta(hours=hours), self._go_on, payout_id, end)

    def _go_on(self, payout_id: str, status: str) -> None:
        made = self._account.get("payout", payout_id)
        if payout_id not in self._account.by_hand and made["status"] != status:
            self.move(payout_id, status)
