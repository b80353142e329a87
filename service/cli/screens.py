"""Answers as a person reads them in a terminal: lines and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Column, Table

from service.spans import words
from service.telemetry.sanitize import escape
from service.telemetry.wording import number_of

if TYPE_CHECKING:
    # each command loads what it shows; the screens of all of them would load everything
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from rich.text import Text

    from service.provider.findings import Finding
    from service.queries.answers import AccessAnswer, History
    from service.queries.refusals import RefusalCount
    from service.readmodels.compare import Difference
    from service.sandbox.messages import FaultStatus, Status
    from service.server.trial import Trial
    from service.settings import Settings
    from service.store.api_keys import Key
    from service.store.roles import Access


class Screen(Console):
    """A console that prints text literally: no markup, no control characters."""

    def __init__(self, *, width: int | None = None, stderr: bool = False, **more: Any) -> None:  # noqa: ANN401
        plain: dict[str, Any] = {"markup": False, "emoji": False, "highlight": False}
        super().__init__(width=width, stderr=stderr, **plain, **more)

    def render_str(self, text: str, **options: Any) -> Text:  # noqa: ANN401 - as the library's own
        """Escape every printed text, in table cells too."""
        return super().render_str(escape(text, "\n"), **options)


def table(*headers: str) -> Table:
    """A table that folds long cells instead of truncating them, so that they can be copied."""
    return Table(*(Column(header, overflow="fold") for header in headers))


def origin(host: str, port: int) -> str:
    """The base URL of the service."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serving(out: Screen, url: str, settings: Settings, trial: Trial | None) -> None:
    """Print the URLs of the service, and what is needed to try it."""
    for name, book in settings.books.items():
        line = f"book {name}, {book.mode} mode: webhooks to {url}/webhooks/{name}"
        out.print(line, soft_wrap=True)
    out.print(f"API at {url}/v1 , its documentation at {url}/schema", soft_wrap=True)
    if settings.console:
        out.print(f"console at {url}/console , for people", soft_wrap=True)
    if trial is not None:
        out.print("To try it, in another terminal:")
        out.print(f"  URL={url}", soft_wrap=True)
        out.print(f"  SECRET={trial.secret}", soft_wrap=True)
        out.print(f"  KEY={trial.api_key}", soft_wrap=True)
    else:
        names = " or ".join(settings.books)
        out.print(f"To create an API key: daybook keys create --book {names}", soft_wrap=True)


def access(out: Screen, answer: AccessAnswer) -> None:
    """Print whether a customer is entitled, until when, why, and what a page shows."""
    word = "entitled" if answer.entitled else "not entitled"
    until = f" until {moment(answer.until)}" if answer.until else ""
    line = f"{answer.customer_id} is {word}{until}: {answer.state}"
    out.print(line, style="bold", soft_wrap=True)
    rows = table("because of", "product", "status", "since", "until", "rule")
    # the words of the six columns just fit into 80 characters
    rows.show_edge = rows.pad_edge = False
    for reason in answer.because:
        rows.add_row(
            reason.subscription_id,
            reason.product_id or "",
            reason.status,
            moment(reason.since),
            moment(reason.until),
            reason.rule,
        )
    out.print(rows)


def history(out: Screen, answer: History) -> None:
    """Print the events of a resource in the order they happened, a few lines for each."""
    # not at the top, like all that one screen alone needs
    from domain.story import reported_after  # noqa: PLC0415

    out.print(answer.stream, style="bold", soft_wrap=True)
    for e in answer.data:
        marks = [name for name in ("newer", "late", "revision", "undecided") if getattr(e, name)]
        steps = f"{e.status_from or '·'} → {e.status_to or '·'}: {', '.join((e.verdict, *marks))}"
        delay = f"; {reported_after(e.recorded_at - e.occurred_at)}"
        out.print(
            f"{moment(e.occurred_at)}  {e.type or 'read at the provider'}  {e.event_position}",
            soft_wrap=True,
        )
        for line in (steps, e.what.replace(delay, "")):
            out.print(Padding(line, (0, 0, 0, 4), expand=False))


def status(
    out: Screen,
    books: Sequence[dict[str, Any]],
    last_webhooks: Mapping[str, datetime],
    streams: Sequence[dict[str, Any]],
) -> None:
    """Print the events, checkpoint and lag of each book, its last webhook, and parked streams."""
    rows = table("book", "events", "last webhook", "read models at", "lag in events")
    for row in books:
        last = last_webhooks.get(row["book"])
        came = f"{last:%Y-%m-%d %H:%M:%S} UTC" if last else "none"
        checkpoint = row["position"]
        lag = "" if checkpoint is None else str(row["head"] - checkpoint)
        if row["lost"]:
            lag = "restored: daybook rebuild"
        rows.add_row(row["book"], str(row["head"]), came, str(checkpoint or 0), lag)
    out.print(rows)
    if streams:
        parked(out, streams)
        out.print("Their rows are stale. Fix the cause, then run: daybook parked retry")


def parked(out: Screen, streams: Sequence[dict[str, Any]]) -> None:
    """Print the parked streams, each with its error."""
    rows = table("book", "parked stream", "at position", "because of")
    for row in streams:
        reason = row["error"].strip().splitlines()[-1]
        rows.add_row(row["book"], row["stream"], str(row["position"]), reason)
    out.print(rows if streams else "No stream is parked.")


def differences(out: Screen, builds: Sequence[Difference], verb: str) -> None:
    """Print how two builds differ: how many rows, in which fields, and some examples."""
    for diff in builds:
        if not diff.rows:
            continue
        moves = [f"{old} → {new} in {n}" for (old, new), n in diff.statuses.most_common()]
        clauses = [f"status {', '.join(moves)}"] if moves else []
        clauses += [f"{name} in {n}" for name, n in diff.fields.most_common() if name != "status"]
        clauses += [f"{n} {change}" for n, change in (
            (diff.only_live, "are gone"), (diff.only_fresh, "are new"),
        ) if n]  # fmt: skip
        out.print(f"{diff.rows} {diff.projection} {verb}: {'; '.join(clauses)}", soft_wrap=True)
        for key, fields in diff.examples.items():
            values = ", ".join(f"{name} {old!r} → {new!r}" for name, (old, new) in fields.items())
            out.print(f"  {key}: {values}", soft_wrap=True)
    if not any(diff.rows for diff in builds):
        names = ", ".join(diff.projection for diff in builds)
        out.print(f"No row differs: {names}.", soft_wrap=True)


def refusals(out: Screen, counts: Sequence[tuple[str, RefusalCount]]) -> None:
    """Print a line for each book whose webhooks were refused within the hour."""
    reasons_of: dict[str, list[str]] = {}
    for book, count in counts:
        if count.last_hour:
            reasons_of.setdefault(book, []).append(f"{count.last_hour} {count.reason}")
    for book, reasons in reasons_of.items():
        target = f"book {book}" if book else "unknown books"
        out.print(f"refused in the last hour, {target}: {', '.join(reasons)}", soft_wrap=True)


def database_access(out: Screen, access: Access) -> None:
    """Print the connected database role, what it lacks, and whether it could alter events."""
    out.print(
        f"Connected as {access.role} to {access.database}, PostgreSQL {access.version}.",
        soft_wrap=True,
    )
    if access.missing_privileges:
        out.print(
            f"{access.role} lacks: {', '.join(access.missing_privileges)}."
            " Run `daybook migrate --owner URL` to grant it.",
            soft_wrap=True,
        )
    if access.can_alter_events:
        out.print(
            f"Warning: {access.role} could alter events; {_prevents(access)}."
            " See daybook migrate --help.",
            soft_wrap=True,
        )


def _prevents(access: Access) -> str:
    # Citus distributes no table that has a trigger
    return "nothing prevents it" if access.distributed else "only a trigger prevents it"


_STATES = {"ok": "ok", "problem": "PROBLEM", "unknown": "could not look", "skipped": "nothing yet"}


def findings(out: Screen, found: Sequence[Finding]) -> None:
    """Print what was looked at, what was found, and below the table what to do about it."""
    rows = table("book", "check", "", "found")
    for finding in found:
        style = {"problem": "bold red", "unknown": "yellow"}.get(finding.state)
        state = _STATES[finding.state]
        rows.add_row(finding.book or "", finding.check, state, finding.found, style=style)
    out.print(rows)
    open_findings = [f for f in found if f.state in {"problem", "unknown"}]
    if not open_findings:
        out.print("All is well.")
    for number, finding in enumerate(open_findings, start=1):
        subject = f"book {finding.book}, {finding.check}" if finding.book else finding.check
        out.print(f"{number}. {subject}: {finding.found}", style="bold", soft_wrap=True)
        if finding.remedy:
            out.print(f"   {finding.remedy}", soft_wrap=True)


def keys(out: Screen, listed: Sequence[Key]) -> None:
    """Print keys, without their secrets."""
    rows = table("id", "book", "label", "scopes", "created", "last used", "revoked")
    for key in listed:
        times = map(moment, (key.created_at, key.last_used_at, key.revoked_at))
        rows.add_row(key.id, key.book, key.label or "", ",".join(key.scopes), *times)
    out.print(rows)


def moment(at: datetime | None) -> str:
    """A time in UTC, to the second; empty for None."""
    return f"{at:%Y-%m-%d %H:%M:%S}" if at else ""


def sandbox_status(out: Screen, status: Status) -> None:
    """Print a sandbox's clock, endpoints, webhooks and faults."""
    out.print(
        f"clock {status.now:%Y-%m-%d %H:%M:%S} UTC, {words(status.behind)} behind the present"
    )
    if not status.settled:
        out.print(f"moving to {status.until:%Y-%m-%d %H:%M:%S} UTC")
    counts = (f"{count} {outcome}" for outcome, count in sorted(status.webhooks.items()))
    out.print(f"webhooks: {', '.join(counts) or 'none so far'}; {status.waiting} waiting")
    for endpoint in status.endpoints:
        state = "disabled" if endpoint.disabled else "enabled"
        types = (
            "all types"
            if endpoint.filter_types is None
            else number_of(len(endpoint.filter_types), "type")
        )
        out.print(f"endpoint {endpoint.id}, {state}, {types}: {endpoint.url}", soft_wrap=True)
    if not status.endpoints:
        out.print("no webhook endpoint: nobody is told")
    for fault in status.faults:
        out.print(fault_line(fault))
    resources = (f"{count} {kind}" for kind, count in status.resources.items() if count)
    out.print(
        f"{number_of(status.requests, 'API request')}; {', '.join(resources)}", soft_wrap=True
    )


def fault_line(fault: FaultStatus) -> str:
    """A fault that is in force, and what ends it."""
    ends = []
    if fault.left is not None:
        ends.append(number_of(fault.left, "more time"))
    if fault.until is not None:
        ends.append(f"until {fault.until:%Y-%m-%d %H:%M} UTC")
    return f"fault: {fault.fault}, {' and '.join(ends) or 'until clear-faults'}"
