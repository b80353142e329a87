"""What a proof shows, as a person reads it in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.cli.screens import Screen, moment
from service.telemetry.wording import number_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from service.proof.against import Compared
    from service.proof.notes import Checkpoint
    from service.proof.published import Anchored, OriginRow
    from service.proof.tlog_proof import Proved
    from service.proof.verify import Report


def chain(out: Screen, report: Report) -> None:
    """Print what verifying the chain of a book shows."""
    name = f"book {report.book}"
    if not report.events and report.fault is None:
        out.print(f"{name}: it has no events. Nothing was verified.", soft_wrap=True)
        return
    out.print(
        f"{name}: {number_of(report.events, 'event')} recomputed.", style="bold", soft_wrap=True
    )
    if report.fault is None:
        out.print(f"  The chain holds up to position {report.head}.", soft_wrap=True)
    else:
        fault = report.fault
        out.print(
            f"  BROKEN at position {fault.position}: {fault.kind}. {fault.text}",
            style="bold red",
            soft_wrap=True,
        )
        out.print(f"  Broken positions: {report.broken}.", soft_wrap=True)
    out.print(f"  Signatures: {_signatures(report)}.", soft_wrap=True)


def _signatures(report: Report) -> str:
    found = report.signatures
    parts = [f"{found.proved} proved"]
    if found.unprovable:
        names = ", ".join(sorted(found.unprovable))
        count = sum(found.unprovable.values())
        parts.append(f"{count} not provable, because their secrets are not held ({names})")
    if found.inapplicable:
        parts.append(f"{found.inapplicable} not applicable, because they are not webhooks")
    return "; ".join(parts)


def anchored(out: Screen, events: int, found: Sequence[Anchored]) -> None:
    """Print which events are anchored, by what and since when, and which are not.

    Args:
        out: where to.
        events: how many there are.
        found: the latest checkpoint of each anchor.
    """
    for one in found:
        at = moment(one.anchored_at)
        line = f"  Anchored up to position {one.size} by {one.anchor}, {at} UTC."
        out.print(line, soft_wrap=True)
    until = max((one.size for one in found), default=0)
    if until < events:
        out.print(f"  Not anchored: positions {until + 1} to {events}.", soft_wrap=True)


def compared(out: Screen, found: Sequence[Compared]) -> None:
    """Print how the store compares with checkpoints that were kept elsewhere."""
    for one in found:
        checkpoint = one.kept.checkpoint
        size = number_of(checkpoint.size, "event")
        if one.state == "ahead":
            text = f"has {size}, and the store fewer: its end was cut off"
        elif one.state == "differs":
            text = f"of {size} has another root: the history was rewritten"
        else:
            continue
        line = f"BROKEN: the checkpoint {one.kept.path} {text}."
        out.print(line, style="bold red", soft_wrap=True)
    agreeing = [one.kept.checkpoint for one in found if one.state == "agrees"]
    for origin in sorted({one.origin for one in agreeing}):
        sizes = [one.size for one in agreeing if one.origin == origin]
        out.print(
            f"{origin}: the store agrees with {number_of(len(sizes), 'checkpoint')}, up to position"
            f" {max(sizes)}.",
            soft_wrap=True,
        )
    parted = [one.kept.checkpoint for one in found if one.state == "parted"]
    for origin in sorted({one.origin for one in parted}):
        sizes = [one.size for one in parted if one.origin == origin]
        out.print(
            f"NOT COMPARED: {number_of(len(sizes), 'checkpoint')} of {origin}, from position"
            f" {min(sizes)} on. Their history was lost; it was continued under another origin.",
            style="yellow",
            soft_wrap=True,
        )


def origins(out: Screen, book: str, rows: Sequence[OriginRow]) -> None:
    """Print the origins of a book with their public keys."""
    if not rows:
        out.print(f"book {book}: no checkpoint has been signed yet.", soft_wrap=True)
    for row in rows:
        since = f"book {book}: signed since {moment(row.created_at)} UTC with the key"
        if row.parted_at is not None:
            since = (
                f"book {book}: continued at {number_of(row.parted_at, 'event')}, since"
                + since.partition("signed since")[2]
            )
        out.print(since, soft_wrap=True)
        out.print(f"  {row.key}", soft_wrap=True)


def consistent(out: Screen, older: Checkpoint, newer: Checkpoint) -> None:
    """Print what a consistency proof shows."""
    out.print(
        f"The proof holds: the first {number_of(older.size, 'event')} of {newer.origin} are"
        f" the same in the checkpoint of {number_of(newer.size, 'event')}.",
        style="bold",
        soft_wrap=True,
    )


def proved(out: Screen, found: Proved, body: Path | None) -> None:
    """Print what a proof shows."""
    columns, checkpoint = found.columns, found.checkpoint
    out.print(
        f"The proof holds: position {columns['position']} of {checkpoint.origin}, in the"
        f" checkpoint of {number_of(checkpoint.size, 'event')}.",
        style="bold",
        soft_wrap=True,
    )
    for name, value in columns.items():
        if value is not None:
            out.print(f"  {name}: {value}", soft_wrap=True)
    out.print(f"  link: {found.link.hex()}", soft_wrap=True)
    if body is not None:
        out.print(f"  {body} is its body.", soft_wrap=True)
