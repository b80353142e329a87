"""What a customer gets for a payment: licence keys, which change silently, and grants."""

from datetime import datetime
from random import Random

from tests.simulator.world import Change, Life, Resource, World

_OPEN = ("active", "past_due")
_REASONS = {"paused": "SubscriptionPaused", "on_hold": "subscription_on_hold"}


class Gifts:
    """The key and the grant of a subscription, which follow its status."""

    def __init__(self, rng: Random, world: World, subscription: str | None) -> None:
        self._rng = rng
        self._world = world
        self._subscription = subscription
        self._with_key = rng.random() < 0.25
        self._with_grant = rng.random() < 0.25
        self.key: Resource | None = None
        self.grant: Resource | None = None

    def follow(self, status: str | None, at: datetime) -> list[Change]:
        """What changes with a status; None leaves the subscription's status."""
        if status is None or status == "pending":
            return []
        opens = status in _OPEN
        changes = []
        if self._with_key and (opens or self.key):
            changes.append(self._turn_key(at, opens=opens))
        if self._with_grant and (opens or self.grant):
            changes += self._turn_grant(at, status, opens=opens)
        return changes

    def _turn_key(self, at: datetime, *, opens: bool) -> Change:
        status = {"status": "active" if opens else "disabled"}
        if self.key is not None:
            return Change(self.key, fields=status)
        self.key = self._world.add(
            "license_key",
            created_at=at,
            customer_id="cus_1",
            product_id="pdt_1",
            subscription_id=self._subscription,
            payment_id=None,
            expires_at=None,
            key=f"key-{len(self._world.resources)}",
            instances_count=0,
            source="auto",
        )
        return Change(self.key, ("license_key.created",), status)

    def _turn_grant(self, at: datetime, status: str, *, opens: bool) -> list[Change]:
        grant, fresh = self.grant, self.grant is None
        if grant is None:
            grant = self.grant = self._world.add(
                "entitlement_grant",
                created_at=at,
                customer_id="cus_1",
                entitlement_id="ent_1",
                integration_type="discord",
                subscription_id=self._subscription,
                payment_id=None,
                delivered_at=None,
                revoked_at=None,
                license_key=None,
            )
        known = grant.fields.get("status", "").lower()
        if opens and known != "delivered":
            types = ("entitlement_grant.created",) * fresh
            if not fresh or self._rng.random() < 0.5:
                types += ("entitlement_grant.delivered",)
            fields = {"status": "Delivered", "delivered_at": at, "revoked_at": None}
        elif not opens and known == "delivered":
            types = ("entitlement_grant.revoked",)
            reason = _REASONS.get(status, "subscription_cancelled")
            fields = {"status": "Revoked", "revoked_at": at, "revocation_reason": reason}
        else:
            return []
        return [Change(grant, types, fields | {"updated_at": at})]


class Grant(Life):
    """A grant without a subscription: given by hand, or with a purchase."""

    def live(self, steps: int) -> None:
        """Create it, then deliver, fail, revoke and deliver it again."""
        grant = self.world.add(
            "entitlement_grant",
            created_at=self.now,
            customer_id="cus_1",
            entitlement_id="ent_2",
            integration_type="github",
            subscription_id=None,
            payment_id=None,
            delivered_at=None,
            revoked_at=None,
            license_key=None,
        )
        self._turn(grant, "created", "Pending")
        after = {
            "Pending": ("Delivered", "Delivered", "Failed", "Revoked"),
            "Delivered": ("Revoked",),
            "Failed": ("Delivered",),
            "Revoked": ("Delivered",),
        }
        # back to back: in the same instant or right after it
        if self.rng.random() < 0.4:
            self.now += self.rng.choice((0, 1)) * (self.soon(0.01) - self.now)
        else:
            self.idle()
        for _ in range(steps):
            status = self.rng.choice(after[grant.fields["status"]])
            self._turn(grant, status.lower(), status)
            self.idle()
            if self.rng.random() < 0.2:
                # a link is made again: nobody is told
                self.commit(Change(grant, fields={"updated_at": self.now}))
                self.wait(1, 60)

    def _turn(self, grant: Resource, event: str, status: str) -> None:
        fields = {"status": status, "updated_at": self.now}
        if status in {"Delivered", "Revoked"}:
            fields |= {f"{status.lower()}_at": self.now}
        if status == "Delivered":
            fields |= {"revoked_at": None}
        self.commit(Change(grant, (f"entitlement_grant.{event}",), fields))
