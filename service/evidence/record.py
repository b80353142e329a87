"""The sections of the page that say what was recorded, and what that shows. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files

from service.evidence.bundle import event_name
from service.evidence.markup import Html, joined, section, table, tag, text
from service.evidence.proving import Proved, Signed
from service.evidence.wording import moment

_NO_TOKEN = "no timestamp"  # noqa: S105 - of an authority


def record_section(proved: Sequence[Proved]) -> Html:
    """Every event with its three times and its files."""
    rows = [
        (
            str(one.record.position),
            joined(text(_what(one)), tag("br"), tag("code", one.record.columns.webhook_id)),
            _sent(one),
            moment(one.record.recorded_at),
            _latest(one),
            joined(
                _file(one, "body"), Html(" "), _file(one, "json"),
                joined(Html(" "), _file(one, "tlog-proof")) if one.proof else None,
            ),
        )
        for one in proved
    ]  # fmt: skip
    heads = ("Position", "Event", "Sent, says the webhook", "Recorded, says the merchant",
             "Existed at the latest", "Files")  # fmt: skip
    return section(
        "The record",
        tag("p", "Every event on which this page rests, byte for byte as it was received."),
        table(heads, rows, "record"),
        kind="record-section",
    )


def _what(one: Proved) -> str:
    if one.record.columns.source != "webhook":
        return "read at the provider"
    return one.record.entry.type or "not readable"


def _sent(one: Proved) -> str | None:
    stamp = one.record.columns.webhook_timestamp
    if stamp is None:
        return moment(one.record.columns.sent_at)
    try:
        return moment(datetime.fromtimestamp(int(stamp), UTC))
    except (ValueError, OverflowError, OSError):
        return stamp


def _latest(one: Proved) -> Html:
    if one.signed is None:
        return tag("span", "not covered by a checkpoint yet", class_="open")
    return text(moment(one.signed.latest) or _NO_TOKEN)


def _file(one: Proved, suffix: str) -> Html:
    name = f"{event_name(one.record.position)}.{suffix}"
    return tag("a", suffix, href=name)


def checkpoint_section(signed: Sequence[Signed], proved: Sequence[Proved]) -> Html:
    """The checkpoints, with what other sides say of when they existed."""
    rows = [
        (
            joined(tag("a", f"{one.checkpoint.size:,} events", href=one.file), tag("br"),
                   tag("code", one.checkpoint.origin)),
            moment(one.checkpoint.signed_at),
            joined(*(
                tag("div", f"{moment(token.at)}, says ", tag("a", token.anchor, href=token.file))
                for token in one.tokens
            )) or text(_NO_TOKEN),
            ", ".join(a.anchor for a in one.checkpoint.anchors if not a.receipt) or None,
        )
        for one in signed
    ]  # fmt: skip
    heads = ("Checkpoint", "Signed, says the merchant", "Stamped by an authority", "Also kept at")
    missing = [one.record.position for one in proved if one.signed is None]
    return section(
        "The checkpoints",
        table(heads, rows, "record") if rows else tag("p", "No checkpoint covers these events."),
        tag("p", f"Not covered by a checkpoint yet: positions {_listed(missing)}.", class_="open")
        if missing
        else None,
    )


def _listed(positions: Sequence[int]) -> str:
    shown = ", ".join(map(str, positions[:20]))
    return shown + (f" and {len(positions) - 20} more" if len(positions) > 20 else "")  # noqa: PLR2004


def statement_section() -> Html:
    """What the proofs show and what they do not, and how to check them."""
    paragraphs = read_text("statement.txt").strip().split("\n\n")
    return section(
        "What this shows, and what it does not",
        *(tag("p", text(one, 4000)) for one in paragraphs),
        tag("h3", "Check it"),
        tag("p", "Unpack the ZIP into an empty directory. With Python 3.9 or later, and nothing"
            " else:"),
        tag("pre", "python3 -I -S verify.py --key PUBLIC-KEY --digest DIGEST"),
        tag("p", "The public key and the digest must come from elsewhere than this bundle."
            " README.txt says from where, and how to check the timestamps."),
    )  # fmt: skip


def read_text(name: str) -> str:
    """A text that lies next to this module."""
    return files("service.evidence").joinpath(name).read_text("utf-8")
