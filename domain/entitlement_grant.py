"""An entitlement grant: something a customer was given (a key, a role, files), and its lifecycle.

Source of the table: the provider's guides "Entitlements" and "Entitlement grant" webhooks. They
differ on whether a grant can be delivered again after it was revoked; the table allows it. The
statuses come capitalised on the wire and in lower case in the published examples.
"""

from typing import Literal, get_args

from msgspec import Struct

from domain.machine import SILENT, START, Lifecycle
from domain.payload import Customer, Metadata, Moment, Name

Status = Literal["pending", "delivered", "failed", "revoked"]

# fmt: off
LIFECYCLE = Lifecycle("entitlement_grant", get_args(Status), initial=START, rows=[
    # event                         from                                                  to           in words
    ("entitlement_grant.created",   (START, "pending"),                                   "pending",   "{it} was made"),
    ("entitlement_grant.failed",    ("pending", "delivered", "revoked", "failed"),        "failed",    "the delivery of {it} failed"),
    # from revoked: given again when the subscription recovers
    ("entitlement_grant.delivered", (START, "pending", "failed", "revoked", "delivered"), "delivered", "{it} was delivered"),
    ("entitlement_grant.revoked",   ("pending", "delivered", "failed", "revoked"),        "revoked",   "{it} was taken back"),
    # keys and feature flags are delivered as they are created
    (SILENT,                        "pending",                                            "delivered", ""),
])
# fmt: on

NOUN = "grant"
"""What a sentence calls it."""


TIMES = ("delivered_at", "revoked_at")
"""The moments of the past in a snapshot without ``updated_at``: it was rendered after them."""

BEGAN = {"delivered": "delivered_at", "revoked": "revoked_at", "pending": "created_at"}
"""Which field says when a status began, where the resource is read at the provider."""


class LicenseKey(Struct, frozen=True, gc=False):
    """The licence key that was granted, where it was one."""

    key: Name | None = None
    expires_at: Moment | None = None


class Payload(Struct, frozen=True, gc=False, omit_defaults=True):
    """The fields of ``data`` that are read."""

    id: Name
    status: str | None = None
    customer_id: Name | None = None
    entitlement_id: Name | None = None
    integration_type: Name | None = None
    subscription_id: Name | None = None
    payment_id: Name | None = None
    created_at: Moment | None = None
    updated_at: Moment | None = None
    delivered_at: Moment | None = None
    revoked_at: Moment | None = None
    license_key: LicenseKey | None = None
    metadata: Metadata | None = None

    @property
    def who(self) -> Customer | None:
        """The holder; the payload has only the id."""
        return Customer(self.customer_id) if self.customer_id else None


class State(Struct, frozen=True, array_like=True, gc=False):
    """The state of a grant so far, without its status."""

    id: str
    customer_id: str | None
    entitlement_id: str | None
    integration_type: str | None
    subscription_id: str | None
    payment_id: str | None
    created_at: Moment | None
    delivered_at: Moment | None
    revoked_at: Moment | None
    license_key: str | None
    expires_at: Moment | None


def evolve(state: State | None, seen: Payload) -> State:
    """The state after the snapshot ``seen``: its fields win, an absent link is kept."""
    known = state or _UNKNOWN
    return State(
        id=seen.id,
        customer_id=seen.customer_id or known.customer_id,
        entitlement_id=seen.entitlement_id or known.entitlement_id,
        integration_type=seen.integration_type or known.integration_type,
        subscription_id=seen.subscription_id or known.subscription_id,
        payment_id=seen.payment_id or known.payment_id,
        created_at=seen.created_at or known.created_at,
        delivered_at=seen.delivered_at,
        revoked_at=seen.revoked_at,
        license_key=seen.license_key.key if seen.license_key else known.license_key,
        expires_at=seen.license_key.expires_at if seen.license_key else known.expires_at,
    )


_UNKNOWN = State("", *(None,) * 10)
