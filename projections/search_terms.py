"""Search terms of customers: their e-mail addresses, and the words of their names.

Every payload that names a customer adds terms, and none is ever removed: a customer can be found by
a former address or name. So a row is a fact of a single event, and the order of events does not
matter.

Case is folded here, not by the database, whose locale may know ASCII letters only, and which may
lack the extensions for it. This is Unicode's canonical caseless matching: full case folding,
normalised to NFC, so that it does not matter how an accent is composed. Names lose their accents
too, since who searches may not have the key for them: ``Zoë`` is found as ``zoe``. In an address
accents distinguish: those are two mailboxes.
"""

from collections.abc import Collection
from unicodedata import category, combining, normalize

from msgspec import Struct

from domain.payload import Customer
from projections.customers import Known
from projections.projection import Projection

LONGEST = 320
"""The longest term, in characters: it must fit into an index. No address is longer."""

_READ = 2_000
"""How much of a name is searched, in characters."""

_WORDS = 16
"""The number of words of a name by which it is found."""

_WITHOUT_STROKE = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "\u0131": "i",
    "ħ": "h",
})  # fmt: skip
"""Letters that have a plain form, which Unicode does not compose of it."""


class Row(Struct, frozen=True, gc=False):
    """A customer, and one text whose beginning finds them.

    ``field`` is the source of the term, ``email`` or ``name``. A name has one term from each word
    to its end, so that a search may begin with any word.
    """

    customer_id: str
    term: str
    field: str


def folded(text: str) -> str:
    """A text in the form of terms: case folded, white space collapsed, of limited length."""
    return _folded(text)[:LONGEST]


def _folded(text: str) -> str:
    # most texts are ASCII, which is twenty times as fast
    plain = text.isascii()
    without = text.lower() if plain else normalize("NFC", normalize("NFD", text).casefold())
    return " ".join(without.split())


def bare(text: str) -> str:
    """A name in the form of terms: as ``folded``, without accents."""
    return _bare(text)[:LONGEST]


def _bare(text: str) -> str:
    text = _folded(text)
    if text.isascii():
        return text
    letters = normalize("NFD", text.translate(_WITHOUT_STROKE))
    # vowel signs of other scripts are no accents, and do not combine
    return normalize("NFC", "".join(one for one in letters if not _is_accent(one)))


def _is_accent(letter: str) -> bool:
    return "\u0300" <= letter <= "\u036f" and combining(letter) != 0


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
        name = _bare(customer.name[:_READ])
        terms = [name[at : at + LONGEST] for at in _words(name)]
        found += [Row(customer.customer_id, term, "name") for term in dict.fromkeys(terms)]
    return found


def _words(name: str) -> list[int]:
    """Where words begin: after white space, and after punctuation, as in ``jean-luc``."""
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
