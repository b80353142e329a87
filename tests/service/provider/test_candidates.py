"""What a comparison looks at: a row that cannot be read costs no other, and is told."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from service.database.connections import Connection
from service.provider.client import COMMAND
from service.provider.errors import UnexpectedAnswerError
from service.provider.kinds import CREDIT, LICENSE_KEY, Kind
from service.provider.readings import Reading
from service.provider.reconciliation.candidates import theirs
from service.queries.resources import VIEWS
from service.readmodels.streams import Target
from tests.service.provider.stand_in import Answer, Request, answering, client_of
from tests.service.provider.test_page import page


async def collect(listing: AsyncIterator[list[Reading]], found: list[str]) -> None:
    async for readings in listing:
        found += [reading.id for reading in readings]


async def listed(conn: Connection, kind: Kind, why: str, **lists: list[bytes]) -> list[str]:
    """The ids that are found before the list is refused."""

    def answer(request: Request) -> Answer:
        rows = lists.get(request.path.strip("/").replace("-", "_").replace("/", "__"), [])
        return Answer(200, page(*(rows if request.query["page_number"] == "0" else ())))

    found: list[str] = []
    with answering(answer) as url:
        async with client_of(url, requests_per_minute=100_000) as provider:
            target = Target("test", None, VIEWS)
            listing = theirs(conn, provider, target, kind, timedelta(days=1), COMMAND)
            with pytest.raises(UnexpectedAnswerError, match=why):
                await collect(listing, found)
    return found


async def test_a_row_without_an_id_is_told_after_the_others(conn: Connection) -> None:
    rows = [b'{"id":"lic_1"}', b'{"id":null}', b'{"id":"lic_2","key":"\xff"}']
    found = await listed(conn, LICENSE_KEY, "row 2 of /license_keys", license_keys=rows)
    assert found == ["lic_1", "lic_2"]


@pytest.mark.parametrize("customer", [b"null", b'""', b'"\\u0000"', b'"\xff"'])
async def test_a_balance_of_nobody_is_told(customer: bytes, conn: Connection) -> None:
    found = await listed(
        conn, CREDIT, "A balance of /credit-entitlements/ce_1",
        credit_entitlements=[b'{"id":"ce_1"}'],
        credit_entitlements__ce_1__balances=[b'{"id":"bal_1","customer_id":%s}' % customer],
    )  # fmt: skip
    assert found == []
