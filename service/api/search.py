"""``/v1/search``."""

from typing import Annotated

from msgspec.structs import replace

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.parameters import text
from service.api.query import LimitedQuery
from service.database.connections import Connection
from service.queries.search import SearchAnswer, find

_MAX_TEXT = 8_000
"""In characters. A webhook-id may be of any length; many proxies let no longer URL pass."""

_TEXT = text("What to look for.", longest=_MAX_TEXT)
_TRIMMED = replace(_TEXT, parse=lambda name, given: _TEXT.parse(name, given.strip()))


class SearchQuery(LimitedQuery, frozen=True, kw_only=True):
    """The parameters of the search."""

    q: Annotated[str, _TRIMMED]


@list_route(
    "/search",
    connection=pooled,
    operation_id="search",
    summary="Find resources by identifier, e-mail address or name",
    description="`q` is a whole identifier: the id of a customer, subscription, payment, refund,"
    " dispute, licence key, entitlement grant, payout, checkout or invoice, a licence key itself,"
    " or a webhook-id. Or it is the beginning of an e-mail address or of any word of a name, in"
    " upper or lower case, names with or without accents. A customer's earlier addresses and names"
    " match too.",
    tags=["search"],
)
async def search(request: ApiRequest, conn: Connection, query: SearchQuery) -> SearchAnswer:
    """Find a resource by one word of a support ticket."""
    return await find(conn, request.user.book, query.q, query.limit)
