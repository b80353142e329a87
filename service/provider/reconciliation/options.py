"""What a comparison does, as a command or a schedule says."""

from datetime import timedelta

from msgspec import Struct

from service.provider.client import MANY, Patience
from service.provider.recording import SETTLING
from service.store.audit import SERVICE_ACT, Act


class Options(Struct, frozen=True, kw_only=True):
    """What a run does.

    Attributes:
        since: how far back lists are read.
        kinds: what is looked at; everything if empty.
        apply: whether what differs is recorded.
        accept_losses: whether it is applied even if many lose access, or a person should decide.
        act: who applies, and why.
        settle: how long it waits before it reads again what has just changed.
        patience: of one request.
    """

    since: timedelta = timedelta(days=30)
    kinds: tuple[str, ...] = ()
    apply: bool = False
    accept_losses: bool = False
    act: Act = SERVICE_ACT
    settle: timedelta = SETTLING
    patience: Patience = MANY
