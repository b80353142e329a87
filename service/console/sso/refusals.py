"""What a person reads whose assertion opens nothing."""

from service.console.sso.assertions import REASONS
from service.problems import Problem


def refusal(reason: str | None) -> Problem:
    """The problem of an assertion that was refused; without a reason, of one that is missing."""
    if reason is None:
        detail = "The request has no assertion. Open the console by the address of your proxy."
        return Problem("sign-on-refused", detail)
    detail = f"Your proxy's assertion opens nothing: {REASONS[reason]}."
    if reason == "not-admitted":
        return Problem("not-admitted", detail)
    if reason == "keys-unavailable":
        return Problem("sign-on-unavailable", detail)
    return Problem("sign-on-refused", detail)
