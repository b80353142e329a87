"""``daybook doctor``: whether a book's checkpoints are signed, and kept out of reach."""

from service.database.connections import Connection
from service.proof import published
from service.provider.findings import Finding

_SIGNING = (
    "Follow what it says; see Checkpoints in service/README.md. Webhooks are recorded all the same."
)
_ANCHORING = "See Anchors in service/README.md. It is tried again every minute."


async def checkpoints(book: str, conn: Connection) -> list[Finding]:
    """Whether checkpoints are signed."""
    for one in await published.problems(conn, book):
        if not one.anchor:
            return [Finding(book, "checkpoints", "problem", one.problem, _SIGNING)]
    latest = await published.checkpoints(conn, book, published.LAST, 1)
    if not latest:
        return [Finding(book, "checkpoints", "skipped", "No checkpoint has been signed yet.")]
    found = f"Signed up to position {latest[0].size}."
    return [Finding(book, "checkpoints", "ok", found)]


async def anchors(book: str, conn: Connection) -> list[Finding]:
    """Whether they are anchored."""
    failing = [one for one in await published.problems(conn, book) if one.anchor]
    found = [
        Finding(book, "anchors", "problem", f"{one.anchor}: {one.problem}", _ANCHORING)
        for one in failing
    ]
    names = {one.anchor for one in failing}
    kept = [one for one in await published.anchors_of(conn, book) if one.anchor not in names]
    found += [
        Finding(book, "anchors", "ok", f"{one.anchor} has it up to position {one.size}.")
        for one in kept
    ]
    if found:
        return found
    text = "No anchor has a checkpoint: an owner of the database could rewrite the book unseen."
    return [Finding(book, "anchors", "skipped", text)]
