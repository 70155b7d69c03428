"""Reading spans back: from index rows to the bytes in their containers, parsed.

Neighbours lie in the same container, so the last few containers are kept open, up to a number of bytes;
resources and scopes repeat, so they are parsed once.
"""

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from domain.errors import PermanentError
from domain.otlp import InstrumentationScope, Resource, ResourceSpans, ScopeSpans, Span
from domain.spans import StoredSpan
from domain.wire import Piece
from store.window.containers import Codec, Container, open_container
from store.window.passages import Lines

CACHED_BYTES = 32 * 1024 * 1024
_CACHED_ENVELOPES = 512


class Location(NamedTuple):
    """Where a span's bytes are, and when they arrived."""

    container: int
    ordinal: int
    arrived_ns: int


class SpanSource:
    """Turns locations into spans; serves several threads."""

    def __init__(self) -> None:
        self._containers: OrderedDict[tuple[int, int], Container] = OrderedDict()
        self._cached_bytes = 0
        self._resources: dict[bytes, Resource] = {}
        self._scopes: dict[bytes, InstrumentationScope] = {}
        self._lock = threading.Lock()
        self._local = threading.local()

    def fetch(self, file: int, connection: sqlite3.Connection, locations: Iterable[Location]) -> list[StoredSpan]:
        """The spans at some locations, by container; PermanentError when the window has lost their bytes."""
        by_container: dict[int, list[Location]] = {}
        for location in locations:
            by_container.setdefault(location.container, []).append(location)
        spans: list[StoredSpan] = []
        for container, wanted in by_container.items():
            opened = self.open(file, container, partial(open_container, connection, number=container))
            spans += [self._parse(opened.piece(each.ordinal), each.arrived_ns) for each in wanted]
        return spans

    def lines(self, file: int, connection: sqlite3.Connection, places: Iterable[tuple[int, int]]) -> list[bytes] | None:
        """The lines at some places (container, ordinal), in their order; None where something else stands."""
        found: list[bytes] = []
        for container, ordinal in places:
            opened = self.open(file, container, partial(open_container, connection, number=container))
            if not isinstance(opened, Lines):
                return None
            found.append(opened.line(ordinal))
        return found

    def open(self, file: int, number: int, load: Callable[[Codec], Container | None]) -> Container:
        """A container kept open, else loaded; numbers below zero are for what is no row of `containers`."""
        key = (file, number)
        with self._lock:
            if key in self._containers:
                self._containers.move_to_end(key)
                return self._containers[key]
        if not hasattr(self._local, "codec"):
            self._local.codec = Codec()
        opened = load(self._local.codec)
        if opened is None:
            raise PermanentError(f"the window has lost the bytes of container {number}")
        self._remember(key, opened)
        return opened

    def _remember(self, key: tuple[int, int], opened: Container) -> None:
        with self._lock:
            if key not in self._containers:
                self._containers[key] = opened
                self._cached_bytes += len(opened.raw)
            while self._cached_bytes > CACHED_BYTES and len(self._containers) > 1:
                _, dropped = self._containers.popitem(last=False)
                self._cached_bytes -= len(dropped.raw)

    def _parse(self, piece: Piece, arrived_ns: int) -> StoredSpan:
        resource, scope = self._resource(piece.resource), self._scope(piece.scope)
        span = Span.FromString(piece.span)
        return StoredSpan(resource, scope, span, piece.span, arrived_ns, piece.resource, piece.scope)

    def _resource(self, envelope: bytes) -> Resource:
        found = self._resources.get(envelope)
        if found is None:
            if len(self._resources) >= _CACHED_ENVELOPES:
                self._resources.clear()
            found = self._resources[envelope] = ResourceSpans.FromString(envelope).resource
        return found

    def _scope(self, envelope: bytes) -> InstrumentationScope:
        found = self._scopes.get(envelope)
        if found is None:
            if len(self._scopes) >= _CACHED_ENVELOPES:
                self._scopes.clear()
            found = self._scopes[envelope] = ScopeSpans.FromString(envelope).scope
        return found
