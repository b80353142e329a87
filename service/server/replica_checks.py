"""``daybook doctor``: whether the replica answers, and how far it lags."""

import asyncio

from service.database.connections import QUESTIONS, connect
from service.provider.findings import Finding, State
from service.queries import resources
from service.settings import Settings

_LAG_EVENTS = 1_000


async def replica(settings: Settings, primary: str | None) -> list[Finding]:
    """Whether the replica answers, is a standby, and follows the primary."""
    if settings.replica_url is None:
        return [_finding("skipped", "No replica is configured.")]
    url = settings.replica_url.get_secret_value()
    try:
        async with asyncio.timeout(QUESTIONS.answer), await connect(url, QUESTIONS) as conn:
            there = await resources.checkpoints(conn)
            standby = await resources.is_standby(conn)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        reason = " ".join(str(error).split()) or type(error).__name__
        remedy = "The primary answers its questions meanwhile. Start it, or correct replica_url."
        return [_finding("problem", f"The replica does not answer: {reason}.", remedy)]
    if not standby:
        found = "The server at replica_url is not a standby: its answers do not follow the primary."
        return [_finding("problem", found, "Correct replica_url, or remove it.")]
    if primary is None:
        return [_finding("ok", "The replica answers.")]
    async with await connect(primary, QUESTIONS) as conn:
        here = {row["book"]: row["position"] or 0 for row in await resources.checkpoints(conn)}
    reached = {row["book"]: row["position"] or 0 for row in there}
    lag = max((at - reached.get(book, 0) for book, at in here.items()), default=0)
    found = f"The replica answers, and lacks {max(lag, 0)} events that the primary shows."
    if lag > _LAG_EVENTS:
        return [_finding("problem", found, "See pg_stat_replication on the primary.")]
    return [_finding("ok", found)]


def _finding(state: State, found: str, remedy: str = "") -> Finding:
    return Finding(None, "replica", state, found, remedy)
