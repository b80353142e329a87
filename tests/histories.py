"""Histories as the provider tells them: facts in the world, each rendered and sent later."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from domain.events import Event
from domain.machine import SILENT, Lifecycle
from domain.subscription import LIFECYCLE
from tests.builders import at, body


class Told(Struct, frozen=True):
    """A history: the events in some order of arrival, and what was true in the end."""

    events: tuple[Event, ...]
    status: str


class Fact(Struct, frozen=True):
    """Something that happened, at ``second`` of the world."""

    kind: str
    second: float
    status: str


@st.composite
def facts(draw: st.DrawFn, lifecycle: Lifecycle = LIFECYCLE, most: int = 12) -> list[Fact]:
    """A walk along the table, with several facts in one instant now and then."""
    status, second = lifecycle.initial, 0.0
    walked: list[Fact] = []
    for _ in range(draw(st.integers(1, most))):
        edges = [e for e in lifecycle.edges if e.source == status and e.event != SILENT]
        if not edges:
            break
        edge = draw(st.sampled_from(edges))
        gap = draw(st.sampled_from([0.0, 0.000001, 0.4, 30.0, 7200.0]))
        # within one instant the order of the table is the order of the world
        if gap == 0.0 and walked and lifecycle.rank(edge.event) < lifecycle.rank(walked[-1].kind):
            gap = 0.000001
        second += gap
        status = edge.target
        walked.append(Fact(edge.event, second, status))
    return walked


@st.composite
def histories(draw: st.DrawFn, identity: str = "sub_1", *, lossless: bool = True) -> Told:
    """Facts rendered when made, when first sent or at every sending, arriving in any order.

    With ``lossless`` false, some are never heard of.
    """
    world = draw(facts())
    mode = draw(st.sampled_from(["creation", "dispatch", "attempt"]))
    events: list[Event] = []
    for number, fact in enumerate(world):
        if not lossless and draw(st.integers(0, 4)) == 0:
            continue
        attempts = draw(st.integers(1, 2))
        dispatched = draw(st.sampled_from([0.0, 0.5, 2.0]))
        named = draw(_named(identity))
        for _ in range(attempts):
            retried = draw(st.sampled_from([0.0, 5.0, 300.0, 1800.0, 18000.0]))
            delay = dispatched + retried
            rendered = {"creation": 0.0, "dispatch": dispatched, "attempt": delay}[mode]
            if mode == "attempt":
                named = draw(_named(identity))
            status = _status_at(world, number, fact.second + rendered)
            content = body(fact.kind, status, at(fact.second), identity, named)
            events.append(_event(content, f"msg_{identity}_{number}", at(fact.second + delay)))
    unique = {(e.webhook_id, e.body_sha256): e for e in events}
    arrived = draw(st.permutations(list(unique.values())))
    return Told(numbered(arrived), world[-1].status)


def numbered(events: Sequence[Event]) -> tuple[Event, ...]:
    """The events, recorded in this order."""
    tellings: Counter[str] = Counter()
    kept: list[Event] = []
    for position, e in enumerate(events, start=1):
        kept.append(replace(e, position=position, revision=tellings[e.webhook_id]))
        tellings[e.webhook_id] += 1
    return tuple(kept)


def _named(identity: str) -> st.SearchStrategy[dict[str, Any] | str | None]:
    """Whom a payload names: nobody now and then, and another one more rarely."""
    known = [{"customer_id": f"cus_{identity}", "email": f"{n}@example.com"} for n in range(3)]
    return st.sampled_from([*known, {"customer_id": f"cus_{identity}"}, None, None, "cus_other"])


def _status_at(world: Sequence[Fact], number: int, second: float) -> str:
    """What a payload shows that is rendered at ``second``, at the earliest after its own fact."""
    seen = [f.status for n, f in enumerate(world) if n <= number or f.second <= second]
    return seen[-1]


def _event(content: bytes, webhook_id: str, sent_at: datetime) -> Event:
    return Event(
        position=0,
        webhook_id=webhook_id,
        sent_at=sent_at.replace(microsecond=0),
        recorded_at=at(0),
        body_sha256=sha256(content).digest(),
        body=content,
    )
