"""What changed from one snapshot of a resource to the next, field by field."""

from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

from domain.reading import snapshot
from domain.steps import Step
from service.database.reader import Queryable
from service.database.statements import text


def _number(literal: str) -> float | str:
    # a body may hold numbers that no float is
    number = float(literal)
    return number if isfinite(number) else literal


JSON = msgspec.json.Decoder(float_hook=_number)
"""Decodes whatever a body holds, to show it."""

MAX_CHANGES = 40
"""The most changes of one snapshot that are listed; a first one is all news."""

MAX_TELLINGS = 20

_MAX_TEXT = 300


class FieldChange(Struct, frozen=True):
    """A field, such as ``customer.email``, with its JSON before and after; None where absent."""

    name: str
    before: str | None
    after: str | None


class Telling(Struct, frozen=True):
    """A delivery under one webhook-id, and what its body changed against the one before."""

    event_position: str
    recorded_at: datetime
    changes: list[FieldChange]


async def tellings(conn: Queryable, book: str, place: int) -> list[Telling]:
    """All deliveries under the webhook-id of an event, itself included; oldest first."""
    params = {"book": book, "position": place, "limit": MAX_TELLINGS}
    rows = await (await conn.execute(text("queries/same_id"), params)).fetchall()
    before = [None, *(row["body"] for row in rows)]
    return [
        Telling(
            str(row["position"]),
            row["recorded_at"],
            changes_between(bytes(earlier), bytes(row["body"])) if earlier is not None else [],
        )
        for earlier, row in zip(before, rows, strict=False)
    ]


def changes_of(steps: Sequence[Step], places: Container[int]) -> dict[str, list[FieldChange]]:
    """The changes of snapshots against the one before, by the event's position.

    Of the steps at some positions, in the order in which things happened, as far as the steps tell;
    no other snapshot is read than takes part in these. The first of a stream has no entry.
    """
    among = [n for n, one in enumerate(steps) if one.entry.event.position in places]
    if not among:
        return {}
    first = among[0]
    # a webhook's snapshot is whole: nothing before it matters
    while first and steps[first - 1].entry.observed is not None:
        first -= 1
    steps = steps[max(0, first - 1) : among[-1] + 1]
    changes: dict[str, list[FieldChange]] = {}
    known: dict[str, str] = {}
    decoded: dict[tuple[str, bytes], dict[str, str]] = {}
    for step in steps:
        entry, place = step.entry, step.entry.event.position
        shown: dict[str, str] = {}
        for name, raw in snapshot(entry.event.body).items():
            # most fields stay as they were, and decoding is what takes long
            key = (name, bytes(raw))
            if key not in decoded:
                decoded[key] = _flat({name: raw})
            shown |= decoded[key]
        # what was read at the provider may lack fields that webhooks have: they are not gone
        after = shown if entry.observed is None else {**known, **shown}
        if known and place in places:
            changes[str(place)] = _differences(known, after)
        known = after
    return changes


def changes_between(before: bytes, after: bytes) -> list[FieldChange]:
    """The changes from one body to another; none where either is not a JSON object."""
    try:
        return _differences(_flat(snapshot(before)), _flat(snapshot(after)))
    except msgspec.DecodeError:
        return []


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[FieldChange]:
    names = [name for name, value in before.items() if after.get(name) != value]
    names += [name for name in after if name not in before]
    return [FieldChange(n, before.get(n), after.get(n)) for n in names[:MAX_CHANGES]]


def _flat(fields: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a snapshot with those of nested objects, each as JSON in one line.

    A null is the same as none: the provider leaves some of them out.
    """
    flat: dict[str, Any] = {}
    for name, raw in fields.items():
        value = JSON.decode(raw)
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": deep for inner, deep in value.items()}
        else:
            flat[name] = value
    return {name: _shown(value) for name, value in flat.items() if value is not None}


def _shown(value: Any) -> str:  # noqa: ANN401 - any JSON
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return shown if len(shown) <= _MAX_TEXT else f"{shown[:_MAX_TEXT]}…"
