"""Before and after a rebuild: what it would change, the way back, and parked streams."""

from typing import Any

import msgspec
import pytest

from domain.catalog import AGGREGATES
from projections.catalog import BY_NAME, BY_SOURCE, PROJECTIONS, STREAMS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.database.connections import Connection
from service.problems import Problem
from service.readmodels.checkpoints import live_tables
from service.readmodels.compare import Difference
from service.readmodels.errors import NoPreviousBuildError
from service.readmodels.projector import advance, retry
from service.readmodels.rebuild import preview, rebuild, undo
from service.readmodels.streams import Target, parked_streams
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery
from tests.entries import IDENTITY
from tests.service.readmodels.test_projector import contents

pytestmark = pytest.mark.scenario


async def tell(conn: Connection, *bodies: bytes) -> None:
    await append(conn, "test", [delivery(content) for content in bodies])
    while await advance(conn, "test"):
        pass


async def renewals(conn: Connection, first: int, last: int) -> None:
    await tell(
        conn,
        *(
            body("subscription.renewed", "active", at(n), f"sub_{n % 7}")
            for n in range(first, last)
        ),
    )


def by_name(found: list[Difference]) -> dict[str, Difference]:
    return {one.projection: one for one in found if one.rows}


async def test_a_preview_of_what_is_right_shows_nothing_and_switches_nothing(
    conn: Connection,
) -> None:
    await renewals(conn, 0, 20)
    before = await live_tables(conn)
    assert by_name(await preview(conn)) == {}
    assert await live_tables(conn) == before


async def test_a_preview_tells_which_rows_change_and_how(conn: Connection) -> None:
    await renewals(conn, 0, 20)
    await conn.execute(
        "update read.subscriptions_v7 set status = 'on_hold' where subscription_id <= 'sub_2'"
    )
    await conn.execute("delete from read.customers_v7")
    await conn.execute("update read.events_v7 set verdict = 'unexpected' where position = 3")
    found = by_name(await preview(conn))
    assert set(found) == {"subscriptions", "customers", "events"}
    assert found["subscriptions"].rows == 3
    assert found["subscriptions"].statuses == {("on_hold", "active"): 3}
    assert found["subscriptions"].examples["sub_0"] == {"status": ("on_hold", "active")}
    assert found["customers"].only_fresh == 1
    assert found["events"].fields == {"verdict": 1}
    await rebuild(conn)
    assert by_name(await preview(conn)) == {}


async def test_the_way_back_is_up_to_date_and_leads_forth_again(conn: Connection) -> None:
    await renewals(conn, 0, 10)
    first = await live_tables(conn)
    await rebuild(conn)
    second = await live_tables(conn)
    await renewals(conn, 10, 25)
    rows = await contents(conn)
    assert await undo(conn) == {"test": 25}
    assert await live_tables(conn) == first
    assert await contents(conn) == rows
    await renewals(conn, 25, 30)
    rows = await contents(conn)
    await undo(conn)
    assert await live_tables(conn) == second
    assert await contents(conn) == rows


async def test_a_part_that_was_rebuilt_goes_back_alone(conn: Connection) -> None:
    await renewals(conn, 0, 10)
    await rebuild(conn)
    await renewals(conn, 10, 15)
    await rebuild(conn, [BY_NAME["subscriptions"], BY_NAME["events"]])
    await renewals(conn, 15, 25)
    rows = await contents(conn)
    await undo(conn)
    assert await contents(conn) == rows


async def test_there_may_be_no_way_back(empty_database_url: str) -> None:
    from service.database.connections import connect  # noqa: PLC0415
    from service.store.migrations import migrate  # noqa: PLC0415

    async with await connect(empty_database_url) as conn:
        await migrate(conn)
        with pytest.raises(NoPreviousBuildError):
            await undo(conn)


EVERY_DAY = {"events", "subscriptions", "customers", "payments_by_day"}
"""One of each source; the others with ``-m slow``."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(p.name, marks=() if p.name in EVERY_DAY else pytest.mark.slow)
        for p in PROJECTIONS
    ],
)
async def test_each_part_alone_is_what_it_was(name: str, conn: Connection) -> None:
    await renewals(conn, 0, 10)
    await tell(conn, body("payment.succeeded", "succeeded", at(1), "pay_1"), b"no json")
    await tell(conn, body("subscription.on_hold", "on_hold", at(-5), "sub_3"))
    rows = await contents(conn)
    await rebuild(conn, [BY_NAME[name]])
    assert await contents(conn) == rows


def break_sub_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(folded: Any) -> Any:  # noqa: ANN401
        if folded.state.id == "sub_bad" and folded.position > 2:
            raise RuntimeError("no such luck")
        return SUBSCRIPTIONS.rows(folded)

    parts = {name: getattr(SUBSCRIPTIONS, name) for name in SUBSCRIPTIONS.__struct_fields__}
    broken = Projection(**parts | {"rows": fragile})
    monkeypatch.setitem(BY_SOURCE, "subscription", (broken,))


TOLD = [
    body("subscription.renewed", "active", at(n), identity)
    for n, identity in enumerate(["sub_1", "sub_bad", "sub_bad", "sub_2", "sub_bad"])
]


async def test_a_rebuild_parks_what_live_does_and_both_show_the_same(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_sub_bad(patch)
        await tell(conn, *TOLD)
        live = await contents(conn)
        aside = await parked_streams(conn, Target("test", None, {}))
        await rebuild(conn)
        assert await contents(conn) == live
        assert aside == {"subscription-sub_bad"}
        assert await parked_streams(conn, Target("test", None, {})) == aside
        said = await retry(conn, "test", "subscription-sub_bad")
        assert said is not None
        assert said.rstrip().endswith("RuntimeError: no such luck")
    # the cause is gone
    assert await retry(conn, "test", "subscription-sub_bad") is None
    assert await parked_streams(conn, Target("test", None, {})) == set()
    rows = await contents(conn)
    await rebuild(conn)
    assert await contents(conn) == rows
    with pytest.raises(Problem, match="is not parked"):
        await retry(conn, "test", "subscription-sub_bad")


async def test_every_kind_of_resource_is_rebuilt(conn: Connection) -> None:
    for number, aggregate in enumerate(AGGREGATES):
        data = IDENTITY.get(aggregate.category, {"id": "i"}) | {"customer_id": "cus_1"}
        kind = aggregate.lifecycle.events[0]
        told = {"business_id": "b", "type": kind, "timestamp": at(number), "data": data}
        await tell(conn, msgspec.json.encode(told))
    rows = await contents(conn)
    assert all(rows[p.name] for p in STREAMS)
    await rebuild(conn)
    assert await contents(conn) == rows


async def test_many_processes_write_what_one_does(conn: Connection) -> None:
    await renewals(conn, 0, 300)
    await tell(conn, *TOLD, b"no json", body("dispute.opened", "opened", at(3), "dp_1"))
    rows = await contents(conn)
    await rebuild(conn, processes=2)
    assert await contents(conn) == rows
