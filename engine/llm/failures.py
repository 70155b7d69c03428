"""What went wrong with one request to a model's endpoint, as plain values, and whether asking again can help.

Endpoints that call themselves OpenAI-compatible agree on status codes and on little else, so an overflow of the
context and an empty account are recognised by code first and by common wordings second. Everything that is quoted
from an endpoint is made one short line, and secrets are cut out of it: it ends up in logs and reports.
Source: https://platform.openai.com/docs/guides/error-codes
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

Verdict = Literal["overflow", "permanent", "passing"]

MAX_SAID_CHARS = 300
_MIN_SECRET_CHARS = 4
_PASSING_STATUSES = frozenset({408, 409, 425, 429})
_NO_MONEY = re.compile(r"insufficient_quota|billing_hard_limit|billing_not_active|insufficient_balance", re.I)
_PERMANENT_CODES = re.compile(
    r"invalid_request|invalid_prompt|invalid_api_key|authentication|permission|not_found|unsupported|image_\w+", re.I
)
_OVERFLOW_CODES = re.compile(
    r"context_(length|window)|exceed_context_size|string_above_max_length|request_too_large", re.I
)
_OVERFLOW_WORDS = re.compile(
    r"\b(maximum|max|exceeds?|exceeded|available|greater than|longer than|fit)\b"
    r".{0,40}\b(context|model) (length|window|size|limit)"
    r"|context (length|window|size|limit).{0,40}(exceed|overflow|too)"
    r"|(prompt|input|request|messages?)( \w+)? (is|are) too (long|large)|prompt too long|request too large"
    r"|input token count.{0,60}exceeds|maximum prompt length|reduce the length of the (messages|prompt|input)"
    r"|overflows the context|inputs? tokens \+ \S*max_new_tokens",
    re.I,
)
_KEY_LIKE = re.compile(
    r"\b(sk|pk|rk|gsk|xai|key)-[\w*.-]{4,}|\bAIza[\w-]{10,}|\b(Bearer|Basic)\s+[\w.~+/=*-]{8,}", re.I
)


@dataclass(frozen=True)
class Failure:
    """One failed request: `status` is None when there was no answer, or when it broke off.

    `said` is the endpoint's own message or the fault of the connection, not to be shown before `cleaned` saw it;
    `retry_after_s` and `should_retry` are what its headers ask for.
    """

    said: str
    status: int | None = None
    code: str = ""
    param: str = ""
    retry_after_s: float | None = None
    should_retry: bool | None = None


def verdict(failure: Failure) -> Verdict:
    """Whether shorter messages may help, nothing can, or the moment was at fault."""
    if _is_overflow(failure):
        return "overflow"
    if _NO_MONEY.search(failure.code) or _NO_MONEY.search(failure.said):
        return "permanent"
    if failure.should_retry is not None:
        return "passing" if failure.should_retry else "permanent"
    if failure.status is None:
        return "permanent" if _PERMANENT_CODES.search(failure.code) else "passing"
    return "passing" if failure.status >= 500 or failure.status in _PASSING_STATUSES else "permanent"


def _is_overflow(failure: Failure) -> bool:
    if failure.status in (401, 403, 404):
        return False
    wording = _OVERFLOW_CODES.search(failure.code) or _OVERFLOW_WORDS.search(failure.said)
    return failure.status == 413 or wording is not None


def describe(failure: Failure, endpoint: str) -> str:
    """One line: status, who answered, and what was said."""
    head = f"{failure.status} from {endpoint}" if failure.status is not None else endpoint
    return f"{head}: {failure.said}" if failure.said else head


def advice(failure: Failure) -> str:
    """What a person can do about a failure that asking again does not mend; empty when there is nothing to say."""
    if _NO_MONEY.search(failure.code) or _NO_MONEY.search(failure.said) or failure.status == 402:
        return "the account has no credit left; top it up or use another key"
    by_status = {
        401: "check the key: OPENAI_API_KEY or the provider's api_key",
        403: "the key may not use this model; use another key or model",
        404: "check the model's name and the base URL",
        400: "change the setting it names",
        422: "change the setting it names",
    }
    return by_status.get(failure.status or 0, "")


def cleaned(failure: Failure, secrets: Iterable[str]) -> Failure:
    """A failure whose `said` is one line of at most MAX_SAID_CHARS characters, without what is or looks like a key."""
    return replace(failure, said=_line(failure.said, secrets))


def _line(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _MIN_SECRET_CHARS:
            text = text.replace(secret, "[key]")
    text = "".join(char if char.isprintable() else " " for char in text)
    line = _KEY_LIKE.sub("[key]", " ".join(text.split())).rstrip(".")
    return line if len(line) <= MAX_SAID_CHARS else line[: MAX_SAID_CHARS - 1] + "…"


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that `retry-after-ms` or `retry-after` (seconds, or an HTTP date) ask to wait; `now` is Unix time.

    Sources: RFC 9110 §10.2.3; `retry-after-ms` as OpenAI and Azure send it.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def _number(value: str | None) -> float | None:
    match = re.fullmatch(r"\s*(\d{1,9}(\.\d{1,9})?)\s*", value or "")
    return float(match.group(1)) if match else None
