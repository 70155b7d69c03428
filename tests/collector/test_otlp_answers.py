"""Which status, code and delay an error is answered with; the sender decides by them whether it comes back."""

import grpc
import pytest
from google.rpc import code_pb2

from collector.otlp.answers import JSON, Refusal, grpc_trailers, http_refusal, refusal, rejected_by_store
from collector.otlp.limits import CodingError, TooLargeError
from domain.errors import PermanentError, RetryableError
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import export, post, receiver, retry_delays, traces_url

# https://opentelemetry.io/docs/specs/otlp/#failures: the senders' table.
RETRYABLE_CODES = {1, 4, 10, 11, 14, 15}
RETRYABLE_STATUSES = {429, 502, 503, 504}
CODES = [None, *range(-1, 19)]


@pytest.mark.parametrize("answer", [refusal, rejected_by_store], ids=["received", "kept"])
@pytest.mark.parametrize("code", CODES)
def test_a_permanent_error_is_never_answered_as_if_trying_again_helped(code: int | None, answer: object) -> None:
    """Whatever code it carries: a sender that repeats the hopeless blocks its own queue."""
    refused: Refusal = answer(PermanentError("no", grpc_code=code))  # type: ignore[operator]

    assert refused.code not in RETRYABLE_CODES | {code_pb2.OK, code_pb2.UNKNOWN}
    assert refused.http_status not in RETRYABLE_STATUSES
    assert 400 <= refused.http_status < 600
    assert not grpc_trailers(refused)
    assert "Retry-After" not in http_refusal(refused, JSON).headers


@pytest.mark.parametrize("delay_s", [None, 0.0, 2.0])
@pytest.mark.parametrize("code", CODES)
def test_a_retryable_error_is_always_answered_so_that_the_sender_comes_back(
    code: int | None, delay_s: float | None
) -> None:
    """RESOURCE_EXHAUSTED means it only with a delay; UNKNOWN never does."""
    refused = refusal(RetryableError("later", grpc_code=code, retry_after_s=delay_s))

    is_throttled = refused.code == code_pb2.RESOURCE_EXHAUSTED and bool(grpc_trailers(refused))
    assert refused.code in RETRYABLE_CODES or is_throttled
    assert refused.http_status in RETRYABLE_STATUSES
    assert bool(grpc_trailers(refused)) == (delay_s is not None)
    assert ("Retry-After" in http_refusal(refused, JSON).headers) == (delay_s is not None)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (code_pb2.INVALID_ARGUMENT, 400),
        (code_pb2.UNAUTHENTICATED, 401),
        (code_pb2.PERMISSION_DENIED, 403),
        (code_pb2.UNIMPLEMENTED, 404),
        (code_pb2.RESOURCE_EXHAUSTED, 413),
        (code_pb2.NOT_FOUND, 500),
        (code_pb2.ALREADY_EXISTS, 500),
        (code_pb2.FAILED_PRECONDITION, 500),
        (code_pb2.INTERNAL, 500),
    ],
)
def test_a_final_code_passes_through_with_its_text(code: int, status: int) -> None:
    """As the Collector does it, so that who refused is heard and not who passed it on."""
    refused = rejected_by_store(PermanentError("not you", grpc_code=code))

    assert (refused.http_status, refused.code, refused.message) == (status, code, "not you")


@pytest.mark.parametrize("code", sorted(RETRYABLE_CODES))
def test_a_retryable_code_passes_through_as_503(code: int) -> None:
    """The one status of HTTP for all of them."""
    refused = refusal(RetryableError("later", grpc_code=code))

    assert (refused.http_status, refused.code) == (503, code)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermanentError("no protobuf"), "malformed"),
        (TooLargeError(1), "too_large"),
        (CodingError("gzip: corrupt data"), "coding"),
        (RetryableError("full"), ""),
        (ZeroDivisionError("bug"), ""),
    ],
)
def test_the_sender_s_mistakes_are_told_apart(error: Exception, reason: str) -> None:
    """What operators look at when spans are missing; their own full disk is not among them."""
    assert refusal(error).reason == reason


def test_a_long_message_keeps_both_its_ends() -> None:
    """The path to a deeply nested value is long; what is wrong with it stands behind."""
    message = refusal(PermanentError("resourceSpans[0]" + ".values[0]" * 500 + ": is no\nnumber")).message

    assert len(message) <= 500
    assert message.startswith("resourceSpans[0]") and message.endswith(": is no number")


async def test_both_protocols_answer_the_code_of_the_one_who_failed() -> None:
    """A throttled store: 429 and RESOURCE_EXHAUSTED, each with the delay without which it would be final."""
    window = FakeWindow()
    window.failure = RetryableError("slower", retry_after_s=2, grpc_code=code_pb2.RESOURCE_EXHAUSTED)
    body = request().SerializeToString()
    async with receiver(window) as running:
        reply = await post(traces_url(running), body)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await export(running, body)

    assert (reply.status, reply.headers["Retry-After"], reply.rpc_status().code) == (429, "2", 8)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert set(retry_delays(raised.value).values()) == {2.0}
