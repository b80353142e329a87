"""Amounts of money, as integers in the minor unit of their currency."""

import re
from decimal import Decimal

_WITHOUT_MINOR_UNIT = frozenset({
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV",
    "XAF", "XOF", "XPF",
})  # fmt: skip
_OF_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})

# so many digits that no float and no column loses one
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")


def exponent(currency: str) -> int:
    """How many decimal places the minor unit of a currency has."""
    code = currency.upper()
    return 0 if code in _WITHOUT_MINOR_UNIT else 3 if code in _OF_THOUSANDTHS else 2


def money(amount: int, currency: str | None) -> str:
    """An amount of minor units as a person reads it: ``5.00 EUR``, ``1,500 JPY``, ``1.250 KWD``.

    Where the currency is not known, nor is its minor unit: ``500 minor units``.
    """
    if currency is None:
        return f"{amount:,} minor units"
    places = exponent(currency)
    if not places:
        return f"{amount:,} {currency.upper()}"
    units, rest = divmod(abs(amount), 10**places)
    return f"{'-' * (amount < 0)}{units:,}.{rest:0{places}} {currency.upper()}"


def minor(amount: object, currency: str | None) -> int | None:
    """An amount in minor units from its JSON; None if it is not a whole number of them.

    A number, and a text without a point, are in minor units already. A text with a point is in
    units of the currency, and means nothing without one.
    """
    if isinstance(amount, float):
        return int(amount) if amount.is_integer() else None
    if isinstance(amount, int):
        return None if isinstance(amount, bool) else amount
    if not isinstance(amount, str) or not (parts := _DECIMAL.fullmatch(amount)):
        return None
    if parts[1] is None:
        return int(amount)
    units = Decimal(amount).scaleb(exponent(currency)) if currency else None
    return int(units) if units is not None and units == int(units) else None
