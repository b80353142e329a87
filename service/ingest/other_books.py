"""A webhook that was signed with the secret of another book: the mistake of whoever set it up.

Only a holder of a valid secret of this installation is told so; to anybody else the refusal is what
it was. The check is made after a refusal, some times a second at most, so that strangers cannot
make it the service's work.
"""

import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Protocol

from service.ingest.signature import Verifier
from service.problems import Problem, refused

_CHECKS_A_SECOND = 3
_MOST_BOOKS = 16


class _Endpoint(Protocol):
    """The part of a book's endpoint that is needed here."""

    @property
    def verifier(self) -> Verifier:
        """The book's secrets."""


class OtherBooks:
    """The other books of a process, as far as their secrets go."""

    def __init__(self, endpoints: Mapping[str, _Endpoint]) -> None:
        self._endpoints = endpoints
        self._second = 0
        self._checks = 0

    def refusal(self, book: str, problem: Problem, verify: Callable[[Verifier], object]) -> Problem:
        """The refusal of a webhook, which names the book whose secret signed it, if one did.

        Args:
            book: whose webhook it should be.
            problem: the refusal by that book.
            verify: verifies the same webhook with other secrets; raises what a verifier raises.
        """
        if problem.reason != "unknown-signature" or not self._may_check():
            return problem
        others = ((name, endpoint) for name, endpoint in self._endpoints.items() if name != book)
        for name, endpoint in islice(others, _MOST_BOOKS):
            try:
                verify(endpoint.verifier)
            except Problem:
                continue
            return refused(
                "other-book",
                f"The signature fits book {name!r}, and none of the secrets of book {book!r}. Send"
                f" it to the URL of {name!r}, or give {book!r} its endpoint's secret.",
            )
        return problem

    def _may_check(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._checks = second, 0
        self._checks += 1
        return self._checks <= _CHECKS_A_SECOND
