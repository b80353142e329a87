"""Payouts, whose statuses follow no rule, and the rows of a credit ledger."""

from decimal import Decimal
from typing import Any

from tests.simulator.world import Change, Life

_AFTER = {
    "not_initiated": ("in_progress", "in_progress", "on_hold"),
    "in_progress": ("success", "success", "failed", "on_hold"),
    "on_hold": ("in_progress", "failed"),
    "failed": ("in_progress",),
    "success": ("failed",),
}


class Payout(Life):
    """A payout to the merchant's bank; one that succeeded may come back."""

    def live(self, steps: int) -> None:
        """Create it and let it go its way."""
        payout = self.world.add(
            "payout", created_at=self.now, amount=102_345, fee=500, currency="USD", tax=0
        )
        status, event = "not_initiated", "created"
        for _ in range(steps):
            fields = {"status": status, "updated_at": self.now}
            self.commit(Change(payout, (f"payout.{event}",), fields))
            self.idle()
            status = event = self.rng.choice(_AFTER[status])


class Ledger(Life):
    """The balance of a credit: each row says what it found and what it left."""

    def live(self, steps: int) -> None:
        """Append rows; several may stand in one instant."""
        self.balance = self.overage = Decimal(0)
        self.rows = 0
        while self.rows < steps:
            for _ in range(self.rng.choice((1, 1, 2, 3))):
                self._append()
            self.idle()

    def _append(self) -> None:
        amount = Decimal(self.rng.choice(("1", "10", "12.5", "100")))
        deducted = min(amount, self.balance)
        choices: list[tuple[str, Decimal, Decimal]] = [
            ("added", self.balance + amount, self.overage),
            ("added", self.balance + amount, self.overage),
            ("manual_adjustment", self.balance + amount, self.overage),
            # what the balance does not cover is overage
            ("deducted", self.balance - deducted, self.overage + amount - deducted),
            ("deducted", self.balance - deducted, self.overage + amount - deducted),
        ]
        if self.balance:
            choices += [("expired", Decimal(0), self.overage)]
            choices += [("rolled_over", self.balance, self.overage)]
        if self.overage:
            choices += [("overage_reset", self.balance, Decimal(0))]
            choices += [("overage_charged", self.balance, self.overage)]
        event, balance, overage = self.rng.choice(choices)
        self._emit(event, balance, overage)
        self.balance, self.overage = balance, overage
        self.rows += 1

    def _emit(self, event: str, balance: Decimal, overage: Decimal) -> None:
        # an id says nothing of the order
        row = self.world.add(
            "credit",
            created_at=self.now,
            id=f"cle_{self.rng.randrange(10**6):06d}_{self.rows}",
            customer_id="cus_1",
            credit_entitlement_id="cent_1",
            transaction_type=f"credit_{event}",
            amount=self._spelled(abs(balance - self.balance)),
            balance_before=self._spelled(self.balance),
            balance_after=self._spelled(balance),
            overage_before=self._spelled(self.overage),
            overage_after=self._spelled(overage),
            is_credit=balance > self.balance,
            metadata={},
        )
        version = row.change(self.now)
        self.emit(row, f"credit.{event}", version)

    def _spelled(self, amount: Decimal) -> Any:  # noqa: ANN401 - a number was seen
        """A decimal string, as documented, in one spelling or another; now and then a number."""
        chance = self.rng.random()
        if chance < 0.1:
            return float(amount)
        return f"{amount:.2f}" if chance < 0.3 else f"{amount:f}"
