"""A holder of a secret of another book is told which; a stranger learns nothing."""

from datetime import UTC, datetime
from operator import methodcaller
from types import SimpleNamespace

import pytest
from msgspec import Struct

from service.ingest import other_books as module
from service.ingest.other_books import OtherBooks
from service.ingest.signature import Verifier, signed_by, signed_headers
from service.problems import Problem, refusal
from tests.builders import OTHER_SECRET, SECRET


class Door(Struct, frozen=True):
    verifier: Verifier


DOORS = {"live": Door(Verifier([SECRET])), "test": Door(Verifier([OTHER_SECRET]))}
UNKNOWN = refusal("unknown-signature", "None matches.")


def outcome(books: OtherBooks, problem: Problem, secret: str) -> Problem:
    headers = signed_headers(secret, "msg_1", datetime.now(UTC), b"1")
    return books.refusal("live", problem, methodcaller("verify", signed_by(headers), b"1"))


def test_the_book_whose_secret_signed_it_is_named() -> None:
    found = outcome(OtherBooks(DOORS), UNKNOWN, OTHER_SECRET)
    assert (found.reason, found.kind.status) == ("other-book", 401)
    assert "matches a secret of book 'test'" in found.detail


def test_to_anybody_else_the_refusal_is_what_it_was() -> None:
    stranger = "whsec_" + "A" * 32
    assert outcome(OtherBooks(DOORS), UNKNOWN, stranger) is UNKNOWN
    stale = refusal("stale-timestamp", "Too old.")
    assert outcome(OtherBooks(DOORS), stale, OTHER_SECRET) is stale


def test_strangers_cannot_make_it_the_services_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 100.0))
    books = OtherBooks(DOORS)
    reasons = [outcome(books, UNKNOWN, OTHER_SECRET).reason for _ in range(10)]
    assert reasons.count("other-book") == module._CHECKS_PER_SECOND
