"""Which route a request takes, under the name that metrics and traces give it."""

from litestar.types import Scope

WEBHOOKS = "/webhooks/"
"""What the path of every webhook begins with; behind it, the book's name."""


def route_of(scope: Scope) -> str:
    """The template of a request's path; empty where it was refused before there was a route."""
    if scope["path"].startswith(WEBHOOKS):
        return f"{WEBHOOKS}{{book}}"
    return scope.get("path_template", "")
