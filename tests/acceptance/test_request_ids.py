"""One id leads from an answer to its log lines."""

from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, new_key
from tests.builders import SECRET
from tests.conftest import as_owner, fresh_database


@pytest.fixture(scope="module")
def url(postgres: str, template: str) -> str:
    return fresh_database(postgres, template)


@pytest.fixture(scope="module")
def service(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    here = tmp_path_factory.mktemp("request_ids")
    (here / "daybook.toml").write_text(CONFIG)
    started = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
    yield started
    assert started.stop() == 0


def logged(service: Service, request_id: str) -> list[dict[str, Any]]:
    lines = map(msgspec.json.decode, service.log().splitlines())
    return [line for line in lines if line.get("request_id") == request_id]


def get(service: Service, request_id: str, path: str = "/healthz") -> httpx.Response:
    return service.client.get(path, headers={"x-request-id": request_id})


def test_a_well_formed_one_is_taken_and_any_other_replaced(service: Service) -> None:
    assert get(service, "abc-1.2_3~4").headers["x-request-id"] == "abc-1.2_3~4"
    made = {get(service, wrong).headers["x-request-id"] for wrong in ("", "a b", 'a"', "x" * 129)}
    assert len(made) == 4
    assert {len(one) for one in made} == {32}
    twice = [("x-request-id", "one"), ("x-request-id", "two")]
    assert service.client.get("/v1/events", headers=twice).headers["x-request-id"] not in "one two"


def test_a_refused_webhook_is_found_in_the_log(service: Service) -> None:
    headers = {"x-request-id": "mine"}
    answer = service.client.post("/webhooks/live", content=b"1", headers=headers)
    assert (answer.status_code, answer.headers["x-request-id"]) == (401, "mine")
    assert "request_id" not in answer.json()
    (line,) = logged(service, "mine")
    assert (line["event"], line["level"]) == ("webhook refused", "warning")
    assert service.deliver("live", SECRET, b"1").status_code == 200
    assert len(logged(service, "mine")) == 1


def test_an_error_of_ours_tells_its_id(service: Service, url: str) -> None:
    key = new_key(url, "live", "admin")
    with psycopg.connect(as_owner(url), autocommit=True) as conn:
        conn.execute("alter table store.refusal rename column remote to far")
        answer = service.client.get("/v1/refusals", headers={"authorization": f"Bearer {key}"})
        conn.execute("alter table store.refusal rename column far to remote")
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    (line,) = logged(service, answer.json()["request_id"])
    assert line["event"] == "unhandled exception"
    assert "UndefinedColumn" in line["exception"]
