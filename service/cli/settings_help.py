"""The settings as ``serve --help`` tells them: read from the settings themselves."""

from collections.abc import Iterator
from typing import Any

import typer
from msgspec import Struct
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from service.settings import Access, Book, Settings

_BOOKS = "books"
_NESTED: dict[str, type[BaseModel]] = {_BOOKS: Book, "access": Access}


class Described(Struct, frozen=True):
    """One setting: where it stands in the file, its environment variable, its default and use."""

    name: str
    variable: str
    default: str
    use: str


def described(
    model: type[BaseModel] = Settings, name: str = "", variable: str = "DAYBOOK_"
) -> Iterator[Described]:
    """Every setting, those of a book among them."""
    for key, field in model.model_fields.items():
        own, named = name + key, variable + key.upper()
        if key == _BOOKS:
            yield from described(Book, f"{own}.NAME.", f"{named}__NAME__")
        elif key in _NESTED:
            yield from described(_NESTED[key], f"{own}.", f"{named}__")
        else:
            yield Described(own, named, _default(field), field.description or "")


def flag(name: str) -> Any:  # noqa: ANN401 - as the library's own function
    """The flag for a setting."""
    (one,) = (one for one in described() if one.name == name)
    return typer.Option(envvar=one.variable, help=f"{one.use} (default: {one.default})")


_READING = (
    "Settings: in the file, as environment variable (and what it is without): what it does. Flags"
    " win over the environment, the environment over the file; lists are JSON in the environment."
)


def epilog() -> str:
    """Every setting, a paragraph each."""
    lines = (f"{one.name}, {one.variable} ({one.default}): {one.use}" for one in described())
    return "\n\n".join((_READING, *lines))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default is None else str(default)
