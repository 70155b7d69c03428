"""What comes back for a request: a stream of events, one JSON object, or something that no API sends.

The content type decides, not what was asked for: some endpoints answer in one piece whatever they are asked, and a
login page or a missing `/v1` is answered with a web page and status 200. Read as a stream, a page is an empty one, and
would be asked for again until the attempts are used up.
"""

import json
from collections.abc import Callable
from typing import Any, Literal

from engine.llm.failures import Failure

Json = dict[str, Any]
_SHOWN_CHARS = 60


def kind_of(content_type: str, *, streamed: bool) -> Literal["events", "whole", "foreign"]:
    """How a body is to be read; without a content type as it was asked for."""
    media = _media(content_type)
    if not media:
        return "events" if streamed else "whole"
    if media == "text/event-stream":
        return "events"
    return "whole" if media.endswith(("/json", "+json")) else "foreign"


async def receive(
    resource: Any, body: Json, whole: Callable[[Json], None], event: Callable[[Any], None]
) -> Failure | None:
    """Post a body to a resource of the client: an answer in one piece goes to `whole`, a stream's events to `event`.

    A Failure: it is no API that answers, or the connection broke. Raises what the client raises.
    """
    received = await resource.with_raw_response.create(**body)
    try:
        content_type = received.headers.get("content-type", "")
        kind = kind_of(content_type, streamed=bool(body.get("stream")))
        if kind == "foreign":
            return not_an_api(content_type)
        if kind == "whole":
            return await _read_whole(received, whole)
        async for each in received.parse():
            event(each)
        return None
    finally:
        await received.http_response.aclose()


async def _read_whole(received: Any, whole: Callable[[Json], None]) -> Failure | None:
    try:
        data = await received.http_response.aread()
    except Exception as error:  # Of a body it leaves to others, the client does not translate the transport's errors.
        return Failure(f"the connection failed: {error}")
    whole(json.loads(data))
    return None


def not_an_api(content_type: str) -> Failure:
    """The failure that a web page with status 200 is."""
    media = _media(content_type)[:_SHOWN_CHARS]
    return Failure(
        f"answered {media}, which is no API; check the base URL (it usually ends in /v1)", should_retry=False
    )


def _media(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
