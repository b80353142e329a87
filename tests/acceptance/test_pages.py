"""The pages for people: whole, and made of nothing from elsewhere."""

from html.parser import HTMLParser

import httpx
import pytest

from tests.acceptance.doors import Doors

VOID = {"meta"}
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Page(HTMLParser):
    """What a page links to and loads; every element must be closed."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self.feed(content)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.attributes |= {*named}
        self.anchors |= {named["id"]} if "id" in named else set()
        self.links |= {named["href"]} if "href" in named else set()
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag


def index(told: Doors, accept: str) -> httpx.Response:
    answer = told.service.client.get("/", headers={"accept": accept})
    assert (answer.status_code, answer.headers["vary"]) == (200, "accept")
    return answer


def test_the_schema_page_shows_the_whole_document(told: Doors) -> None:
    answer = told.service.client.get("/schema")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    document = told.service.client.get("/schema/openapi.json").json()
    page = Page(answer.text)
    operations = {o["operationId"] for item in document["paths"].values() for o in item.values()}
    assert operations <= page.anchors
    assert {f"schema-{name}" for name in document["components"]["schemas"]} <= page.anchors
    assert {f"error-{status}" for status in document["components"]["responses"]} <= page.anchors
    inner = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inner <= page.anchors
    assert len(inner) > len(operations)


@pytest.mark.parametrize("path", ["/", "/schema"])
def test_a_page_loads_nothing(told: Doors, path: str) -> None:
    answer = told.service.client.get(path, headers={"accept": BROWSER})
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    page = Page(answer.text)
    assert page.tags & {"script", "link", "img", "iframe", "object", "base"} == set()
    assert page.attributes & {"src", "srcset", "action"} == set()
    assert "url(" not in answer.text
    assert "@import" not in answer.text
    assert all(link.startswith(("/", "#")) for link in page.links)
    assert not any(link.startswith("//") for link in page.links)


def test_the_root_says_what_this_is_in_the_form_that_is_asked_for(told: Doors) -> None:
    as_json = index(told, "application/json").json()
    assert as_json["name"] == "Daybook"
    paths = {value for value in as_json.values() if value.startswith("/")}
    assert {"/schema", "/schema/openapi.json", "/problems", "/healthz", "/console"} <= paths
    for path in paths:
        answer = told.service.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
    html = index(told, BROWSER)
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    assert Page(html.text).links == paths
    for accept in ("*/*", "text/plain", "image/png"):
        text = index(told, accept)
        assert text.headers["content-type"] == "text/plain; charset=utf-8"
        assert all(path in text.text for path in paths)
