"""Subscriptions: what customers and the merchant ask for."""

from datetime import timedelta

from msgspec import structs

from service.sandbox.billing import LIVE, Billing, charge_of
from service.sandbox.catalog import PRODUCTS, Product
from service.sandbox.happenings import ImpossibleError, Resource

_BY_CUSTOMER = {"actor_type": "customer", "email": None, "name": None}


class Subscriptions(Billing):
    """Every change of a subscription that somebody asks for; ``Billing`` has the rest."""

    def update(self, held: Resource) -> None:
        """Change something that matters to nobody."""
        held["metadata"] = {"updated_at": f"{self._account.now:%Y-%m-%dT%H:%M:%S.%fZ}"}
        self._happen(held, "updated")

    def pause(self, held: Resource) -> None:
        """Pause: nothing is charged and nothing given until it is resumed."""
        self._require(held, "active")
        held.update(status="paused", paused_at=self._account.now)
        self._happen(held, "paused")
        self._benefits.revoke(held["subscription_id"], "SubscriptionPaused")

    def unpause(self, held: Resource) -> None:
        """Resume; the period and the term end later by the length of the pause."""
        self._require(held, "paused")
        length = self._account.now - held["paused_at"]
        ends = held["next_billing_date"] + length
        held.update(status="active", paused_at=None, next_billing_date=ends)
        if held["expires_at"]:
            self.limit(held, held["expires_at"] + length)
        self._account.plan(ends, self._period_ended, held)
        self._happen(held, "unpaused")
        self._benefits.restore(held["subscription_id"])

    def cancel(self, held: Resource) -> None:
        """Cancel at once."""
        self._require(held, *LIVE)
        now = self._account.now
        held.update(status="cancelled", cancelled_at=now, cancelled_by=_BY_CUSTOMER)
        held["cancel_at_next_billing_date"] = False
        self._account.grace_ends.pop(held["subscription_id"], None)
        self._happen(held, "cancelled")
        self._end(held, "subscription_cancelled")

    def schedule_cancel(self, held: Resource, *, told_at_once: bool = False) -> None:
        """Cancel at the end of the period.

        The provider's guides show two styles: active until then, and cancelled at the end; or
        cancelled at once, and expired at the end (``told_at_once``).
        """
        self._require(held, "active")
        held.update(cancel_at_next_billing_date=True, cancelled_by=_BY_CUSTOMER)
        if told_at_once:
            held.update(status="cancelled", cancelled_at=self._account.now)
            self._happen(held, "cancelled")
        else:
            self._happen(held, "updated")

    def keep(self, held: Resource) -> None:
        """Take a scheduled cancellation back."""
        self._require(held, "active")
        held.update(cancel_at_next_billing_date=False, cancelled_by=None)
        self._happen(held, "updated")

    def change_plan(self, held: Resource, product_id: str) -> None:
        """Change the product; a new period starts now, what is left of the old one is credited.

        Raises:
            ImpossibleError: if it is not active, has that product, or the product is sold once.
        """
        product = self._other_product(held, product_id)
        now = self._account.now
        amount = max(0, product.price - self._unused(held))
        ends = product.period_from(now)
        held.update(previous_billing_date=now, next_billing_date=ends)
        charge = structs.replace(
            charge_of(held, amount, "plan_change", (now, ends)), product_id=product_id
        )
        paid = self._payments.charge(charge)
        self.swap(held, product)
        self._benefits.give(paid, product_id)
        self._begin_period(held, paid)

    def schedule_change(self, held: Resource, product_id: str) -> None:
        """Change the product when the next period begins.

        Raises:
            ImpossibleError: as ``change_plan`` does.
        """
        product, account = self._other_product(held, product_id), self._account
        held["scheduled_change"] = {
            "id": account.name("spc", held["customer"]["customer_id"]), "addons": [],
            "created_at": account.now, "effective_at": held["next_billing_date"],
            "product_id": product.id, "quantity": 1, "product_description": None,
            "product_name": product.name,
        }  # fmt: skip
        self._happen(held, "updated")

    def _other_product(self, held: Resource, product_id: str) -> Product:
        self._require(held, "active")
        product = PRODUCTS.get(product_id)
        if product is None or product.interval is None or product_id == held["product_id"]:
            raise ImpossibleError(f"{product_id} is not another product for a subscription.")
        return product

    def _unused(self, held: Resource) -> int:
        """What of the present period is left, in money; a trial cost nothing."""
        starts, ends = held["previous_billing_date"], held["next_billing_date"]
        trial = ends - starts == timedelta(days=held["trial_period_days"])
        left = max(timedelta(0), ends - self._account.now)
        return 0 if trial else int(held["recurring_pre_tax_amount"] * (left / (ends - starts)))
