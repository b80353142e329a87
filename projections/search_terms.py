"""What customers are found by: their addresses, and the words of their names.

Each payload that names a customer gives some terms, and what was told once stays: who looks for an
address that a customer had, or for a name that she bore, finds her. So a row is a fact of a single
event, and no order of events can change it.

Case is folded here and not by the database, whose locale may know no letters but those of ASCII:
Unicode's full case folding, normalised to NFC, so that it does not matter how an accent is composed
(the canonical caseless matching of the standard). Accents distinguish, as do compatibility forms.
"""

from collections.abc import Collection
from unicodedata import category, normalize

from msgspec import Struct

from domain.payload import Customer
from projections.customers import Known
from projections.projection import Projection

LONGEST = 320
"""The characters of a term, so that it fits into an index; an address has no more."""

_READ = 2_000
"""How much of a name is looked at, in characters; the whole of it is shown."""

_WORDS = 16
"""From how many of its words on a name is found."""


class Row(Struct, frozen=True, gc=False):
    """A customer, and one text that begins with what she may be looked for by.

    ``field`` says where it is from, ``email`` or ``name``; of a name there is a term from each of
    its words to the end, so that any word may begin what is looked for.
    """

    customer_id: str
    term: str
    field: str


def folded(text: str) -> str:
    """A text as terms have it: without case, white space as single blanks, of limited length."""
    return _folded(text)[:LONGEST]


def _folded(text: str) -> str:
    # most are ASCII, and twenty times as fast
    plain = text.isascii()
    without = text.lower() if plain else normalize("NFC", normalize("NFD", text).casefold())
    return " ".join(without.split())


def rows(known: Known) -> Collection[Row]:
    """The terms of a customer."""
    if len(known.descriptions) == 1:
        (description,) = known.descriptions
        return terms_of(description)
    return dict.fromkeys(term for one in known.descriptions for term in terms_of(one))


def terms_of(customer: Customer) -> list[Row]:
    """The terms of a customer as one payload describes them."""
    found: list[Row] = []
    if customer.email and (address := folded(customer.email)):
        found.append(Row(customer.customer_id, address, "email"))
    if customer.name:
        name = _folded(customer.name[:_READ])
        terms = [name[at : at + LONGEST] for at in _words(name)]
        found += [Row(customer.customer_id, term, "name") for term in dict.fromkeys(terms)]
    return found


def _words(name: str) -> list[int]:
    """Where words begin: behind white space, and behind punctuation as in ``jean-luc``."""
    begins: list[int] = []
    within = False
    for at, letter in enumerate(name):
        inside = category(letter)[0] in "LMNS"
        if inside and not within:
            begins.append(at)
        within = inside
    return begins[:_WORDS]


SEARCH_TERMS = Projection[Known](
    name="search_terms",
    source="customer",
    key="customer_id",
    further=("term", "field"),
    columns=Row,
    rows=rows,
)
