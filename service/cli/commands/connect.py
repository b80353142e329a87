"""``daybook connect``: a webhook endpoint at the provider, and its secret in the configuration."""

import asyncio
import sys
from collections.abc import Container, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from pydantic import ValidationError

from service.cli import settings_file
from service.cli.app import app
from service.cli.options import ERR, OUT, Config, DataDir
from service.cli.settings_file import BookSecrets
from service.provider import connecting
from service.provider.client import Provider
from service.provider.connecting import Connection
from service.provider.endpoints import EVENT_TYPES
from service.provider.errors import UnexpectedAnswerError
from service.setting_checks import https_url_fault
from service.settings import Book, SettingsError, load
from service.telemetry.wording import number_of

Mode = Literal["live", "test"]

_MODES: Mapping[str, Mode] = {"live": "live", "test": "test"}
"""The mode of a new book whose name says it."""

_ANY_SECRET = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"  # noqa: S105 - of a book that has none yet


@app.command()
def connect(  # noqa: PLR0913 - one parameter a flag
    *,
    book: Annotated[str, typer.Option(help="The book; it is created if it is not configured.")],
    url: Annotated[
        str,
        typer.Option(
            help="Where the provider is to send the book's webhooks:"
            " https://your.host/webhooks/BOOK, as seen from the internet."
        ),
    ],
    mode: Annotated[
        Mode | None, typer.Option(help="The mode of a new book, unless its name says it.")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(
            help="The provider's API key, with write access. It is safer to leave it out: then it"
            " is the configured one, or you are asked for it. Other accounts can see a flag.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done.")
    ] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Let the provider send a book's webhooks here, of every type that Daybook knows.

    Creates the webhook endpoint at the provider. If one has this URL already, adds the types it
    lacks and enables it. Then writes the endpoint's secret and the API key into the configuration
    file; older secrets are kept behind the new one. If the book is configured by environment
    variables, prints their new values instead. Repeat it whenever you like.
    """
    if fault := https_url_fault(url):
        raise SettingsError(f"--url: {fault}")
    books = _books(config, data_dir)
    _check_path(url, book, books)
    is_new = book not in books
    configured_before = configured = books.get(book) or _draft(config, data_dir, book, mode)
    if mode not in {None, configured.mode}:
        raise SettingsError(f"--mode: book {book!r} is configured as {configured.mode}.")
    key = api_key or _configured_key(configured) or _prompt(book, configured.mode)
    configured = _with_key(configured, key)
    path = settings_file.path_for(config, data_dir)
    variables = settings_file.variables_of(book, path)
    kept_key = None if settings_file.has_key_variable(book) else key
    secrets = BookSecrets(book, configured.mode, _ANY_SECRET, kept_key, configured.provider.url)
    if not variables and not dry_run:
        settings_file.check_writable(path, secrets)
    found = asyncio.run(_connect(book, configured, url, dry_run=dry_run))
    _report(found, url, dry_run=dry_run)
    if found.secret is None:
        return
    _check_secret(configured, found.secret)
    secrets = msgspec.structs.replace(secrets, secret=found.secret)
    if variables:
        old = [] if is_new else [s.get_secret_value() for s in configured.secrets]
        _print_variables(secrets, old, key, variables)
    else:
        is_first_key = _configured_key(configured_before) is None
        _write(path, secrets, restart=is_new or is_first_key)
    OUT.print(f"To fill the book with what the provider has: daybook backfill --book {book}")


async def _connect(name: str, book: Book, url: str, *, dry_run: bool) -> Connection:
    async with Provider(name, book) as provider:
        return await connecting.connect(provider, url, dry_run=dry_run)


def _books(config: Path | None, data_dir: Path | None) -> Mapping[str, Book]:
    """The configured books; none if the configuration is not complete yet."""
    try:
        return load(config, data_dir=data_dir).books
    except SettingsError:
        # it may only lack what is to be written; otherwise the draft is refused for the same reason
        return {}


def _draft(config: Path | None, data_dir: Path | None, name: str, mode: Mode | None) -> Book:
    """The book as it will be, with what the configuration has of it."""
    draft: dict[str, object] = {"secrets": [_ANY_SECRET]}
    with suppress(SettingsError):
        # a book that has its mode, and no secret yet
        return load(config, data_dir=data_dir, books={name: draft}).books[name]
    draft["mode"] = mode or _MODES.get(name)
    if draft["mode"] is None:
        raise SettingsError(f"--mode: book {name!r} is new. Give --mode live or --mode test.")
    return load(config, data_dir=data_dir, books={name: draft}).books[name]


def _check_path(url: str, book: str, others: Container[str]) -> None:
    last = url.rstrip("/").rpartition("/")[2]
    if last == book:
        return
    if last in others:
        raise SettingsError(f"--url: it is that of book {last!r}, which would refuse the webhooks.")
    ERR.print(
        f"Note: the URL does not end with /webhooks/{book}. That is right only if a proxy leads"
        " it there.",
        soft_wrap=True,
    )


def _configured_key(book: Book) -> str | None:
    return book.provider.api_key.get_secret_value() if book.provider.api_key else None


def _prompt(name: str, mode: str) -> str:
    if not sys.stdin.isatty():
        raise SettingsError(
            f"Book {name!r} has no API key of the provider. Set"
            f" DAYBOOK_BOOKS__{name.upper()}__PROVIDER__API_KEY, or books.{name}.provider.api_key"
            " in the configuration file; or run it in a terminal, to be asked."
        )
    text = f"API key of {mode} mode, with write access (dashboard: Developer > API Keys)"
    return str(typer.prompt(text, hide_input=True, err=True)).strip()


def _with_key(book: Book, key: str) -> Book:
    provider = {**book.provider.model_dump(), "api_key": key}
    try:
        return Book.model_validate({**book.model_dump(), "provider": provider})
    except ValidationError as error:
        reason = error.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise SettingsError(f"--api-key: {reason}") from None


def _check_secret(book: Book, secret: str) -> None:
    try:
        Book.model_validate({**book.model_dump(), "secrets": [secret]})
    except ValidationError:
        raise UnexpectedAnswerError(
            "The provider's answer has no secret as Standard Webhooks defines it. Copy the"
            " endpoint's secret from the dashboard into the book's `secrets`.",
            200,
        ) from None


def _report(found: Connection, url: str, *, dry_run: bool) -> None:
    endpoint = found.endpoint
    if endpoint is None:
        verb = "Would create" if dry_run else "Created"
        OUT.print(
            f"{verb} an endpoint for {url}, with {number_of(len(EVENT_TYPES), 'type')}.",
            soft_wrap=True,
        )
    elif found.complete:
        OUT.print(f"Endpoint {endpoint.id} has this URL and all types.", soft_wrap=True)
    else:
        if endpoint.missing_types:
            verb = "Would add" if dry_run else "Added"
            types = ", ".join(endpoint.missing_types)
            OUT.print(f"{verb} types to endpoint {endpoint.id}: {types}.", soft_wrap=True)
            OUT.print(
                "To receive what these types have missed in the last two weeks: Replay missing"
                " messages, in the dashboard under Developer > Webhooks."
            )
        if endpoint.disabled:
            verb = "Would enable" if dry_run else "Enabled"
            OUT.print(f"{verb} endpoint {endpoint.id}.", soft_wrap=True)
    for other in found.others:
        ERR.print(
            f"Warning: endpoint {other.id} has the same URL, with another secret. Delete it in the"
            " dashboard; otherwise each webhook comes twice.",
            soft_wrap=True,
        )


def _write(path: Path, secrets: BookSecrets, *, restart: bool) -> None:
    written = settings_file.write_book(path, secrets)
    if written is None:
        OUT.print(f"{path} has the endpoint's secret already.", soft_wrap=True)
        return
    what = "the endpoint's secret" + (" and the API key" if secrets.api_key else "")
    OUT.print(f"Wrote {what} to {path}.", soft_wrap=True)
    if written.was_readable_by_all:
        ERR.print(
            f"Note: every account could read {path}; now only its owner can. Check that the"
            " service runs as its owner.",
            soft_wrap=True,
        )
    if restart:
        OUT.print(
            "To serve a new book, and to compare it with the provider: restart daybook serve."
            " For the new secret alone: kill -HUP the process of `pgrep -of 'daybook: serve'`.",
            soft_wrap=True,
        )
    else:
        OUT.print("To use them: kill -HUP the process of `pgrep -of 'daybook: serve'`.")


def _print_variables(secrets: BookSecrets, old: list[str], key: str, variables: list[str]) -> None:
    prefix = f"DAYBOOK_BOOKS__{secrets.name.upper()}__"
    new = [secrets.secret, *(s for s in old if s != secrets.secret)]
    OUT.print(
        f"The environment configures this book ({', '.join(variables)}), so no file is changed."
        " Set these, and restart daybook serve:",
        soft_wrap=True,
    )
    for name, value in (
        ("MODE", secrets.mode),
        ("SECRETS", msgspec.json.encode(new).decode()),
        ("PROVIDER__API_KEY", key),
    ):
        OUT.print(f"{prefix}{name}='{value}'", soft_wrap=True)
