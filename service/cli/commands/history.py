"""``daybook history``: the events of one resource."""

from typing import Annotated

import typer

from service.cli import screens
from service.cli.app import app
from service.cli.options import OUT, Config, DataDir, SomeBook, ask, the_book
from service.database.connections import Connection
from service.queries import histories, resources
from service.queries.answers import History
from service.settings import load


@app.command()
def history(
    stream: Annotated[
        str, typer.Argument(help="A resource, such as subscription-sub_… or payment-pay_…")
    ],
    book: SomeBook = None,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Show the events of a resource in the order they happened, each with our verdict on it."""
    settings = load(config, data_dir=data_dir)
    resources.category_of(stream)
    name = the_book(settings, book)

    async def query(conn: Connection) -> History:
        return await histories.history(conn, await resources.target_of(conn, name), stream)

    screens.history(OUT, ask(settings, query))
