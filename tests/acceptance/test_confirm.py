"""Asked before denied: a service whose book is not complete, and a provider that knows better."""

import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from service.sandbox.messages import AnswerFaultRequest, WebhookFaultRequest
from tests.acceptance.doors import Doors
from tests.acceptance.processes import pid_of
from tests.acceptance.shop import Shop, shop
from tests.conftest import fresh_database

LOSE = WebhookFaultRequest(kind="lose")


@pytest.fixture(scope="module")
def open_shop(postgres: str, template: str) -> Iterator[Shop]:
    url = fresh_database(postgres, template)
    with tempfile.TemporaryDirectory() as here, shop(Path(here), url) as made:
        yield made


@pytest.fixture
def running(open_shop: Shop) -> Iterator[Shop]:
    """Nothing is wrong, and nobody was just asked about."""
    yield open_shop
    open_shop.control.clear_faults()
    open_shop.configure(confirm_denials="true")


def holders(running: Shop, status: str = "active") -> dict[str, str]:
    """The customers with a subscription of this status at the provider, and its id."""
    held = running.control.resources("subscription")
    return {
        one["customer"]["customer_id"]: identity
        for identity, one in held.items()
        if one["status"] == status
    }


def buy(running: Shop, customer_id: str, product_id: str = "pdt_basic") -> str:
    """The subscription that a customer bought."""
    running.act("buy", customer_id, product_id=product_id)
    return holders(running)[customer_id]


def hold(running: Shop, customer_id: str) -> str:
    """The subscription of a customer whose renewal failed."""
    subscription = buy(running, customer_id)
    running.act("fail-next-renewal", subscription)
    running.act("renew", subscription)
    return subscription


def rules(answer: dict[str, Any]) -> list[str]:
    return [reason["rule"] for reason in answer["because"]]


def test_an_unknown_customer_is_asked_about(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    subscription = buy(running, "cus_lost")
    answer = running.access("cus_lost")
    assert (answer["entitled"], answer["known"], rules(answer)) == (True, True, ["active"])
    # what was learned is in the book, and gives the answer again
    [entry] = running.get(f"subscriptions/{subscription}/history").json()["data"]
    assert entry["source"] == "api"
    assert "was read at the provider" in entry["what"]
    moment, position = answer["at"], answer["position"]
    assert running.access("cus_lost", f"as_of={moment}&known_at={position}") == answer
    # who is let in costs no question
    asked = running.requests
    assert running.access("cus_lost")["entitled"]
    assert running.requests == asked


def test_who_is_unknown_there_too_is_plainly_denied(running: Shop) -> None:
    before = running.get("events/counts").json()["position"]
    answer = running.access("cus_nobody")
    assert (answer["entitled"], answer["known"], answer["because"]) == (False, False, [])
    assert running.get("events/counts").json()["position"] == before
    # and an address is none of the provider's ids
    asked = running.requests
    assert not running.access("ada@example.com")["known"]
    assert running.requests == asked


def test_a_denial_that_the_provider_confirms_stays_one(running: Shop) -> None:
    subscription = hold(running, "cus_held")
    told = len(running.get(f"subscriptions/{subscription}/history").json()["data"])
    denied = running.access("cus_held")
    assert (denied["entitled"], denied["state"], rules(denied)) == (False, "on_hold", ["on_hold"])
    # a reading that tells nothing new is not recorded
    assert len(running.get(f"subscriptions/{subscription}/history").json()["data"]) == told


def test_a_hold_that_ended_unheard_denies_nobody(running: Shop) -> None:
    subscription = hold(running, "cus_freed")
    answers, questions = "daybook_denial_answers_total", "daybook_denial_questions_total"
    before, asked = running.counted(answers), running.counted(questions)
    running.control.add_webhook_fault(LOSE)
    assert not running.access("cus_freed")["entitled"]
    running.act("recover", subscription)
    # the provider has just said no
    assert not running.access("cus_freed")["entitled"]
    running.reload()
    assert running.access("cus_freed")["state"] == "active"
    counted = running.counted(answers)
    gained = {name: n - before.get(name, 0) for name, n in counted.items()}
    assert gained['{book="test",result="no"}'] == 2
    assert gained['{book="test",result="yes"}'] == 1
    book = '{book="test"}'
    assert running.counted(questions)[book] - asked.get(book, 0) == 2


def test_a_purchase_after_a_cancellation_is_found(running: Shop) -> None:
    subscription = buy(running, "cus_back")
    running.act("cancel", subscription)
    running.control.add_webhook_fault(LOSE)
    running.configure(confirm_denials="true", paid_through="false")
    assert running.access("cus_back")["state"] == "lapsed"
    buy(running, "cus_back")
    running.reload()
    assert running.access("cus_back")["state"] == "active"


def test_what_was_bought_once_is_found(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    running.act("buy", "cus_once", product_id="pdt_lifetime")
    assert rules(running.access("cus_once")) == ["granted"]


def test_one_question_decides_otherwise_than_the_book(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    buy(running, "cus_param")
    asked = running.requests
    assert not running.access("cus_param", "confirm=false")["known"]
    running.configure()
    assert not running.access("cus_param")["known"]
    assert running.requests == asked
    assert running.access("cus_param", "confirm=true")["entitled"]
    assert running.requests > asked


def test_the_past_and_many_are_answered_by_the_book(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    buy(running, "cus_many")
    asked = running.requests
    assert not running.access("cus_many", "as_of=2026-01-01")["entitled"]
    headers = {"authorization": f"Bearer {running.key}"}
    many = running.service.client.post(
        "/v1/access", json={"customer_ids": ["cus_many"]}, headers=headers
    )
    assert not many.json()["data"][0]["entitled"]
    assert running.requests == asked
    refused = running.get("customers/cus_many/access?confirm=true&as_of=2026-01-01")
    assert refused.status_code == 400
    assert "tells only of now" in refused.json()["detail"]


def test_fifty_logins_of_one_customer_are_one_question(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    buy(running, "cus_storm")
    slowly = AnswerFaultRequest(by=timedelta(seconds=0.5), path="/subscriptions")
    running.control.add_answer_fault(slowly)
    asked = running.requests
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(running.access, ["cus_storm"] * 50))
    assert all(answer["entitled"] for answer in answers)
    assert running.requests == asked + 1


@pytest.mark.parametrize("status", [500, 429, 401, 404])
def test_a_provider_that_fails_leaves_it_to_the_setting(running: Shop, status: int) -> None:
    running.control.add_answer_fault(AnswerFaultRequest(status=status))
    # a 404 is an answer: the provider knows of nothing
    running.configure(confirm_denials="true", unconfirmed="'deny'")
    answer = running.access("cus_nobody")
    expected = [] if status == 404 else ["unconfirmed"]
    assert (answer["entitled"], answer["known"], rules(answer)) == (False, False, expected)
    running.configure(confirm_denials="true", unconfirmed="'allow'")
    answer = running.access("cus_nobody")
    assert (answer["entitled"], answer["known"], rules(answer)) == (status != 404, False, expected)
    if answer["entitled"]:
        assert answer["state"] == "active"
        kept = running.get("customers/cus_nobody/access").headers["cache-control"]
        assert kept == "private, no-cache"


def test_an_empty_list_says_nothing_against_who_has_a_subscription(running: Shop) -> None:
    hold(running, "cus_missing")
    running.control.add_answer_fault(AnswerFaultRequest(status=404))
    running.configure(confirm_denials="true", unconfirmed="'allow'")
    answer = running.access("cus_missing")
    assert (answer["entitled"], rules(answer)) == (True, ["unconfirmed", "on_hold"])


def test_a_slow_provider_is_not_waited_for(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    buy(running, "cus_slow")
    running.control.add_answer_fault(AnswerFaultRequest(by=timedelta(seconds=6)))
    with ThreadPoolExecutor(1) as thread:
        url = f"{running.provider.url}/subscriptions"
        slow = thread.submit(httpx.get, url, headers=running.provider.headers, timeout=60)
        answer = running.access("cus_slow")
        assert not slow.done()
        assert (answer["entitled"], rules(answer)) == (False, ["unconfirmed"])
        assert slow.result().status_code == 200


def test_what_was_answered_is_kept_though_the_rest_was_not(running: Shop) -> None:
    subscription = hold(running, "cus_partly")
    running.control.add_webhook_fault(LOSE)
    running.act("cancel", subscription)
    # so soon after an event, a reading is not recorded
    running.control.move(timedelta(minutes=2))
    running.control.add_answer_fault(AnswerFaultRequest(status=500, path="/customers"))
    answer = running.access("cus_partly")
    assert (answer["entitled"], rules(answer)) == (False, ["unconfirmed", "cancelled"])
    assert running.get(f"subscriptions/{subscription}").json()["status"] == "cancelled"


def test_an_answer_does_not_wait_for_a_projector_that_stands_still(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    buy(running, "cus_lagging")
    projector = pid_of(running.service, "projector")
    os.kill(projector, signal.SIGSTOP)
    try:
        first = running.access("cus_lagging")
        again = running.access("cus_lagging")
    finally:
        os.kill(projector, signal.SIGCONT)
    assert (first["entitled"], first["known"], rules(first)) == (True, True, ["active"])
    assert (again["entitled"], rules(again)) == (True, ["active"])
    running.settle()
    # it was recorded: the book says so too
    assert running.access("cus_lagging", "confirm=false")["entitled"]


def test_an_answer_does_not_wait_for_what_cannot_be_recorded(running: Shop) -> None:
    running.control.add_webhook_fault(LOSE)
    buy(running, "cus_unrecorded")
    with psycopg.connect(running.database_url) as conn:
        conn.execute("select from store.head where book = 'test' for update")
        answer = running.access("cus_unrecorded")
        assert (answer["entitled"], answer["known"], rules(answer)) == (True, True, ["active"])
        assert not running.access("cus_unrecorded", "confirm=false")["known"]


def test_a_book_without_a_key_cannot_confirm(told: Doors) -> None:
    refused = told.get("customers/cus_1/access?confirm=true")
    assert refused.status_code == 400
    assert "no API key" in refused.json()["detail"]
    assert told.get("customers/cus_1/access?confirm=false").status_code == 200
