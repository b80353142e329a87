"""The settings of a book's access rules."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.confirming import Unconfirmed
from domain.policy import Policy


class Access(BaseModel):
    """Access rules in which merchants differ; see ``domain.policy.Policy``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace: Annotated[bool, Field(description="Whether `past_due` keeps access.")] = True
    paid_through: Annotated[
        bool, Field(description="Whether a cancelled subscription keeps access until paid through.")
    ] = True
    trial_through: Annotated[
        bool, Field(description="Whether a cancelled trial keeps access until it ends.")
    ] = True
    refunded: Annotated[
        bool,
        Field(description="Whether a payment counts if fully refunded or lost to a dispute."),
    ] = False
    one_time_payments: Annotated[
        bool, Field(description="Whether a one-time payment gives access without a grant.")
    ] = False
    license_keys: Annotated[
        bool, Field(description="Whether a licence key gives access on its own.")
    ] = False
    renewal_allowance_days: Annotated[
        Annotated[int, Field(ge=0, le=3650)] | None,
        Field(description="Days of access while a renewal is awaited; unlimited by default."),
    ] = None
    confirm_denials: Annotated[
        bool,
        Field(description="Whether the provider is asked before a customer is denied."),
    ] = False
    unconfirmed: Annotated[
        Unconfirmed,
        Field(
            description="Where it does not answer: recent (entitled for one more billing interval"
            " after a date that ended access), deny or allow."
        ),
    ] = "recent"

    @property
    def policy(self) -> Policy:
        """The domain's policy with these rules."""
        return Policy(**self.model_dump(exclude={"confirm_denials", "unconfirmed"}))
