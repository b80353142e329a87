"""``/console/{book}/reconcile``: does the provider say the same? And what differs, and why."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict, replace

from domain.drift import CAUSES, REMEDIES, Cause
from service.console.actions import Done, action
from service.console.view import View, page
from service.database.connections import Connection
from service.queries import comparisons, jobs, paging, reconcile
from service.queries.jobs import JobAnswer
from service.queries.reconcile import Difference, Run
from service.store.audit import Act

_RUNS = 20
_DIFFERENCES = 50
_NAMED = 20
_JOBS = 20

CAUSES_IN_WORDS: Mapping[Cause, str] = {
    "never_arrived": "A webhook is missing.",
    "refused_at_the_door": "A webhook is missing, and webhooks were refused since the change.",
    "parked": "Its events are recorded, but its stream is parked.",
    "unknown_type": "It has a type or status that this version does not know.",
    "silent_by_design": "The provider sends no webhook about such a change.",
    "in_flight": "It changed within the last minute.",
    "gone": "The provider does not have it.",
    "list_blind_spot": "Only a row of a list was read before, which lacks these fields.",
}
"""Each cause in a sentence."""


class RunsQuery(Struct, frozen=True):
    """Where the page begins."""

    cursor: str | None = None


class RunsPage(Struct, frozen=True):
    """The latest comparisons; ``asked`` is one that was asked for and whose end is not shown."""

    is_configured: bool
    every: str
    runs: list[Run]
    next_cursor: str | None
    asked: JobAnswer | None

    @property
    def last(self) -> Run | None:
        """The latest one."""
        return self.runs[0] if self.runs else None


class DifferencesQuery(Struct, frozen=True):
    """The filters of the differences."""

    effect: Literal["", "none", "gains", "loses"] = ""
    cause: str = ""
    cursor: str | None = None

    @property
    def given(self) -> dict[str, str]:
        """What links to other pages of the same list repeat."""
        named = asdict(replace(self, cursor=None))
        return {name: str(value) for name, value in named.items() if value}


class Chip(Struct, frozen=True):
    """A filter that is a link."""

    name: str
    query: dict[str, str]
    is_current: bool


class RunPage(Struct, frozen=True):
    """One comparison, and a page of what it found."""

    run: Run
    query: DifferencesQuery
    chips: list[Chip]
    differences: list[Difference]
    next_cursor: str | None
    causes: Mapping[Cause, str]
    remedies: Mapping[Cause, str]
    named: int
    is_configured: bool


class Compare(Struct, frozen=True):
    """A form that asks for the reason alone."""


class Apply(Struct, frozen=True):
    """What differs is recorded, with ``accept_losses`` even if many customers lose access."""

    accept_losses: bool = False


@page("/reconcile", template="reconcile.html", section="Reconcile", scope="audit")
async def list_runs(view: View) -> RunsPage:
    """The latest comparisons, and a new one."""
    query = view.query(RunsQuery)
    order = paging.order({"cursor": query.cursor}, ("-began_at",), str, view.path)
    async with view.pooled() as conn:
        found = await reconcile.runs(conn, view.book, _RUNS, order)
        asked = await _asked(conn, view) if view.may("admin") else None
    every = view.configured.provider.reconcile_every if view.configured else "never"
    return RunsPage(view.is_comparable, str(every), found.data, found.next_cursor, asked)


@page("/reconcile/{run_id:str}", template="run.html", section="Reconcile", scope="audit")
async def show_run(view: View) -> RunPage:
    """What one comparison found."""
    query, run_id = view.query(DifferencesQuery), view.name("run_id")
    order = paging.order({**query.given, "cursor": query.cursor}, ("number",), int, view.path)
    filters = {"kind": None, "cause": query.cause or None, "effect": query.effect or None}
    async with view.pooled() as conn:
        run = await reconcile.run(conn, view.book, run_id)
        found = await reconcile.differences(conn, view.book, run_id, filters, _DIFFERENCES, order)
    return RunPage(
        run, query, _chips(run, query), found.data, found.next_cursor, CAUSES_IN_WORDS, REMEDIES,
        _NAMED, view.is_comparable,
    )  # fmt: skip


@action("reconcile/compare", verb="Compare now")
async def compare(view: View, form: Compare, act: Act) -> Done:
    """Compare the book with the provider."""
    del form
    await _ask(view, act, Apply(), apply=False)
    return Done("Asked for a comparison. It takes a minute or more.", "reconcile", "wait")


@action("reconcile/apply", verb="Compare and apply")
async def apply(view: View, form: Apply, act: Act) -> Done:
    """Compare the book with the provider, and record what differs."""
    await _ask(view, act, form, apply=True)
    said = "Asked for a comparison, and to record what differs. It takes a minute or more."
    return Done(said, "reconcile", "wait")


async def _ask(view: View, act: Act, form: Apply, *, apply: bool) -> None:
    async with view.pooled() as conn:
        await comparisons.ask(
            conn, view.book, view.configured, act, apply=apply, accept_losses=form.accept_losses
        )


async def _asked(conn: Connection, view: View) -> JobAnswer | None:
    """The last one that was asked for, unless it has ended well."""
    order = paging.order({}, ("-asked_at",), str, view.path)
    found = (await jobs.jobs(conn, view.book, _JOBS, order)).data
    kinds = {comparisons.COMPARE, comparisons.APPLY}
    last = next((job for job in found if job.kind in kinds), None)
    return last if last is not None and last.state != "done" else None


def _chips(run: Run, query: DifferencesQuery) -> list[Chip]:
    current = replace(query, cursor=None)
    found = {one.cause for one in run.drift}
    choices = [
        ("all", DifferencesQuery()),
        ("loses access", DifferencesQuery(effect="loses")),
        ("gains access", DifferencesQuery(effect="gains")),
        *(
            (cause.replace("_", " "), DifferencesQuery(cause=cause))
            for cause in CAUSES
            if cause in found
        ),
    ]
    return [Chip(name, chosen.given, chosen == current) for name, chosen in choices]


RECONCILE = (list_runs, show_run, compare, apply)
