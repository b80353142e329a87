"""The routes of the console."""

from collections.abc import Sequence

from litestar import Router
from litestar.exceptions import HTTPException

from service.console.door import Door
from service.console.errors import show_error
from service.console.home import home
from service.console.responses import ROOT
from service.console.sign_in import enter, show_link, show_sign_in, sign_in, sign_out, use_link
from service.console.static_files import get_static
from service.http.segments import RestoreSlashes

_OWN = (enter, show_sign_in, sign_in, show_link, use_link, sign_out, get_static)
_PAGES: Sequence[object] = (home,)


def console(public_url: str | None) -> Router:
    """The router of ``/console``; ``public_url`` is its origin, if it is configured."""
    return Router(
        ROOT,
        route_handlers=[*_OWN, *_PAGES],  # type: ignore[list-item]
        middleware=[RestoreSlashes(), Door(public_url)],
        exception_handlers={Exception: show_error, HTTPException: show_error},
        include_in_schema=False,
    )
