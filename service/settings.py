"""Settings, from flags, the environment, ``daybook.toml`` and defaults, in this order.

Each setting has an environment variable: ``DAYBOOK_`` and its name in capitals; a book's settings
are ``DAYBOOK_BOOKS__<BOOK>__<SETTING>``. Lists are JSON.
"""

import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings import SettingsError as SourceError

from service import setting_checks
from service.access_settings import Access
from service.anchor_settings import Anchor
from service.errors import SettingsError as SettingsError  # noqa: PLC0414 - for all who load
from service.provider_settings import PROVIDER_URLS, ProviderApi
from service.setting_checks import (
    BookName,
    DatabaseUrl,
    Network,
    Plain,
    PlainPath,
    PublicUrl,
    Secrets,
    SigningKey,
)
from service.sso_settings import Admission, CheckedSso, ConsoleSso

CONFIG_NAME = "daybook.toml"
MADE_NAME = "trial-book"
"""The file with the secret that ``serve`` generated, and an API key for trying the service."""

RESPONSE_DAYS = 10
"""Days to respond to a dispute, by the provider's guide; webhooks do not contain it."""


class Book(BaseModel):
    """A book: a separate ledger of one business in one mode."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    mode: Annotated[Literal["live", "test"], Field(description="live or test.")]
    secrets: Annotated[
        Secrets,
        Field(min_length=1, description="The endpoint's secret, followed by rotated ones."),
    ]
    retired_secrets: Annotated[
        Secrets,
        Field(
            description="Old secrets that accept no webhook; `verify` checks signatures by them."
        ),
    ] = []
    business_id: Annotated[
        Plain | None, Field(description="Marks events of another business as `foreign`.")
    ] = None
    webhook_max_age_days: Annotated[
        Annotated[int, Field(ge=1, le=4000)] | None,
        Field(
            description="Accept webhooks stamped up to so many days ago; for a sandbox, in test"
            " mode only. By default five minutes."
        ),
    ] = None
    access: Access = Access()
    dispute_response_days: Annotated[
        int, Field(ge=1, le=365, description="Days to respond to a dispute.")
    ] = RESPONSE_DAYS
    provider: ProviderApi = ProviderApi()

    @model_validator(mode="after")
    def _check_key(self) -> Self:
        if self.access.confirm_denials and self.provider.api_key is None:
            raise ValueError(
                "access.confirm_denials needs an API key of the provider: set provider.api_key, as"
                " `daybook connect` does, or remove access.confirm_denials"
            )
        return self

    @property
    def provider_url(self) -> str:
        """The base URL of the provider's REST API for this book, without a slash at the end."""
        return self.provider.url or PROVIDER_URLS[self.mode]

    @field_validator("webhook_max_age_days")
    @classmethod
    def _check_max_age(cls, days: int | None, info: ValidationInfo) -> int | None:
        if days is not None and info.data.get("mode") != "test":
            raise ValueError(
                "this is for webhooks of `daybook sandbox`, in a book of mode test; remove it: a"
                " live book must refuse old requests"
            )
        return days

    @property
    def webhook_max_age(self) -> timedelta | None:
        """How old a webhook's stamp may be; None for the usual five minutes."""
        days = self.webhook_max_age_days
        return None if days is None else timedelta(days=days)


class Settings(BaseSettings):
    """All settings, with their defaults."""

    model_config = SettingsConfigDict(
        env_prefix="DAYBOOK_",
        env_nested_delimiter="__",
        # as compose files leave a variable that is not set
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    database_url: Annotated[
        DatabaseUrl | None,
        Field(description="Your PostgreSQL, 15 or later; by default a private one is started."),
    ] = None
    replica_url: Annotated[
        DatabaseUrl | None,
        Field(description="A standby of it that answers questions; writes go to the primary."),
    ] = None
    data_dir: Annotated[
        PlainPath,
        Field(description="Holds the private PostgreSQL and the generated configuration."),
    ] = Field(default_factory=lambda: default_data_dir())  # noqa: PLW0108 - below
    host: Annotated[Plain, Field(min_length=1, description="The address to listen on.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Field(ge=0, le=65535, description="The port; 0 takes any free one.")] = (
        8000
    )
    workers: Annotated[
        int, Field(ge=1, le=64, description="HTTP processes; the projector is one more.")
    ] = 1
    max_body_bytes: Annotated[
        int, Field(ge=1024, description="The largest accepted body of a webhook.")
    ] = 1 << 20
    requests_per_minute: Annotated[
        int, Field(ge=0, description="Requests per API key and worker; 0 means no limit.")
    ] = 0
    trusted_proxies: Annotated[
        list[Network],
        Field(description="Proxies whose X-Forwarded-For names the sender of a request."),
    ] = []
    metrics: Annotated[bool, Field(description="Whether `/metrics` is served.")] = True
    console: Annotated[bool, Field(description="Whether the console is served at `/console`.")] = (
        True
    )
    console_url: Annotated[
        PublicUrl | None,
        Field(description="The console's origin, where a proxy changes the header Host."),
    ] = None
    signing_key: Annotated[
        SigningKey | None,
        Field(description="Signs checkpoints; by default a file of the data directory is made."),
    ] = None
    anchors: Annotated[
        list[Anchor], Field(description="Where checkpoints are kept, out of reach; see the README.")
    ] = []
    books: dict[BookName, Book] = {}
    # after what it is checked against
    console_sso: Annotated[CheckedSso | None, Field(description="Single sign-on.")] = None

    @field_validator("anchors")
    @classmethod
    def _check_anchors(cls, anchors: list[Anchor]) -> list[Anchor]:
        if len({anchor.title for anchor in anchors}) < len(anchors):
            raise ValueError("two anchors have one name; give each its own `name`")
        return anchors

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
    """The platform's data directory; for root one that PostgreSQL's account can reach."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/daybook")
    return Path(platformdirs.user_data_dir("daybook"))


def load(config: Path | None = None, **flags: Any) -> Settings:  # noqa: ANN401
    """Load the settings.

    Args:
        config: the file; by default ``DAYBOOK_CONFIG``, else ``daybook.toml`` in the working
            directory, else the one that ``serve`` created in the data directory, else none.
        flags: values from the command line; None means that the flag is absent.

    Raises:
        SettingsError: if the file is missing or a value is invalid.
    """
    values = {name: value for name, value in flags.items() if value is not None}
    path = find_config(config, values.get("data_dir"))
    text = _read(path) if path else ""
    _file.path = path
    models = (Settings, Book, Access, ProviderApi, Anchor, ConsoleSso, Admission)
    names = {name for model in models for name in model.model_fields}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(setting_checks.explain(error, path, text, names)) from None
    except SourceError:
        # the error's text and cause quote the value, which may be a secret
        variables = setting_checks.variables("DAYBOOK_BOOKS", names)
        raise SettingsError(f"{variables}: not valid JSON. Write lists as JSON.") from None


def find_config(config: Path | None, data_dir: Path | None) -> Path | None:
    """Find the configuration file to load, if any.

    Raises:
        SettingsError: if the flag or ``DAYBOOK_CONFIG`` names a file that does not exist.
    """
    explicit = config or os.environ.get("DAYBOOK_CONFIG")
    if explicit:
        path = Path(explicit)
        if not _is_file(path):
            raise SettingsError(f"{path}: this file does not exist or cannot be read")
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
        raise SettingsError(f"{path}: {setting_checks.explain_toml(error, text)}") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        # bytes that are not UTF-8, a huge number, or too deep nesting
        raise SettingsError(f"{path}: not valid TOML in UTF-8") from None
    return text


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        # in a directory that this account cannot enter; using it raises a clear error later
        return False
