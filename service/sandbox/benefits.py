"""What a purchase gives: entitlement grants and licence keys, taken back and given again."""

from collections import defaultdict
from datetime import timedelta

from service.sandbox import shapes
from service.sandbox.account import Account
from service.sandbox.catalog import ENTITLEMENTS, PRODUCTS
from service.sandbox.happenings import ImpossibleError, Resource

_FAILS = 0.05
"""The share of hand-made links that fail at first."""


class Benefits:
    """The grants and keys of each purchase, known by its subscription or its payment."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._grants: defaultdict[str, list[Resource]] = defaultdict(list)
        self._keys: dict[str, Resource] = {}

    def give(self, paid: Resource, product_id: str) -> None:
        """Grant all that a product entitles to, and give again what was taken back."""
        self.complete(paid, product_id)
        for grant in self._grants[_owner(paid)]:
            if grant["status"] == "Revoked" and _entitles(product_id, grant):
                self._deliver(grant)

    def complete(self, paid: Resource, product_id: str) -> None:
        """Grant what a product entitles to and the purchase never had or lost with a change."""
        had = {grant["entitlement_id"]: grant for grant in self._grants[_owner(paid)]}
        for entitlement_id in PRODUCTS[product_id].entitlements:
            if entitlement_id not in had:
                self._grant(paid, entitlement_id)
            elif had[entitlement_id]["revocation_reason"] == "plan_changed":
                self._deliver(had[entitlement_id])

    def revoke(self, owner: str, reason: str, keep: tuple[str, ...] = ()) -> None:
        """Take back what a purchase gives; its keys are disabled without an event."""
        for grant in self._grants[owner]:
            if grant["entitlement_id"] not in keep and grant["status"] in {"Pending", "Delivered"}:
                self._take_back(grant, reason)

    def restore(self, owner: str) -> None:
        """Give again what was taken back."""
        for grant in self._grants[owner]:
            if grant["status"] == "Revoked" and grant["revocation_reason"] != "plan_changed":
                self._deliver(grant)

    def move(self, grant_id: str, status: str) -> None:
        """Deliver, fail or revoke one grant.

        Raises:
            ImpossibleError: if there is no such grant or status.
        """
        grant = self._account.get("entitlement_grant", grant_id)
        match status:
            case "delivered":
                self._deliver(grant)
            case "failed":
                self._fail(grant)
            case "revoked":
                self._take_back(grant, "manual")
            case _:
                raise ImpossibleError(f"A grant is delivered, failed or revoked, not {status!r}.")

    def disable_key(self, license_key_id: str) -> None:
        """Disable a licence key, without an event."""
        self._account.get("license_key", license_key_id)
        for grant_id, key in self._keys.items():
            if key["id"] == license_key_id:
                self._set_key(self._account.get("entitlement_grant", grant_id), "disabled")

    def grants_of(self, owner: str) -> list[Resource]:
        """The grants of a subscription or of a payment without one."""
        return self._grants[owner]

    def _grant(self, paid: Resource, entitlement_id: str) -> None:
        account, customer_id = self._account, paid["customer"]["customer_id"]
        identity = account.name("grant", customer_id)
        grant = shapes.grant(identity, paid, entitlement_id, account.now)
        account.add("entitlement_grant", identity, grant)
        self._grants[_owner(paid)].append(grant)
        if grant["integration_type"] == "license_key":
            self._make_key(paid, grant)
        if ENTITLEMENTS[entitlement_id].at_once:
            grant.update(status="Delivered", delivered_at=account.now)
            self._happen(grant, "created")
            return
        self._happen(grant, "created")
        chance = account.chance(customer_id)
        linked = account.now + timedelta(minutes=chance.randrange(2, 3_000), microseconds=1)
        if chance.random() < _FAILS:
            account.plan(linked, self._fail_by_chance, grant)
            linked += timedelta(hours=2)
        account.plan(linked, self._link, grant)

    def _make_key(self, paid: Resource, grant: Resource) -> None:
        account = self._account
        owner = paid["customer"]["customer_id"]
        identity = account.name("lic", owner)
        product = PRODUCTS[paid["product_cart"][0]["product_id"]]
        key = shapes.license_key(identity, paid, product, account.now)
        account.add("license_key", identity, key)
        self._keys[grant["id"]] = key
        grant["license_key"] = shapes.license_key_grant(key)
        account.happen("license_key", identity, "license_key.created")
        for _ in range(account.chance(owner).randrange(3)):
            account.later(owner, 1, 200, self._activate, grant)

    def _activate(self, grant: Resource) -> None:
        """Use a key on one more machine, which the provider counts and does not tell."""
        account, key = self._account, self._keys[grant["id"]]
        if key["status"] != "active":
            return
        identity = account.name("lki", key["customer_id"])
        account.add("license_key_instance", identity, {
            "id": identity, "business_id": account.business_id, "created_at": account.now,
            "license_key_id": key["id"], "name": f"machine {key['instances_count'] + 1}",
        })  # fmt: skip
        key["instances_count"] += 1
        grant["license_key"] = shapes.license_key_grant(key)

    def _link(self, grant: Resource) -> None:
        if grant["status"] in {"Pending", "Failed"}:
            self._deliver(grant)

    def _fail_by_chance(self, grant: Resource) -> None:
        if grant["status"] == "Pending":
            self._fail(grant)

    def _fail(self, grant: Resource) -> None:
        grant.update(
            status="Failed", updated_at=self._account.now, error_code="link_failed",
            error_message="The account could not be linked.",
        )  # fmt: skip
        self._happen(grant, "failed")

    def _deliver(self, grant: Resource) -> None:
        now = self._account.now
        self._set_key(grant, "active")
        grant.update(
            status="Delivered", delivered_at=now, updated_at=now, revoked_at=None,
            revocation_reason=None, error_code=None, error_message=None,
        )  # fmt: skip
        self._happen(grant, "delivered")

    def _take_back(self, grant: Resource, reason: str) -> None:
        now = self._account.now
        self._set_key(grant, "disabled")
        grant.update(status="Revoked", revoked_at=now, updated_at=now, revocation_reason=reason)
        self._happen(grant, "revoked")

    def _set_key(self, grant: Resource, status: str) -> None:
        if key := self._keys.get(grant["id"]):
            key["status"] = status
            grant["license_key"] = shapes.license_key_grant(key)

    def _happen(self, grant: Resource, event: str) -> None:
        self._account.happen("entitlement_grant", grant["id"], f"entitlement_grant.{event}")


def _entitles(product_id: str, grant: Resource) -> bool:
    return grant["entitlement_id"] in PRODUCTS[product_id].entitlements


def _owner(paid: Resource) -> str:
    owner: str = paid["subscription_id"] or paid["payment_id"]
    return owner
