"""Money that is asked back: refunds and disputes, and how they end."""

from service.sandbox.account import Account
from service.sandbox.happenings import Resource
from service.sandbox.payments import DISPUTE_EDGES, Payments

_DISPUTED, _RAPIDLY = 0.35, 0.1
_PARTLY, _REVIEWED, _FAILED = 0.3, 0.3, 0.1
_ANSWERS = (
    ("challenged", 0.6), ("accepted", 0.72), ("cancelled", 0.84), ("expired", 1.0),
)  # fmt: skip
_WON = 0.5


class Regrets:
    """A payment is asked back at the merchant or at the bank, by chance."""

    def __init__(self, account: Account, payments: Payments) -> None:
        self._account, self._payments = account, payments

    def regret(self, paid: Resource) -> None:
        """Ask for a refund or open a dispute, unless there is nothing to ask back."""
        asked = paid["refunds"] or paid["disputes"] or paid["payment_id"] in self._account.by_hand
        if asked or paid["status"] != "succeeded" or paid["total_amount"] == 0:
            return
        owner = paid["customer"]["customer_id"]
        chance = self._account.chance(owner)
        if chance.random() < _DISPUTED:
            made = self._payments.dispute(paid["payment_id"], rdr=chance.random() < _RAPIDLY)
            self._account.later(owner, 24, 216, self._answer, made)
            return
        amount = paid["total_amount"] // 2 if chance.random() < _PARTLY else None
        if chance.random() < _REVIEWED:
            made = self._payments.refund(paid["payment_id"], amount, "review")
            status = "failed" if chance.random() < _FAILED else "succeeded"
            self._account.later(owner, 5, 60, self._settle, made, status)
        else:
            self._payments.refund(paid["payment_id"], amount)

    def _settle(self, made: Resource, status: str) -> None:
        if made["status"] == "review":
            self._payments.settle_refund(made["refund_id"], status)

    def _answer(self, made: Resource) -> None:
        owner = made["customer"]["customer_id"]
        fate = self._account.chance(owner).random()
        answer = next(name for name, share in _ANSWERS if fate <= share)
        self._move(made, answer)
        if answer == "challenged":
            end = "won" if self._account.chance(owner).random() < _WON else "lost"
            self._account.later(owner, 24 * 15, 24 * 60, self._move, made, end)

    def _move(self, made: Resource, status: str) -> None:
        now = made["dispute_status"].removeprefix("dispute_")
        by_hand = made["payment_id"] in self._account.by_hand
        if now in DISPUTE_EDGES[status] and not by_hand:
            self._payments.move_dispute(made["dispute_id"], status)
