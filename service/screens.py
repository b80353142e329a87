"""What the command line shows: tables for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.answers import AccessAnswer, History
from service.compare import Difference
from service.keys import Key
from service.refusal_reads import RefusalCount
from service.roles import Access
from service.serve import Trial
from service.settings import Settings


def origin(host: str, port: int) -> str:
    """The URL that the service answers at."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serving(out: Console, where: str, settings: Settings, trial: Trial | None) -> None:
    """Where the doors are, and what to try them with."""
    for name, book in settings.books.items():
        line = f"book {name}, {book.mode} mode: webhooks to {where}/webhooks/{name}"
        out.print(line, soft_wrap=True)
    out.print(f"questions to {where}/v1 , described at {where}/schema", soft_wrap=True)
    if trial is not None:
        out.print("To try it, in another terminal:")
        out.print(f"  URL={where}", soft_wrap=True)
        out.print(f"  SECRET={trial.secret}", soft_wrap=True)
        out.print(f"  KEY={trial.api_key}", soft_wrap=True)
    else:
        names = " or ".join(settings.books)
        out.print(f"An API key: daybook keys create --book {names}", soft_wrap=True)


def access(out: Console, answer: AccessAnswer) -> None:
    """The answer to the one question."""
    word = "entitled" if answer.entitled else "not entitled"
    until = f" until {moment(answer.until)}" if answer.until else ""
    out.print(f"[bold]{answer.customer_id} is {word}{until}[/bold]")
    table = Table("because of", "product", "status", "since", "until", "rule")
    for b in answer.because:
        table.add_row(
            b.subscription_id,
            b.product_id or "",
            b.status,
            moment(b.since),
            moment(b.until),
            b.rule,
        )
    out.print(table)


def history(out: Console, answer: History) -> None:
    """The entries in the order of the world."""
    table = Table("position", "occurred at", "type", "from → to", "verdict", "what it did")
    for e in answer.data:
        marks = [name for name in ("newer", "late", "revision", "undecided") if getattr(e, name)]
        table.add_row(
            e.event_position,
            moment(e.occurred_at),
            e.type,
            f"{e.status_from or '·'} → {e.status_to or '·'}",
            "\n".join((e.verdict, *marks)),
            e.what,
        )
    out.print(f"[bold]{answer.stream}[/bold]")
    out.print(table)


def status(out: Console, books: Sequence[dict[str, Any]], aside: Sequence[dict[str, Any]]) -> None:
    """Checkpoints beside the end of their books, and the streams that are set aside."""
    table = Table("book", "events", "read models at", "lag in events")
    for row in books:
        checkpoint = row["position"]
        lag = "" if checkpoint is None else str(row["head"] - checkpoint)
        table.add_row(row["book"], str(row["head"]), str(checkpoint or 0), lag)
    out.print(table)
    if aside:
        parked(out, aside)
        out.print("Their rows are stale. After the cause is mended: daybook parked retry")


def parked(out: Console, aside: Sequence[dict[str, Any]]) -> None:
    """The streams that are set aside."""
    table = Table("book", "stream set aside", "at position", "because of")
    for row in aside:
        reason = escape(row["error"].strip().splitlines()[-1])
        table.add_row(row["book"], escape(row["stream"]), str(row["position"]), reason)
    out.print(table if aside else "No stream is set aside.")


def differences(out: Console, found: Sequence[Difference], verb: str) -> None:
    """What differs between two builds: how many rows, in which fields, and some examples."""
    for one in found:
        if not one.rows:
            continue
        steps = [f"{old} → {new} in {n}" for (old, new), n in one.statuses.most_common()]
        counts = [f"{name} in {n}" for name, n in one.fields.most_common() if name != "status"]
        counts += [f"{n} {what}" for n, what in (
            (one.only_live, "are gone"), (one.only_fresh, "are new"),
        ) if n]  # fmt: skip
        said = "; ".join(([f"status {', '.join(steps)}"] if steps else []) + counts)
        out.print(f"{one.rows} {one.projection} {verb}: {said}", markup=False, soft_wrap=True)
        for key, fields in one.examples.items():
            shown = ", ".join(f"{name} {old!r} → {new!r}" for name, (old, new) in fields.items())
            out.print(f"  {key}: {shown}", markup=False, soft_wrap=True)
    if not any(one.rows for one in found):
        out.print(f"No row differs: {', '.join(one.projection for one in found)}.", soft_wrap=True)


def refusals(out: Console, counts: Sequence[tuple[str, RefusalCount]]) -> None:
    """A line for each door at which something was refused within the hour, or nothing."""
    told: dict[str, list[str]] = {}
    for book, count in counts:
        if count.last_hour:
            told.setdefault(book, []).append(f"{count.last_hour} {count.reason}")
    for book, reasons in told.items():
        door = f"book {book}" if book else "no book of that name"
        out.print(f"refused in the last hour, {door}: {', '.join(reasons)}", soft_wrap=True)


def database_access(out: Console, access: Access) -> None:
    """Who is connected to the database, what it lacks, and whether it could alter events."""
    lines = [f"Connected as {access.role} to {access.database}, PostgreSQL {access.version}."]
    if access.lacking:
        lines.append(
            f"{access.role} lacks: {', '.join(access.lacking)}."
            " Run `daybook migrate --owner URL`, which grants it."
        )
    if access.alters:
        lines.append(
            f"Warning: {access.role} could alter events; only a trigger prevents it."
            " See: daybook migrate --help"
        )
    out.print("\n".join(lines), markup=False, soft_wrap=True)


def keys(out: Console, found: Sequence[Key]) -> None:
    """Keys, without what opens anything."""
    table = Table("id", "book", "label", "scopes", "created", "last used", "revoked")
    for key in found:
        times = map(moment, (key.created_at, key.last_used_at, key.revoked_at))
        table.add_row(key.id, key.book, escape(key.label or ""), ",".join(key.scopes), *times)
    out.print(table)


def moment(at: datetime | None) -> str:
    """A time as a person reads it, UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""
