"""``/console/{book}/search``: where is this?"""

from msgspec import Struct

from service.console.view import Leads, View, page
from service.queries.search import Hit, find

_MOST = 50


class SearchQuery(Struct, frozen=True):
    """What is looked for."""

    q: str = ""


class SearchPage(Struct, frozen=True):
    """What was found; ``more`` says that there is more than is shown."""

    q: str
    hits: list[Hit]
    more: bool

    @property
    def names_customers(self) -> bool:
        """Whether any belongs to a customer, and is not one."""
        return any(hit.customer_id and hit.kind != "customer" for hit in self.hits)


@page("/search", template="search.html")
async def search(view: View) -> SearchPage:
    """Everything that carries an identifier, an address or a name; alone, its page at once."""
    q = view.query(SearchQuery).q
    if not q:
        return SearchPage("", [], more=False)
    async with view.pooled() as conn:
        found = await find(conn, view.book, q, _MOST)
    if len(found.data) == 1 and found.data[0].id == q:
        only = found.data[0]
        raise Leads(view.frame().resource(only.kind, only.id))
    return SearchPage(q, found.data, found.more)
