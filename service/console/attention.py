"""``/console/{book}/attention``: what should a person look at?"""

from collections.abc import Iterable, Sequence
from itertools import groupby

from msgspec import Struct

from service.console.actions import Done, action
from service.console.view import View, page
from service.console.wording import MOST_COUNTED, number
from service.queries import attention
from service.queries.attention import AttentionGroup
from service.store.audit import Act, Group
from service.telemetry.wording import number_of

ADVICE = {
    "unexpected": "Compare it with the provider's dashboard: is its status the one shown here?",
    "inferred": "Let the provider send the missing event again, under Developer > Webhooks, or"
    " compare the book with the provider.",
    "unknown": "A later version of Daybook may know it. Decide whether it concerns access.",
    "unreadable": "It was signed correctly. Look at the body, and at what sends it.",
    "foreign": "The dashboard's example sends look like this. Others say that the endpoint belongs"
    " to another business.",
}
"""What a person can do about events of each verdict."""


class Counted(Struct, frozen=True):
    """A group, and how many new ones and how many in all, in words."""

    group: AttentionGroup
    fresh: str
    count: str


class Judged(Struct, frozen=True):
    """The groups of one verdict, those with new events first."""

    verdict: str
    groups: list[Counted]
    advice: str


class AttentionPage(Struct, frozen=True):
    """All groups by verdict, those with new events first; ``fresh`` is empty if none has any."""

    judged: list[Judged]
    fresh: str
    count: str


class Seen(Struct, frozen=True):
    """The group that was looked at, up to this position."""

    verdict: str
    type: str
    until: int


@page("/attention", template="attention.html", section="Attention")
async def show_attention(view: View) -> AttentionPage:
    """What does not fit, grouped, and who has looked at it."""
    async with view.pipelined() as conn:
        found = (await attention.attention(conn, view.book, MOST_COUNTED)).data
    by_verdict = groupby(found, key=lambda group: group.verdict)
    judged = [
        Judged(
            verdict,
            [
                Counted(group, fresh_of([group]), count_of([group]))
                for group in sorted(groups, key=lambda group: -group.fresh)
            ],
            ADVICE[verdict],
        )
        for verdict, groups in by_verdict
    ]
    judged.sort(key=lambda one: not any(counted.fresh for counted in one.groups))
    return AttentionPage(judged, fresh_of(found), count_of(found))


def fresh_of(groups: Sequence[AttentionGroup]) -> str:
    """How many events nobody has looked at: exactly, or the least, as ``1 000+``; empty if none."""
    total = sum(min(group.fresh, MOST_COUNTED) for group in groups)
    return f"{number(total)}{'+' * _is_cut(groups)}" if total else ""


def count_of(groups: Sequence[AttentionGroup]) -> str:
    """How many events there are, exactly or the least."""
    total = sum(group.count for group in groups)
    return f"{number(total)}{'+' * _is_cut(groups)}"


def _is_cut(groups: Iterable[AttentionGroup]) -> bool:
    return any(group.fresh >= MOST_COUNTED for group in groups)


@action("attention/acknowledge", verb="Acknowledge", asks="Note for the next person")
async def acknowledge(view: View, form: Seen, act: Act) -> Done:
    """A person has looked at a group."""
    group = Group(form.verdict, form.type)
    async with view.pooled() as conn:
        now = await attention.acknowledge(conn, view.book, group, form.until, act)
    rest = f" {number_of(now.fresh, 'newer event')} came meanwhile." if now.fresh else ""
    seen = number_of(now.count - now.fresh, "event")
    said = f"Acknowledged {group}, {seen} up to {form.until}.{rest}"
    return Done(said, "attention", "wait" if now.fresh else "good")


ATTENTION = (show_attention, acknowledge)
