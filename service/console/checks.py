"""What may be wrong with a book now, one check each; home shows them, the worst first."""

from asyncio import gather
from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from service.console.attention import fresh_of
from service.console.view import View
from service.console.wording import MOST_COUNTED, ago, minute, number
from service.database.reader import Queryable
from service.queries import attention, checkpoints, disputes, projections, reconcile, refusals
from service.queries.attention import Attention
from service.queries.checkpoints import CheckpointPage
from service.queries.disputes import FirstDue, Waiting
from service.queries.projections import ProjectionPage
from service.queries.reconcile import Run
from service.queries.refusals import STRANGERS, RefusalCount
from service.telemetry.wording import number_of

_SILENT = timedelta(hours=24)
_LAG_SECONDS = 60.0
_UNANCHORED = timedelta(hours=24)
_SOON = timedelta(days=3)
_MOST_WAITING = 100
_WORST_FIRST = {"bad": 0, "wait": 1, "good": 2, "plain": 3}


class Check(Struct, frozen=True):
    """One thing that may be wrong: ``tone`` is ``good``, ``wait``, ``bad`` or ``plain``.

    ``path`` leads to the page that says more, below the book, asked with ``query``; empty where
    there is none.
    """

    name: str
    tone: str
    value: str
    detail: str
    path: str = ""
    query: Mapping[str, str] = {}


class Asked(Struct, frozen=True):
    """What the checks of a book look at; no ``refused`` for a key without the scope ``admin``."""

    standing: ProjectionPage
    proof: CheckpointPage
    runs: list[tuple[str, Run, datetime | None]]
    waiting: Waiting
    attention: Attention
    refused: list[tuple[str, RefusalCount]] | None


async def ask(conn: Queryable, view: View) -> Asked:
    """Ask all of it at once."""
    refused = refusals.counts(conn, view.book) if view.may("admin") else _nothing()
    return Asked(
        *await gather(
            projections.projections(conn, view.book, view.now),
            checkpoints.page(conn, view.book, 1, None),
            reconcile.last_runs(conn, [view.book]),
            disputes.waiting(
                conn, view.book, view.response_days, view.now, soon=_SOON, most=_MOST_WAITING
            ),
            attention.attention(conn, view.book, MOST_COUNTED),
            refused,
        )
    )


async def _nothing() -> None:
    pass


def checks(
    asked: Asked, view: View, last: datetime | None, first_due: FirstDue | None
) -> list[Check]:
    """All checks of a book, the worst first.

    Args:
        asked: what they look at.
        view: whose book it is.
        last: when its last event was recorded.
        first_due: the most urgent dispute that awaits an answer, if one does.
    """
    standing, runs = asked.standing, asked.runs
    found = [
        silence(last, view.book, view.now),
        lag(standing),
        _parked(standing),
        _attention(asked.attention),
        _disputes(first_due, asked.waiting),
        _drift(runs[0][1] if runs else None, view),
        _proof(asked.proof, view.now),
    ]
    if asked.refused is not None:
        found.append(refused_webhooks([count for _, count in asked.refused]))
    else:
        needs = "A key with the scope admin shows them."
        found.append(Check("Refused webhooks", "plain", "not shown", needs))
    return sorted(found, key=lambda check: _WORST_FIRST[check.tone])


def silence(last: datetime | None, book: str, now: datetime) -> Check:
    """When the last webhook came, if one did."""
    if last is None:
        detail = f"Let the provider send webhooks to /webhooks/{book}: see daybook connect."
        return Check("Last webhook", "wait", "none yet", detail, "events")
    age = max(timedelta(), now - last)
    if age > _SILENT:
        detail = "Nothing came for a day. Check the endpoint in the provider's dashboard."
        return Check("Last webhook", "bad", f"{ago(age)} ago", detail, "events")
    return Check("Last webhook", "good", f"{ago(age)} ago", "Webhooks arrive.", "events")


def lag(standing: ProjectionPage) -> Check:
    """Whether what is shown is what was recorded."""
    worst = max(standing.data, key=lambda one: one.lag_events)
    building = [one.name for one in standing.data if one.state == "building"]
    if building:
        detail = "Read models are being built; pages may show nothing yet."
        return Check("Read models", "wait", "building", detail, "operations")
    if worst.lag_seconds > _LAG_SECONDS:
        detail = f"Pages are {ago(worst.lag_seconds)} older than the store."
        return Check(
            "Read models", "bad", f"{number(worst.lag_events)} behind", detail, "operations"
        )
    running = standing.rebuild
    if running is not None:
        done = f"{number(running.done)} of {number(running.total)}"
        detail = f"A rebuild runs: {running.doing or 'starting'}, {done}."
        return Check("Read models", "good", "rebuilding", detail, "operations")
    detail = "Every event is reflected."
    if worst.lag_events:
        detail = f"All but the latest {number_of(worst.lag_events, 'event')} are reflected."
    elif standing.parked:
        detail = "Every event that could be folded is reflected."
    return Check("Read models", "good", "current", detail, "operations")


def _parked(standing: ProjectionPage) -> Check:
    if not standing.parked:
        return Check("Parked streams", "good", "none", "No event failed to fold.", "operations")
    detail = "Their resources are out of date. Fix the cause, then retry."
    return Check("Parked streams", "bad", number(standing.parked), detail, "operations")


def _attention(found: Attention) -> Check:
    name = "For a person to look at"
    fresh = [group for group in found.data if group.fresh]
    if fresh:
        verdicts = ", ".join(sorted({group.verdict for group in fresh}))
        return Check(name, "wait", fresh_of(fresh), f"Events that are {verdicts}.", "attention")
    detail = "All were looked at." if found.data else "Every event fitted its lifecycle."
    return Check(name, "good", "none", detail, "attention")


def _disputes(first: FirstDue | None, waiting: Waiting) -> Check:
    if first is None:
        return Check("Disputes to answer", "good", "none", "None awaits an answer.", "disputes")
    more = "+" * (waiting.count == _MOST_WAITING)
    overdue, soon = waiting.overdue, waiting.soon
    # the most urgent are counted first
    late, close = (more * (count == waiting.count) for count in (overdue, overdue + soon))
    said = [f"{overdue}{late} overdue"] * bool(overdue)
    said += [f"{soon}{close} due within three days"] * bool(soon)
    by = f"The first is due on {minute(first.respond_by)} UTC."
    return Check(
        "Disputes to answer",
        "bad" if overdue or soon else "wait",
        f"{waiting.count}{more}",
        f"{'; '.join(said)}. {by}" if said else by,
        "disputes",
    )


def _drift(run: Run | None, view: View) -> Check:
    name = "Compared with the provider"
    if run is None:
        detail = "Set the provider's api_key, and the book is compared on a schedule."
        if view.is_comparable:
            detail = "No comparison has begun yet."
        return Check(name, "plain", "never", detail, "reconcile")
    when = f"{ago(view.now - run.began_at)} ago"
    if run.state == "in_sync":
        return Check(name, "good", "in sync", f"{when}.", "reconcile")
    if run.state == "drift":
        losing = number_of(run.losing, "customer")
        detail = f"{when}; {losing} would lose access, {number(run.gaining)} would gain it."
        return Check(name, "bad", f"{number(run.differing)} differ", detail, "reconcile")
    if run.state == "running":
        return Check(name, "good", "running", f"Began {when}.", "reconcile")
    detail = f"{when}: {run.reason or 'not everything could be compared'}"
    return Check(name, "wait", run.state, f"{detail.rstrip('.')}.", "reconcile")


def _proof(page: CheckpointPage, now: datetime) -> Check:
    name = "Proof"
    if page.problems:
        problem = page.problems[0]
        where = f"anchor {problem.anchor}" if problem.anchor else "signing"
        detail = f"{where}: {problem.explanation}"
        return Check(name, "bad", "failing", detail, "proof")
    if not page.data:
        return Check(name, "plain", "not signed yet", "The first checkpoint is not made.", "proof")
    latest = page.data[0]
    value = f"signed up to {number(latest.size)}"
    if not latest.anchors:
        age = now - latest.signed_at
        tone = "wait" if age > _UNANCHORED else "plain"
        detail = "The last checkpoint is in no anchor, so a cut-off end would not show."
        return Check(name, tone, value, detail, "proof")
    anchored = ", ".join(one.anchor for one in latest.anchors)
    return Check(name, "good", value, f"Anchored: {anchored}.", "proof")


def refused_webhooks(counts: list[RefusalCount]) -> Check:
    """What was refused of the provider; what strangers sent is told, and is nothing to look at."""
    name = "Refused webhooks"
    of_provider = [count for count in counts if count.reason not in STRANGERS]
    looked_at = of_provider or counts
    day, hour = (sum(getattr(c, at) for c in looked_at) for at in ("last_day", "last_hour"))
    if not day:
        return Check(name, "good", "none", "None in the last day.", "operations")
    reasons = ", ".join(c.reason for c in looked_at if c.last_day)
    said = f"{number(hour)} in the last hour: {reasons}."
    if not of_provider:
        detail = f"Of strangers, not of the provider. {said}"
        return Check(name, "plain", number(day), detail, "operations")
    return Check(name, "bad" if hour else "wait", number(day), said, "operations")
