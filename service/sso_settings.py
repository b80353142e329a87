"""The settings of single sign-on for the console."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator

from service.setting_checks import BookName, KeySource, Plain, ProviderUrl

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519"
]
"""All are asymmetric: a public key that everybody knows signs nothing."""

SsoScope = Literal["read", "audit", "admin"]
"""The same as of API keys; see ``service.store.api_keys``."""


def _check_person(person: str) -> str:
    domain = person.removeprefix("*")
    if "*" in domain or (domain != person and domain and not domain.startswith("@")):
        raise ValueError("write a name in full, *@example.com for all of a domain, or * for all")
    return person


class Admission(BaseModel):
    """Whom single sign-on admits to which books; who is named nowhere is admitted nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    people: Annotated[
        list[Annotated[Plain, Field(min_length=1), AfterValidator(_check_person)]],
        Field(description="E-mail addresses; *@example.com for all of a domain, * for all."),
    ] = []
    groups: Annotated[
        list[Annotated[Plain, Field(min_length=1)]],
        Field(description="Groups, as the assertion names them."),
    ] = []
    books: Annotated[list[BookName], Field(min_length=1, description="The books.")]
    scopes: Annotated[list[SsoScope], Field(min_length=1, description="The scopes.")] = ["read"]

    @model_validator(mode="after")
    def _check_named(self) -> Self:
        if not self.people and not self.groups:
            raise ValueError("admits nobody: name people or groups")
        return self


class ConsoleSso(BaseModel):
    """How a proxy says who a person is; and whom that admits to what."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    header: Annotated[
        Plain,
        Field(
            pattern=r"^[A-Za-z0-9-]{1,64}$",
            description="The header with the proxy's assertion.",
        ),
    ]
    signed: Annotated[
        bool,
        Field(
            description="Whether it is a signed JWT; false: a plain name, believed from"
            " `trusted_proxies` alone."
        ),
    ] = True
    jwks: Annotated[
        KeySource | None,
        Field(description="URL or file of the issuer's JSON Web Key Set."),
    ] = None
    issuer: Annotated[Plain | None, Field(min_length=1, description="The JWT's `iss`.")] = None
    audience: Annotated[
        Plain | None, Field(min_length=1, description="What the JWT's `aud` must contain.")
    ] = None
    algorithms: Annotated[
        list[Algorithm], Field(min_length=1, description="The signatures that are accepted.")
    ] = ["RS256", "ES256"]
    leeway_seconds: Annotated[
        int, Field(ge=0, le=300, description="How far the proxy's clock may be off.")
    ] = 30
    person: Annotated[
        Plain, Field(min_length=1, description="The claim that names the person.")
    ] = "email"
    groups: Annotated[
        Plain,
        Field(
            min_length=1,
            description="The claim with the person's groups; of a plain name, the header.",
        ),
    ] = "groups"
    sign_out_url: Annotated[
        ProviderUrl | None, Field(description="Where one signs out of the proxy.")
    ] = None
    api_keys: Annotated[
        bool, Field(description="Whether API keys and links open the console too.")
    ] = True
    admit: Annotated[
        list[Admission], Field(description="Who may see which books, with which scopes.")
    ] = []

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        needed = {"jwks": self.jwks, "issuer": self.issuer, "audience": self.audience}
        missing = [name for name, value in needed.items() if value is None]
        if self.signed and missing:
            raise ValueError(
                f"a signed assertion needs {', '.join(missing)}; for a plain name set"
                " signed = false"
            )
        if not self.signed and len(missing) < len(needed):
            raise ValueError(
                "a plain name has no jwks, issuer or audience: remove them, or signed = false"
            )
        by_group = any(one.groups for one in self.admit)
        if not self.signed and by_group and "groups" not in self.model_fields_set:
            raise ValueError(
                "admits groups by a plain name: set groups to the header in which the proxy names"
                " them, and have the proxy remove it from what others send"
            )
        return self


def _check_surroundings(sso: ConsoleSso, info: ValidationInfo) -> ConsoleSso:
    if not sso.signed and not info.data.get("trusted_proxies"):
        raise ValueError(
            "a plain name is believed from trusted_proxies alone: name the address of your proxy"
            " there"
        )
    admitted = {book for one in sso.admit for book in one.books}
    if admitted - set(info.data.get("books", admitted)):
        raise ValueError("admits to a book that is not configured")
    return sso


CheckedSso = Annotated[ConsoleSso, AfterValidator(_check_surroundings)]
"""Checked against the settings that were read before: ``trusted_proxies`` and ``books``."""
