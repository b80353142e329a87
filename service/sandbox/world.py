"""A world to try the service with: the provider's account of a made-up merchant.

The same seed makes the same world, in however many steps its clock is moved. Nothing here reads a
clock, a file or the network.
"""

from datetime import datetime, timedelta

from service.sandbox.account import Account
from service.sandbox.business import Business
from service.sandbox.happenings import Happening, ImpossibleError, Resource
from service.sandbox.triggers import Triggers

__all__ = ["Happening", "ImpossibleError", "Resource", "World"]

_PAYLOAD_TYPES = {
    "subscription": "Subscription",
    "payment": "Payment",
    "refund": "Refund",
    "dispute": "Dispute",
    "license_key": "LicenseKey",
    "entitlement_grant": "EntitlementGrant",
    "payout": "Payout",
    "credit": "CreditLedgerEntry",
    "credit_balance": "CreditBalanceLow",
    "abandoned_checkout": "AbandonedCheckout",
    "dunning": "DunningAttempt",
}

_ARRIVALS = timedelta(days=360)


class World:
    """Customers, and all that the provider holds of them.

    Commands return what happened, in order. They raise ``ImpossibleError`` where the present
    state does not allow them. What a command moved is left to commands: a subscription goes on to
    be renewed, and nothing else befalls it by chance.

    Attributes:
        business_id: of the merchant, for the envelope.
        resources: kind, id, and the resource as a GET by its id shows it now.
    """

    business_id: str
    resources: dict[str, dict[str, Resource]]

    def __init__(
        self, customers: int, seed: int, *, begin: datetime, arrivals: timedelta = _ARRIVALS
    ) -> None:
        """An empty world at ``begin``, to which the customers come within ``arrivals``."""
        self._business = Business(seed, begin)
        self._business.expect(customers, arrivals)
        self._triggers = Triggers(self._business)
        self.business_id = self._account.business_id
        self.resources = self._account.resources

    @property
    def _account(self) -> Account:
        return self._business.account

    @property
    def now(self) -> datetime:
        """The clock."""
        return self._account.now

    @property
    def next_at(self) -> datetime | None:
        """When the next thing is due; None if nothing is."""
        return self._account.next_at

    def advance(self, to: datetime) -> list[Happening]:
        """Move the clock, and let happen all that is due until then, in order of time."""
        self._account.advance(to)
        return self._account.take()

    def data(self, happening: Happening) -> Resource:
        """The webhook's ``data``: the resource as it is now, and the fields of the event."""
        kind = happening.kind
        if kind == "credit_balance":
            data = dict(happening.extra)
        else:
            data = {**self.resources[kind][happening.id], **happening.extra}
        if kind == "subscription":
            data["past_due_ends_at"] = self._account.grace_ends.get(happening.id)
            data.setdefault("payment_id", None)
        data["payload_type"] = _PAYLOAD_TYPES[kind]
        return data

    def enact(self, event: str, customer_id: str | None = None) -> list[Happening]:
        """Let an event of a type happen, with all that leads to it; the last is of that type."""
        return self._triggers.enact(event, customer_id)

    def make(self, event: str, customer_id: str | None = None) -> Happening:
        """One plausible event of any type of the provider's; what it needs is made silently."""
        return self.enact(event, customer_id)[-1]

    # subscriptions

    def buy(self, customer_id: str, product_id: str, trial_days: int = 0) -> list[Happening]:
        """Let a customer, new or known, subscribe to a product or buy what is sold once."""
        self._by_hand(customer_id)
        self._business.buy(customer_id, product_id, trial_days)
        return self._account.take()

    def fail_next_renewal(self, subscription_id: str, *, grace: bool = False) -> list[Happening]:
        """Let the next renewal fail: hold the subscription then, or after a grace period."""
        held = self._held(subscription_id)
        self._business.subscriptions.fail_next(held, grace=grace)
        return self._account.take()

    def renew(self, subscription_id: str) -> list[Happening]:
        """End the period now: the renewal is due, and succeeds or fails as was commanded."""
        self._business.subscriptions.end_period(self._held(subscription_id))
        return self._account.take()

    def recover(self, subscription_id: str, *, new_method: bool = True) -> list[Happening]:
        """Let the customer pay what is owed, with another card by default."""
        held = self._held(subscription_id)
        self._business.subscriptions.recover(held, new_method=new_method)
        return self._account.take()

    def pause(self, subscription_id: str) -> list[Happening]:
        """Pause a subscription until it is resumed."""
        self._business.subscriptions.pause(self._held(subscription_id))
        return self._account.take()

    def unpause(self, subscription_id: str) -> list[Happening]:
        """Resume a subscription that is paused."""
        self._business.subscriptions.unpause(self._held(subscription_id))
        return self._account.take()

    def cancel(self, subscription_id: str, *, at_period_end: bool = False) -> list[Happening]:
        """Cancel a subscription, now or when its period ends."""
        held = self._held(subscription_id)
        if at_period_end:
            self._business.subscriptions.schedule_cancel(held)
        else:
            self._business.subscriptions.cancel(held)
        return self._account.take()

    def keep(self, subscription_id: str) -> list[Happening]:
        """Take back that a subscription is to be cancelled when its period ends."""
        self._business.subscriptions.keep(self._held(subscription_id))
        return self._account.take()

    def limit_term(self, subscription_id: str, days: int) -> list[Happening]:
        """Let the term of a subscription end in so many days; the provider tells it then."""
        held = self._held(subscription_id)
        self._business.subscriptions.limit(held, self.now + timedelta(days=days))
        return self._account.take()

    def expire(self, subscription_id: str) -> list[Happening]:
        """End the term of a subscription."""
        self._business.subscriptions.expire(self._held(subscription_id))
        return self._account.take()

    def change_plan(
        self, subscription_id: str, product_id: str, *, at_period_end: bool = False
    ) -> list[Happening]:
        """Change the product of a subscription, now or when its next period begins."""
        held = self._held(subscription_id)
        if at_period_end:
            self._business.subscriptions.schedule_change(held, product_id)
        else:
            self._business.subscriptions.change_plan(held, product_id)
        return self._account.take()

    def replace_payment_method(self, subscription_id: str) -> list[Happening]:
        """Replace the card of a subscription."""
        self._business.subscriptions.replace_method(self._held(subscription_id))
        return self._account.take()

    def use_credits(self, subscription_id: str, amount: int) -> list[Happening]:
        """Use credits of a subscription to a product that has some."""
        self._business.credits.use(self._held(subscription_id), amount)
        return self._account.take()

    # money and goods

    def refund(self, payment_id: str, amount: int | None = None) -> list[Happening]:
        """Refund a payment, all that is left of it without an amount."""
        self._by_hand(payment_id)
        self._business.payments.refund(payment_id, amount)
        return self._account.take()

    def open_dispute(self, payment_id: str) -> list[Happening]:
        """Let a customer dispute a payment."""
        self._by_hand(payment_id)
        self._business.payments.dispute(payment_id)
        return self._account.take()

    def move_dispute(self, dispute_id: str, status: str) -> list[Happening]:
        """Let a dispute become challenged, accepted, cancelled, expired, won or lost."""
        self._by_hand(self._account.get("dispute", dispute_id)["payment_id"])
        self._business.payments.move_dispute(dispute_id, status)
        return self._account.take()

    def move_grant(self, grant_id: str, status: str) -> list[Happening]:
        """Let a grant be delivered, failed or revoked."""
        self._by_hand(grant_id)
        self._business.benefits.move(grant_id, status)
        return self._account.take()

    def move_payout(self, payout_id: str, status: str) -> list[Happening]:
        """Let a payout become in_progress, on_hold, failed or success."""
        self._by_hand(payout_id)
        self._business.payouts.move(payout_id, status)
        return self._account.take()

    def disable_license_key(self, license_key_id: str) -> list[Happening]:
        """Disable a licence key; the provider sends no webhook of it."""
        self._business.benefits.disable_key(license_key_id)
        return []

    def _held(self, subscription_id: str) -> Resource:
        held = self._account.get("subscription", subscription_id)
        self._by_hand(subscription_id)
        return held

    def _by_hand(self, identity: str) -> None:
        """Leave a resource to commands, each of which has an instant of its own."""
        self._account.by_hand.add(identity)
        self._account.tick()
