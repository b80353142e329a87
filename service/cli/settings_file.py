"""Writes a book's secrets into the configuration file; comments and order stay as they are."""

import os
import stat
import tempfile
import tomllib
from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import tomlkit
from msgspec import Struct
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from service.settings import CONFIG_NAME, SettingsError, find_config

_OTHERS = 0o007


class BookSecrets(Struct, frozen=True):
    """What ``connect`` knows of a book; ``secret`` is the current one, older ones stay behind it.

    The ``mode`` is written only if the book has none; so is ``provider_url``, without which a
    process that lacks the variable would ask another provider. What is None is not written.
    """

    name: str
    mode: str
    secret: str
    api_key: str | None
    provider_url: str | None = None


class Written(Struct, frozen=True):
    """The changed file, and whether every account of the machine could read it before."""

    path: Path
    was_readable_by_all: bool


def check_writable(path: Path, book: BookSecrets) -> None:
    """Check that the book can be written, before anything is changed at the provider.

    Raises:
        SettingsError: if it cannot; the text says why.
    """
    target = Path(os.path.realpath(path))
    if not os.access(target.parent, os.W_OK) or (
        target.exists() and not os.access(target, os.W_OK)
    ):
        raise SettingsError(
            f"{path}: this account may not write it. Run it as the account that owns the file, or"
            " configure the book by environment variables."
        )
    if target.exists() and os.geteuid() not in {0, target.stat().st_uid}:
        raise SettingsError(f"{path}: it belongs to another account. Run it as that account.")
    _edited(path, _read(target), book)


def path_for(config: Path | None, data_dir: Path | None) -> Path:
    """The configuration file; one in the working directory if there is none yet."""
    return find_config(config, data_dir) or Path(CONFIG_NAME)


def variables_of(book: str, path: Path) -> list[str]:
    """The environment variables that configure a book in place of the file.

    They override the file, so that writing it would change nothing. An API key alone does so only
    where there is no file.
    """
    prefix = _prefix(book)
    names = {"DAYBOOK_BOOKS", prefix, f"{prefix}__MODE", f"{prefix}__SECRETS"}
    if not path.exists():
        names |= {f"{prefix}__PROVIDER", _key_variable(book)}
    return sorted(name for name, value in os.environ.items() if value and name.upper() in names)


def has_key_variable(book: str) -> bool:
    """Whether the environment has the API key of a book; then the file need not have it."""
    return any(value and name.upper() == _key_variable(book) for name, value in os.environ.items())


def _prefix(book: str) -> str:
    return f"DAYBOOK_BOOKS__{book.upper()}"


def _key_variable(book: str) -> str:
    return f"{_prefix(book)}__PROVIDER__API_KEY"


def write_book(path: Path, book: BookSecrets) -> Written | None:
    """Write a book's secrets.

    The file is replaced at once, so a reader sees the old or the new one. Accounts that are neither
    its owner nor of its group can no longer read it.

    Returns:
        What was written; None if the file has these values.

    Raises:
        SettingsError: if the file cannot be edited without changing something else.
        OSError: if it cannot be replaced.
    """
    target = Path(os.path.realpath(path))
    text = _read(target)
    edited = _edited(path, text, book)
    return None if edited == text else Written(path, _replace(target, edited))


def _edited(path: Path, text: str, book: BookSecrets) -> str:
    # a value may stand in the place of a table or a list
    with suppress(TOMLKitError, tomllib.TOMLDecodeError, AttributeError, TypeError):
        expected = tomllib.loads(text)
        _set(expected, book)
        if expected == tomllib.loads(text):
            return text
        document = tomlkit.parse(text)
        _set(document, book)
        edited = tomlkit.dumps(document)
        if tomllib.loads(edited) == expected:
            return edited
    raise SettingsError(
        f"{path}: this file cannot be edited without changing something else. Write the book as a"
        f" table [books.{book.name}], and run it again."
    )


def _read(target: Path) -> str:
    # not as text, which would replace line ends
    return target.read_bytes().decode() if target.exists() else ""


def _set(document: MutableMapping[str, Any], book: BookSecrets) -> None:
    """Set the values in a document, of plain dictionaries or of tomlkit's."""
    is_tomlkit = isinstance(document, tomlkit.TOMLDocument)
    if "books" not in document:
        document["books"] = tomlkit.table(is_super_table=True) if is_tomlkit else {}
    books = document["books"]
    if book.name not in books:
        books[book.name] = tomlkit.table() if is_tomlkit and isinstance(books, Table) else {}
    entry = books[book.name]
    entry.setdefault("mode", book.mode)
    secrets = entry.setdefault("secrets", [])
    if book.secret in secrets[1:]:
        secrets.remove(book.secret)
    if book.secret not in secrets:
        secrets.insert(0, book.secret)
    if book.api_key is None and book.provider_url is None:
        return
    if "provider" not in entry:
        entry["provider"] = tomlkit.inline_table() if is_tomlkit else {}
    if book.api_key is not None and entry["provider"].get("api_key") != book.api_key:
        entry["provider"]["api_key"] = book.api_key
    if book.provider_url is not None:
        entry["provider"].setdefault("url", book.provider_url)


def _replace(target: Path, text: str) -> bool:
    """Replace a file at once; whether all accounts could read it before."""
    before = target.stat() if target.exists() else None
    readable = bool(before and before.st_mode & _OTHERS)
    mode = stat.S_IMODE(before.st_mode) & 0o660 if before and not readable else 0o600
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if before and os.geteuid() == 0:
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), mode)
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return readable
