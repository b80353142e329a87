"""The settings of a book that concern the provider's REST API."""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from service.setting_checks import ApiKey, Duration, ProviderUrl, parse_duration

PROVIDER_URLS = {
    "live": "https://live.dodopayments.com",
    "test": "https://test.dodopayments.com",
}
"""The provider's REST API of each mode; a key of one mode is refused by the other's host."""


class ProviderApi(BaseModel):
    """How a book reads the provider's REST API; without an ``api_key`` it does not."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: Annotated[
        ApiKey | None, Field(description="The provider's API key, of the book's mode.")
    ] = None
    url: Annotated[
        ProviderUrl | None,
        Field(description="The provider's API; by default its host for the book's mode."),
    ] = None
    requests_per_minute: Annotated[
        int, Field(ge=1, le=100_000, description="The most requests that a process sends.")
    ] = 240
    timeout_seconds: Annotated[
        int, Field(ge=1, le=60, description="Seconds after which an answer is not awaited.")
    ] = 5
    reconcile_every: Annotated[
        Duration,
        Field(description="How often `serve` compares the book with the provider, or `never`."),
    ] = "6h"

    reconcile_apply: Annotated[
        bool, Field(description="Whether `serve` also records what differs.")
    ] = False

    @property
    def reconcile_interval(self) -> timedelta | None:
        """``reconcile_every`` as a duration; None for `never`."""
        return parse_duration(self.reconcile_every)

    @property
    def is_scheduled(self) -> bool:
        """Whether ``serve`` compares the book."""
        return self.api_key is not None and self.reconcile_interval is not None
