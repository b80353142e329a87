"""A plain sentence for each step, for the person who asks why."""

from datetime import datetime, timedelta

from domain.catalog import AGGREGATES
from domain.machine import START
from domain.steps import Step

_WORDS = {event: words for a in AGGREGATES for event, words in a.lifecycle.words.items()}


def sentence(step: Step) -> str:
    """What an entry did to its stream, why, and what is unusual about it."""
    summary = headline(step.entry.type, step.before, step.after, step.at)
    if step.entry.observed is None:
        summary = f"{summary}; {reported_after(step.entry.event.recorded_at - step.at)}"
    return " ".join((f"{summary}.", *_oddities(step)))


def headline(
    kind: str, before: str, after: str, at: datetime, shown_at: datetime | None = None
) -> str:
    """The status and its reason, such as "On hold since 3 May 2026 10:02: a payment failed".

    Args:
        kind: the event's type; empty for an observation, which has none.
        before: the status before it.
        after: the status after it.
        at: when the event happened.
        shown_at: the moment from which its payload counts, if that was rendered later.
    """
    if not kind:
        still = "still " if after == before else ""
        return f"Read at the provider on {_minute(at)}: {still}{_named(after)}"
    why = _WORDS.get(kind, f"{kind} is not an event that this version knows")
    if after == START:
        return f"Not yet begun: {why}"
    name = after.replace("_", " ").capitalize()
    if after == before:
        return f"Still {name.lower()}: {why}"
    if shown_at is not None:
        return f"{name} since {_minute(shown_at)}, as a later payload shows: {why}"
    return f"{name} since {_minute(at)}: {why}"


def _minute(at: datetime) -> str:
    return f"{at.day} {at:%b %Y %H:%M}"


def reported_after(delay: timedelta) -> str:
    """How long after an event its webhook arrived, in words."""
    seconds = delay.total_seconds()
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min"), (1, "s")):
        if seconds >= size:
            count = int(seconds // size)
            noun = "day" if (count, unit) == (1, "days") else unit
            return f"reported by webhook {count} {noun} later"
    return "reported by webhook at once"


def _oddities(step: Step) -> list[str]:
    entry = step.entry
    sentences = _of_delivery(step) if entry.observed is None else _of_observation(step)
    if step.missing:
        names = " and ".join(step.missing)
        sentences.append(f"{names} {'seem' if len(step.missing) > 1 else 'seems'} to be missing.")
    elif step.verdict == "inferred" and entry.observed is None:
        sentences.append("No known event leads there.")
    if step.late:
        sentences.append("Recorded late, after something that happened later.")
    if step.revision:
        sentences.append("Another body under the webhook-id of an earlier event.")
    if entry.unread:
        sentences.append(f"Could not be read: {', '.join(entry.unread)}.")
    return sentences


def _of_observation(step: Step) -> list[str]:
    entry = step.entry
    if step.verdict == "unknown":
        return [f"This version does not know the status {entry.status} and does not guess."]
    if step.newer:
        return [f"It shows {entry.status}, as an event of the same seconds explains."]
    if step.verdict == "inferred" and step.prior is None:
        return ["Nothing about it was recorded before."]
    return ["No event announced that."] if step.verdict == "inferred" else []


def _of_delivery(step: Step) -> list[str]:
    sentences: list[str] = []
    kind, entry = step.entry.type, step.entry
    known = entry.aggregate is not None and kind in entry.aggregate.lifecycle.ranks
    if known and step.verdict == "unknown":
        sentences.append(
            f"This version does not know the status {entry.status} and does not guess."
        )
    elif not known and step.after != step.before:
        sentences.append(f"The provider's status {step.after} is followed.")
    elif step.verdict == "unexpected":
        followed = f": the provider's status {step.after} is followed" * (
            step.after != step.implied
        )
        sentences.append(f"Not expected while {_named(step.before)}{followed}.")
    elif step.after != step.implied:
        sentences.append(
            f"The event alone leads to {_named(step.implied)}; its payload is followed."
        )
    return sentences + (_rendered_later(step) if step.newer else [])


def _rendered_later(step: Step) -> list[str]:
    shown, status = step.shown, step.entry.status
    if shown is None or shown.after == shown.before:
        shows = f" and shows {status}" if status not in {None, step.after} else ""
        why = "" if step.verdict == "inferred" else ", as later events explain"
        return [f"Its payload was rendered after the event{shows}{why}."]
    clause = f"Its payload was rendered later, and shows {_named(shown.after)}"
    clause = f"{clause} from {_minute(shown.at)} on."
    if shown.other is None:
        return [clause]
    other = _named(shown.other.status)
    return [clause, f"It may be older than a later event; then the status is still {other}."]


def _named(status: str) -> str:
    return "not yet begun" if status == START else status.replace("_", " ")
