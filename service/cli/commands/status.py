"""``daybook status``: the state of each book and of the database."""

from service.cli import screens
from service.cli.app import app
from service.cli.options import OUT, Config, DataDir, ask
from service.database.connections import Connection
from service.queries import refusals, resources
from service.settings import load
from service.store import roles


@app.command()
def status(config: Config = None, data_dir: DataDir = None) -> None:
    """Show each book's events, last webhook and lag, parked streams, refusals, database access."""

    async def show(conn: Connection) -> None:
        checkpoints = await resources.checkpoints(conn)
        last = await resources.last_webhooks(conn, [row["book"] for row in checkpoints])
        screens.status(OUT, checkpoints, last, await resources.parked(conn))
        screens.refusals(OUT, await refusals.counts(conn, book=None))
        screens.database_access(OUT, await roles.access(conn))

    ask(load(config, data_dir=data_dir), show)
