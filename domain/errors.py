"""The three errors of the house, told apart by the one question a caller asks: again?

    HaloError
    ├── ConfigError      never: the user has to change something first
    ├── PermanentError   never: the same input will fail the same way
    └── RetryableError   yes: later, and after `retry_after_s` if it is given

An exception that is none of these counts as retryable: losing data to a wrong guess is worse than a retry.
"""

from collections.abc import Sequence


class HaloError(Exception):
    """Anything HALO says about itself; its text is one line that a person can act on."""


class ConfigError(HaloError):
    """The configuration cannot be used; `problems` holds one line (path: what; fix) for each mistake."""

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class PermanentError(HaloError):
    """The input itself is at fault; trying again cannot help.

    `grpc_code` (google.rpc.Code) is what a sender is answered when the one who failed knows better than the caller.
    """

    def __init__(self, message: str, *, grpc_code: int | None = None) -> None:
        super().__init__(message)
        self.grpc_code = grpc_code


class RetryableError(HaloError):
    """The moment is at fault; the sender keeps what it has and tries again after `retry_after_s` seconds.

    `grpc_code` as in `PermanentError`.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, grpc_code: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.grpc_code = grpc_code
