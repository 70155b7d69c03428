"""How much of other people's data the receiver holds at once: one account over both protocols."""

from types import TracebackType
from typing import Self

from google.rpc import code_pb2

from domain.errors import PermanentError, RetryableError
from domain.quantities import format_size
from telemetry.metrics import INFLIGHT_BYTES

BUSY_RETRY_AFTER_S = 1.0
PIECE_BYTES = 256 * 1024
"""What is unpacked at once, and the most that is decoded without leaving the event loop."""


class TooLargeError(PermanentError):
    """The one permanent failure that OTLP answers differently: 413, RESOURCE_EXHAUSTED."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"the request is larger than {format_size(limit)}; send smaller batches or raise max_request_bytes",
            grpc_code=code_pb2.RESOURCE_EXHAUSTED,
        )


class CodingError(PermanentError):
    """The body is not in the content coding that its header names, or in none that is known."""


class Inflight:
    """Bytes received and not yet answered, never more than `limit`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    def _busy(self) -> RetryableError:
        return RetryableError(
            f"{format_size(self._limit)} of requests are in flight; try again later or raise max_inflight_bytes",
            retry_after_s=BUSY_RETRY_AFTER_S,
        )

    def hold(self) -> "Hold":
        """The share of one request, given back when its `with` ends."""
        return Hold(self)

    def take(self, size: int) -> None:
        """Count bytes in; RetryableError when they do not fit."""
        self.expect(size)
        self.used += size
        INFLIGHT_BYTES.inc(size)

    def expect(self, size: int) -> None:
        """RetryableError when so much would not fit, without counting it yet."""
        if self.used + size > self._limit:
            raise self._busy()

    def give_back(self, size: int) -> None:
        """Count bytes out."""
        self.used -= size
        INFLIGHT_BYTES.dec(size)


class Hold:
    """What one request holds of the account."""

    def __init__(self, inflight: Inflight) -> None:
        self._inflight = inflight
        self._size = 0

    def add(self, size: int) -> None:
        """Hold more; RetryableError when the account is full."""
        self._inflight.take(size)
        self._size += size

    def expect(self, size: int) -> None:
        """RetryableError when a request of at most that size might not fit."""
        self._inflight.expect(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inflight.give_back(self._size)
