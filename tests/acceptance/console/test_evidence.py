"""What a bank or an auditor gets out of the console: disputes to answer, evidence, proof."""

import io
import zipfile
from collections.abc import Iterator
from hashlib import sha256

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.acceptance.console.browsing import Person, person
from tests.acceptance.doors import Doors
from tests.acceptance.service import new_key

pytestmark = pytest.mark.scenario

OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def auditor(told: Doors, browser: Browser) -> Iterator[Person]:
    with person(browser, told, told.live) as somebody:
        yield somebody


@pytest.fixture(scope="module")
def reading_key(told: Doors) -> str:
    return new_key(told.database_url, "live", "read")


@pytest.fixture
def reader(told: Doors, reading_key: str) -> Iterator[httpx.Client]:
    url = told.service.client.base_url
    with httpx.Client(base_url=url, headers=OURS, timeout=30) as client:
        client.post("/console/-/sign-in", data={"key": reading_key})
        yield client


def test_a_dispute_says_by_when_how_much_and_who_paid(auditor: Person) -> None:
    auditor.open("/live/disputes")
    assert auditor.heading == "Which disputes must be answered, and by when?"
    row = auditor.page.get_by_role("row", name="dp_1")
    expect(row.locator(".status.bad")).to_contain_text("overdue for")
    expect(row).to_contain_text("22.61 EUR")
    expect(row.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    expect(auditor.page.locator(".lead")).to_contain_text("1 awaits an answer, 1 overdue.")
    expect(auditor.page.locator(".lead")).to_contain_text("7 days from the opening")


def test_the_evidence_is_a_click_away_and_its_name_tells_its_digest(auditor: Person) -> None:
    auditor.open("/live/disputes")
    with auditor.page.expect_download() as downloading:
        auditor.page.get_by_role("button", name="Evidence about dp_1").click()
    name = downloading.value.suggested_filename
    with zipfile.ZipFile(downloading.value.path()) as archive:
        digest = sha256(archive.read("SHA256SUMS")).hexdigest()
        assert b"dp_1" in archive.read("index.html")
    assert name == f"dispute-dp_1-{digest}.zip"
    assert auditor.complaints == []


def test_the_form_on_the_proof_page_makes_a_bundle_of_any_kind(auditor: Person) -> None:
    auditor.open("/live/proof")
    auditor.page.get_by_label("About the").select_option("customer")
    auditor.page.get_by_label("with the id").fill(" cus_1 ")
    with auditor.page.expect_download() as downloading:
        auditor.page.get_by_role("button", name="Make the ZIP").click()
    assert downloading.value.suggested_filename.startswith("customer-cus_1-")


def test_the_proof_page_has_the_key_and_says_how_far_the_book_is_signed(
    told: Doors, auditor: Person
) -> None:
    # whatever is not signed yet is signed for a bundle
    assert told.service.client.post(
        "/v1/evidence",
        json={"kind": "customer", "id": "cus_1"},
        headers={"authorization": f"Bearer {told.live}"},
    ).is_success
    found = told.get("checkpoints").json()
    auditor.open("/live/proof")
    expect(auditor.page.locator(".keyline")).to_contain_text(found["origins"][0]["public_key"])
    signed = found["data"][0]["size"]
    expect(auditor.page.locator(".lead")).to_contain_text(f"{signed} of {signed} events signed.")
    assert found["unsigned"] < found["unanchored"]
    expect(auditor.page.get_by_text("None is configured.")).to_be_visible()
    expect(auditor.page.get_by_text("This version erases nothing")).to_be_visible()
    auditor.page.get_by_role("link", name="/checkpoints/live").click()
    expect(auditor.page.locator("body")).to_contain_text(found["origins"][0]["origin"])


@pytest.mark.slow
def test_without_the_scope_there_is_a_sentence_and_no_button(
    browser: Browser, told: Doors, reading_key: str
) -> None:
    with person(browser, told, reading_key) as somebody:
        for path in ("/live/disputes", "/live/proof"):
            somebody.open(path)
            expect(somebody.page.get_by_text("A key with the scope audit makes")).to_be_visible()
            assert somebody.page.locator("main form").count() == 0
        somebody.open("/live/events/1")
        assert somebody.page.get_by_role("link", name="Download the proof").count() == 0


def test_what_has_bodies_or_headers_needs_the_scope(reader: httpx.Client) -> None:
    answer = reader.post("/console/live/evidence", data={"kind": "dispute", "id": "dp_1"})
    assert (answer.status_code, "scope audit" in answer.text) == (403, True)
    assert reader.get("/console/live/events/1/proof").status_code == 403


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"kind": "dispute", "id": "dp_none"}, 404),
        ({"kind": "payout", "id": "po_1"}, 400),
        ({"kind": "dispute", "id": " "}, 400),
        ({"kind": "dispute", "id": "x" * 501}, 400),
        ({}, 400),
    ],
)
def test_a_bundle_that_cannot_be_made_is_an_error_page(
    told: Doors, form: dict[str, str], status: int
) -> None:
    url = told.service.client.base_url
    with httpx.Client(base_url=url, headers=OURS, timeout=30) as client:
        client.post("/console/-/sign-in", data={"key": told.live})
        answer = client.post("/console/live/evidence", data=form)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (status, "text/html")


def test_another_site_makes_no_bundle(told: Doors) -> None:
    url = told.service.client.base_url
    with httpx.Client(base_url=url, headers=OURS, timeout=30) as client:
        client.post("/console/-/sign-in", data={"key": told.live})
        form = {"kind": "dispute", "id": "dp_1"}
        there = {"sec-fetch-site": "cross-site"}
        answer = client.post("/console/live/evidence", data=form, headers=there)
        assert answer.status_code == 403
        answer = client.post("/console/live/evidence", data=form)
        assert zipfile.is_zipfile(io.BytesIO(answer.content))
