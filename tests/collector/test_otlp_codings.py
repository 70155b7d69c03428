"""Content codings, against the libraries that write them: what was packed comes back, and no bomb or damage gets in."""

import gzip
import random
import zlib
from collections.abc import Callable

import cramjam
import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from collector.otlp.inflate import CODINGS, coding, inflate
from collector.otlp.limits import PIECE_BYTES, CodingError, TooLargeError
from domain.errors import PermanentError
from domain.wire import as_varint
from tests.collector.fakes import FakeWindow, request
from tests.collector.serving import post, receiver, traces_url

Pack = Callable[[bytes], bytes]
LIMIT = 2**20
SNAPPY_START = b"\xff\x06\x00\x00sNaPpY"


def framed(content: bytes) -> bytes:
    """Framed snappy; the library writes nothing at all for no content."""
    return bytes(cramjam.snappy.compress(content)) or SNAPPY_START


def zstd_stream(content: bytes) -> bytes:
    """As a streaming writer packs: no size in the header, a checksum at the end."""
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packer.compress(content) + packer.flush()


PACKS: dict[str, tuple[str, Pack]] = {
    "gzip": ("gzip", lambda content: gzip.compress(content, mtime=0)),
    "zlib": ("zlib", zlib.compress),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", lambda content: zlib.compress(content, wbits=-15)),
    "zstd": ("zstd", zstandard.compress),
    "zstd stream": ("zstd", zstd_stream),
    "snappy": ("snappy", lambda content: bytes(cramjam.snappy.compress_raw(content))),
    "snappy that is framed": ("snappy", framed),
    "x-snappy-framed": ("x-snappy-framed", framed),
    "lz4": ("lz4", lz4.frame.compress),
    "lz4 with checksums": (
        "lz4",
        lambda content: lz4.frame.compress(content, content_checksum=True, block_checksum=True, store_size=False),
    ),
}
every = pytest.mark.parametrize("pack", PACKS)
contents = st.binary(max_size=2_000) | st.builds(
    lambda part, times: part * times, st.binary(max_size=50), st.integers(0, 20_000)
)


def packed(pack: str, content: bytes) -> tuple[str, bytes]:
    """The name of a coding, and the content in it."""
    name, do = PACKS[pack]
    return name, do(content)


def test_every_coding_is_tried() -> None:
    """A coding that is accepted and tested nowhere is the one that lets a bomb in."""
    assert {name for name, _ in PACKS.values()} == set(CODINGS)


@every
@given(content=contents)
def test_what_was_packed_comes_back(pack: str, content: bytes) -> None:
    """In pieces that are never empty, since an empty one means the end."""
    name, body = packed(pack, content)

    pieces = list(inflate(name, body, LIMIT))

    assert b"".join(pieces) == content
    assert all(0 < len(piece) <= PIECE_BYTES for piece in pieces)


@every
def test_large_content_comes_back_in_pieces(pack: str) -> None:
    """Content that does not repeat crosses every buffer of every library."""
    content = random.Random(1).randbytes(1_500_000) + b"\0" * 1_500_000
    name, body = packed(pack, content)

    pieces = list(inflate(name, body, len(content)))

    assert b"".join(pieces) == content
    assert max(map(len, pieces)) <= PIECE_BYTES


@every
@given(content=contents, limit=st.integers(0, 2_000))
def test_the_limit_is_exact(pack: str, content: bytes, limit: int) -> None:
    """What fits is taken, and one byte more is not; at most one piece too much is ever made."""
    name, body = packed(pack, content)
    size = 0
    try:
        for piece in inflate(name, body, limit):
            size += len(piece)
    except TooLargeError:
        assert size <= limit < len(content)
    else:
        assert size == len(content) <= limit


@every
@given(content=st.binary(min_size=1, max_size=500), data=st.data())
def test_damage_is_a_permanent_error_or_content(pack: str, content: bytes, data: st.DataObject) -> None:
    """Some codings have no checksum; none may crash, run on, or answer as if the moment were at fault."""
    name, body = packed(pack, content)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, len(body)))
    damaged = body[:start] + data.draw(st.binary(max_size=8)) + body[end:]

    try:
        size = sum(map(len, inflate(name, damaged, LIMIT)))
    except PermanentError as error:
        assert isinstance(error, TooLargeError) or str(error).startswith(name)
    else:
        assert size <= LIMIT


@pytest.mark.parametrize("name", CODINGS)
@given(body=st.binary(max_size=300))
def test_random_bytes_are_a_permanent_error_or_content(name: str, body: bytes) -> None:
    """Whoever can reach the port can send anything."""
    try:
        size = sum(map(len, inflate(name, body, LIMIT)))
    except PermanentError as error:
        assert "\n" not in str(error)
    else:
        assert size <= LIMIT


@every
@given(content=st.binary(min_size=1, max_size=500), data=st.data())
def test_a_body_cut_short_is_refused_by_name(pack: str, content: bytes, data: st.DataObject) -> None:
    """Half the content would parse as half the spans, and the sender would take them all for received."""
    name, body = packed(pack, content)
    end = data.draw(st.integers(0, len(body) - 1))
    if body[:end] == SNAPPY_START:
        return  # the end of a chunk is the end of a stream: the format has no other

    with pytest.raises(CodingError, match=f"^{name}: "):
        list(inflate(name, body[:end], LIMIT))


@every
def test_a_bomb_is_stopped_at_the_limit(pack: str) -> None:
    """A few kilobytes that unpack to a hundred megabytes may cost the limit, not what they unpack to."""
    name, body = packed(pack, b"\0" * 100_000_000)
    pieces = inflate(name, body, LIMIT)
    size = 0

    with pytest.raises(TooLargeError):
        for piece in pieces:
            size += len(piece)

    assert size <= LIMIT


def test_a_snappy_block_that_says_too_much_is_not_unpacked() -> None:
    """The size at a block's start is what a library allocates before it looks at the rest."""
    too_large, absurd = as_varint(LIMIT + 1), as_varint(2**32 - 1)

    with pytest.raises(TooLargeError):
        list(inflate("snappy", too_large + b"\0" * 50_000, LIMIT))
    with pytest.raises(CodingError, match="corrupt input"):
        list(inflate("snappy", absurd + b"\0" * 50_000, 2**33))


def test_a_zstd_window_beyond_what_http_allows_is_refused() -> None:
    """The window is memory that a sender orders with a few bytes; RFC 9659 ends it at 8 MiB."""
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = packer.compress(b"x") + packer.flush()

    with pytest.raises(CodingError, match="window is larger than 8 MiB"):
        list(inflate("zstd", body, LIMIT))


@pytest.mark.parametrize(
    ("pack", "between"), [("gzip", b""), ("zstd", b"\x50\x2a\x4d\x18\x03\0\0\0abc"), ("lz4", b""), ("zstd stream", b"")]
)
def test_frames_follow_each_other(pack: str, between: bytes) -> None:
    """Writers that flush start a new frame; what only the first holds is half the spans."""
    name, first = packed(pack, b"first ")
    _, second = packed(pack, b"second")

    assert b"".join(inflate(name, first + between + second, LIMIT)) == b"first second"


def test_frames_of_snappy_may_be_padded() -> None:
    """Padding and chunks of later versions are skipped, those that must not be are refused."""
    body = framed(b"content")

    assert b"".join(inflate("snappy", body + b"\xfe\x02\x00\x00\x00\x00" + body, LIMIT)) == b"contentcontent"
    with pytest.raises(CodingError, match="corrupt input"):
        list(inflate("snappy", body + b"\x02\x00\x00\x00", LIMIT))


@pytest.mark.parametrize("garbage", [b"garbage, and enough of it", b"\0" * 30])
@pytest.mark.parametrize("name", CODINGS)
def test_another_format_is_refused_by_name(name: str, garbage: bytes) -> None:
    """The usual mistake: a header without the coding, or the wrong one."""
    with pytest.raises(CodingError, match=f"^{name}: "):
        list(inflate(name, garbage, LIMIT))


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("identity", ""),
        ("GZIP", "gzip"),
        (" X-GZip ", "gzip"),
        ("Zstd", "zstd"),
        ("identity, gzip", "gzip"),
        ("gzip, identity,", "gzip"),
    ],
)
def test_names_are_read_as_proxies_write_them(header: str, name: str) -> None:
    """RFC 9110 makes them case-insensitive; the Collector does not."""
    assert coding(header) == name


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("nosuch", "unsupported Content-Encoding: nosuch"),
        ("br", "use gzip, deflate"),
        ("gzip, nosuch", "nosuch"),
        ("gzip, zstd", "one coding, not several"),
    ],
)
def test_other_codings_are_refused_with_what_to_do(header: str, said: str) -> None:
    """Who set the exporter's compression reads this and knows what to set instead."""
    with pytest.raises(CodingError, match=said):
        coding(header)


@every
async def test_every_coding_is_received(pack: str) -> None:
    """From the socket to the window: the content's bytes are kept, not the coded ones."""
    window = FakeWindow()
    content = request(count=5_000).SerializeToString()
    name, body = packed(pack, content)
    async with receiver(window) as running:
        reply = await post(traces_url(running), body, Content_Encoding=name.upper())

    assert reply.status == 200
    assert window.requests == [content]


@pytest.mark.parametrize("name", CODINGS)
async def test_damaged_and_empty_bodies_are_bad_requests_of_that_coding(name: str) -> None:
    """400 is never retried; the answer says which coding, so that the sender's owner can find its setting."""
    window = FakeWindow()
    async with receiver(window) as running:
        damaged = await post(traces_url(running), b"garbage, and enough of it", Content_Encoding=name)
        empty = await post(traces_url(running), b"", Content_Encoding=name)

    for reply in (damaged, empty):
        assert (reply.status, reply.rpc_status().code) == (400, 3)
        assert reply.rpc_status().message.startswith(f"{name}: ")
    assert window.requests == []


@every
async def test_bombs_are_too_large(pack: str) -> None:
    """413, as the specification wants it for what is too large, unpacked or not."""
    name, body = packed(pack, b"\0" * 10_000_000)
    async with receiver(FakeWindow(), max_request_bytes="1MiB") as running:
        reply = await post(traces_url(running), body, Content_Encoding=name)

    assert (reply.status, reply.rpc_status().code) == (413, 8)
