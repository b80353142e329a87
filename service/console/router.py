"""The routes of the console."""

from litestar import Router
from litestar.exceptions import HTTPException

from service.console.attention import ATTENTION
from service.console.audit import show_audit
from service.console.customer import customer
from service.console.disputes import show_disputes
from service.console.door import Door
from service.console.errors import show_error
from service.console.event import download_body, download_proof, event
from service.console.events import list_events
from service.console.evidence import make_evidence
from service.console.find import search
from service.console.home import home
from service.console.lists import LISTS
from service.console.money import show_money
from service.console.money_files import download_figures, download_rows
from service.console.money_rows import show_rows
from service.console.operations import OPERATIONS
from service.console.proof import show_proof
from service.console.reconcile import RECONCILE
from service.console.resource import RESOURCES
from service.console.responses import ROOT
from service.console.sign_in import enter, show_link, show_sign_in, sign_in, sign_out, use_link
from service.console.static_files import get_static
from service.console.tail import tail
from service.http.segments import RestoreSlashes

_OWN = (enter, show_sign_in, sign_in, show_link, use_link, sign_out, get_static)
_PAGES = (
    home, search, customer, *LISTS, *RESOURCES, list_events, tail, event, download_body,
    download_proof, show_money, show_rows, download_figures, download_rows, *ATTENTION,
    *OPERATIONS, show_audit, *RECONCILE,
    show_disputes, make_evidence, show_proof,
)  # fmt: skip


def console(public_url: str | None) -> Router:
    """The router of ``/console``; ``public_url`` is its origin, if it is configured."""
    return Router(
        ROOT,
        route_handlers=[*_OWN, *_PAGES],
        middleware=[RestoreSlashes(), Door(public_url)],
        exception_handlers={Exception: show_error, HTTPException: show_error},
        include_in_schema=False,
    )
