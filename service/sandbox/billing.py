"""Billing: how subscriptions begin, are charged period after period, and end."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.benefits import Benefits
from service.sandbox.catalog import GRACE, PRODUCTS, Product
from service.sandbox.credits import Credits
from service.sandbox.dunning import Dunning
from service.sandbox.happenings import ImpossibleError, Resource
from service.sandbox.payments import Payments
from service.sandbox.shapes import Charge

LIVE = ("active", "past_due", "on_hold", "paused")

Moved = Callable[[Resource], None]
Declines = Callable[[Resource], bool | None]


def _nothing(_: Resource) -> None:
    """Do nothing."""


class Billing:
    """What the provider does with subscriptions, with the payments and grants that come with it.

    Attributes:
        on_period, on_failure: called when a period began and when a renewal failed.
        declines: whether the next renewal fails by chance, and whether with a grace period.
        dunning: the reminders to those who did not pay.
    """

    def __init__(
        self, account: Account, payments: Payments, benefits: Benefits, ledger: Credits
    ) -> None:
        self._account, self._payments = account, payments
        self._benefits, self._credits = benefits, ledger
        self._of: defaultdict[str, list[Resource]] = defaultdict(list)
        self._paid: dict[str, str] = {}
        self.dunning = Dunning(account)
        self._failing: dict[str, bool] = {}
        self.on_period: Moved = _nothing
        self.on_failure: Moved = _nothing
        self.declines: Declines = lambda _: None

    def create(self, customer_id: str, product_id: str, trial_days: int = 0) -> Resource:
        """A subscription that awaits its mandate, without an event."""
        account = self._account
        holder = account.get("customer", customer_id)
        identity = f"sub_{customer_id.partition('_')[2] or customer_id}"
        if identity in account.resources["subscription"]:
            identity = account.name("sub", customer_id)
        held = shapes.subscription(identity, holder, PRODUCTS[product_id], account.now, trial_days)
        self._of[customer_id].append(held)
        return account.add("subscription", identity, held)

    def live_of(self, customer_id: str) -> list[Resource]:
        """The customer's subscriptions that have not ended, the latest last."""
        return [held for held in self._of[customer_id] if held["status"] in LIVE]

    def last_payment(self, held: Resource) -> Resource:
        """The payment of the latest period."""
        return self._account.get("payment", self._paid[held["subscription_id"]])

    def activate(self, held: Resource, payment_id: str | None = None) -> Resource:
        """Take the mandate and the first payment; a trial costs nothing until it ends.

        With ``payment_id`` that payment, which is under way, is the first.
        """
        account, product = self._account, PRODUCTS[held["product_id"]]
        now, trial = account.now, held["trial_period_days"]
        ends = now + timedelta(days=trial) if trial else product.period_from(now)
        held.update(status="active", previous_billing_date=now, next_billing_date=ends)
        charge = charge_of(held, 0 if trial else product.price, "new", (now, ends))
        self._happen(held, "active")
        if payment_id:
            paid = self._payments.settle(payment_id, "succeeded", charge)
        else:
            paid = self._payments.charge(charge)
        self._happen(held, "renewed", payment_id=paid["payment_id"])
        self._happen(held, "updated")
        self._benefits.give(paid, product.id)
        self._begin_period(held, paid)
        return held

    def fail_to_start(self, held: Resource) -> None:
        """Let the mandate fail, for good."""
        held["status"] = "failed"
        amount = held["recurring_pre_tax_amount"]
        self._payments.charge(charge_of(held, amount, "new", None, "failed"))
        self._happen(held, "failed")

    def limit(self, held: Resource, ends: datetime) -> None:
        """End the subscription's term at a moment, without an event."""
        held["expires_at"] = ends
        self._account.plan(ends, self._term_ended, held)

    def renew(self, held: Resource) -> None:
        """Charge the next period, which starts now."""
        now = self._account.now
        ends = PRODUCTS[held["product_id"]].period_from(now)
        held.update(previous_billing_date=now, next_billing_date=ends)
        charge = charge_of(held, held["recurring_pre_tax_amount"], "renewal", (now, ends))
        paid = self._payments.charge(charge)
        self._happen(held, "renewed", payment_id=paid["payment_id"])
        self._benefits.complete(paid, held["product_id"])
        self._begin_period(held, paid)

    def fail_next(self, held: Resource, *, grace: bool) -> None:
        """Let the next renewal fail, with a grace period or without."""
        self._require(held, "active", "paused")
        self._failing[held["subscription_id"]] = grace

    def fail(self, held: Resource, *, grace: bool) -> None:
        """Let a renewal fail: hold the subscription, or wait for the money with access kept."""
        now, identity = self._account.now, held["subscription_id"]
        amount = held["recurring_pre_tax_amount"]
        self._payments.charge(charge_of(held, amount, "renewal", None, "failed"))
        if grace:
            held["status"] = "past_due"
            self._account.grace_ends[identity] = now + GRACE
            self._account.plan(now + GRACE, self._grace_ended, held, now + GRACE)
            self._happen(held, "past_due")
        else:
            self.hold(held)
        self.dunning.plan(held)
        self.on_failure(held)

    def retry(self, held: Resource, attempt: int) -> None:
        """Try once more to charge what was not paid; it fails again."""
        amount = held["recurring_pre_tax_amount"]
        charge = charge_of(held, amount, "renewal", None, "failed", attempt)
        self._payments.charge(charge)

    def recover(self, held: Resource, attempt: int = 1, *, new_method: bool = False) -> None:
        """Take the payment that was owed; a new period starts now."""
        self._require(held, "on_hold", "past_due")
        now, product = self._account.now, PRODUCTS[held["product_id"]]
        ends = product.period_from(now)
        if new_method:
            self.replace_method(held)
        held.update(
            status="active", paused_at=None, previous_billing_date=now, next_billing_date=ends
        )
        self._account.grace_ends.pop(held["subscription_id"], None)
        if held["expires_at"] and held["expires_at"] <= now:
            self.limit(held, ends)  # what is paid now is given
        amount = held["recurring_pre_tax_amount"]
        charge = charge_of(held, amount, "renewal", (now, ends), "succeeded", attempt)
        paid = self._payments.charge(charge)
        self._happen(held, "active")
        self.dunning.recover(held, paid["payment_id"])
        self._benefits.give(paid, product.id)
        self._begin_period(held, paid)

    def replace_method(self, held: Resource) -> None:
        """Replace the card."""
        self._require(held, *LIVE)
        held["payment_method_id"] = self._account.name("pm", held["customer"]["customer_id"])
        self._happen(held, "update_payment_method")

    def end_period(self, held: Resource) -> None:
        """End the present period now, whatever follows from that."""
        self._require(held, "active")
        held["next_billing_date"] = self._account.now
        self._period_ended(held)

    def expire(self, held: Resource) -> None:
        """End the term."""
        self._require(held, "active", "cancelled")
        held["status"] = "expired"
        self._happen(held, "expired")
        self._end(held, "subscription_expired")

    def _period_ended(self, held: Resource) -> None:
        if held["next_billing_date"] != self._account.now:
            return  # the period was moved since
        scheduled = held["cancel_at_next_billing_date"]
        match held["status"]:
            case "active" if scheduled:
                held.update(status="cancelled", cancelled_at=self._account.now)
                self._happen(held, "cancelled")
                self._end(held, "subscription_cancelled")
            case "cancelled" if scheduled:
                self.expire(held)
            case "active":
                self._charge_next(held)

    def swap(self, held: Resource, product: Product) -> None:
        """Change the product, and take back what the new one does not entitle to."""
        held.update(
            product_id=product.id, recurring_pre_tax_amount=product.price, scheduled_change=None,
            payment_frequency_interval=product.interval, trial_period_days=0,
        )  # fmt: skip
        self._happen(held, "plan_changed")
        self._benefits.revoke(held["subscription_id"], "plan_changed", product.entitlements)
        if not product.credits:
            self._credits.end(held)
            held["credit_entitlement_cart"] = []

    def _charge_next(self, held: Resource) -> None:
        change = held["scheduled_change"]
        if change and change["effective_at"] <= self._account.now:
            self.swap(held, PRODUCTS[change["product_id"]])
        grace = self._failing.pop(held["subscription_id"], None)
        if grace is None:
            grace = self.declines(held)
        if grace is None:
            self.renew(held)
        else:
            self.fail(held, grace=grace)

    def _term_ended(self, held: Resource) -> None:
        if held["expires_at"] == self._account.now and held["status"] == "active":
            self.expire(held)

    def _grace_ended(self, held: Resource, at: datetime) -> None:
        ends = self._account.grace_ends.get(held["subscription_id"])
        if held["status"] == "past_due" and ends == at:
            self.hold(held)

    def hold(self, held: Resource) -> None:
        """Hold what was not paid; access ends."""
        held["status"] = "on_hold"
        self._account.grace_ends.pop(held["subscription_id"], None)
        self._happen(held, "on_hold")
        self._benefits.revoke(held["subscription_id"], "subscription_on_hold")

    def _end(self, held: Resource, reason: str) -> None:
        self._benefits.revoke(held["subscription_id"], reason)
        self._credits.end(held)

    def _begin_period(self, held: Resource, paid: Resource) -> None:
        self._paid[held["subscription_id"]] = paid["payment_id"]
        self._account.plan(held["next_billing_date"], self._period_ended, held)
        self._credits.begin_period(held)
        self.on_period(held)

    def _require(self, held: Resource, *statuses: str) -> None:
        if held["status"] not in statuses:
            needed = " or ".join(statuses)
            raise ImpossibleError(
                f"{held['subscription_id']} is {held['status']}; this needs one that is {needed}."
            )

    def _happen(self, held: Resource, event: str, **extra: str) -> None:
        identity = held["subscription_id"]
        self._account.happen("subscription", identity, f"subscription.{event}", **extra)


def charge_of(  # noqa: PLR0913, PLR0917 - what a charge has
    held: Resource,
    amount: int,
    charge_type: str,
    period: tuple[datetime, datetime] | None,
    status: str = "succeeded",
    attempt: int = 0,
) -> Charge:
    """A charge for a subscription."""
    return Charge(
        customer_id=held["customer"]["customer_id"],
        amount=amount,
        product_id=held["product_id"],
        status=status,
        subscription_id=held["subscription_id"],
        charge_type=charge_type,
        period=period,
        retry_attempt=attempt,
    )
