"""All that makes up the merchant's business at the provider, put together."""

from datetime import datetime, timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.arrivals import Arrivals
from service.sandbox.benefits import Benefits
from service.sandbox.catalog import PRODUCTS
from service.sandbox.credits import Credits
from service.sandbox.habits import Habits
from service.sandbox.happenings import ImpossibleError, Resource
from service.sandbox.payments import Payments
from service.sandbox.payouts import Payouts
from service.sandbox.regrets import Regrets
from service.sandbox.subscriptions import Subscriptions


class Business:
    """The parts of a business, which share one account."""

    def __init__(self, seed: int, begin: datetime) -> None:
        self.account = Account(seed, begin)
        self.benefits = Benefits(self.account)
        self.credits = Credits(self.account)
        self.payments = Payments(self.account, self.benefits)
        self.subscriptions = Subscriptions(self.account, self.payments, self.benefits, self.credits)
        regrets = Regrets(self.account, self.payments)
        self.arrivals = Arrivals(
            self.account, self.payments, self.benefits, self.subscriptions, regrets
        )
        habits = Habits(self.account, self.subscriptions, self.credits, regrets)
        habits.on_return = self.arrivals.come_back
        self.payouts = Payouts(self.account, self.payments)
        for kind, resources in shapes.catalog(begin).items():
            self.account.resources[kind].update(resources)

    def expect(self, customers: int, within: timedelta) -> None:
        """Let so many customers come, spread evenly over a time from now."""
        account = self.account
        seconds = int(within.total_seconds())
        for number in range(1, customers + 1):
            customer_id = f"cus_{number:06d}"
            chance = account.chance(customer_id)
            after = timedelta(
                seconds=chance.randrange(seconds), microseconds=chance.randrange(10**6)
            )
            account.plan(account.now + after, self.arrivals.arrive, customer_id)

    def customer(self, customer_id: str) -> Resource:
        """The customer, made where there is none."""
        account = self.account
        known = account.resources["customer"].get(customer_id)
        return known or account.add(
            "customer", customer_id, shapes.customer(customer_id, account.now)
        )

    def buy(self, customer_id: str, product_id: str, trial_days: int = 0) -> None:
        """Let a customer, made where there is none, buy a product.

        Raises:
            ImpossibleError: if the merchant has no such product.
        """
        if product_id not in PRODUCTS:
            known = ", ".join(PRODUCTS)
            raise ImpossibleError(f"There is no product {product_id!r}. There are: {known}.")
        self.customer(customer_id)
        if PRODUCTS[product_id].interval is None:
            self.arrivals.buy_once(customer_id)
        else:
            self.subscribe(customer_id, product_id, trial_days)

    def subscribe(self, customer_id: str, product_id: str, trial_days: int = 0) -> Resource:
        """Let a customer subscribe; chance leaves the subscription alone."""
        held = self.subscriptions.create(customer_id, product_id, trial_days)
        self.account.by_hand.add(held["subscription_id"])
        return self.subscriptions.activate(held)
