"""Content codings of HTTP bodies, undone piece by piece so that a bomb costs no more memory than the limit.

Those that the OpenTelemetry Collector reads, under the names it reads them by, in any letter case:
https://github.com/open-telemetry/opentelemetry-collector/tree/main/config/confighttp. Codings of HTTP:
https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.
"""

from collections.abc import Iterator

from collector.otlp import coding_lz4, coding_snappy, coding_zlib, coding_zstd
from collector.otlp.limits import CodingError, TooLargeError

CODINGS = ("gzip", "deflate", "zlib", "zstd", "snappy", "x-snappy-framed", "lz4")
_ALIASES = {"x-gzip": "gzip", "identity": ""}


def coding(header: str) -> str:
    """The coding a Content-Encoding header names; empty for none.

    CodingError when it is unknown, or one of several: no exporter packs twice, and a bomb in a bomb does.
    """
    names = [name.strip().lower() for name in header.split(",")]
    wanted = [name for name in (_ALIASES.get(name, name) for name in names) if name]
    for name in wanted:
        if name not in CODINGS:
            raise CodingError(f"unsupported Content-Encoding: {name[:100]}; use {', '.join(CODINGS)} or none")
    if len(wanted) > 1:
        raise CodingError(f"unsupported Content-Encoding: {', '.join(wanted)[:100]}; use one coding, not several")
    return wanted[0] if wanted else ""


def inflate(name: str, body: bytes, limit: int) -> Iterator[bytes]:
    """The content of a body in one of `CODINGS`, in pieces of 1 to `PIECE_BYTES` bytes.

    TooLargeError as soon as the content passes `limit` bytes, CodingError when the body is not in that coding
    or ends too early.
    """
    if not body:
        raise CodingError(f"{name}: the body is empty")
    size = 0
    for piece in _pieces(name, body, limit):
        size += len(piece)
        if size > limit:
            raise TooLargeError(limit)
        if piece:
            yield piece


def _pieces(name: str, body: bytes, limit: int) -> Iterator[bytes]:
    if name == "zstd":
        return coding_zstd.pieces(name, body)
    if name == "lz4":
        return coding_lz4.pieces(name, body)
    if "snappy" in name:
        return coding_snappy.pieces(name, body, limit)
    return coding_zlib.pieces(name, body)
