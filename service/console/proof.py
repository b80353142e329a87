"""``/console/{book}/proof``: can it be shown to a stranger?"""

from datetime import datetime

from msgspec import Struct

from service.console.view import View, page
from service.console.wording import minute, number
from service.evidence.case import KINDS
from service.queries import checkpoints
from service.queries.checkpoints import CheckpointAnswer, CheckpointPage, OriginAnswer
from service.store.events import books

_ROWS = 20
_WIDTH = 1160.0
_LEAST = 3.0


class ProofQuery(Struct, frozen=True):
    """Where the list of checkpoints begins."""

    cursor: str | None = None


class AnchorRow(Struct, frozen=True):
    """An anchor: up to where it has the book, and whether it works."""

    name: str
    state: str
    tone: str
    size: int | None
    anchored_at: datetime | None
    explanation: str


class Stretch(Struct, frozen=True):
    """A part of the book in the drawing of how far it is proved."""

    x: float
    width: float
    tone: str
    title: str


class ProofPage(Struct, frozen=True):
    """How far the book is signed and anchored, by what, and what a stranger needs to check it."""

    events: int
    signed: int
    anchored: int
    stretches: list[Stretch]
    width: float
    not_signed: str
    anchors: list[AnchorRow]
    origin: OriginAnswer | None
    earlier_origins: list[OriginAnswer]
    checkpoints: list[CheckpointAnswer]
    next_cursor: str | None
    is_first: bool
    kinds: tuple[str, ...] = KINDS


@page("/proof", template="proof.html", section="Proof")
async def show_proof(view: View) -> ProofPage:
    """What is signed, what is out of reach of those who own the database, and the keys."""
    query = view.query(ProofQuery)
    async with view.pooled() as conn:
        found = await checkpoints.page(conn, view.book, _ROWS, query.cursor)
        head = (await books(conn)).get(view.book)
    events = head.position if head else 0
    signed, anchored = events - found.unsigned, events - found.unanchored
    signing = [one.explanation for one in found.problems if one.anchor is None]
    return ProofPage(
        events=events,
        signed=signed,
        anchored=anchored,
        stretches=_stretches(events, signed, anchored),
        width=_WIDTH,
        not_signed=signing[0] if signing else "",
        anchors=_anchors(found, [one.name for one in view.services.signing.anchors]),
        origin=found.origins[0] if found.origins else None,
        earlier_origins=found.origins[1:],
        checkpoints=found.data,
        next_cursor=found.next_cursor,
        is_first=query.cursor is None,
    )


def _anchors(found: CheckpointPage, configured: list[str]) -> list[AnchorRow]:
    """All anchors that are configured, and others that have something of the book."""
    kept = {one.anchor: one for one in found.anchored}
    failing = {one.anchor: one for one in found.problems if one.anchor is not None}
    rows = []
    for name in dict.fromkeys((*configured, *failing, *kept)):
        has, problem = kept.get(name), failing.get(name)
        if problem is not None:
            state, tone = f"failing since {minute(problem.failing_since)} UTC", "bad"
        elif name not in configured:
            state, tone = "no longer configured", "plain"
        elif has is None:
            state, tone = "has nothing yet", "wait"
        else:
            state, tone = "keeps up", "good"
        rows.append(
            AnchorRow(
                name,
                state,
                tone,
                has.size if has else None,
                has.anchored_at if has else None,
                problem.explanation if problem else "",
            )
        )
    return rows


def _stretches(events: int, signed: int, anchored: int) -> list[Stretch]:
    """The book from its first event to its last: anchored, signed only, neither."""
    if not events:
        return []
    ends = (
        (min(anchored, signed), "good", "signed and anchored"),
        (signed, "wait", "signed, in no anchor yet"),
        (events, "plain", "not signed yet"),
    )
    stretches: list[Stretch] = []
    begin = 0
    for end, tone, said in ends:
        if end <= begin:
            continue
        x, until = (_WIDTH * place / events for place in (begin, end))
        # a short tail is seen, too
        x = min(x, _WIDTH - _LEAST)
        title = f"{said}: {number(begin + 1)} to {number(end)}"
        stretches.append(Stretch(round(x, 2), round(max(until - x, _LEAST), 2), tone, title))
        begin = end
    return stretches
