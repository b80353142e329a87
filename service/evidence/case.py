"""A case: the resources that a bundle is about, folded from their events. Pure.

A dispute is about its payment; a payment about the subscriptions that it pays for, its refunds and
disputes, and what was delivered for it. The other payments of the customer are there too, since a
bank asks for those that nobody disputed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec
from msgspec import Struct

from domain.events import Entry
from domain.fold import Fold, fold
from domain.payload import Customer
from domain.reading import snapshot
from domain.steps import Step
from service.store.chain import Columns, link_preimage

Kind = Literal["dispute", "payment", "subscription", "customer"]
"""What a bundle can be about."""

KINDS = get_args(Kind)

CATEGORIES = (
    "payment", "subscription", "refund", "dispute", "entitlement_grant", "license_key",
)  # fmt: skip
"""The resources that a bundle has which is not about a customer as a whole."""

MOST_OTHERS = 100
"""The other payments of the customer that a bundle has: the last before, then the next ones."""

_DELIVERIES = ("entitlement_grant", "license_key")


class Question(Struct, frozen=True):
    """What a bundle is about."""

    kind: Kind
    id: str

    @property
    def stream(self) -> str:
        """The stream of the resource; of a customer there is none, and no event has this name."""
        return f"{self.kind}-{self.id}"


class Record(Struct, frozen=True):
    """An event with all that is stored of it, and as it was understood."""

    position: int
    revision: int
    recorded_at: datetime
    columns: Columns
    previous: bytes
    link: bytes
    body: bytes
    entry: Entry

    def preimage(self, book: str) -> bytes:
        """What the link is the SHA-256 of."""
        at, revision = self.position, self.revision
        return link_preimage(self.previous, book, at, revision, self.recorded_at, self.columns)


class Resource(Struct, frozen=True):
    """A resource and its events; ``steps`` is empty and ``folded`` None if they cannot be folded.

    ``fields`` are the provider's, each as the latest event has it that has it at all.
    """

    stream: str
    category: str
    id: str
    records: list[Record]
    steps: list[Step]
    folded: Fold[Any] | None
    fields: dict[str, Any]

    @property
    def status(self) -> str:
        """Its status now, in words."""
        return self.folded.status.replace("_", " ") if self.folded else "unknown"

    @property
    def began(self) -> datetime:
        """When it was created, as far as is known."""
        created = getattr(self.folded.state, "created_at", None) if self.folded else None
        return created or min(one.entry.occurred_at for one in self.records)

    def link_to(self, name: str) -> str | None:
        """The id of another resource or of the customer, by the name of the field."""
        return getattr(self.folded.state, name, None) if self.folded else None

    def links_to(self, name: str) -> tuple[str, ...]:
        """The same of a field that names several."""
        return getattr(self.folded.state, name, ()) if self.folded else ()

    def amount(self, name: str = "amount") -> tuple[int | None, str | None]:
        """An amount in minor units, and its currency."""
        if self.folded is None:
            return None, None
        state = self.folded.state
        return getattr(state, name, None), getattr(state, "currency", None)


class Case(Struct, frozen=True):
    """What a bundle tells, by the part that each resource plays in it.

    Attributes:
        customer: who it is about, as the latest event says; None if none does.
        payments, subscriptions, refunds, disputes: what it is about.
        delivered: grants and licence keys for these.
        others: the other payments of the customer.
        troubles: the refunds and disputes of those.
        left_out: how many other payments there are besides.
        more: what else is told of a customer as a whole.
        loose: events of the customer that belong to no resource.
        unread: how many resources of the customer were not read, since there are too many.
    """

    question: Question
    customer: Customer | None
    payments: list[Resource]
    subscriptions: list[Resource]
    refunds: list[Resource]
    disputes: list[Resource]
    delivered: list[Resource]
    others: list[Resource]
    troubles: list[Resource]
    left_out: int
    more: list[Resource]
    loose: list[Record]
    unread: int = 0

    @property
    def told(self) -> list[Resource]:
        """The resources whose whole history is told."""
        return [
            *self.disputes, *self.payments, *self.refunds, *self.subscriptions, *self.delivered,
            *self.more,
        ]  # fmt: skip

    @property
    def records(self) -> list[Record]:
        """All events, in the order of the book."""
        resources = (*self.told, *self.others, *self.troubles)
        every = [record for one in resources for record in one.records]
        return sorted((*every, *self.loose), key=lambda record: record.position)

    @property
    def undisputed(self) -> list[Resource]:
        """The other payments that succeeded and were neither disputed nor refunded."""
        troubled = {one.link_to("payment_id") for one in self.troubles}
        return [p for p in self.others if p.status == "succeeded" and p.id not in troubled]


def resources_of(records: Iterable[Record]) -> dict[str, Resource]:
    """The resources that some events are of, by their streams."""
    by_stream: dict[str, list[Record]] = {}
    for record in records:
        if record.entry.stream is not None:
            by_stream.setdefault(record.entry.stream, []).append(record)
    return {stream: _resource(stream, some) for stream, some in by_stream.items()}


def _resource(stream: str, records: list[Record]) -> Resource:
    category, _, identity = stream.partition("-")
    try:
        folded, steps = fold(record.entry for record in records)
    except Exception:  # noqa: BLE001 - as the projector, which parks such a stream
        folded, steps = None, []
    ordered = [step.entry.event.position for step in steps]
    rank = {position: n for n, position in enumerate(ordered)}
    fields: dict[str, Any] = {}
    for record in sorted(records, key=lambda one: rank.get(one.position, one.position)):
        fields |= {k: v for k, v in _fields(record.body).items() if v is not None}
    return Resource(stream, category, identity, records, steps, folded, fields)


def _fields(body: bytes) -> dict[str, Any]:
    try:
        return {name: msgspec.json.decode(raw) for name, raw in snapshot(body).items()}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def choose(question: Question, records: Sequence[Record]) -> Case:
    """The case that a question is about, out of the events of its customer and its streams."""
    every = sorted(resources_of(records).values(), key=lambda one: (one.began, one.id))
    of = {category: [one for one in every if one.category == category] for category in CATEGORIES}
    payments, subscriptions = _subjects(question, of)
    paid, held = {one.id for one in payments}, {one.id for one in subscriptions}
    every_other = [one for one in of["payment"] if one.id not in paid]
    others = _nearest(every_other, payments)
    also = {one.id for one in others}

    def named(kind: str, ids: set[str]) -> list[Resource]:
        return [one for one in of[kind] if one.link_to("payment_id") in ids]

    disputes = [
        one
        for one in of["dispute"]
        if one.stream == question.stream or one.link_to("payment_id") in paid
    ]
    known = {one.stream for one in disputes}
    troubles = [
        one for one in (*named("refund", also), *named("dispute", also)) if one.stream not in known
    ]
    whole = question.kind == "customer"
    return Case(
        question=question,
        customer=_customer(records, (*disputes, *payments, *subscriptions)),
        payments=payments,
        subscriptions=subscriptions,
        refunds=of["refund"] if whole else named("refund", paid),
        disputes=of["dispute"] if whole else disputes,
        delivered=[
            one for kind in _DELIVERIES for one in of[kind] if whole or _is_for(one, paid, held)
        ],
        others=others,
        troubles=troubles,
        left_out=len(every_other) - len(others),
        more=[one for one in every if one.category not in of] if whole else [],
        loose=[one for one in records if one.entry.stream is None] if whole else [],
    )


def _subjects(
    question: Question, of: dict[str, list[Resource]]
) -> tuple[list[Resource], list[Resource]]:
    """The payments and the subscriptions that a question is about."""
    if question.kind == "customer":
        return of["payment"], of["subscription"]
    if question.kind == "subscription":
        held = {question.id}
        return _some(of["payment"], lambda one: held & {*one.links_to("subscription_ids")}), (
            _some(of["subscription"], lambda one: one.id in held)
        )
    paid = {question.id}
    if question.kind == "dispute":
        named = _some(of["dispute"], lambda one: one.stream == question.stream)
        paid = {one.link_to("payment_id") or "" for one in named}
    payments = _some(of["payment"], lambda one: one.id in paid)
    held = {name for one in payments for name in one.links_to("subscription_ids")}
    return payments, _some(of["subscription"], lambda one: one.id in held)


def _nearest(others: list[Resource], payments: list[Resource]) -> list[Resource]:
    """The other payments that a bundle has: those before the first payment count for most."""
    first = min((one.began for one in payments), default=None)
    earlier = [one for one in others if first is None or one.began < first][-MOST_OTHERS:]
    later = [one for one in others if first is not None and one.began >= first]
    return [*earlier, *later[: MOST_OTHERS - len(earlier)]]


def _some(resources: list[Resource], chosen: Callable[[Resource], object]) -> list[Resource]:
    return [one for one in resources if chosen(one)]


def _is_for(one: Resource, paid: set[str], held: set[str]) -> bool:
    """Whether something was delivered for these payments or subscriptions, or for none by name."""
    payment, subscription = one.link_to("payment_id"), one.link_to("subscription_id")
    return payment in paid or subscription in held or (payment is None and subscription is None)


def _customer(records: Sequence[Record], first: Sequence[Resource]) -> Customer | None:
    """Who it is, as the latest event of what it is about says, or else any event."""
    for some in ([one for of in first for one in of.records], records):
        latest = sorted(some, key=lambda one: (one.entry.occurred_at, one.position))
        told = [one.entry.customer for one in latest if one.entry.customer is not None]
        named = [one for one in told if one.email or one.name]
        if named or told:
            return (named or told)[-1]
    return None
