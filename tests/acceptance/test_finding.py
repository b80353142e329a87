"""Finding customers over HTTP: by any address and any name that they have or had."""

import pytest

from tests.acceptance.doors import Doors, deliver
from tests.acceptance.service import command, number
from tests.builders import at, body

LONG = f"{'a' * 237}@example.com"  # 249 characters


@pytest.fixture(scope="module")
def told(doors: Doors) -> Doors:
    position = ""
    for n, (identity, email, name) in enumerate([
        ("cus_ada", "Ada@Example.com", "Ada Lovelace"),
        ("cus_emilie", "ÉMILIE@EXAMPLE.COM", "Émilie du Châtelet"),
        ("cus_long", LONG, "N" * 300),
        ("cus_moved", "old@example.com", "Grace Murray"),
        ("cus_moved", "New@example.com", "Grace Hopper"),
    ]):  # fmt: skip
        customer = {"customer_id": identity, "email": email, "name": name}
        content = body("subscription.renewed", "active", at(n), f"sub_{identity}", customer)
        position = deliver(doors, content).json()["position"]
    doors.service.await_position(doors.live, number(position))
    return doors


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("love", ("cus_ada", "name")),
        ("ADA LOVE", ("cus_ada", "name")),
        ("ada@example.com", ("cus_ada", "email")),
        ("émilie@example.com", ("cus_emilie", "email")),
        ("émilie@", ("cus_emilie", "email_prefix")),
        ("e\u0301milie@", ("cus_emilie", "email_prefix")),
        ("CHÂTELET", ("cus_emilie", "name")),
        (LONG, ("cus_long", "email")),
        ("nnnn", ("cus_long", "name")),
        ("old@example.com", ("cus_moved", "email")),
        ("new@", ("cus_moved", "email_prefix")),
        ("murray", ("cus_moved", "name")),
        ("hopp", ("cus_moved", "name")),
    ],
)
def test_a_search_finds_the_customer(told: Doors, q: str, found: tuple[str, str]) -> None:
    headers = {"authorization": f"Bearer {told.live}"}
    answer = told.service.client.get("/v1/search", params={"q": q}, headers=headers).json()
    assert [(hit["id"], hit["matched"]) for hit in answer["data"]] == [found]
    assert answer["data"][0]["link"] == f"/v1/customers/{found[0]}"


@pytest.mark.parametrize(
    ("email", "found"),
    [
        ("ada@example.com", ["cus_ada"]),
        ("ADA@EXAMPLE.COM", ["cus_ada"]),
        ("émilie@example.com", ["cus_emilie"]),
        (LONG.upper(), ["cus_long"]),
        ("old@example.com", ["cus_moved"]),
        ("new@example.com", ["cus_moved"]),
        ("ada@", []),
        ("love", []),
        ("lovelace", []),
    ],
)
def test_a_list_is_filtered_by_an_address(told: Doors, email: str, found: list[str]) -> None:
    headers = {"authorization": f"Bearer {told.live}"}
    asked = {"email": email}
    answer = told.service.client.get("/v1/customers", params=asked, headers=headers).json()
    assert [one["customer_id"] for one in answer["data"]] == found


def test_they_are_shown_as_they_were_told(told: Doors) -> None:
    one = told.get("customers/cus_long").json()
    assert (one["email"], one["name"]) == (LONG, "N" * 300)
    assert told.get("customers/cus_moved").json()["email"] == "New@example.com"
    assert told.get("events?verdict=unreadable").json()["data"] == []


def test_a_rebuild_finds_the_same(told: Doors) -> None:
    here = {"cwd": told.service._cwd, "env": told.service._env}
    command("verify", "read-models", **here)  # type: ignore[arg-type]
    command("rebuild", "search_terms", **here)  # type: ignore[arg-type]
    assert told.get("search?q=murray").json()["data"][0]["id"] == "cus_moved"
