"""How PostgreSQL answers each question, over a database with many rows: no table is read whole.

The plans are those of the statements that the running service sends, as the server itself logs
them (``auto_explain``): whatever a question comes to ask is looked at here.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest

from projections.catalog import PROJECTIONS
from service.database.connections import connect
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.store.events import append, open_books
from tests import servers
from tests.acceptance import compared, estate, previewed
from tests.acceptance.doors import CONFIG, Doors
from tests.acceptance.service import Service, new_key
from tests.acceptance.walk import questions
from tests.builders import at, body
from tests.conftest import as_owner, fresh_database
from tests.deliveries import delivery

pytestmark = pytest.mark.slow

CUSTOMERS = 3_000
SUMS = re.compile(r"get_\w+_metric|list_\w+_metric_rows|list_activity")
"""What adds up all that it is asked about has to read it."""

READ_MODELS = tuple(projection.view for projection in PROJECTIONS)
ELSEWHERE = {"min_position", "stale", "fields", "cursor", "limit", "format"}
VALUES = {
    "date-time": [at(-1).isoformat(), at(1_000).isoformat()],
    "boolean": ["true", "false"],
    "integer": ["0", "5000"],
    "position": ["0", "20000"],
}


class Plans:
    """What the server has logged of its plans."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = log.stat().st_size

    def fresh(self) -> list[dict[str, Any]]:
        """The plans since the last time."""
        with self._log.open() as log:
            log.seek(self._read)
            said = log.read()
            self._read = log.tell()
        found = re.findall(r"plan:\n(\t\{\n(?:\t.*\n)+)", said)
        return [json.loads(one) for one in found]


def whole(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that a plan reads from the first row to the last, or the store from its first."""
    relation = plan.get("Relation Name", "")
    if plan["Node Type"] == "Seq Scan" and relation.startswith((*READ_MODELS, "event")):
        yield relation
    if plan.get("Index Name") == "event_pkey" and "position" not in plan.get("Index Cond", ""):
        yield relation
    for inner in plan.get("Plans", ()):
        yield from whole(inner)


@pytest.fixture(scope="module")
def filled(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Doors, Plans]]:
    here = tmp_path_factory.mktemp("filled")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    asyncio.run(fill(url))
    compared.keep(url, "live")
    previewed.keep(url, "live")
    env = {"DAYBOOK_DATABASE_URL": url}
    with psycopg.connect(as_owner(url), autocommit=True) as conn:
        conn.execute("vacuum analyze")
    log = servers.explained(as_owner(url))
    service = Service(here, env=env).start()
    key = new_key(url, "live", "read,audit,admin")
    yield Doors(service, key, key, url), Plans(log)
    assert service.stop() == 0


async def fill(url: str) -> None:
    async with await connect(url) as conn:
        await open_books(conn, {"live": "bus_1"})
        for first in range(0, CUSTOMERS, 100):
            batch = [
                delivery(content)
                for n in range(first, first + 100)
                for content in (*estate.told(f"cus_{n}", str(n)), *decided(n))
            ]
            async with conn.transaction():
                await append(conn, "live", batch)
        await rebuild(conn)
        await open_checkpoints(conn)


def decided(number: int) -> list[bytes]:
    """Most disputes are: few await an answer."""
    lost = body("dispute.lost", "lost", at(200), f"dp_{number}", None, amount="2261")
    return [lost] if number % 20 else []


def test_no_question_reads_a_table_whole(filled: tuple[Doors, Plans]) -> None:
    doors, plans = filled
    client = doors.service.client
    headers = {"authorization": f"Bearer {doors.live}"}
    document = client.get("/schema/openapi.json").json()
    operations = {
        operation["operationId"]: operation
        for item in document["paths"].values()
        for operation in item.values()
    }
    asked = questions(document, lambda path: client.get(path, headers=headers).json())
    read: dict[str, set[str]] = {}
    looked_at = 0
    for operation_id, path in asked.items():
        if SUMS.fullmatch(operation_id):
            continue
        left = [*variants(path, operations[operation_id].get("parameters", ()))]
        while left:
            url = left.pop()
            plans.fresh()
            answer = client.get(url, headers=headers)
            assert answer.status_code in {200, 404}, (url, answer.text)
            found = plans.fresh()
            looked_at += len(found)
            if scanned := {name for plan in found for name in whole(plan["Plan"])}:
                read[url] = scanned
            told = answer.json()
            if "cursor=" not in url and isinstance(told, dict) and told.get("next_cursor"):
                left.append(with_parameter(url, "cursor", told["next_cursor"]))
    assert read == {}
    assert looked_at > 300


def test_no_question_about_many_customers_reads_a_table_whole(filled: tuple[Doors, Plans]) -> None:
    doors, plans = filled
    headers = {"authorization": f"Bearer {doors.live}"}
    # some have nothing, and are looked up among all customers
    customers = [f"cus_{n}" for n in range(0, 2 * CUSTOMERS, 7)]
    for members in ({}, {"as_of": at(10).isoformat()}, {"known_at": "20000"}):
        plans.fresh()
        question = {"customer_ids": customers, **members}
        answer = doors.service.client.post("/v1/access", json=question, headers=headers)
        assert answer.status_code == 200, answer.text
        found = plans.fresh()
        assert found
        assert {name for plan in found for name in whole(plan["Plan"])} == set()


def variants(path: str, parameters: list[dict[str, Any]]) -> Iterator[str]:
    """The question, with each of its parameters alone, with values that are common and rare."""
    yield path
    for parameter in parameters:
        name, schema = parameter["name"], parameter["schema"]
        if parameter["in"] == "query" and name not in ELSEWHERE | {"q", "confirm"}:
            # of a time that may be a day as well, the time
            items = schema.get("items") or schema.get("anyOf", [schema])[0]
            kind = "position" if "pattern" in items else items.get("format", items["type"])
            for value in items.get("enum") or VALUES.get(kind, ["pdt_pro", "EUR", "nothing"]):
                yield with_parameter(path, name, value)


def with_parameter(path: str, name: str, value: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{urlencode({name: value})}"
