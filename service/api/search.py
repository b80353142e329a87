"""``/v1/search``."""

from litestar import get

from service.api.endpoint import Asking, asking, taking, thinned_page
from service.api.parameter_kinds import BOM, FIELDS, LIMIT
from service.api.parameters import QueryParameter
from service.problems import wrong
from service.queries.search import SearchAnswer, find

_LONGEST = 8_000
"""A webhook-id may be of any length; many proxies let no longer URL pass."""


def _wanted(name: str, given: str) -> str:
    wanted = given.strip()
    if not wanted or len(wanted) > _LONGEST:
        raise wrong(name, given, f"text of 1 to {_LONGEST} characters")
    return wanted


_Q = QueryParameter(
    name="q",
    description="What to look for.",
    schema={"type": "string", "minLength": 1, "maxLength": _LONGEST},
    read=_wanted,
    required=True,
)


@get(
    "/search",
    operation_id="search",
    summary="What an identifier, an e-mail address or a name belongs to",
    description="`q` is the id of a customer, subscription, payment, refund, dispute, licence key,"
    " entitlement grant, payout or checkout, an invoice's, a licence key itself, or a webhook-id,"
    " each as a whole; or, in any case of its letters, an e-mail address or its beginning, or the"
    " beginning of any word of a name. Those that a customer had before find them too.",
    tags=["search"],
    opt=taking(_Q, LIMIT, FIELDS, BOM),
)
async def search(request: Asking) -> SearchAnswer:
    """For whoever holds a ticket and one word of it."""
    async with asking(request) as (conn, given):
        found = await find(conn, request.user.book, given["q"], given["limit"])
    return thinned_page(found, given["fields"])
