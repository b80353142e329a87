"""The settings of anchors, which carry checkpoints out of reach of the database's owner."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from service.setting_checks import Plain, PlainPath, ProviderUrl


class Anchor(BaseModel):
    """A place where checkpoints are kept: a directory, or an RFC 3161 timestamp authority."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Annotated[Literal["directory", "rfc3161"], Field(description="directory or rfc3161.")]
    name: Annotated[
        Plain | None, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$", description="Its name.")
    ] = None
    path: Annotated[PlainPath | None, Field(description="The directory; it must exist.")] = None
    url: Annotated[ProviderUrl | None, Field(description="The timestamp authority.")] = None
    certificates: Annotated[
        PlainPath | None, Field(description="PEM file with the authority's root certificates.")
    ] = None

    @model_validator(mode="after")
    def _check_kind(self) -> "Anchor":
        if (self.path is None) is (self.kind == "directory"):
            raise ValueError("an anchor of kind directory, and no other, needs a path")
        if (self.url is None) is (self.kind == "rfc3161"):
            raise ValueError("an anchor of kind rfc3161, and no other, needs a url")
        if self.certificates is not None and self.kind != "rfc3161":
            raise ValueError("only an anchor of kind rfc3161 has certificates")
        if self.kind == "rfc3161" and find_spec("rfc3161_client") is None:
            raise ValueError("rfc3161 needs the extra timestamp: dodo-daybook[timestamp]")
        return self

    @property
    def title(self) -> str:
        """Its name; by default its kind."""
        return self.name or self.kind

    @property
    def directory(self) -> Path:
        """The path of an anchor of kind directory."""
        assert self.path is not None, "as checked"  # noqa: S101
        return self.path
