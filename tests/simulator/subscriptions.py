"""The life of a subscription: every status and transition of the provider's documentation."""

from collections.abc import Callable
from datetime import timedelta

from tests.simulator.subscribing import Subscribing
from tests.simulator.world import World

Action = Callable[[], None]


class Subscription(Subscribing):
    """One subscription; each method is something that may happen to it."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        # cancelled at once with the date (SK), or active until the date (customer portal)
        self.at_once = self.rng.random() < 0.5
        self.graceful = self.rng.random() < 0.5

    def live(self, steps: int) -> None:
        """Let things happen."""
        self.wait(0, self.rng.choice((1, 60, 3_600)))
        self.begin()
        for _ in range(steps - 1):
            self.idle()
            self.rng.choice(self._possible())()

    def _possible(self) -> list[Action]:
        always = [self.edit]
        if self.paid and self.rng.random() < 0.3:
            always += [self.refund, self.dispute]
        always += [self.argue] * 2 * bool(self.disputes)
        actions: dict[str, list[Action]] = {
            "active": [
                *[self.renew] * 6, *[self.lapse] * 4, *[self.change_plan] * 2, self.fail_change,
                *[self.pause] * 2, self.cancel, *[self.schedule] * 2, self.expire,
                self.change_method, self.edit,
            ],
            "past_due": [
                self.recover, self.recover, self.end_grace, self.end_grace, self.change_method,
                self.cancel,
            ],
            "on_hold": [
                *[self.recover] * 4, self.hold_again, self.cancel, self.change_plan_on_hold,
                self.change_method,
            ],
            "paused": [*[self.unpause] * 3, self.leave_unsettled, self.cancel],
            "cancelled": [self.end_cancelled, self.pay_late],
            "expired": [self.pay_late],
            "failed": [],
        }  # fmt: skip
        return [*actions[self.get("status")], *always]

    def begin(self) -> None:
        """The mandate is authorised and the first period paid for, or not."""
        if self.rng.random() < 0.15:
            self.turn("subscription.failed", status="failed", payment=self.failed("new"))
        elif self.rng.random() < 0.25:
            # the mandate first, the charge minutes later
            self.turn("subscription.active", status="active", **self.period(first=True))
            self.wait(1, 600)
            self.pay("new", "subscription.renewed")
        else:
            self.pay("new", "subscription.active", "subscription.renewed", status="active")

    def renew(self) -> None:
        """The next period is paid for; or what was scheduled happens at its beginning."""
        self.to_billing_date()
        if not self._ended():
            self.pay("renewal", "subscription.renewed")

    def lapse(self) -> None:
        """The charge for the next period fails."""
        self.to_billing_date()
        if self._ended():
            return
        payment = self.failed("renewal")
        if self.graceful:
            ends = self.now + timedelta(days=3)
            self.turn(
                "subscription.past_due", status="past_due", past_due_ends_at=ends, payment=payment
            )
        else:
            self.turn("subscription.on_hold", status="on_hold", payment=payment)

    def recover(self) -> None:
        """The customer pays what is due; or settles the pause, and goes on pausing or not."""
        if self.get("paused_at") is not None:
            if self.rng.random() < 0.5:
                self.turn("subscription.paused", status="paused")
            else:
                kind = self.rng.choice(("subscription.active", "subscription.unpaused"))
                self.turn(kind, status="active", paused_at=None)
            return
        types = ["subscription.active"]
        if self.rng.random() < 0.3:
            types.append("subscription.renewed")
        if self.rng.random() < 0.3:
            types.append("subscription.update_payment_method")
        self.pay("renewal", *types, status="active", past_due_ends_at=None)

    def end_grace(self) -> None:
        """The grace period passes."""
        self.now = max(self.now, self.get("past_due_ends_at"))
        self.wait(0, 60)
        if self.rng.random() < 0.7:
            self.turn("subscription.on_hold", status="on_hold", past_due_ends_at=None)
        else:
            self.cancel()

    def hold_again(self) -> None:
        """A retry fails too; the hold is repeated."""
        self.turn("subscription.on_hold", payment=self.failed("renewal"))

    def change_plan(self) -> None:
        """Another product, amount, quantity or currency, charged at once."""
        self.pay("plan_change", "subscription.plan_changed", **self.plan())

    def fail_change(self) -> None:
        """The charge for another plan fails, and the plan is changed nevertheless."""
        self.turn(
            "subscription.plan_changed", "subscription.on_hold",
            payment=self.failed("plan_change"), status="on_hold", **self.plan(),
        )  # fmt: skip

    def change_plan_on_hold(self) -> None:
        """The plan changes while nothing is paid."""
        self.turn("subscription.plan_changed", **self.plan())

    def pause(self) -> None:
        """The customer pauses."""
        self.turn("subscription.paused", status="paused", paused_at=self.soon())

    def unpause(self) -> None:
        """The dates shift by the length of the pause."""
        length = self.now - self.get("paused_at")
        dates = {
            name: self.get(name) + length
            for name in ("next_billing_date", "expires_at")
            if self.get(name) is not None
        }
        self.turn("subscription.unpaused", status="active", paused_at=None, **dates)

    def leave_unsettled(self) -> None:
        """The invoice of the pause stays unpaid."""
        self.turn("subscription.on_hold", status="on_hold")

    def cancel(self) -> None:
        """At once."""
        self.turn(
            "subscription.cancelled",
            status="cancelled", cancelled_at=self.soon(), past_due_ends_at=None, paused_at=None,
        )  # fmt: skip

    def schedule(self) -> None:
        """Cancel at the period's end, in one of the two documented styles; or take that back."""
        kind = self.rng.choice(("subscription.updated", "subscription.plan_changed"))
        if self.get("cancel_at_next_billing_date"):
            self.turn(kind, cancel_at_next_billing_date=False)
        elif self.at_once:
            self.turn(
                "subscription.cancelled",
                status="cancelled", cancel_at_next_billing_date=True, cancelled_at=self.soon(),
            )  # fmt: skip
        else:
            self.turn(kind, cancel_at_next_billing_date=True)

    def expire(self) -> None:
        """The whole term ends; the first time it is only announced."""
        ends = self.get("expires_at")
        if ends is None:
            self.turn("subscription.updated", expires_at=self.get("next_billing_date"))
        else:
            self.now = max(self.now, ends)
            self.wait(0, 30)
            self.turn("subscription.expired", status="expired")

    def end_cancelled(self) -> None:
        """A scheduled cancellation may end as expired."""
        if self.get("cancel_at_next_billing_date") and self.at_once:
            self.to_billing_date()
            self.turn("subscription.expired", status="expired")

    def pay_late(self) -> None:
        """A retry succeeds after the end; nothing else comes of it."""
        if self.rng.random() < 0.2:
            self.pay("renewal")

    def change_method(self) -> None:
        """Another card; a payment of nothing may verify it."""
        self.turn("subscription.update_payment_method", payment=self.verification())

    def edit(self) -> None:
        """Something of the subscription or its customer changes."""
        kind = self.rng.randrange(3)
        if kind == 0:
            self.world.rename(self.now)
            self.turn("subscription.updated")
        elif kind == 1:
            self.turn("subscription.updated", metadata={"seat": str(self.rng.randrange(100))})
        else:
            self.turn("subscription.updated", quantity=self.rng.randrange(1, 6))

    def _ended(self) -> bool:
        """Whether the billing date is the end, as was scheduled."""
        ends = self.get("expires_at")
        if ends is not None and ends <= self.now:
            self.turn("subscription.expired", status="expired")
        elif self.get("cancel_at_next_billing_date"):
            self.turn("subscription.cancelled", status="cancelled", cancelled_at=self.soon())
        else:
            return False
        return True
