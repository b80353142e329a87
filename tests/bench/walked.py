"""The pages of the console, each found by following links from the first one, as people do."""

import re
from collections import deque
from functools import cache
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import httpx
from litestar.routes import HTTPRoute

from service.console.responses import OWN, ROOT
from service.console.router import console

_HREF = re.compile(r'href="(/console/[^"#]+)')
_STATIC = re.compile(rf'(?:href|src)="({OWN}/static/[^"]+)"')
_MOST_PAGES = 600


@cache
def routes() -> list[str]:
    """The paths of all pages of a book, as the router has them; without the endless live tail."""
    paths = {
        route.path
        for route in console(None).routes
        if isinstance(route, HTTPRoute) and "GET" in route.methods
    }
    return sorted(
        path for path in paths if path.startswith(f"{ROOT}/{{") and not path.endswith("/tail")
    )


def walk(client: httpx.Client, begins: list[str], samples: int) -> dict[str, list[str]]:
    """Addresses of each page, at most so many of each, by its route and the filters that it has.

    The walk begins at these addresses of one book. A page that no link leads to has none.
    """
    found: dict[str, list[str]] = {path: [] for path in routes()}
    book = min(begins, key=len)
    seen = set(begins)
    todo = deque(begins)
    asked = 0
    while todo and asked < _MOST_PAGES:
        address = todo.popleft()
        place = _place(address)
        if place is None or len(found.setdefault(place, [])) >= samples:
            continue
        asked += 1
        answer = client.get(address)
        found[place].append(address)
        for link in map(unescape, _HREF.findall(answer.text)):
            if link not in seen and link.startswith(book):
                seen.add(link)
                todo.append(link)
    return found


def static_files(client: httpx.Client, address: str) -> list[str]:
    """What a browser asks for with a page, the first time."""
    return sorted(
        set(re.findall(rf'(?:href|src)="({OWN}/static/[^"]+)"', client.get(address).text))
    )


def _place(address: str) -> str | None:
    """The route of an address, with the names of its filters; None of what is not measured."""
    parts = urlsplit(address)
    matching = [path for path in routes() if _pattern(path).fullmatch(parts.path)]
    if not matching:
        return None
    # what is spelt out goes before a parameter
    route = min(matching, key=lambda path: path.count("{"))
    names = [name for name, _ in parse_qsl(parts.query)]
    return f"{route}?{'&'.join(sorted(names))}" if names else route


def _pattern(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{[^}]+\}", "[^/]+", route))
