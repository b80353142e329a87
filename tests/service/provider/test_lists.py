"""Whole lists: no row is left out, whatever the provider's limit, order and new rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.provider.errors import UnexpectedAnswerError
from service.provider.kinds import CREDIT, ENTITLEMENT_GRANT, KINDS, PAYMENT, PAYOUT, Kind
from service.provider.lists import Page, Remaining, rows
from tests.builders import NOON, at
from tests.service.provider.stand_in import Answer, Request, answering, client_of, document

FAST = 100_000


class Listed:
    """Payments behind a server that pages as it is told to."""

    def __init__(self, moments: list[datetime], order: str, cap: int | None, beyond: str) -> None:
        self.rows: list[dict[str, Any]] = [
            {"payment_id": f"pay_{n}", "created_at": m} for n, m in enumerate(moments)
        ]
        self.order, self.cap, self.beyond = order, cap, beyond
        self.asked: list[dict[str, str]] = []
        self.inserting = False

    def answer(self, request: Request) -> Answer:
        query = request.query
        self.asked.append(query)
        if self.inserting:
            new = {"payment_id": f"new_{len(self.asked)}", "created_at": at(10_000)}
            self.rows.append(new)
        number, size = int(query["page_number"]), int(query["page_size"])
        if self.cap is not None and number >= self.cap:
            if self.beyond == "refuses":
                return Answer(422, b'{"message":"page_number is too large"}')
            if self.beyond == "is empty":
                return document({"items": []})
            number = self.cap - 1
        since, until = (
            msgspec.convert(query[name], datetime) for name in ("created_at_gte", "created_at_lte")
        )
        found = [row for row in self.rows if since <= row["created_at"] <= until]
        if self.order != "insertion":
            found.sort(key=lambda row: row["created_at"], reverse=self.order == "descending")
        items = found[number * size : (number + 1) * size]
        return Answer(200, msgspec.json.encode({"items": items}))


async def pages(url: str, kind: Kind = PAYMENT, **more: Any) -> list[Page]:  # noqa: ANN401
    async with client_of(url, requests_per_minute=FAST) as provider:
        return [page async for page in rows(provider, kind, **more)]


def ids(found: list[Page]) -> list[str]:
    return [row.id for page in found for row in page.rows]


@contextmanager
def listing(
    moments: list[datetime], order: str, cap: int | None = None, beyond: str = ""
) -> Iterator[tuple[str, Listed]]:
    listed = Listed(moments, order, cap, beyond)
    with answering(listed.answer) as url:
        yield url, listed


ORDERS = ("descending", "ascending", "insertion")
MOMENTS = st.lists(st.integers(-60, -1).map(at), max_size=30)


@given(
    MOMENTS,
    st.sampled_from(ORDERS),
    st.sampled_from([(None, ""), (2, "refuses"), (2, "is empty"), (3, "repeats")]),
    st.booleans(),
)
async def test_every_row_is_read_however_the_provider_pages(
    moments: list[datetime],
    order: str,
    cap: tuple[int | None, str],
    inserting: bool,  # noqa: FBT001 - as hypothesis gives it
) -> None:
    # as many rows of one instant as no page shows cannot be read by anybody
    moments = [m for n, m in enumerate(moments) if moments[:n].count(m) < 2]
    with listing(moments, order, *cap) as (url, listed):
        listed.inserting = inserting
        found = await pages(url, since=at(-64), until=NOON, page_size=3)
    assert {f"pay_{n}" for n in range(len(moments))} == set(ids(found))
    assert all(page.rows for page in found)


async def test_a_list_within_the_limit_costs_one_request_more_than_its_pages() -> None:
    with listing([at(-n) for n in range(1, 251)], "descending") as (url, listed):
        found = await pages(url, until=NOON)
    assert [len(page.rows) for page in found] == [100, 100, 50]
    assert len(listed.asked) == 4
    assert len(set(ids(found))) == 250


async def test_a_limit_costs_no_row_twice_but_those_of_one_instant() -> None:
    with listing([at(-n) for n in range(1, 501)], "descending", 2, "refuses") as (url, listed):
        found = await pages(url, until=NOON)
    assert len(set(ids(found))) == 500
    assert len(ids(found)) <= 505
    assert len(listed.asked) <= 12


@pytest.mark.parametrize("beyond", ["refuses", "is empty", "repeats"])
@pytest.mark.parametrize("order", ORDERS)
async def test_a_long_list_is_read_to_its_end(order: str, beyond: str) -> None:
    moments = [at(-(n * 7) % 1009 - 1009) for n in range(1000)]
    with listing(moments, order, 3, beyond) as (url, _):
        found = await pages(url, since=at(-1100), until=NOON)
    assert len(set(ids(found))) == 1000


@pytest.mark.parametrize(
    "shown", [None, "soon", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00"]
)
@pytest.mark.parametrize("beyond", ["refuses", "is empty"])
async def test_a_wrong_time_of_one_row_hides_no_other(shown: str | None, beyond: str) -> None:
    moments = [at(-n) for n in range(1, 501)]
    with listing(moments, "descending", 2, beyond) as (_, listed):

        def answer(request: Request) -> Answer:
            given = listed.answer(request)
            found = msgspec.json.decode(given.body)
            for row in found.get("items", ()):
                # the last row of the last page that is shown
                if row["payment_id"] == "pay_199":
                    row["created_at"] = shown
            return given._replace(body=msgspec.json.encode(found))

        with answering(answer) as wrong:
            found = await pages(wrong, until=NOON)
    assert len(set(ids(found))) == 500
    assert len(listed.asked) <= 16


@pytest.mark.parametrize("order", ORDERS)
async def test_reading_goes_on_where_it_was(order: str) -> None:
    moments = [at(-(n * 7) % 101 - 101) for n in range(50)]
    with listing(moments, order, 4, "refuses") as (url, _):
        whole = await pages(url, since=at(-256), until=NOON, page_size=5)
        for n, page in list(enumerate(whole))[::5]:
            kept = msgspec.json.decode(msgspec.json.encode(page.remaining), type=Remaining)
            after = await pages(url, remaining=kept, page_size=5)
            assert set(ids(whole[: n + 1])) | set(ids(after)) == {f"pay_{n}" for n in range(50)}


async def test_a_row_is_the_bytes_that_were_sent() -> None:
    body = b'{ "items" : [ {"payment_id":"p", "x" : 1.0} ,{"payment_id":"q","created_at":null}]}'
    answers = iter((Answer(200, body), document({"items": []})))
    with answering(lambda _: next(answers)) as url:
        [page] = await pages(url)
    assert [row.body for row in page.rows] == [
        b'{"payment_id":"p", "x" : 1.0}', b'{"payment_id":"q","created_at":null}',
    ]  # fmt: skip
    assert page.reply.body == body


async def test_ids_go_into_the_path_and_filters_into_the_query() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return document({"items": []})

    with answering(answer) as url:
        await pages(url, ENTITLEMENT_GRANT, filters={"customer_id": "cus/1", "status": "Delivered"})
        await pages(url, CREDIT, filters={"customer_id": "cus_1", "credit_entitlement_id": "ce_1"})
    assert asked[0].path == "/customers/cus%2F1/entitlement-grants"
    assert asked[0].query == {"status": "Delivered", "page_number": "0", "page_size": "100"}
    assert asked[1].path == "/credit-entitlements/ce_1/balances/cus_1/ledger"
    assert set(asked[1].query) == {"start_date", "end_date", "page_number", "page_size"}


@pytest.mark.parametrize("answer", [document({}), document([]), document({"items": None})])
async def test_a_list_that_is_none_is_refused(answer: Answer) -> None:
    refused = pytest.raises(UnexpectedAnswerError, match="/payments is not as documented")
    with answering(lambda _: answer) as url, refused:
        await pages(url)


async def test_rows_that_no_page_shows_are_told() -> None:
    refused = pytest.raises(UnexpectedAnswerError, match="with rows left over")
    with listing([at(-1)] * 9, "descending", 2, "refuses") as (url, _), refused:
        await pages(url, since=at(-1), until=at(-1), page_size=3)
    with answering(lambda _: document({"items": [{"id": "g"}]})) as url, refused:
        await pages(url, ENTITLEMENT_GRANT, filters={"customer_id": "cus_1"})


def test_each_kind_has_its_paths() -> None:
    assert KINDS["subscription"].path_of("sub/1") == "/subscriptions/sub%2F1"
    with pytest.raises(ValueError, match="payout cannot be read by id"):
        PAYOUT.path_of("po_1")
