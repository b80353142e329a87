"""``/console/{book}/events/{position}``: what exactly came?"""

from asyncio import gather
from typing import Any

from litestar import Response, get
from msgspec import Struct
from msgspec.structs import replace

from service.console.responses import HEADERS
from service.console.view import ConsoleRequest, View, page, view_of
from service.console.wording import legible, pretty
from service.database.reader import Queryable
from service.queries import checkpoints, events, stretches
from service.queries.answers import EventAnswer, HistoryEntry
from service.queries.restores import event_number
from service.queries.snapshots import FieldChange, Telling, tellings
from service.queries.stretches import Stretch
from service.store.chain import fingerprint

_MOST_PRETTY = 200_000
"""In bytes: a longer body is shown from its beginning, and downloaded whole."""

_NEIGHBOURS = 3


class Body(Struct, frozen=True):
    """The bytes that came, as text; ``pretty`` is None if they are not JSON."""

    raw: str
    pretty: str | None
    is_cut: bool


class EventPage(Struct, frozen=True):
    """One event: what is stored, what it did, and what stands around it.

    ``body`` is None, and ``event.headers`` too, for a key without the scope ``audit``.
    ``entry`` is its place in the history of its stream; None if it belongs to none.
    """

    event: EventAnswer
    entry: HistoryEntry | None
    changes: list[FieldChange]
    neighbours: list[HistoryEntry]
    body: Body | None
    secret: str
    tellings: list[Telling]
    is_provable: bool
    command: str


@page("/events/{event_position:str}", template="event.html", section="Events")
async def event(view: View) -> EventPage:
    """Everything about one event."""
    async with view.pipelined() as conn:
        place = await event_number(conn, view.book, view.name("event_position"))
        found = await events.event(conn, view.book, place)
        stretch, content, told, signed = await gather(
            _stretch(conn, view, found, place),
            events.body(conn, view.book, place),
            tellings(conn, view.book, place),
            checkpoints.signed(conn, view.book),
        )
    if not view.may("audit"):
        found = without_headers(found)
        # of other bodies than a resource's snapshots, they would show what only that scope shows
        told = [replace(one, changes=[]) for one in told]
    return EventPage(
        event=found,
        entry=next((one for one in stretch.data if one.event_position == str(place)), None),
        changes=stretch.changes.get(str(place), []),
        neighbours=stretch.data,
        body=_body(content) if view.may("audit") else None,
        secret=_secret(view, found.verified_by),
        tellings=told,
        is_provable=signed >= place,
        command=_command(view, place, found),
    )


@get("/{book:str}/events/{event_position:str}/body")
async def download_body(request: ConsoleRequest) -> Response[bytes]:
    """The exact bytes, as a file."""
    view = view_of(request, "audit")
    async with view.pooled() as conn:
        place = await event_number(conn, view.book, view.name("event_position"))
        content = await events.body(conn, view.book, place)
    return _file(content, f"{view.book}-{place}.json")


@get("/{book:str}/events/{event_position:str}/proof")
async def download_proof(request: ConsoleRequest) -> Response[bytes]:
    """The proof of the event, as a file for ``daybook proof check``."""
    view = view_of(request, "audit")
    async with view.pooled() as conn:
        place = await event_number(conn, view.book, view.name("event_position"))
        proof = await checkpoints.proof(conn, view.book, place)
    return _file(proof.encode(), f"{view.book}-{place}.tlog-proof")


def _file(content: bytes, name: str) -> Response[bytes]:
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/octet-stream", headers=headers)


async def _stretch(conn: Queryable, view: View, found: EventAnswer, place: int) -> Stretch:
    """The event and its neighbours in its stream, and what it changed in the snapshot."""
    foreign = found.verdict in {"foreign", "unreadable"}
    if foreign or found.stream is None or found.occurred_at is None:
        return Stretch([], {})
    return await stretches.around(
        conn, view.book, found.stream, found.occurred_at, place, each=_NEIGHBOURS
    )


def without_headers(found: EventAnswer) -> EventAnswer:
    """The event as a key without the scope ``audit`` sees it."""
    return replace(found, headers=None)


def _body(content: bytes) -> Body:
    is_cut = len(content) > _MOST_PRETTY
    return Body(legible(content[:_MOST_PRETTY]), None if is_cut else pretty(content), is_cut)


def _secret(view: View, verified_by: str | None) -> str:
    """Which of the book's secrets signed it, in words."""
    if verified_by is None or view.configured is None:
        return ""
    named: tuple[tuple[str, Any], ...] = (
        *((f"secret {n}", s) for n, s in enumerate(view.configured.secrets, 1)),
        *((f"retired secret {n}", s) for n, s in enumerate(view.configured.retired_secrets, 1)),
    )
    return next(
        (name for name, secret in named if fingerprint(secret.get_secret_value()) == verified_by),
        "a secret that the configuration no longer has",
    )


def _command(view: View, place: int, found: EventAnswer) -> str:
    """The line that sends the downloaded body again, to a developer's machine."""
    identity = (
        f" --id {found.webhook_id}" if found.webhook_id and _is_word(found.webhook_id) else ""
    )
    to = f"http://127.0.0.1:8000/webhooks/{view.book}"
    return f"daybook send {view.book}-{place}.json --to {to}{identity}"


def _is_word(text: str) -> bool:
    """Whether a shell takes the text as it stands."""
    return text.isascii() and all(c.isalnum() or c in "-_." for c in text)
