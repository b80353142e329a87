"""What a command can let happen in the world, by the command's name."""

from collections.abc import Callable, Mapping
from typing import Any

from service.sandbox.happenings import Happening, ImpossibleError
from service.sandbox.world import World

ACTIONS = (
    "buy", "fail-next-renewal", "renew", "recover", "pause", "unpause", "cancel", "keep", "expire",
    "change-plan", "replace-payment-method", "use-credits", "refund", "open-dispute",
    "move-dispute", "move-grant", "move-payout", "disable-license-key", "enact",
)  # fmt: skip
"""Each is the world's method of this name; its first argument is an id, or an event's type."""


def action(
    name: str, identity: str, options: Mapping[str, Any]
) -> Callable[[World], list[Happening]]:
    """The call of an action.

    Raises:
        ImpossibleError: if there is no such action; the call raises it too, and for options that
            the action does not take.
    """
    if name not in ACTIONS:
        raise ImpossibleError(f"There is no action {name!r}. Use one of: {', '.join(ACTIONS)}.")

    def call(world: World) -> list[Happening]:
        try:
            happenings: list[Happening] = getattr(world, name.replace("-", "_"))(
                identity, **options
            )
        except TypeError:
            raise ImpossibleError(f"{name} does not take these options: {options}.") from None
        return happenings

    return call
