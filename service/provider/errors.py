"""Why the provider was not read; the text of each error says what to do."""


class ProviderError(Exception):
    """The provider was not read, or did not do what it was asked."""


class WrongKeyError(ProviderError):
    """The provider refuses the API key: a wrong one, of another mode, or read-only (401, 403).

    ``everywhere`` tells that it is refused whatever is asked (401); a 403 may be of one path.
    """

    def __init__(self, text: str, *, everywhere: bool = True) -> None:
        super().__init__(text)
        self.everywhere = everywhere


class NotFoundError(ProviderError):
    """The provider does not have what was asked for (404)."""


class LimitedError(ProviderError):
    """The rate limit leaves no request within the caller's patience; ours or a 429."""


class UnreachableError(ProviderError):
    """No answer in time: the network fails, or the provider is slow or answers 5xx."""


class UnexpectedAnswerError(ProviderError):
    """An answer that cannot be used: not JSON, too long, a redirect, or another status.

    ``status`` is the answer's.
    """

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class BrokenAnswerError(UnexpectedAnswerError):
    """An answer that begins as JSON and cannot be read as a whole, or is too long.

    Of a list, a smaller page may be readable.
    """
