"""Where finished spans of the engine's own work are put: lines of a file, or an OTLP endpoint.

Spans are kept in memory until there is a batch, and written by one thread; an outlet never holds up the work it is told
of, and never fails it.
"""

import queue
import threading
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from domain.halo_lines import encode_lines
from domain.otlp import ExportTraceServiceRequest, InstrumentationScope, Resource, Span
from domain.spans import StoredSpan
from domain.version import VERSION

BATCH_SPANS = 64
MAX_WAITING_SPANS = 10_000
ATTEMPTS = 3
TIMEOUT_S = 10.0
_SCOPE = "halo.engine"
_AGAIN = frozenset((429, 502, 503, 504))


class Outlet(Protocol):
    """Takes spans while its `with` lasts; at the end all that it took has been brought on, or given up."""

    def take(self, span: Span) -> None:
        """A finished span."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Batching(ABC):
    """A thread that brings spans on in batches; those that find no room are dropped and told."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._waiting: queue.Queue[Span | None] = queue.Queue(MAX_WAITING_SPANS)
        self._dropped = 0
        self._thread = threading.Thread(target=self._work, name="telemetry of the engine", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.put(None)
        self._thread.join()
        if self._dropped:
            self._tell(f"telemetry: {self._dropped:,} spans were dropped, since they could not be brought on in time")

    def take(self, span: Span) -> None:
        """As `Outlet.take`."""
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            self._dropped += 1

    def _work(self) -> None:
        ended = False
        while not ended:
            batch = [self._waiting.get()]
            while batch[-1] is not None and len(batch) < BATCH_SPANS and not self._waiting.empty():
                batch.append(self._waiting.get())
            ended = batch[-1] is None
            spans = [span for span in batch if span is not None]
            if spans:
                try:
                    self._bring(spans)
                except Exception as error:
                    self._tell(f"telemetry: {len(spans):,} spans were lost: {error}")

    @abstractmethod
    def _bring(self, spans: Sequence[Span]) -> None: ...


class FileOutlet(_Batching):
    """Span lines that HALO reads back: a run of the engine can be analysed like any other agent's."""

    def __init__(self, path: Path, resource: Resource, tell: Callable[[str], None]) -> None:
        super().__init__(tell)
        self._path = path
        self._resource = resource
        self._scope = InstrumentationScope(name=_SCOPE, version=VERSION)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self._path.exists():
            self._tell(f"telemetry: traces of this run are in {self._path}")

    def _bring(self, spans: Sequence[Span]) -> None:
        stored = [StoredSpan(self._resource, self._scope, span, span.SerializeToString(), 0) for span in spans]
        with self._path.open("a", encoding="utf-8", errors="replace") as file:
            file.writelines(f"{line}\n" for line in encode_lines(stored))


class OtlpOutlet(_Batching):
    """OTLP over HTTP, as protobuf; a passing refusal is tried again a few times."""

    def __init__(self, url: str, headers: Mapping[str, str], resource: Resource, tell: Callable[[str], None]) -> None:
        super().__init__(tell)
        self._url = url
        self._headers = {**headers, "Content-Type": "application/x-protobuf"}
        self._resource = resource
        self._pause = threading.Event()

    def _bring(self, spans: Sequence[Span]) -> None:
        request = ExportTraceServiceRequest()
        resource_spans = request.resource_spans.add(resource=self._resource)
        resource_spans.scope_spans.add(scope=InstrumentationScope(name=_SCOPE, version=VERSION), spans=spans)
        data = request.SerializeToString()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._post(data)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _AGAIN or attempt == ATTEMPTS:
                        raise OSError(f"{self._url} answered {error.code}") from None
            except OSError:
                if attempt == ATTEMPTS:
                    raise
            self._pause.wait(0.2 * attempt)

    def _post(self, data: bytes) -> None:
        if not self._url.startswith(("http://", "https://")):
            raise OSError(f"{self._url} is no http or https URL")
        call = urllib.request.Request(self._url, data, self._headers)  # noqa: S310 - http or https, as was just seen
        with urllib.request.urlopen(call, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            answer.read()
