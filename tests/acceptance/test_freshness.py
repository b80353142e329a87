"""Reading one's writes, how far the read models are, and what is parked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import sleep
from typing import Any

import psycopg
import pytest

from projections.projection import VERSION
from tests.acceptance.service import Service, new_key, number
from tests.builders import SECRET, at, body
from tests.conftest import fresh_database

CONFIG = f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'


class Fresh:
    def __init__(self, service: Service, url: str, key: str) -> None:
        self.service = service
        self.url = url
        self.key = key

    def get(self, path: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        headers = {"authorization": f"Bearer {self.key}"}
        answer = self.service.client.get(f"/v1/{path}", headers=headers)
        return answer.status_code, answer.json(), dict(answer.headers)


@pytest.fixture(scope="module")
def fresh(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fresh]:
    here = tmp_path_factory.mktemp("fresh")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    env = {"DAYBOOK_DATABASE_URL": url}
    service = Service(here, env=env, hasty=True).start()
    yield Fresh(service, url, new_key(url, "live", "read,admin"))
    assert service.stop() == 0


def test_what_was_acknowledged_is_read_at_once(fresh: Fresh) -> None:
    for n in range(30):
        content = body("subscription.active", "active", at(n), f"sub_{n}", customer=f"cus_{n}")
        position = fresh.service.deliver("live", SECRET, content).json()["position"]
        path = f"customers/cus_{n}/access?min_position={position}"
        status, answer, headers = fresh.get(path)
        assert (status, answer["entitled"], answer["stale"]) == (200, True, False)
        assert number(headers["daybook-position"]) >= number(position)


@contextmanager
def held(fresh: Fresh) -> Iterator[psycopg.Connection]:
    """Keeps the projector from going on, until the connection commits."""
    with psycopg.connect(fresh.url) as conn:
        conn.execute("select from read.checkpoint for update")
        yield conn


def subscribed(fresh: Fresh, name: str) -> str:
    content = body("subscription.active", "active", at(0), f"sub_{name}", customer=f"cus_{name}")
    position: str = fresh.service.deliver("live", SECRET, content).json()["position"]
    return position


def of_many(fresh: Fresh, *names: str) -> list[dict[str, Any]]:
    answer = fresh.service.client.post(
        "/v1/access", json={"customer_ids": names},
        headers={"authorization": f"Bearer {fresh.key}"},
    )  # fmt: skip
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def test_nobody_is_denied_by_what_is_not_projected_yet(fresh: Fresh) -> None:
    for n in range(30):
        subscribed(fresh, f"new_{n}")
        assert fresh.get(f"customers/cus_new_{n}/access")[1]["entitled"], n
        subscribed(fresh, f"newer_{n}")
        assert of_many(fresh, f"cus_newer_{n}")[0]["entitled"], n
    with held(fresh) as conn, ThreadPoolExecutor() as threads:
        subscribed(fresh, "later")
        one = threads.submit(fresh.get, "customers/cus_later/access")
        many = threads.submit(of_many, fresh, "cus_later", "cus_nobody")
        sleep(0.3)
        conn.commit()
    status, answer, _ = one.result()
    assert (status, answer["entitled"], answer["stale"]) == (200, True, False)
    shown = [(a["entitled"], a["known"], a["stale"]) for a in many.result()]
    assert shown == [(True, True, False), (False, False, False)]


def test_a_denial_that_lacks_events_says_so(fresh: Fresh) -> None:
    subscribed(fresh, "let_in")
    assert fresh.get("customers/cus_let_in/access")[1]["entitled"]
    with held(fresh):
        position = subscribed(fresh, "late")
        status, answer, headers = fresh.get("customers/cus_late/access")
        assert (status, answer["entitled"], answer["stale"]) == (200, False, True)
        assert number(answer["position"]) < number(position)
        assert "max-age" not in headers.get("cache-control", "")
        # who is let in need not wait
        shown = [(a["entitled"], a["stale"]) for a in of_many(fresh, "cus_late", "cus_let_in")]
        assert shown == [(False, True), (True, False)]
        assert not fresh.get("customers/cus_let_in/access")[1]["stale"]
    assert fresh.get("customers/cus_late/access")[1]["entitled"]


def test_what_is_not_there_in_time_is_said(fresh: Fresh) -> None:
    status, answer, headers = fresh.get("subscriptions?min_position=999999")
    assert (status, answer["type"]) == (503, "/problems/behind")
    assert headers["retry-after"] == "1"
    status, answer, _ = fresh.get("subscriptions?min_position=999999&stale=ok")
    assert status == 200
    assert answer["data"]
    status, answer, _ = fresh.get("subscriptions?min_position=soon")
    assert (status, answer["parameter"]) == (400, "min_position")


def test_how_the_read_models_stand(fresh: Fresh) -> None:
    content = body("payment.succeeded", "succeeded", at(1), "pay_1")
    position = fresh.service.deliver("live", SECRET, content).json()["position"]
    status, answer, _ = fresh.get(f"projections?min_position={position}")
    assert status == 200
    assert answer["data"][0] == {
        "name": "events", "version": VERSION, "state": "live", "checkpoint": position,
        "lag_events": 0, "lag_seconds": 0.0,
    }  # fmt: skip
    assert (answer["rebuild"], answer["parked"]) == (None, 0)


def test_a_stream_that_is_set_aside_is_stale(fresh: Fresh) -> None:
    content = body("subscription.active", "active", at(1), "sub_aside", customer="cus_aside")
    position = fresh.service.deliver("live", SECRET, content).json()["position"]
    _, answer, _ = fresh.get(f"subscriptions/sub_aside?min_position={position}")
    assert "stale" not in answer
    with psycopg.connect(fresh.url) as conn:
        conn.execute(
            "insert into read.parked (book, build, stream, position, error)"
            " values ('live', 'live', 'subscription-sub_aside', %s, 'because')",
            (number(position),),
        )
    assert fresh.get("subscriptions/sub_aside")[1]["stale"] is True
    assert fresh.get("customers/cus_aside/access")[1]["stale"] is True
    listed = fresh.get("subscriptions?limit=100")[1]["data"]
    assert [r["subscription_id"] for r in listed if "stale" in r] == ["sub_aside"]
    _, answer, _ = fresh.get("parked")
    asides = [(one["stream"], one["error"]) for one in answer["data"]]
    assert asides == [("subscription-sub_aside", "because")]
    assert fresh.get("projections")[1]["parked"] == 1
