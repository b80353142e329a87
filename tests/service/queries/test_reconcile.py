"""What is shown of a comparison with the provider that found thousands of differences."""

from msgspec.structs import replace

from service.database.connections import Connection
from service.provider.reconciliation import keeping
from service.queries.reconcile import Drift, first_of_each_kind
from tests.acceptance.compared import DIFFERENCE, RUN


async def test_the_first_of_each_kind_are_those_that_change_access(conn: Connection) -> None:
    calm = [replace(DIFFERENCE, id=f"sub_{n}", effect="none") for n in range(5)]
    loud = [replace(DIFFERENCE, id=f"sub_{e}", effect=e) for e in ("gains", "loses")]
    paid = [replace(DIFFERENCE, kind="payment", id="pay_1", cause="gone", effect="none")]
    drift = (
        Drift("subscription", "never_arrived", 7), Drift("payment", "gone", 1),
        Drift("payment", "parked", 0),
    )  # fmt: skip
    run = replace(RUN, drift=drift)
    await keeping.begin(conn, "test", replace(run, ended_at=None, state="running"))
    await keeping.add(conn, "test", run.run_id, 1, [*calm, *loud, *paid])
    await keeping.finish(conn, "test", run)
    found = await first_of_each_kind(conn, "test", run, 3)
    assert [one.id for one in found] == ["sub_loses", "sub_gains", "sub_0", "pay_1"]
