"""The HTTP side of the scripted model: standard library, one request a connection.

Every connection carries one request (HTTP/1.0), so that closing the server leaves nothing behind.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from engine.llm.scripted_chat import models_body
from engine.llm.scripted_reply import HttpError, Json, Reply
from engine.llm.scripted_wire import PATHS, error_body, missing_field, transmission

MAX_REQUEST_BYTES = 64 * 1024 * 1024
_SILENT_CLIENT_S = 10.0

Take = Callable[[str, Mapping[str, str], Json], tuple[Reply, int]]
"""Asked with path, headers and body of a request: the reply to give, and the request's number."""


class ScriptedHttp(ThreadingHTTPServer):
    """The socket server; its handlers find the script through it, and stop sending once `stopping` is set."""

    daemon_threads = False  # Closing waits for the answers under way.

    def __init__(self, take: Take, models: tuple[str, ...]) -> None:
        self.take = take
        self.models = models
        self.stopping = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer would ask the DNS for this host's name.
        self.server_name, self.server_port = "127.0.0.1", int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # A client may hang up on a stream.
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedHttp
    timeout = _SILENT_CLIENT_S

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._send(200, models_body(self.server.models))
        else:
            self._refuse(404, f"no such path: GET {self.path}")

    def do_POST(self) -> None:
        body = self._read_object()
        if body is None:
            return
        if self.path not in PATHS:
            return self._refuse(404, f"no such path: POST {self.path}")
        missing = missing_field(self.path, body)
        if missing is not None:
            return self._refuse(400, missing)
        headers = {name.lower(): value for name, value in self.headers.items()}
        reply, number = self.server.take(self.path, headers, body)
        if reply.error is None:
            self._answer(reply, body, number)
        elif not self.server.stopping.wait(reply.delay_s):
            self._fail(reply.error)

    def _answer(self, reply: Reply, request: Json, number: int) -> None:
        sent = transmission(self.path, reply, request, number)
        self._head(200, sent.kind, sent.length)
        for piece in sent.pieces:
            if self.server.stopping.wait(reply.delay_s):
                return
            self.wfile.write(piece)

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

    def _fail(self, error: HttpError) -> None:
        self._send(error.status, error.body, error.headers)

    def _send(self, status: int, body: Mapping[str, Any] | str, extra: Mapping[str, str] | None = None) -> None:
        text, kind = (body, "text/plain") if isinstance(body, str) else (json.dumps(body), "application/json")
        data, headers = text.encode(), dict(extra or {})
        self._head(status, headers.pop("content-type", kind), len(data), headers)
        self.wfile.write(data)

    def _head(self, status: int, kind: str, length: int, extra: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(length))
        for name, value in (extra or {}).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed: what was asked is in `ScriptedServer.requests`."""


def _json_object(data: bytes) -> Json | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
