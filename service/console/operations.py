"""``/console/{book}/operations``: do the read models keep up? With what an operator can do."""

from asyncio import gather
from collections.abc import Sequence

from msgspec import Struct

from service.console.actions import Done, action
from service.console.charts import Column
from service.console.view import View, page
from service.console.wording import MOST_COUNTED, counted
from service.database.reader import Queryable
from service.queries import activity, jobs, keys, paging, projections, refusals
from service.queries.activity import Activity, Unit
from service.queries.jobs import JobAnswer
from service.queries.keys import KeyAnswer
from service.queries.projections import ParkedStream, ProjectionPage
from service.queries.refusals import RefusalPage
from service.readmodels import jobs as rebuilds
from service.readmodels.projector import retry
from service.store.audit import Act
from service.store.jobs import Kind

_JOBS = 10
_REFUSALS = 20
_LATE_SECONDS = 60.0
_LABELLED = {"minute": 10, "hour": 2}
"""The columns with a label: those of so many minutes or hours."""


class OperationsQuery(Struct, frozen=True):
    """How long a column of the charts is."""

    interval: Unit = "minute"


class ForOperators(Struct, frozen=True):
    """What only a key with the scope ``admin`` sees."""

    parked: list[ParkedStream]
    jobs: list[JobAnswer]
    refusals: RefusalPage
    keys: list[KeyAnswer]


class OperationsPage(Struct, frozen=True):
    """The read models, what came of late, and for operators all that they act on."""

    standing: ProjectionPage
    interval: Unit
    activity: list[Activity]
    came: list[Column]
    lag: list[Column]
    operator: ForOperators | None

    @property
    def uneven(self) -> bool:
        """Whether the read models are not all in one state."""
        return len({one.state for one in self.standing.data}) > 1

    @property
    def is_late(self) -> bool:
        """Whether the read models are so far behind that somebody should look."""
        return max(one.lag_seconds for one in self.standing.data) > _LATE_SECONDS

    @property
    def worst(self) -> float:
        """The greatest lag in seconds."""
        return max((one.lag_seconds or 0 for one in self.activity), default=0)


class ReadModels(Struct, frozen=True):
    """Read models to build again: one, or all."""

    projection: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """As a rebuild takes them."""
        return (self.projection,) if self.projection else ()

    def __str__(self) -> str:
        return f"the read models {self.projection}" if self.projection else "all read models"


class Nothing(Struct, frozen=True):
    """A form that asks for the reason alone."""


class Parked(Struct, frozen=True):
    """A parked stream."""

    stream: str


class RevokedKey(Struct, frozen=True):
    """A key to revoke."""

    key_id: str


@page("/operations", template="operations.html", section="Operations")
async def operations(view: View) -> OperationsPage:
    """What somebody on call looks at after Today."""
    query = view.query(OperationsQuery)
    is_operator = view.may("admin")
    async with view.pipelined() as conn:
        came, standing, for_operators = await gather(
            activity.activity(
                conn, view.book, query.interval, view.now, refusals=is_operator, most=MOST_COUNTED
            ),
            projections.projections(conn, view.book, view.now),
            _for_operators(conn, view),
        )
    return OperationsPage(
        standing,
        query.interval,
        came.data,
        [_came(one, query.interval) for one in came.data],
        [_lag(one, query.interval) for one in came.data],
        for_operators,
    )


@action("projections/preview", verb="Preview a rebuild")
async def preview_rebuild(view: View, form: ReadModels, act: Act) -> Done:
    """Find out what a rebuild would change."""
    await _ask(view, rebuilds.PREVIEW, form.names, act)
    return Done(f"Asked what a rebuild of {form} would change.", "operations", "wait")


@action("projections/rebuild", verb="Rebuild")
async def rebuild(view: View, form: ReadModels, act: Act) -> Done:
    """Build read models again, and switch to them."""
    await _ask(view, rebuilds.REBUILD, form.names, act)
    return Done(f"Asked for a rebuild of {form}. It begins in a moment.", "operations", "wait")


@action("projections/undo", verb="Undo the last rebuild")
async def undo_rebuild(view: View, form: Nothing, act: Act) -> Done:
    """Go back to the tables before the last rebuild."""
    del form
    await _ask(view, rebuilds.UNDO, (), act)
    return Done("Asked to go back to the read models before.", "operations", "wait")


@action("parked/retry", verb="Retry")
async def retry_parked(view: View, form: Parked, act: Act) -> Done:
    """Fold a parked stream again."""
    async with view.pooled() as conn:
        error = await retry(conn, view.book, form.stream, act)
    if error is None:
        return Done(f"{form.stream} is up to date.", "operations")
    return Done(f"{form.stream} failed again: {error.splitlines()[-1]}", "operations", "bad")


@action("keys/revoke", verb="Revoke")
async def revoke_key(view: View, form: RevokedKey, act: Act) -> Done:
    """Revoke a key of the book for good."""
    async with view.pooled() as conn:
        found = await keys.revoke(conn, view.book, form.key_id, act)
    name = f"{found.label} ({found.key_id})" if found.label else found.key_id
    return Done(f"Revoked the key {name}. It opens nothing after five seconds.", "operations")


async def _for_operators(conn: Queryable, view: View) -> ForOperators | None:
    if not view.may("admin"):
        return None
    order = paging.order({}, ("-asked_at",), str, view.path)
    parked, asked, refused, held = await gather(
        projections.parked(conn, view.book),
        jobs.jobs(conn, view.book, _JOBS, order),
        refusals.page(conn, view.book, _REFUSALS, None),
        keys.keys(conn, view.book),
    )
    return ForOperators(parked.data, asked.data, refused, held.data)


async def _ask(view: View, kind: Kind, names: Sequence[str], act: Act) -> None:
    async with view.pooled() as conn:
        await rebuilds.ask(conn, view.book, kind, names, act)


def _came(one: Activity, unit: Unit) -> Column:
    refused = one.refused or 0
    parts = (
        ("plain", float(one.events - one.attention)),
        ("wait", float(one.attention)),
        ("bad", float(refused)),
    )
    said = f"{one.events} events, {counted(one.attention)} for a person to look at"
    title = f"{one.at:%H:%M} UTC: {said}"
    if one.refused is not None:
        title = f"{title}, {refused} refused"
    return Column(_label(one, unit), parts, title)


def _lag(one: Activity, unit: Unit) -> Column:
    if one.lag_seconds is None:
        return Column(_label(one, unit), (), f"{one.at:%H:%M} UTC: not looked at")
    tone = "bad" if one.lag_seconds > _LATE_SECONDS else "plain"
    title = f"{one.at:%H:%M} UTC: {one.lag_seconds:.1f} s"
    return Column(_label(one, unit), ((tone, one.lag_seconds),), title)


def _label(one: Activity, unit: Unit) -> str:
    count = one.at.minute if unit == "minute" else one.at.hour
    return "" if count % _LABELLED[unit] else f"{one.at:%H:%M}"


OPERATIONS = (
    operations, preview_rebuild, rebuild, undo_rebuild, retry_parked, revoke_key,
)  # fmt: skip
