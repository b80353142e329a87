"""A comparison with the provider as it is kept: one difference, of each field something."""

import asyncio
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from domain.drift import REMEDIES
from service.database.connections import connect
from service.provider.reconciliation import keeping
from service.queries.reconcile import Difference, Drift, Run, Skipped

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)

DIFFERENCE = Difference(
    kind="subscription", id="sub_1", customer_id="cus_1", ours="active", theirs="on_hold",
    fields=("status",), cause="never_arrived",
    evidence="The book has no subscription.on_hold that leads there.",
    missing_types=("subscription.on_hold",), effect="loses", review=False,
    remedy=REMEDIES["never_arrived"], applied=False,
)  # fmt: skip

RUN = Run(
    run_id="20260504T120000Z-5f0c8a21", began_at=NOW, ended_at=NOW + timedelta(seconds=40),
    state="drift", reason=None, since=NOW - timedelta(days=30), apply=False, looked_at=120,
    in_sync=119, differing=1, applied=0, review=0,
    drift=(Drift("subscription", "never_arrived", 1),),
    gaining=0, losing=1, gains=(), losses=("cus_1",), calls=14,
    skipped=(Skipped("payout", "The provider refuses the API key."),),
    unsubscribed_types=("subscription.on_hold",),
)  # fmt: skip


def keep(url: str, book: str, run: Run = RUN, *differences: Difference) -> None:
    """Keep a run of a book; by default one that found one difference."""

    async def kept() -> None:
        async with await connect(url) as conn:
            begun = replace(run, ended_at=None, state="running")
            await keeping.begin(conn, book, begun)
            await keeping.add(conn, book, run.run_id, 1, differences or [DIFFERENCE])
            await keeping.finish(conn, book, run)

    asyncio.run(kept())
