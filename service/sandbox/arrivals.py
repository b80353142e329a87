"""How customers come: most buy, some fail, some leave and return."""

from datetime import timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.benefits import Benefits
from service.sandbox.catalog import PRODUCTS, TRIAL_DAYS
from service.sandbox.dunning import Checkouts
from service.sandbox.habits import RENEWED
from service.sandbox.happenings import Resource
from service.sandbox.payments import Payments
from service.sandbox.regrets import Regrets
from service.sandbox.shapes import Charge
from service.sandbox.subscriptions import Subscriptions

_LEAVES, _CHANGES_MIND, _MANDATE_FAILS, _BUYS_ONCE = 0.05, 0.08, 0.11, 0.20
_TRIAL, _CHALLENGED, _TERM, _DECLINED, _RETURNS, _REGRETS = 0.2, 0.12, 0.08, 0.4, 0.5, 0.15


class Arrivals:
    """The first visit of each customer, and what comes of it."""

    def __init__(
        self,
        account: Account,
        payments: Payments,
        benefits: Benefits,
        subscriptions: Subscriptions,
        regrets: Regrets,
    ) -> None:
        self._account, self._payments, self._benefits = account, payments, benefits
        self._subscriptions, self._regrets = subscriptions, regrets
        self.checkouts = Checkouts(account)

    def arrive(self, customer_id: str) -> None:
        """Come for the first time: most buy, some fail, some leave and return."""
        account, chance = self._account, self._account.chance(customer_id)
        account.add("customer", customer_id, shapes.customer(customer_id, account.now))
        fate = chance.random()
        if fate < _LEAVES:
            self._leave_checkout(customer_id)
        elif fate < _CHANGES_MIND:
            self._change_mind(customer_id)
        elif fate < _MANDATE_FAILS:
            held = self._subscriptions.create(customer_id, chance.choice(RENEWED))
            self._subscriptions.fail_to_start(held)
            self._account.later(customer_id, 1, 48, self._subscribe, customer_id)
        elif fate < _BUYS_ONCE:
            self.buy_once(customer_id)
        else:
            self._subscribe(customer_id)

    def buy_once(self, customer_id: str) -> Resource:
        """Buy the product that is paid for once."""
        product = PRODUCTS["pdt_lifetime"]
        paid = self._payments.charge(Charge(customer_id, product.price, product.id))
        self._benefits.give(paid, product.id)
        if self._account.chance(customer_id).random() < _REGRETS:
            self._account.later(customer_id, 2, 240, self._regrets.regret, paid)
        return paid

    def _subscribe(self, customer_id: str, left: str | None = None) -> None:
        chance = self._account.chance(customer_id)
        product_id = chance.choice(RENEWED)
        trial = TRIAL_DAYS if chance.random() < _TRIAL else 0
        held = self._subscriptions.create(customer_id, product_id, trial)
        if chance.random() < _TERM:
            months = chance.randrange(3, 9)
            self._subscriptions.limit(held, self._account.now + timedelta(days=30 * months + 1))
        if left or trial or chance.random() >= _CHALLENGED:
            self._subscriptions.activate(held)
            if left:
                paid = self._subscriptions.last_payment(held)
                self.checkouts.recover(left, paid["payment_id"])
            return
        # the bank asks the customer first
        asked = self._payments.charge(Charge(
            customer_id, held["recurring_pre_tax_amount"], product_id,
            "requires_customer_action", held["subscription_id"], "new",
        ))  # fmt: skip
        payment_id = asked["payment_id"]
        self._account.later(customer_id, 0.05, 0.2, self._activate, held, payment_id)

    def _leave_checkout(self, customer_id: str) -> None:
        chance = self._account.chance(customer_id)
        failed = chance.random() < _DECLINED
        product = PRODUCTS["pdt_pro"]
        status = "failed" if failed else "requires_payment_method"
        paid = self._payments.charge(
            Charge(customer_id, product.price, product.id, status), silent=not failed
        )
        reason = "payment_failed" if failed else "checkout_incomplete"
        self._account.later(customer_id, 1, 2, self.checkouts.detect, paid, reason)
        if chance.random() < _RETURNS:
            self._account.later(
                customer_id, 20, 90, self._subscribe, customer_id, paid["payment_id"]
            )

    def _change_mind(self, customer_id: str) -> None:
        product = PRODUCTS["pdt_lifetime"]
        paid = self._payments.charge(Charge(customer_id, product.price, product.id, "processing"))
        self._account.later(customer_id, 0.1, 0.5, self._settle, paid["payment_id"], "cancelled")
        self._account.later(customer_id, 24, 240, self._subscribe, customer_id)

    def _settle(self, payment_id: str, status: str) -> None:
        if payment_id not in self._account.by_hand:
            self._payments.settle(payment_id, status)

    def come_back(self, customer_id: str) -> None:
        """Buy again, unless a subscription is live."""
        if not self._subscriptions.live_of(customer_id):
            self._subscribe(customer_id)

    def _activate(self, held: Resource, payment_id: str) -> None:
        if held["status"] == "pending" and payment_id not in self._account.by_hand:
            self._subscriptions.activate(held, payment_id)
