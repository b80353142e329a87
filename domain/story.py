"""A plain sentence for each step, for the person who asks why."""

from datetime import datetime, timedelta

from msgspec import Struct

from domain.catalog import AGGREGATES, BY_CATEGORY
from domain.currency import money
from domain.machine import START
from domain.steps import Step

_WORDS = {event: words for a in AGGREGATES for event, words in a.lifecycle.words.items()}


class Told(Struct, frozen=True, kw_only=True, gc=False):
    """An event of a stream, as much of it as a headline needs.

    Attributes:
        stream: the name of the stream.
        kind: the event's type; empty for an observation, which has none.
        before: the status before it.
        after: the status after it.
        at: when the event happened.
        shown_at: the moment from which its payload counts, if that was rendered later.
        amount: the resource's amount in minor units of ``currency``, if it has one.
        currency: as the provider writes it.
    """

    stream: str
    kind: str
    before: str
    after: str
    at: datetime
    shown_at: datetime | None = None
    amount: int | None = None
    currency: str | None = None


def sentence(step: Step) -> str:
    """What an entry did to its stream, why, and what is unusual about it."""
    entry = step.entry
    summary = headline(told_by(step))
    if entry.observed is None:
        summary = f"{summary}; {reported_after(entry.event.recorded_at - step.at)}"
    return " ".join((f"{summary}.", *_oddities(step)))


def told_by(step: Step, *, leads_to: bool = False) -> Told:
    """What a step tells; with ``leads_to``, also what it leads to by a later payload."""
    amount, currency = money_of(step)
    return Told(
        stream=step.entry.stream or "", kind=step.entry.type,
        before=step.before, after=step.leads_to if leads_to else step.after, at=step.at,
        shown_at=step.shown.at if leads_to and step.shown else None,
        amount=amount, currency=currency,
    )  # fmt: skip


def money_of(step: Step) -> tuple[int | None, str | None]:
    """The amount of the resource after a step, in minor units, and its currency."""
    state = step.state if step.shown is None else step.shown.state
    if step.entry.aggregate is None or state is None:
        return None, None
    return step.entry.aggregate.money(state)


def headline(told: Told) -> str:
    """What happened, such as "21 Mar 2026 09:00: refund ref_1 of 5.00 EUR succeeded"."""
    it = _it(told)
    if not told.kind:
        still = "still" if told.after == told.before else "now"
        return f"{minute(told.at)}: {it} was read at the provider, {still} {named(told.after)}"
    words = _WORDS.get(told.kind)
    clause = (
        words.format(it=it)
        if words
        else f"{told.kind} of {it} is not an event that this version knows"
    )
    return f"{minute(told.at)}: {clause}{_status(told)}"


def _it(told: Told) -> str:
    """The resource with its id, and its amount if it has one."""
    category, _, name = told.stream.partition("-")
    aggregate = BY_CATEGORY[category]
    if told.amount is None:
        return f"{aggregate.noun} {name}"
    recurs = "at" if aggregate.amount == "recurring_pre_tax_amount" else "of"
    return f"{aggregate.noun} {name} {recurs} {money(told.amount, told.currency)}"


def _status(told: Told) -> str:
    """The status after an event, unless the event's own words say it."""
    category, _, ending = told.kind.partition(".")
    if told.after == told.before:
        return "" if _only(category) else f", still {named(told.after)}"
    if told.shown_at is not None:
        return f", {named(told.after)} from {minute(told.shown_at)} on, as a later payload shows"
    return "" if ending == told.after or _only(category) else f", now {named(told.after)}"


def _only(category: str) -> bool:
    """Whether resources of a kind have one status, of which there is nothing to say."""
    return category in BY_CATEGORY and BY_CATEGORY[category].only_status is not None


def minute(at: datetime) -> str:
    """A moment in UTC to the minute: ``21 Mar 2026 09:00``."""
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
        shown = named(entry.status or step.after)
        return [f"It shows {shown}, as an event of the same seconds explains."]
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
        sentences.append(f"The provider's status {named(step.after)} is followed.")
    elif step.verdict == "unexpected":
        followed = f": the provider's status {named(step.after)} is followed" * (
            step.after != step.implied
        )
        sentences.append(f"Not expected while {named(step.before)}{followed}.")
    elif step.after != step.implied:
        sentences.append(
            f"The event alone leads to {named(step.implied)}; its payload is followed."
        )
    return sentences + (_rendered_later(step) if step.newer else [])


def _rendered_later(step: Step) -> list[str]:
    shown, status = step.shown, step.entry.status
    if shown is None or shown.after == shown.before:
        shows = f" and shows {named(status)}" if status not in {None, step.after} else ""
        why = "" if step.verdict == "inferred" else ", as later events explain"
        return [f"Its payload was rendered after the event{shows}{why}."]
    clause = f"Its payload was rendered later, and shows {named(shown.after)}"
    clause = f"{clause} from {minute(shown.at)} on."
    if shown.other is None:
        return [clause]
    other = named(shown.other.status)
    return [clause, f"It may be older than a later event; then the status is still {other}."]


def named(status: str) -> str:
    """A status in words: ``on_hold`` as ``on hold``."""
    return "not yet begun" if status == START else status.replace("_", " ")
