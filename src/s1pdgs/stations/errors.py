"""What can go wrong with a source.

StationError
├── StationUnreachable   no answer, or a busy or broken service: worth another try
├── StationRefusal       the request is not allowed or names nothing: status 4xx
├── StationAnswerError   an answer that cannot be understood
└── WrongBytes           what arrived is not what was announced
"""


class StationError(Exception):
    """Something went wrong with an outside source; the message names it and the request."""


class StationUnreachable(StationError):  # noqa: N818
    """A station does not answer or says that it cannot now; `status` is its HTTP status, `retry_after_s` what it asked
    to wait.
    """

    def __init__(self, message: str, status: int | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class StationRefusal(StationError):  # noqa: N818
    """A station refuses a request (its HTTP status is `status`)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class StationAnswerError(StationError):
    """A station's answer does not follow its interface."""


class WrongBytes(StationError):  # noqa: N818
    """The bytes of a file differ from what its source announced."""
