"""Recognises a webhook that was sent to the wrong book, by the secret that signed it.

Only a holder of a valid secret of this installation learns so; for others the refusal is unchanged.
The check runs after a refusal, a few times a second at most, so that strangers cannot load the
service with it.
"""

import time
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Protocol

from service.ingest.signature import Verifier
from service.problems import Problem, refusal

_CHECKS_PER_SECOND = 3
_MAX_BOOKS = 16


class _Endpoint(Protocol):
    """The part of a book's endpoint that is needed here."""

    @property
    def verifier(self) -> Verifier:
        """The book's secrets."""


class OtherBooks:
    """The secrets of all books of a process."""

    def __init__(self, endpoints: Mapping[str, _Endpoint]) -> None:
        self._endpoints = endpoints
        self._second = 0
        self._checks = 0

    def refusal(self, book: str, problem: Problem, verify: Callable[[Verifier], object]) -> Problem:
        """The refusal of a webhook; it names the book whose secret signed it, if there is one.

        Args:
            book: the book that refused it.
            problem: its refusal.
            verify: verifies the same webhook with another verifier, and raises its ``Problem``.
        """
        if problem.reason != "unknown-signature" or not self._may_check():
            return problem
        others = ((name, endpoint) for name, endpoint in self._endpoints.items() if name != book)
        for name, endpoint in islice(others, _MAX_BOOKS):
            try:
                verify(endpoint.verifier)
            except Problem:
                continue
            return refusal(
                "other-book",
                f"The signature matches a secret of book {name!r}, but none of book {book!r}. Send"
                f" it to the URL of {name!r}, or configure its endpoint's secret for {book!r}.",
            )
        return problem

    def _may_check(self) -> bool:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._checks = second, 0
        self._checks += 1
        return self._checks <= _CHECKS_PER_SECOND
