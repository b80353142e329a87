"""What the command line shows: tables for people."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from service.queries.answers import AccessAnswer, History
from service.queries.refusals import RefusalCount
from service.readmodels.compare import Difference
from service.server.trial import Trial
from service.settings import Settings
from service.store.api_keys import Key
from service.store.roles import Access
from service.telemetry.sanitize import escape


class Screen(Console):
    """A console that shows every text as it is: no markup, and nothing that drives a terminal."""

    def __init__(self, *, width: int | None = None, stderr: bool = False, **more: Any) -> None:  # noqa: ANN401
        plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
        super().__init__(width=width, stderr=stderr, **plain, **more)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as the library's own
        """What becomes of every text that is printed, in a table too."""
        return super().render_str(escape(text, "\n"), **options)


def table(*headers: str) -> Table:
    """A table that cuts nothing off in a narrow terminal: what is there may have to be copied."""
    return Table(*(Column(header, overflow="fold") for header in headers))


def origin(host: str, port: int) -> str:
    """The URL that the service answers at."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serving(out: Screen, where: str, settings: Settings, trial: Trial | None) -> None:
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


def access(out: Screen, answer: AccessAnswer) -> None:
    """The answer to the one question."""
    word = "entitled" if answer.entitled else "not entitled"
    until = f" until {moment(answer.until)}" if answer.until else ""
    out.print(f"{answer.customer_id} is {word}{until}", style="bold", soft_wrap=True)
    rows = table("because of", "product", "status", "since", "until", "rule")
    for b in answer.because:
        rows.add_row(
            b.subscription_id,
            b.product_id or "",
            b.status,
            moment(b.since),
            moment(b.until),
            b.rule,
        )
    out.print(rows)


def history(out: Screen, answer: History) -> None:
    """The entries in the order of the world."""
    rows = table("position", "occurred at", "type", "from → to", "verdict", "what it did")
    for e in answer.data:
        marks = [name for name in ("newer", "late", "revision", "undecided") if getattr(e, name)]
        rows.add_row(
            e.event_position,
            moment(e.occurred_at),
            e.type,
            f"{e.status_from or '·'} → {e.status_to or '·'}",
            "\n".join((e.verdict, *marks)),
            e.what,
        )
    out.print(answer.stream, style="bold", soft_wrap=True)
    out.print(rows)


def status(out: Screen, books: Sequence[dict[str, Any]], streams: Sequence[dict[str, Any]]) -> None:
    """The checkpoint and the last event of each book, and the parked streams."""
    rows = table("book", "events", "read models at", "lag in events")
    for row in books:
        checkpoint = row["position"]
        lag = "" if checkpoint is None else str(row["head"] - checkpoint)
        if row["lost"]:
            lag = "restored: daybook rebuild"
        rows.add_row(row["book"], str(row["head"]), str(checkpoint or 0), lag)
    out.print(rows)
    if streams:
        parked(out, streams)
        out.print("Their rows are stale. Remove the cause, then run: daybook parked retry")


def parked(out: Screen, streams: Sequence[dict[str, Any]]) -> None:
    """The streams that a failure has parked."""
    rows = table("book", "parked stream", "at position", "because of")
    for row in streams:
        reason = row["error"].strip().splitlines()[-1]
        rows.add_row(row["book"], row["stream"], str(row["position"]), reason)
    out.print(rows if streams else "No stream is parked.")


def differences(out: Screen, found: Sequence[Difference], verb: str) -> None:
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
        out.print(f"{one.rows} {one.projection} {verb}: {said}", soft_wrap=True)
        for key, fields in one.examples.items():
            shown = ", ".join(f"{name} {old!r} → {new!r}" for name, (old, new) in fields.items())
            out.print(f"  {key}: {shown}", soft_wrap=True)
    if not any(one.rows for one in found):
        out.print(f"No row differs: {', '.join(one.projection for one in found)}.", soft_wrap=True)


def refusals(out: Screen, counts: Sequence[tuple[str, RefusalCount]]) -> None:
    """A line for each door at which something was refused within the hour, or nothing."""
    reasons_of: dict[str, list[str]] = {}
    for book, count in counts:
        if count.last_hour:
            reasons_of.setdefault(book, []).append(f"{count.last_hour} {count.reason}")
    for book, reasons in reasons_of.items():
        door = f"book {book}" if book else "no book of that name"
        out.print(f"refused in the last hour, {door}: {', '.join(reasons)}", soft_wrap=True)


def database_access(out: Screen, access: Access) -> None:
    """Who is connected to the database, what it lacks, and whether it could alter events."""
    out.print(
        f"Connected as {access.role} to {access.database}, PostgreSQL {access.version}.",
        soft_wrap=True,
    )
    if access.missing_privileges:
        out.print(
            f"{access.role} lacks: {', '.join(access.missing_privileges)}."
            " Run `daybook migrate --owner URL`, which grants it.",
            soft_wrap=True,
        )
    if access.can_alter_events:
        out.print(
            f"Warning: {access.role} could alter events; only a trigger prevents it."
            " See: daybook migrate --help",
            soft_wrap=True,
        )


def keys(out: Screen, found: Sequence[Key]) -> None:
    """Keys, without what opens anything."""
    rows = table("id", "book", "label", "scopes", "created", "last used", "revoked")
    for key in found:
        times = map(moment, (key.created_at, key.last_used_at, key.revoked_at))
        rows.add_row(key.id, key.book, key.label or "", ",".join(key.scopes), *times)
    out.print(rows)


def moment(at: datetime | None) -> str:
    """A time as a person reads it, UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""
