"""Why a customer is entitled or not, in a sentence; and what to do, by the state of access."""

from collections.abc import Mapping

from domain.access import Because
from domain.access_state import STATES, AccessState

RULES: Mapping[str, str] = {
    "active": "The subscription is active, and its period has not ended.",
    "renewal_awaited": "The period has ended and no webhook told of the renewal; it may be on its"
    " way, so the customer is not locked out.",
    "renewal_missed": "The period has ended, and no webhook told of a renewal within the book's"
    " allowance.",
    "cancels_at_period_end": "Cancelled for the end of the period, which is paid.",
    "period_ended": "Cancelled for the end of the period, which has ended.",
    "term_ended": "The subscription's term has ended.",
    "grace": "The renewal payment failed; the grace period has not ended.",
    "grace_ended": "The renewal payment failed, and the grace period has ended.",
    "past_due": "The renewal payment failed, and this book gives no grace.",
    "paid": "A payment covers this moment, whatever the status.",
    "paid_presumed": "A payment was made that names no period; one billing interval is presumed.",
    "paid_through": "Cancelled, and paid until the end of the period.",
    "trial_through": "Cancelled during the trial, which has not ended.",
    "unknown_status": "This version does not know the status, and does not guess.",
    "granted": "An entitlement was granted and delivered, and not taken back.",
    "one_time_payment": "A product was paid once.",
    "license_key": "A licence key was issued, and has not expired.",
    "key_expired": "The licence key has expired.",
    "unconfirmed": "Nothing in the book entitles, and the provider, asked whether that is so, did"
    " not answer.",
    "pending": "The subscription was never activated.",
    "failed": "The subscription could not be set up: the mandate was refused.",
    "on_hold": "A payment failed, and the subscription waits for another one.",
    "paused": "The subscription is paused.",
    "cancelled": "The subscription was cancelled, and nothing that was paid reaches this far.",
    "expired": "The subscription's term is over.",
    "revoked": "The entitlement was taken back.",
    "disabled": "The licence key was disabled.",
}
"""Each rule of ``Because``, in a sentence."""

PAGES: Mapping[AccessState, str] = {row.state: row.page for row in STATES}
"""What a page of the merchant's shows in each state."""


def rule(because: Because) -> str:
    """The sentence of a reason; a status that entitles to nothing is named."""
    said = because.status.replace("_", " ")
    return RULES.get(because.rule, f"The status is {said}, which does not entitle.")
