"""An OpenAI-compatible server that answers from a script, for tests and demonstrations.

It speaks real HTTP on a loopback port, so the real client with its parsing, retries and instrumentation is
what gets exercised; only the model is replaced. The script is a function of the request, or a list of
replies served in order. Both APIs are spoken, chat completions and Responses, streamed and not; `as_chat` shows a
script either request in the shape of the first.

    with ScriptedServer([Reply(text="hello")]) as server:
        client = OpenAI(base_url=server.base_url, api_key="scripted")
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from engine.llm.scripted_http import ScriptedHttp
from engine.llm.scripted_reply import (
    CHARS_PER_TOKEN,
    Fault,
    HttpError,
    Json,
    Reply,
    ToolCall,
    Usage,
    estimate_tokens,
)
from engine.llm.scripted_responses import as_chat
from engine.llm.scripted_wire import error_body

__all__ = [
    "CHARS_PER_TOKEN",
    "Fault",
    "HttpError",
    "Json",
    "ReceivedRequest",
    "Reply",
    "Script",
    "ScriptedServer",
    "ToolCall",
    "Usage",
    "as_chat",
    "estimate_tokens",
]

_SHUTDOWN_POLL_S = 0.02
_DO_NOT_RETRY = {"x-should-retry": "false"}


@dataclass(frozen=True)
class ReceivedRequest:
    """A request for an answer as it arrived; header names are in lower case, `path` begins with `/v1`."""

    headers: Mapping[str, str]
    body: Json
    path: str = "/v1/chat/completions"


Script = Callable[[Json], Reply] | Iterable[Reply]


class ScriptedServer:
    """Serves `/v1/chat/completions`, `/v1/responses` and `/v1/models` on a free loopback port in its `with` block.

    Requests are answered in parallel, so a script that is a function has to bear that. A script that raises,
    or a list that has run out, is answered with a 500 that clients do not retry and that says so: a wrong
    script should fail a test at once and by name. Leaving the block breaks off answers that are still being sent.
    """

    def __init__(self, script: Script, *, models: Sequence[str] = ("scripted",)) -> None:
        self.models = tuple(models)
        self.requests: list[ReceivedRequest] = []
        self._respond = script if callable(script) else _in_order(script)
        self._numbering = threading.Lock()
        self._http = ScriptedHttp(self._take, self.models)
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_SHUTDOWN_POLL_S,), name="scripted-model"
        )

    @property
    def base_url(self) -> str:
        """The URL to give an OpenAI client, `/v1` included."""
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.stopping.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _take(self, path: str, headers: Mapping[str, str], body: Json) -> tuple[Reply, int]:
        """Record a request and ask the script: its reply, and the request's number, counted from 1."""
        with self._numbering:
            self.requests.append(ReceivedRequest(headers, body, path))
            number = len(self.requests)
        try:
            return self._respond(body), number
        except Exception as error:
            said = error_body(f"the script failed: {type(error).__name__}: {error}", "script_error")
            return Reply(error=HttpError(500, said, _DO_NOT_RETRY)), number


def _in_order(replies: Iterable[Reply]) -> Callable[[Json], Reply]:
    remaining = iter(tuple(replies))

    def respond(request: Json) -> Reply:
        reply = next(remaining, None)
        if reply is None:
            raise LookupError("all replies of the list have been given")
        return reply

    return respond
