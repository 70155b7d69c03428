"""An OpenAI-compatible server that answers from a script, for tests and demonstrations.

It speaks real HTTP on a loopback port, so the real client with its parsing, retries and instrumentation is
what gets exercised; only the model is replaced. The script is a function of the request, or a list of
replies served in order. Every connection carries one request (HTTP/1.0), so leaving the `with` block leaves
nothing behind.

    with ScriptedServer([Reply(text="hello")]) as server:
        client = OpenAI(base_url=server.base_url, api_key="scripted")
"""

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from engine.llm.scripted_reply import (
    CHARS_PER_TOKEN,
    HttpError,
    Reply,
    ToolCall,
    Usage,
    estimate_tokens,
)
from engine.llm.scripted_wire import Json, completion_body, completion_chunks, error_body, models_body

__all__ = [
    "CHARS_PER_TOKEN",
    "HttpError",
    "ReceivedRequest",
    "Reply",
    "Script",
    "ScriptedServer",
    "ToolCall",
    "Usage",
    "estimate_tokens",
]

MAX_REQUEST_BYTES = 64 * 1024 * 1024
_SHUTDOWN_POLL_S = 0.02
_SILENT_CLIENT_S = 10.0
_DO_NOT_RETRY = {"x-should-retry": "false"}


@dataclass(frozen=True)
class ReceivedRequest:
    """A chat completion request as it arrived; header names are in lower case."""

    headers: Mapping[str, str]
    body: Json


Script = Callable[[Json], Reply] | Iterable[Reply]


class ScriptedServer:
    """Serves `/v1/chat/completions` and `/v1/models` on a free loopback port while its `with` block runs.

    Requests are answered in parallel, so a script that is a function has to bear that. A script that raises,
    or a list that has run out, is answered with a 500 that clients do not retry and that says so: a wrong
    script should fail a test at once and by name.
    """

    def __init__(self, script: Script, *, models: Sequence[str] = ("scripted",)) -> None:
        self.models = tuple(models)
        self.requests: list[ReceivedRequest] = []
        self._respond = script if callable(script) else _in_order(script)
        self._numbering = threading.Lock()
        self._http = _HttpServer(("127.0.0.1", 0), _Handler)
        self._http.scripted = self
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(_SHUTDOWN_POLL_S,), name="scripted-model"
        )

    @property
    def base_url(self) -> str:
        """The URL to give an OpenAI client, `/v1` included."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def take(self, request: ReceivedRequest) -> tuple[Reply, int]:
        """Record a request and ask the script: its reply, and the request's number, counted from 1."""
        with self._numbering:
            self.requests.append(request)
            number = len(self.requests)
        try:
            return self._respond(request.body), number
        except Exception as error:
            body = error_body(f"the script failed: {type(error).__name__}: {error}", "script_error")
            return Reply(error=HttpError(500, body, _DO_NOT_RETRY)), number


def _in_order(replies: Iterable[Reply]) -> Callable[[Json], Reply]:
    remaining = iter(tuple(replies))

    def respond(request: Json) -> Reply:
        reply = next(remaining, None)
        if reply is None:
            raise LookupError("all replies of the list have been given")
        return reply

    return respond


def _json_object(data: bytes) -> Json | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


class _HttpServer(ThreadingHTTPServer):
    """The socket server; its handlers find the script through it."""

    scripted: ScriptedServer
    daemon_threads = False  # Closing waits for the answers under way.

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would ask the DNS for this host's name.
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # A client may hang up on a stream.
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = _SILENT_CLIENT_S

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._send(200, models_body(self.server.scripted.models))
        else:
            self._refuse(404, f"no such path: GET {self.path}")

    def do_POST(self) -> None:
        body = self._read_object()
        if body is None:
            return
        if self.path != "/v1/chat/completions":
            return self._refuse(404, f"no such path: POST {self.path}")
        if not isinstance(body.get("messages"), list):
            return self._refuse(400, "messages: required, a list")
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply, number = self.server.scripted.take(ReceivedRequest(headers, body))
        if reply.error is not None:
            self._send(reply.error.status, reply.error.body, reply.error.headers)
        elif body.get("stream"):
            self._send_stream(completion_chunks(reply, body, number))
        else:
            self._send(200, completion_body(reply, body, number))

    def _read_object(self) -> Json | None:
        """The request's JSON object; None when it was refused already."""
        length = self.headers.get("content-length", "")
        if not length.isdecimal():
            self._refuse(411, "content-length: required")
        elif int(length) > MAX_REQUEST_BYTES:
            self._refuse(413, f"the request is larger than {MAX_REQUEST_BYTES} bytes")
        else:
            body = _json_object(self.rfile.read(int(length)))
            if body is not None:
                return body
            self._refuse(400, "the body is not a JSON object")
        return None

    def _refuse(self, status: int, message: str) -> None:
        self._send(status, error_body(message, "invalid_request_error"))

    def _send(self, status: int, body: Mapping[str, Any] | str, extra: Mapping[str, str] | None = None) -> None:
        text, kind = (body, "text/plain") if isinstance(body, str) else (json.dumps(body), "application/json")
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _send_stream(self, chunks: Iterator[Json]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed: what was asked is in `ScriptedServer.requests`."""
