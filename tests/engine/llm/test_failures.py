"""How failures are judged, without a server: the wordings of many endpoints."""

import pytest

from engine.llm.failures import MAX_SAID_CHARS, Failure, cleaned, verdict

OVERFLOWS = [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "prompt is too long: 208310 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 199000 + 8192 > 200000",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "the request exceeds the available context size. try increasing the context size or enable context shift",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "Please reduce the length of the messages or completion.",
    "Input is too long for requested model.",
    "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
    "Trying to keep the first 9000 tokens when context the overflows. The model context length is exceeded",
    "Requested token count exceeds the model's maximum context length of 32768 tokens.",
]


@pytest.mark.parametrize("wording", OVERFLOWS)
def test_an_overflow_is_known_by_its_wording(wording: str) -> None:
    """Only OpenAI sends a code for it; taken for any other 400, it would end a run that compaction can save."""
    assert verdict(Failure(wording, status=400)) == "overflow"


@pytest.mark.parametrize(
    "failure",
    [
        Failure("no", status=400, code="context_length_exceeded"),
        Failure("no", status=413),
        Failure("no", code="context_length_exceeded"),
        Failure("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 50000", status=429),
    ],
)
def test_an_overflow_is_known_by_its_code_or_status(failure: Failure) -> None:
    """A request above the rate's own limit never passes either, however long one waits."""
    assert verdict(failure) == "overflow"


@pytest.mark.parametrize(
    "wording",
    [
        "Invalid value for 'temperature'",
        "Tool call ids must be unique in this context",
        "max_tokens is too large: 100000. This model supports at most 16384 completion tokens.",
        "Invalid schema for function 'look_up': maximum depth exceeded",
        "The model `small` does not exist",
    ],
)
def test_other_refusals_are_no_overflow(wording: str) -> None:
    """Compacting a conversation because a setting is wrong would lose it for nothing."""
    assert verdict(Failure(wording, status=400)) == "permanent"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure("Rate limit reached", status=429, code="rate_limit_exceeded"), "passing"),
        (Failure("quota", status=429, code="insufficient_quota"), "permanent"),
        (Failure("Insufficient_balance", status=429), "permanent"),
        (Failure("who knows", status=418), "permanent"),
        (Failure("connection reset"), "passing"),
        (Failure("overloaded", code="overloaded_error"), "passing"),
        (Failure("bad tool", code="invalid_request_error"), "permanent"),
    ],
)
def test_the_verdict_follows_from_status_and_code(failure: Failure, expected: str) -> None:
    """A failure without a status happened on the way or in a stream; most of those pass."""
    assert verdict(failure) == expected


def test_what_an_endpoint_says_becomes_one_short_line() -> None:
    """Control characters of a foreign text would reach the terminal; the whole of it nobody reads."""
    said = cleaned(Failure("a\n\x1b[31m b\t\u2028c. " + "d" * 1000), ()).said

    assert said.startswith("a [31m b c. d")
    assert len(said) == MAX_SAID_CHARS


def test_an_empty_or_tiny_secret_does_not_eat_the_message() -> None:
    """A header with the value `1` must not turn every 1 of a message into a mark."""
    assert cleaned(Failure("11 of 21"), ["", "1"]).said == "11 of 21"
