"""What the command line shows: tables for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from service.answers import AccessAnswer, History
from service.keys import Key
from service.refusal_reads import RefusalCount
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
    for e in answer.entries:
        marks = [name for name in ("newer", "late", "revision") if getattr(e, name)]
        table.add_row(
            e.position,
            moment(e.occurred_at),
            e.type,
            f"{e.status_from or '·'} → {e.status_to or '·'}",
            "\n".join((e.verdict, *marks)),
            e.what,
        )
    out.print(f"[bold]{answer.stream}[/bold]")
    out.print(table)


def status(out: Console, books: Sequence[dict[str, Any]], parked: Sequence[dict[str, Any]]) -> None:
    """Checkpoints beside the end of their books, and the streams that are set aside."""
    table = Table("book", "events", "read models at", "lag in events")
    for row in books:
        checkpoint = row["position"]
        lag = "" if checkpoint is None else str(row["head"] - checkpoint)
        table.add_row(row["book"], str(row["head"]), str(checkpoint or 0), lag)
    out.print(table)
    if not parked:
        return
    aside = Table("book", "stream set aside", "at position", "because of")
    for row in parked:
        reason = row["error"].strip().splitlines()[-1]
        aside.add_row(row["book"], row["stream"], str(row["position"]), reason)
    out.print(aside)
    out.print("Their rows are stale. After the cause is mended: daybook rebuild")


def refusals(out: Console, counts: Sequence[tuple[str, RefusalCount]]) -> None:
    """A line for each door at which something was refused within the hour, or nothing."""
    told: dict[str, list[str]] = {}
    for book, count in counts:
        if count.last_hour:
            told.setdefault(book, []).append(f"{count.last_hour} {count.reason}")
    for book, reasons in told.items():
        door = f"book {book}" if book else "no book of that name"
        out.print(f"refused in the last hour, {door}: {', '.join(reasons)}", soft_wrap=True)


def unfenced(out: Console) -> None:
    """That privileges do not keep events as they are."""
    out.print(
        "The service connects as a role that could alter events; only a trigger is in its way."
        " See: daybook migrate --help",
        soft_wrap=True,
    )


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
