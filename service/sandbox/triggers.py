"""One event of any type, with what it takes to let it happen."""

from collections.abc import Callable

from service.sandbox.business import Business
from service.sandbox.catalog import PRODUCTS
from service.sandbox.happenings import Happening, ImpossibleError, Resource
from service.sandbox.shapes import Charge

_MONTHLY, _WITH_CREDITS, _ONCE = "pdt_pro", "pdt_team", "pdt_lifetime"
_PAID = PRODUCTS[_MONTHLY].price
_LEDGER = {
    "added": "credit_added", "deducted": "credit_deducted", "expired": "credit_expired",
    "rolled_over": "credit_rolled_over", "rollover_forfeited": "rollover_forfeited",
    "overage_charged": "overage_charged", "overage_reset": "overage_reset",
    "manual_adjustment": "manual_adjustment",
}  # fmt: skip


Enact = Callable[[str, str], None]
"""Takes an event's name without its category, and a customer's id."""


class Triggers:
    """Enacts events for one customer, on what the customer has or buys for it."""

    def __init__(self, business: Business) -> None:
        self._business, self._account = business, business.account
        self._enacting: dict[str, Enact] = {
            "subscription": self._subscription,
            "payment": self._payment,
            "refund": self._refund,
            "dispute": self._dispute,
            "license_key": self._bought_once,
            "entitlement_grant": self._grant,
            "payout": self._payout,
            "credit": self._credit,
            "abandoned_checkout": self._checkout,
            "dunning": self._dunning,
        }

    def enact(self, event: str, customer_id: str | None) -> list[Happening]:
        """Let an event happen; what else happened for it stands before it.

        Raises:
            ImpossibleError: if the provider has no such event.
        """
        category, _, name = event.partition(".")
        account = self._account
        # unlike names of other worlds: a process that keeps nothing may enact one after the other
        account.mark = f"{int(account.now.timestamp() * 1_000_000):x}_"
        try:
            customer_id = customer_id or account.name("cus", "made")
            self._business.customer(customer_id)
            if category not in self._enacting:
                raise ImpossibleError(_unknown(event))
            self._enacting[category](name, customer_id)
        finally:
            account.mark = ""
        happened = account.take()
        places = [n for n, one in enumerate(happened) if one.type == event]
        if not places:
            raise ImpossibleError(_unknown(event))
        asked = happened.pop(places[-1])
        return [*happened, asked]

    def _subscription(self, name: str, customer_id: str) -> None:
        subscriptions = self._business.subscriptions
        if name == "failed":
            subscriptions.fail_to_start(subscriptions.create(customer_id, _MONTHLY))
            return
        live = subscriptions.live_of(customer_id)
        if name == "active":
            if owing := [s for s in live if s["status"] in {"on_hold", "past_due"}]:
                subscriptions.recover(owing[-1])
            else:
                self._buy(customer_id)
            return
        if name == "on_hold" and (waiting := [s for s in live if s["status"] == "past_due"]):
            subscriptions.hold(waiting[-1])
            return
        if name == "unpaused" and (paused := [s for s in live if s["status"] == "paused"]):
            subscriptions.unpause(paused[-1])
            return
        if name in {"cancelled", "update_payment_method", "updated"} and live:
            self._on_live(name, live[-1])
            return
        self._on_active(name, self._active(customer_id))

    def _on_live(self, name: str, held: Resource) -> None:
        subscriptions = self._business.subscriptions
        match name:
            case "cancelled":
                subscriptions.cancel(held)
            case "update_payment_method":
                subscriptions.replace_method(held)
            case "updated":
                subscriptions.update(held)

    def _on_active(self, name: str, held: Resource) -> None:
        subscriptions = self._business.subscriptions
        match name:
            case "renewed":
                subscriptions.renew(held)
            case "plan_changed":
                other = _WITH_CREDITS if held["product_id"] == _MONTHLY else _MONTHLY
                subscriptions.change_plan(held, other)
            case "past_due" | "on_hold":
                subscriptions.fail(held, grace=name == "past_due")
            case "paused":
                subscriptions.pause(held)
            case "unpaused":
                subscriptions.pause(held)
                self._account.tick()
                subscriptions.unpause(held)
            case "expired":
                subscriptions.expire(held)
            case _:
                self._on_live(name, held)

    def _payment(self, name: str, customer_id: str) -> None:
        payments, subscriptions = self._business.payments, self._business.subscriptions
        match name:
            case "succeeded":
                subscriptions.renew(self._active(customer_id))
            case "failed":
                subscriptions.fail(self._active(customer_id), grace=False)
            case "processing" | "cancelled":
                under_way = Charge(customer_id, PRODUCTS[_ONCE].price, _ONCE, "processing")
                paid = payments.charge(under_way)
                if name == "cancelled":
                    self._account.tick()
                    payments.settle(paid["payment_id"], "cancelled")

    def _refund(self, name: str, customer_id: str) -> None:
        payment_id = self._paid(customer_id)
        if name in {"succeeded", "failed"}:
            self._business.payments.refund(payment_id, None, name)

    def _dispute(self, name: str, customer_id: str) -> None:
        payments = self._business.payments
        dispute_id = payments.dispute(self._paid(customer_id))["dispute_id"]
        if name == "won":
            self._account.tick()
            payments.move_dispute(dispute_id, "challenged")
        if name != "opened":
            self._account.tick()
            payments.move_dispute(dispute_id, name)

    def _bought_once(self, _: str, customer_id: str) -> None:
        self._business.arrivals.buy_once(customer_id)

    def _grant(self, name: str, customer_id: str) -> None:
        if name == "created":
            self._bought_once(name, customer_id)
        elif name in {"delivered", "failed", "revoked"}:
            held = self._buy(customer_id, _WITH_CREDITS)
            grants = self._business.benefits.grants_of(held["subscription_id"])
            self._business.benefits.move(grants[0]["id"], name)

    def _payout(self, name: str, _: str) -> None:
        payouts = self._business.payouts
        payout_id = payouts.make(10 * _PAID)["payout_id"]
        if name != "created":
            self._account.tick()
            payouts.move(payout_id, name)

    def _credit(self, name: str, customer_id: str) -> None:
        live = self._business.subscriptions.live_of(customer_id)
        having = [s for s in live if PRODUCTS[s["product_id"]].credits]
        held = having[-1] if having else self._buy(customer_id, _WITH_CREDITS)
        if name == "balance_low":
            self._business.credits.warn(held)
        elif name in _LEDGER:
            self._business.credits.make(held, _LEDGER[name], 10)

    def _checkout(self, name: str, customer_id: str) -> None:
        checkouts = self._business.arrivals.checkouts
        charge = Charge(customer_id, PRODUCTS[_ONCE].price, _ONCE, "failed")
        left = self._business.payments.charge(charge)
        checkouts.detect(left, "payment_failed")
        if name == "recovered":
            self._account.tick()
            paid = self._business.arrivals.buy_once(customer_id)
            checkouts.recover(left["payment_id"], paid["payment_id"])

    def _dunning(self, name: str, customer_id: str) -> None:
        subscriptions = self._business.subscriptions
        owing = [
            s for s in subscriptions.live_of(customer_id) if s["status"] in {"on_hold", "past_due"}
        ]
        held = owing[-1] if owing else self._active(customer_id)
        if not owing:
            subscriptions.fail(held, grace=False)
            self._account.tick()
        subscriptions.dunning.start(held)
        if name == "recovered":
            self._account.tick()
            subscriptions.recover(held)

    def _active(self, customer_id: str) -> Resource:
        """An active subscription of the customer's, by way of what is missing to it."""
        subscriptions = self._business.subscriptions
        live = subscriptions.live_of(customer_id)
        active = [held for held in live if held["status"] == "active"]
        if active or not live:
            held = active[-1] if active else self._buy(customer_id)
        else:
            held = live[-1]
            if held["status"] == "paused":
                subscriptions.unpause(held)
            else:
                subscriptions.recover(held)
            self._account.tick()
        self._account.by_hand.add(held["subscription_id"])
        return held

    def _buy(self, customer_id: str, product_id: str = _MONTHLY) -> Resource:
        held = self._business.subscribe(customer_id, product_id)
        self._account.tick()
        return held

    def _paid(self, customer_id: str) -> str:
        """A payment of the customer's of which nothing was asked back."""
        for held in self._business.subscriptions.live_of(customer_id):
            paid = self._business.subscriptions.last_payment(held)
            if paid["total_amount"] and not paid["refunds"] and not paid["disputes"]:
                identity: str = paid["payment_id"]
                break
        else:
            held = self._buy(customer_id)
            identity = self._business.subscriptions.last_payment(held)["payment_id"]
        self._account.by_hand.add(identity)
        return identity


def _unknown(event: str) -> str:
    return (
        f"{event!r} is not an event type of the provider's. See domain/README.md for all of them."
    )
