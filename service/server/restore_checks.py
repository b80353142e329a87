"""``daybook doctor``: whether the chain holds, and what a restore has left behind."""

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

from msgspec import Struct

from service.database.connections import Connection
from service.ingest.signature import secret_of
from service.proof.anchors import latest_everywhere, open_anchors
from service.proof.keys import load_signer
from service.proof.restored import Checkpoints, look, recorded_at
from service.proof.verify import verify_recent
from service.provider.findings import Finding
from service.queries.reconcile import last_runs
from service.settings import Settings
from service.store import api_keys
from service.telemetry.wording import number_of

_RECENT_EVENTS = 16_384
_REPLAYED = timedelta(days=14)
"""How far back the provider's dashboard sends webhooks again."""

_SHOWN_KEYS = 5


class Loss(Struct, frozen=True):
    """What a restore has taken: after which position of the book, and how that is known."""

    after: int
    text: str
    continued: datetime | None = None


async def chain(book: str, settings: Settings, conn: Connection) -> list[Finding]:
    """Whether the last events of a book are those that were recorded."""
    configured = settings.books[book]
    held = (*configured.secrets, *configured.retired_secrets)
    secrets = [secret_of(secret.get_secret_value()) for secret in held]
    report = await verify_recent(conn, book, secrets, _RECENT_EVENTS)
    if report is None or (not report.events and report.fault is None):
        return [Finding(book, "chain", "skipped", "There are no events to recompute.")]
    if report.fault is not None:
        found = f"Broken at position {report.fault.position}: {report.fault.text}"
        remedy = (
            f"Run: daybook verify chain --book {book}. Keep the database as it is, and restore a"
            " backup into another one; compare both with daybook verify against."
        )
        return [Finding(book, "chain", "problem", found, remedy)]
    recomputed = number_of(report.events, "event")
    found = f"Recomputed {recomputed}, up to position {report.head}: none was altered."
    return [Finding(book, "chain", "ok", found, "For all of them: daybook verify chain.")]


async def restore(book: str, settings: Settings, conn: Connection) -> list[Finding]:
    """Whether the book was restored to an earlier moment, and what is to be done then."""
    signer = await asyncio.to_thread(load_signer, settings)
    elsewhere = partial(latest_everywhere, open_anchors(settings.anchors))
    known = await look(conn, book, signer, elsewhere)
    if known is None:
        found = "Without a checkpoint, it would not be noticed that the database was restored."
        return [Finding(book, "restore", "skipped", found)]
    loss = _loss(known)
    if loss is None:
        found = "The book has all that was ever signed under its name."
        return [Finding(book, "restore", "ok", found)]
    if loss.continued is not None and (reason := await _settled(conn, book, loss.continued)):
        return [Finding(book, "restore", "ok", f"{loss.text} {reason}")]
    remedy = await _remedy(conn, book, settings, loss)
    return [Finding(book, "restore", "problem", loss.text, remedy)]


def _loss(known: Checkpoints) -> Loss | None:
    origin, lost = known.origin, known.lost
    if lost is not None:
        text = (
            "The database was restored to an earlier moment. A checkpoint of"
            f" {lost.signed} events was signed (it is in {' and '.join(lost.where)}), the book has"
            f" {known.head}, and both are the same up to position {lost.agreed}."
        )
        return Loss(lost.agreed, text)
    if origin.parted_at is None:
        return None
    text = (
        f"The book was restored and is signed as {origin.name} since"
        f" {_moment(origin.created_at)}; it is known to be the same as before up to position"
        f" {origin.parted_at}."
    )
    return Loss(origin.parted_at, text, origin.created_at)


async def _settled(conn: Connection, book: str, since: datetime) -> str:
    """Why nothing needs to be done any more about a restore; empty if something does."""
    for _, run, _ in await last_runs(conn, [book]):
        agreed = run.state == "in_sync" or (run.state == "drift" and run.applied == run.differing)
        if run.began_at > since and agreed:
            return f"It agreed with the provider at {_moment(run.began_at)}."
    if datetime.now(UTC) - since > _REPLAYED:
        return "That is longer ago than the provider sends webhooks again."
    return ""


async def _remedy(conn: Connection, book: str, settings: Settings, loss: Loss) -> str:
    at = await recorded_at(conn, book, loss.after)
    since = f"since {_moment(at)}" if at else "since the backup was made"
    if at is not None and datetime.now(UTC) - at > _REPLAYED:
        again = (
            f"The provider sends again what is younger than two weeks; what is older is filled in"
            f" with daybook backfill --book {book} --since {(datetime.now(UTC) - at).days + 1}d."
        )
    else:
        again = "Duplicates do no harm."
    missing = (
        f"Missing is what the provider sent {since}. In its dashboard, under Developer > Webhooks,"
        f" let the endpoint replay it. {again}"
    )
    steps = [missing]
    key = settings.books[book].provider.api_key
    if key is None:
        steps.append(
            f"Give the book an API key (daybook connect --book {book}); then daybook reconcile"
            " finds the resources that still differ, and with --apply records them."
        )
    else:
        steps.append(
            f"daybook reconcile --book {book} finds the resources that still differ, and with"
            " --apply records them; steps between two states come back by a replay only."
        )
    steps.append(await _readers(conn, book))
    if loss.continued is None:
        steps.append(f"Sign it under a new origin: daybook books continue --book {book}.")
    return " ".join(f"({n}) {step}" for n, step in enumerate(steps, 1))


async def _readers(conn: Connection, book: str) -> str:
    keys = [key for key in await api_keys.list_keys(conn, book) if key.revoked_at is None]
    used = sorted(
        (key for key in keys if key.last_used_at is not None),
        key=lambda key: str(key.last_used_at),
        reverse=True,
    )
    names = ", ".join(key.label or key.id for key in used[:_SHOWN_KEYS])
    return (
        "Who read beyond it gets 409 book-was-restored for later positions, and reads again"
        f" from go_on_from; API keys that were in use: {names or 'none'}."
    )


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
