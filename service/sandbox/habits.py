"""What subscribers do within a period: use credits, pause, cancel, change plans, pay late."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from service.sandbox.account import Account
from service.sandbox.catalog import PRODUCTS
from service.sandbox.credits import Credits
from service.sandbox.happenings import Resource
from service.sandbox.regrets import Regrets
from service.sandbox.subscriptions import Subscriptions

# what happens in a period, and how often: at most one of them
_WISHES = (
    ("pause", 0.03), ("cancel", 0.03), ("cancel_at_end", 0.04), ("change_plan", 0.04),
    ("regret", 0.05), ("new_card", 0.02), ("adjust", 0.02),
)  # fmt: skip
_DECLINED, _WITH_GRACE, _PAYS, _RETRIED = 0.08, 0.4, 0.8, 0.5
_TOLD_AT_ONCE, _KEEPS, _RETURNS, _CHANGES_LATER = 0.5, 0.25, 0.4, 0.3
RENEWED = tuple(p.id for p in PRODUCTS.values() if p.interval)


Returning = Callable[[str], None]
"""Takes the customer who comes back."""


class Habits:
    """The wishes of a subscriber; a subscription that a command moved has none.

    Attributes:
        on_return: what a customer does who comes back after a cancellation; set by arrivals.
    """

    def __init__(
        self, account: Account, subscriptions: Subscriptions, ledger: Credits, regrets: Regrets
    ) -> None:
        self._account, self._subscriptions = account, subscriptions
        self._credits, self._regrets = ledger, regrets
        self.on_return: Returning | None = None
        subscriptions.on_period = self._begin_period
        subscriptions.on_failure = self._answer_failure
        subscriptions.declines = self._declines

    def _declines(self, held: Resource) -> bool | None:
        """None if the renewal is paid; otherwise whether a grace period follows."""
        if self._is_by_hand(held):
            return None
        chance = self._chance(held)
        fate, grace = chance.random(), chance.random() < _WITH_GRACE
        return grace if fate < _DECLINED else None

    def _answer_failure(self, held: Resource) -> None:
        if self._is_by_hand(held):
            return
        chance, owner = self._chance(held), held["customer"]["customer_id"]
        if chance.random() < _RETRIED:
            self._account.later(owner, 11.5, 12, self._retry, held)
        if chance.random() < _PAYS:
            new_card = chance.random() < 0.5  # noqa: PLR2004 - as often the old card works again
            self._account.later(owner, 1, 130, self._pay, held, new_card)
        else:
            self._account.later(owner, 240, 720, self._give_up, held)

    def _retry(self, held: Resource) -> None:
        if held["status"] in {"on_hold", "past_due"} and not self._is_by_hand(held):
            self._subscriptions.retry(held, 1)

    def _pay(self, held: Resource, new_card: bool) -> None:  # noqa: FBT001 - a planned call
        if held["status"] in {"on_hold", "past_due"} and not self._is_by_hand(held):
            self._subscriptions.recover(held, 2, new_method=new_card)

    def _give_up(self, held: Resource) -> None:
        if held["status"] in {"on_hold", "past_due"} and not self._is_by_hand(held):
            self._subscriptions.cancel(held)

    def _begin_period(self, held: Resource) -> None:
        if self._is_by_hand(held):
            return
        chance, plan = self._chance(held), self._account.plan
        starts, ends = held["previous_billing_date"], held["next_billing_date"]
        if PRODUCTS[held["product_id"]].credits:
            for _ in range(chance.randrange(1, 6)):
                plan(_between(chance, starts, ends), self._use, held, chance.randrange(50, 400))
        fate = chance.random()
        for wish, share in _WISHES:
            fate -= share
            if fate < 0:
                plan(_between(chance, starts, ends), self._wish, held, wish)
                return

    def _wish(self, held: Resource, wish: str) -> None:
        ending = held["cancel_at_next_billing_date"]
        if self._is_by_hand(held) or held["status"] != "active" or ending:
            return
        subscriptions, chance = self._subscriptions, self._chance(held)
        owner = held["customer"]["customer_id"]
        match wish:
            case "pause":
                subscriptions.pause(held)
                self._account.later(owner, 20, 480, self._unpause, held)
            case "cancel":
                subscriptions.cancel(held)
                self._return_later(owner)
            case "cancel_at_end":
                subscriptions.schedule_cancel(held, told_at_once=chance.random() < _TOLD_AT_ONCE)
                if held["status"] == "active" and chance.random() < _KEEPS:
                    self._account.later(owner, 1, 24, self._keep, held)
                self._return_later(owner)
            case "change_plan":
                self._change_plan(held)
            case "new_card":
                subscriptions.replace_method(held)
            case "adjust" if PRODUCTS[held["product_id"]].credits:
                self._credits.adjust(held, chance.randrange(10, 100))
            case "regret":
                self._regrets.regret(self._subscriptions.last_payment(held))
            case _:
                pass

    def _change_plan(self, held: Resource) -> None:
        chance = self._chance(held)
        other = chance.choice([p for p in RENEWED if p != held["product_id"]])
        if chance.random() < _CHANGES_LATER:
            self._subscriptions.schedule_change(held, other)
        else:
            self._subscriptions.change_plan(held, other)

    def _return_later(self, owner: str) -> None:
        if self.on_return and self._account.chance(owner).random() < _RETURNS:
            self._account.later(owner, 24 * 35, 24 * 120, self.on_return, owner)

    def _keep(self, held: Resource) -> None:
        if held["status"] == "active" and held["cancel_at_next_billing_date"]:
            self._subscriptions.keep(held)

    def _unpause(self, held: Resource) -> None:
        if held["status"] == "paused" and not self._is_by_hand(held):
            self._subscriptions.unpause(held)

    def _use(self, held: Resource, amount: int) -> None:
        if held["status"] == "active" and PRODUCTS[held["product_id"]].credits:
            self._credits.use(held, amount)

    def _is_by_hand(self, held: Resource) -> bool:
        return held["subscription_id"] in self._account.by_hand

    def _chance(self, held: Resource) -> Random:
        return self._account.chance(held["customer"]["customer_id"])


def _between(chance: Random, starts: datetime, ends: datetime) -> datetime:
    """A moment inside a period, away from its ends."""
    return starts + (ends - starts) * chance.uniform(0.02, 0.95) + timedelta(microseconds=1)
