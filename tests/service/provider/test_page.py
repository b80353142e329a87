"""The rows of a page: what is wrong with one costs no other."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.provider.client import Reply
from service.provider.errors import BrokenAnswerError, UnexpectedAnswerError
from service.provider.kinds import PAYMENT
from service.provider.lists import Page
from service.provider.page import Row, Rows, rows_of
from tests.builders import NOON
from tests.service.provider.stand_in import Answer, Request, answering
from tests.service.provider.test_lists import ids, pages

DEEP = b'{"payment_id":"p","metadata":{"x":' + b"[" * 5000 + b"]" * 5000 + b"}}"
READ = {
    "half of a surrogate pair": b'{"payment_id":"p","name":"Zoe \\ud83d"}',
    "not UTF-8": b'{"payment_id":"p","name":"Zoe \xff"}',
    "a control character": b'{"payment_id":"p","name":"\x01"}',
    "NaN": b'{"payment_id":"p","x":NaN}',
    "no escape": b'{"payment_id":"p","x":"\\q"}',
    "deep": DEEP,
    "commas and brackets in a text": b'{"x":"],[{,\\"","y":NaN,"payment_id":"p"}',
    "created_at a word": b'{"payment_id":"p","created_at":"soon"}',
    "created_at a number": b'{"payment_id":"p","created_at":1700000000}',
    "created_at without a zone": b'{"payment_id":"p","created_at":"2026-10-01T00:00:00"}',
    "created_at before all time": b'{"payment_id":"p","created_at":"0001-01-01T00:00:00+14:00"}',
    "created_at not UTF-8": b'{"payment_id":"p","created_at":"\xff"}',
}
UNREAD = {
    "no id": b"{}",
    "null as an id": b'{"payment_id":null}',
    "a number as an id": b'{"payment_id":7}',
    "an empty id": b'{"payment_id":""}',
    "NUL in an id": b'{"payment_id":"p\\u0000"}',
    "half of a surrogate pair in an id": b'{"payment_id":"\\ud83d"}',
    "an id that is not UTF-8": b'{"payment_id":"\xff"}',
    "a long id": b'{"payment_id":"' + b"p" * 201 + b'"}',
    "null": b"null",
    "a list": b"[]",
    "a word": b"hello",
    "NaN": b"NaN",
}


def page(*rows: bytes, before: bytes = b'{"items":[', after: bytes = b"]}") -> bytes:
    return before + b",".join(rows) + after


def parsed(body: bytes) -> Rows:
    return rows_of(PAYMENT, Reply("/payments?page_number=0", 200, body, None, NOON, NOON))


def good(number: int) -> bytes:
    return json.dumps({"payment_id": f"pay_{number}", "created_at": NOON.isoformat()}).encode()


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("name", READ)
def test_a_value_costs_its_field(name: str, place: int) -> None:
    bodies = [good(1), good(2)]
    bodies.insert(place, READ[name])
    found = parsed(page(*bodies))
    assert [row.body for row in found.rows] == bodies
    assert found.rows[place] == Row("p", READ[name], None)
    assert (found.unread, found.length) == ((), 3)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("name", UNREAD)
def test_an_id_costs_its_row(name: str, place: int) -> None:
    bodies = [good(1), good(2)]
    bodies.insert(place, UNREAD[name])
    found = parsed(page(*bodies))
    assert [row.body for row in found.rows] == [good(1), good(2)]
    assert found.rows[0].created_at == NOON
    [unread] = found.unread
    assert f"row {place + 1} of /payments" in unread
    assert found.length == 3


@pytest.mark.parametrize(
    "body",
    [
        page(b'{"payment_id":"p","x":NaN}', before=b'{"count":[1,{"items":[2]}], "items" :\n[ '),
        page(b'{"payment_id":"p","x":NaN}', after=b' ] ,"items":[1],"next":[1,2]}'),
        b"\xef\xbb\xbf" + page(b'{"payment_id":"p","x":NaN}'),
    ],
)
def test_rows_are_found_whatever_stands_beside_them(body: bytes) -> None:
    assert parsed(body).rows == (Row("p", b'{"payment_id":"p","x":NaN}', None),)


@pytest.mark.parametrize("body", [b'{"items":null,"x":NaN}', b'{"x":NaN}', b"[NaN]", b"{}", b"[]"])
def test_what_has_no_rows_is_no_list(body: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError, match="/payments is not as documented"):
        parsed(body)


ALPHABET = list(b'{}[]",:\\ \x00\xff\xedn1e')


@given(
    st.lists(st.sampled_from([*READ.values(), *UNREAD.values()]), max_size=4),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from(ALPHABET), st.booleans()), max_size=4),
)
@example([], [])
def test_no_page_does_more_than_not_to_be_read(
    bodies: list[bytes], mutations: list[tuple[int, int, bool]]
) -> None:
    body = bytearray(page(good(1), *bodies, good(2)))
    for place, byte, inserts in mutations:
        body[place % len(body) : place % len(body) + (not inserts)] = bytes([byte])
    try:
        found = parsed(bytes(body))
    except UnexpectedAnswerError:
        return
    assert all(row.body in body for row in found.rows)
    assert all(row.id and "\0" not in row.id for row in found.rows)
    assert found.length == len(found.rows) + len(found.unread)


@given(st.lists(st.sampled_from([*READ.values(), *UNREAD.values()]), max_size=9))
def test_the_neighbours_of_any_rows_are_read(bodies: list[bytes]) -> None:
    between = [b for pair in zip(bodies, map(good, range(9)), strict=False) for b in pair]
    found = parsed(page(*between))
    assert {f"pay_{n}" for n in range(len(bodies))} <= {row.id for row in found.rows}


async def read_broken(bodies: list[bytes]) -> list[Page]:
    def answer(request: Request) -> Answer:
        number, size = int(request.query["page_number"]), int(request.query["page_size"])
        return Answer(200, page(*bodies[number * size : (number + 1) * size]))

    with answering(answer) as url:
        return await pages(url, until=datetime(2026, 12, 1, tzinfo=UTC))


@pytest.mark.parametrize("size", [3, 57, 100, 130])
async def test_a_row_that_breaks_its_page_costs_no_other(size: int) -> None:
    bodies = [good(n) for n in range(size)]
    bodies[size // 2] = b'{"payment_id":"bad","x":"}'
    found = await read_broken(bodies)
    assert set(ids(found)) == {f"pay_{n}" for n in range(size) if n != size // 2}
    # the server knows no windows, so a full page comes again
    [unread] = {one for page in found for one in page.unread}
    assert f"page {size // 2} of 1 rows" in unread
    # each row names the reply that it came in
    assert all(row.body in page.reply.body for page in found for row in page.rows)


async def test_a_list_of_nothing_but_broken_rows_is_refused() -> None:
    with pytest.raises(BrokenAnswerError, match="JSON that has no end"):
        await read_broken([b'{"payment_id":"}'] * 3)
