"""What the configuration opens to a person: books, each with its scopes. By default nothing."""

from collections.abc import Iterable
from typing import get_args

from service.console.sso.assertions import Person
from service.sso_settings import Admission, SsoScope

_ORDER: tuple[SsoScope, ...] = get_args(SsoScope)


def admitted(person: Person, admissions: Iterable[Admission]) -> dict[str, tuple[SsoScope, ...]]:
    """The scopes of each book that the person is admitted to, by everything that names them."""
    found: dict[str, set[SsoScope]] = {}
    for admission in admissions:
        if _names(admission, person):
            for book in admission.books:
                found.setdefault(book, set()).update(admission.scopes)
    return {book: tuple(s for s in _ORDER if s in found[book]) for book in sorted(found)}


def _names(admission: Admission, person: Person) -> bool:
    name = _fold(person.name)
    return any(_is_named(_fold(one), name) for one in admission.people) or any(
        group in person.groups for group in admission.groups
    )


def _is_named(pattern: str, name: str) -> bool:
    if pattern.startswith("*"):
        # of all of a domain, and not of one that merely ends like it: the @ is part of the pattern
        return name.endswith(pattern[1:]) and name.count("@") <= 1
    return pattern == name


def _fold(name: str) -> str:
    # ASCII alone: some signs of other scripts have a small letter in ASCII, and an address with
    # such a sign is another person's
    return name.encode().lower().decode()
