"""Settings: flags over environment over ``daybook.toml`` over defaults.

Each value has an environment variable: ``DAYBOOK_`` and its name in capitals, a book's values as
``DAYBOOK_BOOKS__<BOOK>__<VALUE>``; lists are written as JSON.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from domain.policy import Policy
from service import setting_errors
from service.setting_kinds import BookName, DatabaseUrl, Plain, PlainPath, Secrets
from service.telemetry.sanitize import mask_secrets

CONFIG_NAME = "daybook.toml"
MADE_NAME = "trial-book"
"""Remembers which secret ``serve`` made, and the API key to try it with."""

RESPONSE_DAYS = 10
"""How long a dispute may be answered, by the provider's guide; nothing in a webhook says it."""


class SettingsError(Exception):
    """The configuration is refused; the text names the file, the line and the reason.

    Never a secret: whatever it is made of, those are masked.
    """

    def __init__(self, text: str) -> None:
        super().__init__(mask_secrets(text))


class Access(BaseModel):
    """Where merchants differ in who is entitled; see ``domain.access.Policy``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace: Annotated[bool, Field(description="Whether `past_due` keeps access.")] = True
    paid_through: Annotated[
        bool, Field(description="Whether what was cancelled keeps access until it was paid for.")
    ] = True
    trial_through: Annotated[
        bool, Field(description="Whether a cancelled trial keeps access until it ends.")
    ] = True
    refunded: Annotated[
        bool,
        Field(description="Whether a payment wholly refunded or lost to a dispute counts as paid."),
    ] = False
    one_time_payments: Annotated[
        bool, Field(description="Whether a payment for no subscription entitles without a grant.")
    ] = False
    license_keys: Annotated[
        bool, Field(description="Whether a licence key entitles without a grant or subscription.")
    ] = False
    renewal_allowance_days: Annotated[
        Annotated[int, Field(ge=0, le=3650)] | None,
        Field(description="Days that a renewal may be awaited with access; without, no end."),
    ] = None

    @property
    def policy(self) -> Policy:
        """The policy of the domain."""
        return Policy(**self.model_dump())


class Book(BaseModel):
    """One book: a separate ledger for one business in one mode."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Annotated[Literal["live", "test"], Field(description="live or test.")]
    secrets: Annotated[
        Secrets,
        Field(min_length=1, description="The endpoint's secret, and rotated ones behind it."),
    ]
    business_id: Annotated[
        Plain | None, Field(description="Marks what is another business's as `foreign`.")
    ] = None
    access: Access = Access()
    dispute_response_days: Annotated[
        int, Field(ge=1, le=365, description="Days in which a dispute is to be answered.")
    ] = RESPONSE_DAYS


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix="DAYBOOK_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: Annotated[
        DatabaseUrl | None,
        Field(description="Your PostgreSQL, 15 or later; without, a private one is started."),
    ] = None
    data_dir: Annotated[
        PlainPath,
        Field(description="Where the private PostgreSQL and the made configuration live."),
    ] = Field(default_factory=lambda: default_data_dir())  # noqa: PLW0108 - below
    host: Annotated[Plain, Field(description="The address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="The port; 0 takes any free one.")] = (
        8000
    )
    workers: Annotated[
        int, Field(ge=1, le=64, description="Processes that speak HTTP; the projector is one more.")
    ] = 1
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="The largest body of a webhook that is taken.")
    ] = 1 << 20
    requests_per_minute: Annotated[
        int, Field(ge=0, description="What an API key may ask of each worker; 0 is no limit.")
    ] = 0
    metrics: Annotated[bool, Field(description="Whether `/metrics` answers.")] = True
    books: dict[BookName, Book] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, then the file."""
        file = TomlConfigSettingsSource(settings_cls, _file.path)
        return init_settings, env_settings, file


class _File:
    path: Path | None = None


_file = _File()


def default_data_dir() -> Path:
    """The platform's place for data; for root one that the account of PostgreSQL can reach."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/daybook")
    return Path(platformdirs.user_data_dir("daybook"))


def load(config: Path | None = None, **flags: Any) -> Settings:  # noqa: ANN401
    """Read the settings.

    Args:
        config: the file; without it ``DAYBOOK_CONFIG``, else ``daybook.toml`` here, else the one
            that ``serve`` made in the data directory, else none.
        flags: values from the command line; None means not given.

    Raises:
        SettingsError: if the file is missing or a value is wrong.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    path = configured(config, given.get("data_dir"))
    text = _read(path) if path else ""
    _file.path = path
    names = {*Settings.model_fields, *Book.model_fields, *Access.model_fields}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(setting_errors.explain(error, path, text, names)) from None
    except SourceError:
        # its text and its cause quote the value, which may be a secret
        found = setting_errors.variables("DAYBOOK_BOOKS", names)
        raise SettingsError(f"{found}: cannot be read; lists are written as JSON.") from None


def configured(config: Path | None, data_dir: Path | None) -> Path | None:
    """The configuration file that counts.

    Raises:
        SettingsError: if one is named that does not exist.
    """
    named = config or os.environ.get("DAYBOOK_CONFIG")
    if named:
        path = Path(named)
        if not _is_file(path):
            raise SettingsError(f"{path}: there is no such file, or it cannot be reached")
        return path
    home = data_dir or os.environ.get("DAYBOOK_DATA_DIR") or default_data_dir()
    candidates = (Path(CONFIG_NAME), Path(home) / CONFIG_NAME)
    return next((path for path in candidates if _is_file(path)), None)


def _read(path: Path) -> str:
    text = ""
    try:
        text = path.read_text("utf-8")
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: {setting_errors.explain_toml(error, text)}") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        # bytes that are not UTF-8, a number or nesting without end
        raise SettingsError(f"{path}: cannot be read as TOML in UTF-8") from None
    return text


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # in a directory that this account cannot reach; whoever needs that is told so then
        return False
