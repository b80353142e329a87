"""What the provider would send a webhook about."""

from datetime import datetime
from typing import Any

from msgspec import Struct

Resource = dict[str, Any]
"""A resource with the provider's own fields; times are datetimes in UTC."""


class Happening(Struct, frozen=True):
    """One event of the provider, before anybody is told of it.

    Attributes:
        type: the event type, such as ``subscription.renewed``.
        at: the envelope's timestamp, UTC with microseconds.
        kind: of the resource, a key of ``World.resources``.
        id: the resource's key there.
        extra: fields that belong to the event and not to the resource.
    """

    type: str
    at: datetime
    kind: str
    id: str
    extra: Resource


class ImpossibleError(ValueError):
    """The world is in no state for this command; the message says what it would take."""
