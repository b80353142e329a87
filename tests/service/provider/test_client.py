"""The client against a real server: exact bytes, narrow windows, errors that say what to do."""

import gzip
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from service.provider import client
from service.provider.client import COMMAND, LOGIN, Patience
from service.provider.errors import (
    BrokenAnswerError,
    LimitedError,
    NotFoundError,
    ProviderError,
    UnexpectedAnswerError,
    UnreachableError,
    WrongKeyError,
)
from service.settings import Book, SettingsError
from tests.builders import NOON, SECRET
from tests.service.provider.stand_in import KEY, Answer, Request, answering, client_of

SHORT = Patience(0.5)
BYTES = '{"name":"Zoë","amount":  1.50,\n"x":null}'.encode()


@contextmanager
def in_turn(*answers: Answer) -> Iterator[tuple[str, list[Request]]]:
    """A server that gives these answers, and the last of them again and again."""
    asked: list[Request] = []

    def answer(request: Request) -> Answer:
        asked.append(request)
        return answers[min(len(asked), len(answers)) - 1]

    with answering(answer) as url:
        yield url, asked


async def test_a_reply_is_the_bytes_that_were_sent_and_when() -> None:
    with in_turn(Answer(200, BYTES)) as (url, asked):
        before = datetime.now(UTC)
        async with client_of(url) as provider:
            reply = await provider.get("/things/a%2Fb", {"page_number": 0, "at": "00:00Z"})
            assert provider.calls == 1
        assert reply.body == BYTES
        assert reply.path == "/things/a%2Fb?page_number=0&at=00%3A00Z"
        assert before <= reply.requested_at <= reply.answered_at
        assert reply.date
        assert abs((reply.date - reply.answered_at).total_seconds()) < 5
        assert asked[0].headers["authorization"] == f"Bearer {KEY}"
        assert (asked[0].path, asked[0].query["page_number"]) == ("/things/a%2Fb", "0")


async def test_the_clock_is_the_providers() -> None:
    with in_turn(Answer(200, headers={"date": "Sun, 03 May 2026 12:00:00 GMT"})) as (url, _):
        async with client_of(url) as provider:
            assert abs((provider.now - datetime.now(UTC)).total_seconds()) < 5
            await provider.get("/x")
            assert abs((provider.now - NOON).total_seconds()) < 5


async def test_what_may_pass_is_asked_again() -> None:
    with in_turn(Answer(503), Answer(429, headers={"retry-after": "0"}), Answer(200, BYTES)) as (
        url,
        asked,
    ):
        async with client_of(url) as provider:
            assert (await provider.get("/x")).body == BYTES
            assert provider.calls == len(asked) == 3


async def test_a_login_is_answered_after_one_request() -> None:
    with in_turn(Answer(503), Answer(200)) as (url, asked):
        async with client_of(url) as provider:
            with pytest.raises(UnreachableError, match="fails \\(503\\)"):
                await provider.get("/x", patience=LOGIN)
        assert len(asked) == 1


async def test_a_slow_answer_is_not_a_reading() -> None:
    ended = threading.Event()

    def late(_: Request) -> Answer:
        ended.wait(10)
        return Answer(200)

    with answering(late) as url:
        async with client_of(url) as provider:
            with pytest.raises(UnreachableError, match="did not answer within"):
                await provider.get("/x", patience=Patience(0.2, retry=False))
        ended.set()


async def test_a_limit_beyond_the_patience_is_told_at_once() -> None:
    with in_turn(Answer(429, headers={"retry-after": "60"})) as (url, asked):
        async with client_of(url) as provider:
            with pytest.raises(LimitedError, match="limits the rate"):
                await provider.get("/x", patience=LOGIN)
            # later callers know without a request
            with pytest.raises(LimitedError, match="no request for"):
                await provider.get("/x", patience=COMMAND)
        assert len(asked) == 1


async def test_our_own_limit_is_kept() -> None:
    with in_turn(Answer(200)) as (url, asked):
        async with client_of(url, requests_per_minute=2) as provider:
            await provider.get("/x", patience=LOGIN)
            with pytest.raises(LimitedError):
                await provider.get("/x", patience=Patience(0.5, retry=False))
        assert len(asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (Answer(401), WrongKeyError, "book 'test' .401.. It must be a key of test mode for http"),
        (Answer(403, b'{"message":"read only"}'), WrongKeyError, '"read only".*write access'),
        (Answer(401, f'{{"message":"no {KEY}"}}'.encode()), WrongKeyError, '"no …"'),
        (Answer(404), NotFoundError, "does not have /x"),
        (Answer(400, b'{"message":"bad \x1b"}'), UnexpectedAnswerError, "refuses /x .400."),
        (Answer(302, headers={"location": "http://example.com"}), UnexpectedAnswerError, "redir"),
        (Answer(200, b"<html>"), UnexpectedAnswerError, "else than JSON"),
        (Answer(200, b'{"a":'), BrokenAnswerError, "JSON that has no end"),
        (Answer(200, b'"\xff"'), UnexpectedAnswerError, "else than JSON"),
        (
            Answer(200, gzip.compress(b"{}"), {"content-encoding": "gzip"}),
            UnexpectedAnswerError,
            "else than JSON",
        ),
    ],
)
async def test_what_cannot_be_used_is_refused_with_what_to_do(
    answer: Answer, kind: type[ProviderError], text: str
) -> None:
    with in_turn(answer) as (url, asked):
        async with client_of(url) as provider:
            with pytest.raises(kind, match=text) as refused:
                await provider.get("/x?secret=1", patience=SHORT)
        assert len(asked) == 1
        assert KEY not in repr(refused.value)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":NaN}', b'{"a":"\\ud83d"}', b'{"a":"\xff"}', b'\xef\xbb\xbf {"a":1}',
        b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", b'["\x01", 1e999]',
    ],
)  # fmt: skip
async def test_a_value_that_no_parser_takes_costs_no_answer(body: bytes) -> None:
    with in_turn(Answer(200, body)) as (url, _):
        async with client_of(url) as provider:
            assert (await provider.get("/x", patience=SHORT)).body == body


async def test_an_answer_without_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "MAX_BODY_BYTES", 1000)
    with in_turn(Answer(200, b'"' + b"x" * 100_000 + b'"')) as (url, _):
        async with client_of(url) as provider:
            with pytest.raises(UnexpectedAnswerError, match="more than 1000 bytes"):
                await provider.get("/x", patience=SHORT)


async def test_nobody_there_is_told_with_the_place() -> None:
    with in_turn(Answer(200)) as (url, _):
        pass
    async with client_of(url) as provider:
        with pytest.raises(UnreachableError, match=f"Cannot reach {url}: .*provider.url"):
            await provider.get("/x", patience=SHORT)


async def test_a_change_is_sent_once_whatever_becomes_of_it() -> None:
    with in_turn(Answer(500), Answer(201, b'{"id":"ep_1"}')) as (url, asked):
        async with client_of(url) as provider:
            with pytest.raises(UnreachableError):
                await provider.send("POST", "/webhooks", {"url": "https://x"})
            assert (await provider.send("PATCH", "/webhooks/ep_1", {"a": 1})).status == 201
        assert [(r.method, r.body) for r in asked] == [
            ("POST", b'{"url":"https://x"}'), ("PATCH", b'{"a":1}'),
        ]  # fmt: skip


async def test_the_key_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with in_turn(Answer(401)) as (url, _):
        async with client_of(url) as provider:
            with pytest.raises(WrongKeyError):
                await provider.get("/x")
            assert KEY not in repr(provider)
    assert KEY not in caplog.text


def test_a_book_without_a_key_is_told_how_to_get_one() -> None:
    book = Book.model_validate({"mode": "live", "secrets": [SECRET]})
    with pytest.raises(SettingsError, match="daybook connect --book live"):
        client.Provider("live", book)


async def test_the_rate_is_waited_for_longer_than_a_failure() -> None:
    limited = Answer(429, headers={"retry-after": "0.4"})
    patience = Patience(30.0, failing=0.1)
    with in_turn(limited, limited, Answer(200, BYTES)) as (url, _):
        async with client_of(url) as provider:
            assert (await provider.get("/things", patience=patience)).body == BYTES
    with in_turn(Answer(500)) as (url, asked):
        async with client_of(url) as provider:
            with pytest.raises(UnreachableError):
                await provider.get("/things", patience=patience)
    assert len(asked) < 10
