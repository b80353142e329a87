"""Payments, and what comes after them without a word on the payment: refunds and disputes."""

from datetime import datetime
from typing import Any

from tests.simulator.world import Change, Fields, Life, Resource, World


class Payer(Life):
    """A life in which money is charged, refunded and disputed."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.paid: list[Resource] = []
        self.disputes: list[Resource] = []

    def charge(  # noqa: PLR0913 - a payment has as many sides
        self,
        amount: int,
        currency: str,
        *,
        succeeds: bool,
        kind: str | None = None,
        subscription: str | None = None,
        updates_method: bool = False,
    ) -> Change:
        """A payment, perhaps after it was processed for some time; still to be committed.

        Its periods are for ``periods`` to add.
        """
        self.wait()
        payment = self.world.add(
            "payment",
            created_at=self.now,
            status="processing",
            subscription_id=subscription,
            subscription_ids=[subscription] if subscription else [],
            charge_type=kind,
            total_amount=amount,
            currency=currency,
            settlement_amount=amount,
            settlement_currency=currency,
            invoice_id=f"inv_{len(self.world.resources)}",
            is_update_payment_method=updates_method,
            refund_status=None,
            refunds=[],
            disputes=[],
            updated_at=None,
            retry_attempt=0,
        )
        if self.rng.random() < 0.25:
            self._process(payment)
        else:
            self.wait(0, 2)
        if succeeds and amount:
            # of nothing, nothing can be given back
            self.paid.append(payment)
        outcome = "succeeded" if succeeds else "failed"
        return Change(payment, (f"payment.{outcome}",), {"status": outcome})

    def periods(self, payment: Change, subscription: str, start: datetime, end: datetime) -> Change:
        """The payment with the period that it pays for; an older payload tells none."""
        if not self.world.periods:
            return payment
        period = {"subscription_id": subscription, "starts_at": start, "ends_at": end}
        return payment._replace(fields={**payment.fields, "service_periods": [period]})

    def refund(self) -> None:
        """Give back a payment, or a part of it; it may fail."""
        payment = self.rng.choice(self.paid)
        total = int(payment.fields["total_amount"])
        left = total - sum(r["amount"] for r in payment.fields["refunds"])
        if left <= 0:
            return
        amount = left if self.rng.random() < 0.6 else max(1, left // 2)
        refund = self.world.add(
            "refund",
            created_at=self.now,
            status=self.rng.choice(("pending", "review")),
            payment_id=payment.id,
            amount=amount,
            currency=payment.fields["currency"],
            is_partial=amount < total,
        )
        self.commit(Change(refund))
        self.idle()
        if self.rng.random() < 0.2:
            self.commit(Change(refund, ("refund.failed",), {"status": "failed"}))
            return
        part = {"refund_id": refund.id, "amount": amount, "created_at": refund.fields["created_at"]}
        part |= {"payment_id": payment.id, "status": "succeeded", "is_partial": amount < total}
        status = "full" if amount == left else "partial"
        self.commit(
            Change(refund, ("refund.succeeded",), {"status": "succeeded"}),
            Change(
                payment,
                fields={"refund_status": status, "refunds": [*payment.fields["refunds"], part]},
            ),
        )

    def dispute(self) -> None:
        """Let the customer dispute a payment."""
        payment = self.rng.choice(self.paid)
        dispute = self.world.add(
            "dispute",
            created_at=self.now,
            payment_id=payment.id,
            amount=str(payment.fields["total_amount"]),
            currency=payment.fields["currency"],
            dispute_stage="dispute",
            is_resolved_by_rdr=None,
        )
        self.disputes.append(dispute)
        if self.rng.random() < 0.1:
            self._move(dispute, "lost", is_resolved_by_rdr=True)
        else:
            self._move(dispute, "opened")

    def argue(self) -> None:
        """Take a dispute a step further."""
        dispute = self.rng.choice(self.disputes)
        after = {
            "opened": ("challenged", "challenged", "accepted", "cancelled", "expired", "lost"),
            "challenged": ("won", "lost"),
            "won": ("",) * 9 + ("opened",),
            "lost": ("",) * 9 + ("opened",),
            "expired": ("", "lost"),
            "accepted": ("", "lost"),
        }.get(dispute.fields["dispute_status"].removeprefix("dispute_"), ("",))
        if status := self.rng.choice(after):
            self._move(dispute, status)

    def _move(self, dispute: Resource, status: str, **fields: Any) -> None:  # noqa: ANN401
        fields |= {"dispute_status": f"dispute_{status}"}
        payment = self.world.resources[f"payment-{dispute.fields['payment_id']}"]
        part = {"dispute_id": dispute.id, **dispute.fields, **fields}
        others: list[Fields] = payment.fields["disputes"]
        others = [one for one in others if one["dispute_id"] != dispute.id]
        self.commit(
            Change(dispute, (f"dispute.{status}",), fields),
            Change(payment, fields={"disputes": [*others, part]}),
        )

    def _process(self, payment: Resource) -> None:
        """Let the payment be seen as it is processed, some way or other."""
        status = self.rng.choice(("processing", "requires_customer_action"))
        self.commit(Change(payment, ("payment.processing",), {"status": status}))
        self.idle()
        if status != "processing" and self.rng.random() < 0.5:
            # the challenge is met: no event tells of it
            self.commit(Change(payment, fields={"status": "processing"}))
            self.idle()


class Purchase(Payer):
    """A payment of its own, and what the customer gets for it."""

    def live(self, steps: int) -> None:
        """Pay, then let some things follow."""
        succeeds = self.rng.random() < 0.7
        payment = self.charge(self.rng.choice((500, 2_500)), "USD", succeeds=succeeds)
        if not succeeds and self.rng.random() < 0.3:
            payment = payment._replace(types=("payment.cancelled",), fields={"status": "cancelled"})
        self.commit(payment)
        if payment.fields["status"] == "failed" and self.rng.random() < 0.3:
            # the customer tries again on the hosted page
            self.idle()
            again = {"status": "succeeded"}
            self.commit(Change(payment.resource, ("payment.succeeded",), again))
            self.paid.append(payment.resource)
        for _ in range(steps if self.paid else 0):
            self.idle()
            can = [self.refund, self.dispute, *[self.argue] * 3 * bool(self.disputes)]
            self.rng.choice(can)()
