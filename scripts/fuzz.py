"""Coverage-guided fuzzing of all that reads bytes from the network: `python -m scripts.fuzz TARGET --seconds 60`.

Needs atheris, which has wheels for some Python versions and Linux only, and so is no dependency of the project:
`pip install atheris` (3.0.0 for Python 3.11, newer ones from 3.12). The first byte of an input chooses the signal or
coding. Only PermanentError may escape, content stays within the limit; anything else is a finding: it ends the run,
its bytes are left in the directory of `--found`, and belong into tests/collector/test_regressions.py.
"""

import argparse
import gzip
import importlib
import json
import random
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

LIMIT = 64 * 1024
SEEDS = 64


def instrumented() -> Any:
    """The fuzzer, after it has imported what it is to watch."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.exit("fuzz: atheris is not installed; pip install atheris (Linux, Python 3.11 to 3.14)")
    with atheris.instrument_imports(include=["collector.otlp", "domain"]):
        for name in ("collector.otlp.intake", "collector.otlp.inflate"):
            importlib.import_module(name)
    return atheris


def fuzz_protobuf(data: bytes) -> None:
    """Decode and repair; what is accepted can be kept and read again."""
    from collector.otlp.intake import from_protobuf
    from domain.signals import SIGNALS

    signal = SIGNALS[data[0] % len(SIGNALS)]
    batch = from_protobuf(signal, data[1:])
    assert signal.request.FromString(batch.request) is not None
    # A byte that is no UTF-8 grows to three, and each length around it by a byte or two.
    assert len(batch.request) <= 8 * len(data)


def fuzz_json(data: bytes) -> None:
    """Decode; what is accepted can be kept and read again."""
    from domain.otlp_json import decode
    from domain.signals import SIGNALS

    signal = SIGNALS[data[0] % len(SIGNALS)]
    kept = decode(data[1:], signal).SerializeToString()
    assert signal.request.FromString(kept) is not None


def fuzz_inflate(data: bytes) -> None:
    """Unpack every coding within the limit, in pieces of bounded size."""
    from collector.otlp.inflate import CODINGS, inflate
    from collector.otlp.limits import PIECE_BYTES

    size = 0
    for piece in inflate(CODINGS[data[0] % len(CODINGS)], data[1:], LIMIT):
        size += len(piece)
        assert 0 < len(piece) <= PIECE_BYTES
        assert size <= LIMIT


def fuzz_wire(data: bytes) -> None:
    """Split and join; what is cut out is there, and spans survive another round."""
    from domain.wire import join, locate, split

    pieces = list(split(data))
    assert [data[place.start : place.end] for place in locate(data)] == [piece.span for piece in pieces]
    assert [piece.span for piece in split(join(pieces))] == [piece.span for piece in pieces]


TARGETS: dict[str, Callable[[bytes], None]] = {
    "protobuf": fuzz_protobuf,
    "json": fuzz_json,
    "inflate": fuzz_inflate,
    "wire": fuzz_wire,
}


def seeds(target: str) -> Iterator[bytes]:
    """Valid inputs to begin with."""
    import cramjam
    import lz4.frame
    import zstandard

    from collector.otlp.inflate import CODINGS
    from domain.otlp_json import to_json
    from domain.signals import SIGNALS, TRACES
    from tests.collector.any_message import any_message

    packs: dict[str, Callable[[bytes], Any]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "zlib": zlib.compress,
        "zstd": zstandard.compress,
        "snappy": cramjam.snappy.compress_raw,
        "x-snappy-framed": cramjam.snappy.compress,
        "lz4": lz4.frame.compress,
    }
    for number in range(SEEDS):
        signal = TRACES if target == "wire" else SIGNALS[number % len(SIGNALS)]
        message = any_message(signal.request, random.Random(number))
        body: bytes = message.SerializeToString()
        if target == "inflate":
            coding = number % len(CODINGS)
            body = bytes((coding,)) + bytes(packs[CODINGS[coding]](body))
        elif target != "wire":
            chosen = bytes((number % len(SIGNALS),))
            body = chosen + (json.dumps(to_json(message)).encode() if target == "json" else body)
        yield body


def main() -> None:
    """Fuzz one target for a bounded time; the exit code is not 0 when something was found."""
    parser = argparse.ArgumentParser(description="Fuzz what reads bytes from the network.")
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--found", type=Path, default=Path(tempfile.gettempdir()), help="where findings are left")
    chosen = parser.parse_args()
    atheris = instrumented()
    from domain.errors import PermanentError

    def attempt(data: bytes) -> None:
        if data or chosen.target == "wire":
            with suppress(PermanentError):
                TARGETS[chosen.target](data)

    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(chosen.target)):
            Path(corpus, str(number)).write_bytes(seed)
        prefix = f"-artifact_prefix={chosen.found}/{chosen.target}-"
        words = [
            sys.argv[0],
            corpus,
            f"-max_total_time={chosen.seconds}",
            "-max_len=8192",
            "-rss_limit_mb=1024",
            prefix,
        ]
        atheris.Setup([*words, "-print_final_stats=1"], attempt)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
