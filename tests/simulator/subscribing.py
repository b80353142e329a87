"""How a subscription changes: its row, its payments and its gifts in one transaction or in two."""

from datetime import timedelta
from typing import Any

from tests.simulator.gifts import Gifts
from tests.simulator.payments import Payer
from tests.simulator.world import Change, World, add_interval

_INTERVALS = (("Month", 1),) * 5 + (("Month", 3), ("Year", 1), ("Week", 1))


class Subscribing(Payer):
    """A subscription's row and the ways to change it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        interval, count = self.rng.choice(_INTERVALS)
        self.row = world.add(
            "subscription",
            created_at=self.now,
            status="pending",
            product_id="pdt_1",
            quantity=1,
            currency=self.rng.choice(("USD", "EUR")),
            recurring_pre_tax_amount=self.rng.choice((900, 1_900, 4_900)),
            payment_frequency_interval=interval,
            payment_frequency_count=count,
            trial_period_days=self.rng.choice((0, 0, 0, 14)),
            previous_billing_date=self.now,
            next_billing_date=self.now,
            cancel_at_next_billing_date=False,
            cancelled_at=None,
            paused_at=None,
            past_due_ends_at=None,
            expires_at=None,
            on_demand=False,
            metadata={},
        )
        self.gifts = Gifts(self.rng, world, self.row.id)
        self.commit(Change(self.row))

    def get(self, field: str) -> Any:  # noqa: ANN401 - of any type
        """A field of the row as it is now."""
        return self.row.fields[field]

    def turn(self, *types: str, payment: Change | None = None, **fields: Any) -> None:  # noqa: ANN401
        """Change the row and all that hangs on it."""
        if types and self.rng.random() < self.world.chatter and "subscription.updated" not in types:
            types = (*types, "subscription.updated")
        extra = {"payment_id": payment.resource.id} if payment is not None else {}
        changes = [Change(self.row, types, fields, extra)] if types else []
        if payment is not None and self.rng.random() < 0.3:
            self.commit(payment)
            self.wait(0, self.rng.choice((0.01, 1, 4)))
        elif payment is not None:
            changes.append(payment)
        changes += self.gifts.follow(fields.get("status"), self.now)
        self.rng.shuffle(changes)
        self.commit(*changes)

    def pay(self, kind: str, *types: str, **fields: Any) -> None:  # noqa: ANN401
        """Charge what is due; a new period begins, unless only the plan changes."""
        first = kind == "new"
        amount = self.get("recurring_pre_tax_amount") * self.get("quantity")
        payment = self.charge(
            0 if first and self.get("trial_period_days") else amount,
            self.get("currency"),
            succeeds=True,
            kind=kind,
            subscription=self.row.id,
        )
        period = {name: self.get(name) for name in ("previous_billing_date", "next_billing_date")}
        if kind == "plan_change":
            period["next_billing_date"] = max(period["next_billing_date"], self.now)
        elif not first or "subscription.active" in types:
            period = self.period(first=first)
        if types:
            fields |= period
            if self.get("expires_at") is not None and self.get("expires_at") <= self.now:
                # the term goes on
                fields["expires_at"] = None
        ends = period["next_billing_date"]
        self.turn(*types, payment=self.periods(payment, self.row.id, self.now, ends), **fields)

    def failed(self, kind: str) -> Change:
        """A payment that fails."""
        amount = self.get("recurring_pre_tax_amount") * self.get("quantity")
        return self.charge(
            amount, self.get("currency"), succeeds=False, kind=kind, subscription=self.row.id
        )

    def verification(self) -> Change | None:
        """The payment of nothing that verifies another card, now and then."""
        if self.rng.random() < 0.5:
            return None
        return self.charge(
            0, self.get("currency"), succeeds=True, subscription=self.row.id, updates_method=True
        )

    def period(self, *, first: bool) -> dict[str, Any]:
        """The dates of a period that begins now; a trial is the first."""
        days = self.get("trial_period_days") if first else 0
        interval, count = (self.get(f"payment_frequency_{name}") for name in ("interval", "count"))
        ends = self.now + timedelta(days=days) if days else add_interval(self.now, interval, count)
        return {"previous_billing_date": self.soon(), "next_billing_date": ends}

    def plan(self) -> dict[str, Any]:
        """What another plan changes; rarely also the currency."""
        fields: dict[str, Any] = {
            "product_id": self.rng.choice(("pdt_1", "pdt_2", "pdt_3")),
            "recurring_pre_tax_amount": self.rng.choice((900, 1_900, 4_900, 12_000)),
        }
        if self.rng.random() < 0.1:
            fields["currency"] = self.rng.choice(("USD", "EUR", "JPY"))
        return fields

    def to_billing_date(self) -> None:
        """Let the time pass until the period's end, and a little more."""
        self.now = max(self.now, self.get("next_billing_date"))
        self.wait(0, self.rng.choice((0.1, 30, 3_600)))
