"""What stands around every page: the book, the navigation, the search, who is signed in."""

import re
from datetime import datetime
from urllib.parse import quote, urlencode

from msgspec import Struct

from projections.catalog import BY_CATEGORY, BY_NAME
from service.console.notices import Notice
from service.console.responses import OWN, ROOT
from service.console.sessions import Holder
from service.store.api_keys import Scope


class Section(Struct, frozen=True):
    """An entry of the navigation; ``path`` is below the book."""

    name: str
    path: str
    question: str


SECTIONS = (
    Section("Today", "", "Is anything wrong now?"),
    Section("Events", "events", "What came?"),
    Section("Attention", "attention", "What should a person look at?"),
    Section("Customers", "customers", "Who is it?"),
    Section("Subscriptions", "subscriptions", "Who pays for what?"),
    Section("Payments", "payments", "What was paid?"),
    Section("Disputes", "disputes", "Which disputes must be answered, and by when?"),
    Section("Money", "money", "What came in, month by month?"),
    Section("Operations", "operations", "Do the read models keep up?"),
    Section("Reconcile", "reconcile", "Does the provider say the same?"),
    Section("Proof", "proof", "Can it be shown to a stranger?"),
    Section("Audit", "audit", "Who did what, and why?"),
)
"""The navigation, in its order; a page that does not exist, or not for the key, is not shown."""

PAGES: dict[str, Scope] = {}
"""The scope of each page without a parameter, by its path below the book; ``page`` adds them."""


class Action(Struct, frozen=True):
    """What a form does; ``path`` is below the book.

    ``verb`` stands on its button, ``asks`` before the field for the reason, and ``scope`` is the
    one without which a key neither sees the form nor may send it.
    """

    path: str
    scope: Scope
    verb: str
    asks: str


ACTIONS: dict[str, Action] = {}
"""All actions by path; ``action`` adds them."""


# as nearly every identifier is: to quote it takes longer than all else of a link
_is_plain = re.compile(r"[0-9A-Za-z_.~:@-]+").fullmatch


class BookLink(Struct, frozen=True):
    """A book that the session opens."""

    name: str
    mode: str
    href: str
    is_current: bool


class Frame(Struct, kw_only=True):
    """The surroundings of a page, as templates know them.

    Attributes:
        book: whose page it is; empty on pages of no book.
        mode: ``live`` or ``test``, or empty.
        books: all that the session opens, for the switcher.
        holder: the key by which the book is open; None on pages of no book.
        section: the entry of the navigation that is marked.
        search: what the search box holds.
        notice: what the action that led here did.
        now: when the page was asked for.
    """

    book: str = ""
    mode: str = ""
    books: tuple[BookLink, ...] = ()
    holder: Holder | None = None
    section: str = ""
    search: str = ""
    notice: Notice | None = None
    now: datetime

    @property
    def sections(self) -> tuple[Section, ...]:
        """The navigation."""
        return tuple(s for s in SECTIONS if self.has(s.path)) if self.book else ()

    @property
    def root(self) -> str:
        """Where the console begins."""
        return ROOT

    def own(self, path: str) -> str:
        """The path of what belongs to no book, such as a stylesheet or the sign-in."""
        return f"{OWN}/{path}"

    def href(self, *parts: object, **query: object) -> str:
        """The path of a page of this book; a part or a value may be any text.

        A value of None or an empty text is left out.
        """
        path = f"{ROOT}/{self.book}"
        for part in map(str, parts):
            if part:
                path += f"/{part if _is_plain(part) else quote(part, safe=':@')}"
        given = {k: v for k, v in query.items() if v not in {None, ""}}
        return f"{path}?{urlencode(given)}" if given else path

    def has(self, path: str) -> bool:
        """Whether there is a page at this path below the book, and the key opens it."""
        return path in PAGES and self.may(PAGES[path])

    def action(self, path: str) -> Action:
        """The action at this path below the book."""
        return ACTIONS[path]

    def resource(self, kind: str, identity: object) -> str:
        """The path of a resource, of a ``customer`` or an ``event``, by its kind or category."""
        if kind in BY_CATEGORY:
            return self.href(BY_CATEGORY[kind].name, identity)
        return self.href(kind if kind in BY_NAME else f"{kind}s", identity)

    def stream(self, name: str) -> str:
        """The path of the resource whose stream has this name."""
        category, _, identity = name.partition("-")
        return self.resource(category, identity)

    def may(self, scope: str) -> bool:
        """Whether the key has a scope."""
        return self.holder is not None and scope in self.holder.scopes
