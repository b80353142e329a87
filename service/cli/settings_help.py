"""Descriptions of the settings for ``serve --help``."""

from collections.abc import Iterator
from typing import Any

import typer
from msgspec import Struct
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from service.access_settings import Access
from service.provider_settings import ProviderApi
from service.settings import Book, Settings
from service.sso_settings import ConsoleSso

_BOOKS = "books"
_NESTED: dict[str, type[BaseModel]] = {
    _BOOKS: Book,
    "access": Access,
    "provider": ProviderApi,
    "console_sso": ConsoleSso,
}


class SettingHelp(Struct, frozen=True):
    """One setting: its name in the file, environment variable, default and use."""

    name: str
    variable: str
    default: str
    use: str


def setting_helps(
    model: type[BaseModel] = Settings, name: str = "", variable: str = "DAYBOOK_"
) -> Iterator[SettingHelp]:
    """The help for every setting, including those of a book."""
    for key, field in model.model_fields.items():
        full_name, full_variable = name + key, variable + key.upper()
        if key == _BOOKS:
            yield from setting_helps(Book, f"{full_name}.NAME.", f"{full_variable}__NAME__")
        elif key in _NESTED:
            yield from setting_helps(_NESTED[key], f"{full_name}.", f"{full_variable}__")
        else:
            yield SettingHelp(full_name, full_variable, _default(field), field.description or "")


def flag(name: str) -> Any:  # noqa: ANN401 - as the library's own function
    """The command-line flag for a setting."""
    (setting,) = (setting for setting in setting_helps() if setting.name == name)
    text = f"{setting.use} (default: {setting.default})"
    return typer.Option(envvar=setting.variable, help=text)


_READING = (
    "Settings: name in the file, environment variable (default): what it does. A flag overrides the"
    " environment, the environment overrides the file. In the environment, lists are JSON."
)


def epilog() -> str:
    """One paragraph for each setting."""
    lines = (f"{s.name}, {s.variable} ({s.default}): {s.use}" for s in setting_helps())
    return "\n\n".join((_READING, *lines))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, bool):
        return str(default).lower()
    return "none" if default is None else str(default)
