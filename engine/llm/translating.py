"""From whatever the client may raise to a `Failure`: the border at which its exceptions end.

What it raises besides its own errors are faults of what came over the wire: JSON that is none, objects where lists
belong. They are failures of a passing kind, because a proxy's broken answer seldom comes twice.
"""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from engine.llm.failures import Failure, retry_after_s

if TYPE_CHECKING:
    import openai

T = TypeVar("T")
_MALFORMED = (ValueError, TypeError, AttributeError, LookupError)


async def value_or_failure(request: Awaitable[T], *, timeout_s: float, now: float) -> T | Failure:
    """The value of a request that may take `timeout_s` seconds, or what went wrong with it; `now` is Unix time."""
    import openai

    try:
        async with asyncio.timeout(timeout_s):
            return await request
    except (TimeoutError, openai.APITimeoutError):
        return Failure(f"no whole answer within {timeout_s:g} s")
    except openai.APIStatusError as error:
        return _refused(error, now)
    except openai.APIConnectionError as error:
        return Failure(f"the connection failed: {_cause(error)}")
    except openai.APIError as error:
        return failure_of(error.body, error.message)
    except _MALFORMED as error:
        return Failure(f"the answer is malformed: {type(error).__name__}: {error}")


def failure_of(body: Any, message: str) -> Failure:
    """A failure that was reported inside an answer, where there is no status; routers put one into `code`."""
    fields = body if isinstance(body, dict) else {}
    code = str(fields.get("code") or fields.get("type") or "")
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else None
    text = fields.get("message")
    return Failure(text if isinstance(text, str) and text else message, status, code)


def _refused(error: "openai.APIStatusError", now: float) -> Failure:
    body = error.body if isinstance(error.body, dict) else {}
    text = body.get("message") or body.get("detail") or error.body or error.response.reason_phrase
    asks = error.response.headers.get("x-should-retry")
    return Failure(
        said=text if isinstance(text, str) else str(text),
        status=error.status_code,
        code=f"{body.get('code') or ''} {body.get('type') or ''}".strip(),
        param=body["param"] if isinstance(body.get("param"), str) else "",
        retry_after_s=retry_after_s(error.response.headers, now),
        should_retry={"true": True, "false": False}.get(asks or ""),
    )


def _cause(error: BaseException) -> str:
    """The innermost reason: clients wrap `connection refused` several times."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__
