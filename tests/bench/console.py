"""What each page of the console costs, next to its stylesheet and to a question of the API.

The aim is a p99, which a machine spoils that pauses. So a page that misses it stands next to
arithmetic of the same p50: requests to the same server that only compute, measured right after it.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from msgspec import Struct
from psycopg.sql import SQL, Composable, Identifier
from rich.console import Console
from rich.table import Table

from projections.catalog import PROJECTIONS, STREAMS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service.database.connections import connect
from service.database.statements import relation
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.sandbox.simulation import simulate
from service.store.chain import Delivery
from service.store.events import append, open_books
from service.store.migrations import migrate
from tests.acceptance.service import new_key
from tests.bench.filled import long, rebuilt
from tests.bench.ingest import served
from tests.bench.load import Load, drive, request
from tests.bench.nothing import ARITHMETIC, nothing
from tests.bench.server import server
from tests.bench.walked import static_files, walk
from tests.builders import NOON
from tests.deliveries import delivery

EVENTS = int(os.environ.get("EVENTS", "1000000"))
_BOOK = "test"
_REQUESTS = int(os.environ.get("REQUESTS", "1200"))
_CONNECTIONS = 8
_FIRST = 64
"""Requests of each page that are not measured: a service runs for weeks."""

_AIM = 100.0
"""The p99 in ms below which every page should be answered."""

_WORKERS = 2
_HASHES = 4_000
"""How much is computed to learn how fast that is."""

_SECONDS = 20.0
"""What the requests of one page may take, one after the other."""

_PAGES = [name for name in os.environ.get("PAGES", "").split(",") if name]
"""How the names of the pages begin that are measured; all of them, if none is given."""

_SAMPLES = 25
_LONG, _LENGTH = 5, 2000
"""Streams that are much longer than others, and how many events they have."""

_TERMS = 1_000_000

_WIDEN = SQL("""
    with made as (
        insert into {customers} (book, customer_id, email, name, created_at, position, memo)
        select book, customer_id || '~' || n, 'p' || n || '.' || email, name, created_at, position,
            memo
        from (
            select * from {customers} where email is not null and name is not null limit 1000
        ) c
        cross join generate_series(1, %(copies)s) n
        returning book, customer_id, email, name
    )
    insert into {search_terms} (book, customer_id, term, field)
    select book, customer_id, email, 'email' from made
    union all
    select book, customer_id, lower(word), 'name' from made, unnest(string_to_array(name, ' ')) word
""")


class Page(Struct, frozen=True):
    """A page to be measured."""

    name: str
    addresses: list[str]


def run() -> None:
    """Print latencies and bytes of each page, at eight connections to two workers."""
    with server() as url:
        asyncio.run(_fill(url, EVENTS))
        asyncio.run(rebuilt(url))
        terms = _widen(url)
        with (
            served(url, "--workers", str(_WORKERS)) as (service, _, _projector),
            nothing(_WORKERS) as other,
        ):
            port, key = int(service.port), new_key(url, _BOOK, "read,audit,admin")
            service.await_position(key, EVENTS)
            with _signed_in(port, key) as client:
                _print(url, (port, other), key, client, terms)


def _print(url: str, ports: tuple[int, int], key: str, client: httpx.Client, terms: int) -> None:
    """Measure and print: the baselines, every page, the searches, the bytes."""
    port, other = ports
    # the load names a host that is not this machine's, to which the console's cookie is another
    cookie = "; ".join(f"__Host-{name}={value}" for name, value in client.cookies.items())
    home = f"/console/{_BOOK}"
    static = static_files(client, home)
    heads = ("", "p50 ms", "p99 ms", "arithmetic", "of the API", "kB")
    table = Table(*heads, title=f"{EVENTS:,} events")
    question = Page("API: a page of 50 subscriptions", ["/v1/subscriptions?limit=50"])
    asked = _drive(port, question, {"authorization": f"Bearer {key}"})
    rows = [(question, asked, "")]
    client.headers["authorization"] = f"Bearer {key}"
    style = next(path for path in static if path.endswith(".css"))
    pages = [Page("the stylesheet", [style]), *_pages(url, client)]
    pages += [Page(f"search: {name}", paths) for name, paths in _searches(url).items()]
    if _PAGES:
        pages = [page for page in pages if page.name.startswith(tuple(_PAGES))]
    for page in pages:
        if page.addresses:
            load = _drive(port, page, {"cookie": cookie})
            rows.append((page, load, _arithmetic(other, load)))
    for page, load, arithmetic in rows:
        figures = (load.percentile(0.5), load.percentile(0.99))
        size = _bytes(client, page.addresses[0]) / 1000
        ratio = f"{asked.rate / load.rate:.1f}"
        name = f"{page.name}{_failures(page, load)}"
        table.add_row(name, *(f"{f:.1f}" for f in figures), arithmetic, ratio, f"{size:.1f}")
    for page in pages:
        if not page.addresses:
            table.add_row(f"{page.name}: no link leads there")
    screen = Console(width=120)
    screen.print(table)
    first = {path.rpartition("/")[2]: _bytes(client, path) for path in [*static, home]}
    parts = ", ".join(f"{name} {size / 1000:.1f}" for name, size in first.items())
    screen.print(f"A first visit: {sum(first.values()) / 1000:.1f} kB ({parts}).")
    screen.print(f"The searches are over {terms:,} terms.")


def _pages(url: str, client: httpx.Client) -> Iterator[Page]:
    root, home = "/console/{book:str}", f"/console/{_BOOK}"
    begins = [home, f"{home}/search"]
    with psycopg.connect(url, autocommit=True) as conn:
        for projection in (CUSTOMERS, *STREAMS):
            begins += _sampled(conn, projection)
    for place, addresses in walk(client, begins, _SAMPLES).items():
        yield Page(place.removeprefix(root) or "Today", addresses)
    long_ones = [f"{home}/subscriptions/sub_long_{n}" for n in range(_LONG)]
    yield Page(f"a subscription of {_LENGTH:,} events", long_ones)


def _sampled(conn: psycopg.Connection[Any], projection: Projection[Any]) -> list[str]:
    """Pages of resources of one kind, chosen by chance: the newest alone would be warm."""
    key, view = Identifier(projection.key), relation(projection.view)
    chosen = SQL("select {} from {} order by random() limit {}").format(key, view, _SAMPLES)
    rows = conn.execute(chosen).fetchall()
    return [f"/console/{_BOOK}/{projection.name}/{quote(row[0])}" for row in rows]


def _drive(port: int, page: Page, headers: dict[str, str]) -> Load:
    raw = [request("GET", address, headers) for address in page.addresses]
    # a template is compiled at its first use, and a statement planned at the first ones
    drive(port, [raw[n % len(raw)] for n in range(_FIRST)], _CONNECTIONS)
    # a page that takes a second is asked for less often
    once = drive(port, raw[:1], 1).seconds
    asked = max(_CONNECTIONS, min(_REQUESTS, int(_SECONDS / once)))
    return drive(port, [raw[n % len(raw)] for n in range(asked)], _CONNECTIONS)


def _arithmetic(port: int, load: Load) -> str:
    """The p50 and p99 of requests that only compute for as long, if a page misses the aim."""
    if load.percentile(0.99) < _AIM:
        return ""
    computed, hashes, asked = load, _HASHES, sum(load.statuses.values())
    for requests in (_FIRST * 3, _FIRST * 3, asked):
        path = f"{ARITHMETIC}{hashes}"
        computed = drive(port, [request("GET", path, {})] * requests, _CONNECTIONS)
        hashes = int(hashes * load.percentile(0.5) / computed.percentile(0.5))
    return f"{computed.percentile(0.5):.1f}, {computed.percentile(0.99):.1f}"


def _failures(page: Page, load: Load) -> str:
    # an id leads to its page
    expected = 303 if page.name.endswith(": an id") else 200
    others = {status: n for status, n in load.statuses.items() if status != expected}
    return "".join(f", {n} answered {status}" for status, n in others.items())


def _bytes(client: httpx.Client, address: str) -> int:
    return len(client.get(address).content)


@contextmanager
def _signed_in(port: int, key: str) -> Iterator[httpx.Client]:
    base, own = f"http://127.0.0.1:{port}", {"sec-fetch-site": "same-origin"}
    with httpx.Client(base_url=base, headers=own, timeout=60) as client:
        client.post("/console/-/sign-in", data={"key": key})
        # over the wire as the load sends it
        client.headers["accept-encoding"] = "identity"
        yield client


async def _fill(url: str, events: int) -> None:
    """A store with events of every kind, of customers with names and addresses of their own."""
    made = _deliveries()
    async with await connect(url) as conn:
        await migrate(conn)
        await open_books(conn, {_BOOK: None})
        await rebuild(conn)
        await open_checkpoints(conn)
        for start in range(0, others := events - _LENGTH * _LONG, 500):
            await append(conn, _BOOK, list(islice(made, min(500, others - start))))
    await long(url, _LONG, _LENGTH)


def _deliveries() -> Iterator[Delivery]:
    # one merchant's year: of several, resources of one id would run into each other
    for number, one in enumerate(simulate(EVENTS // 20, 70_000, until=NOON)):
        yield delivery(one.body, f"msg_{number:012d}", one.sent_at)


def _widen(url: str) -> int:
    """Add customers until there are a million search terms; how many there are then."""
    views = _views()
    with psycopg.connect(url, autocommit=True) as conn:
        here = SQL("select count(*) from {search_terms}").format(**views)
        (there,) = conn.execute(here).fetchone() or (0,)
        wanted = min(_TERMS, EVENTS)
        copies = max(0, (wanted - there) // 3000)
        conn.execute(_WIDEN.format(**views), {"copies": copies})
        conn.execute("vacuum analyze")
        (there,) = conn.execute(here).fetchone() or (0,)
    return int(there)


def _searches(url: str) -> dict[str, list[str]]:
    """What people look for, each with some values that are there."""
    columns = {
        "an id": "subscription_id from {subscriptions}",
        "an e-mail address": "email from {customers}",
        "the beginning of an address": "left(email, 6) from {customers}",
        "a name": "name from {customers}",
        "the beginning of a name": "left(name, 3) from {customers}",
        "one letter": "left(name, 1) from {customers}",
        "a licence key": "key from {license_keys}",
        "what is not there": "'no-' || customer_id from {customers}",
    }
    paths = {}
    with psycopg.connect(url, autocommit=True) as conn:
        for name, column in columns.items():
            chosen = SQL(f"select {column} order by random() limit 50").format(**_views())
            texts = [str(text) for (text,) in conn.execute(chosen) if text]
            paths[name] = [f"/console/{_BOOK}/search?q={quote(text)}" for text in texts]
    return paths


def _views() -> dict[str, Composable]:
    return {projection.name: relation(projection.view) for projection in PROJECTIONS}
