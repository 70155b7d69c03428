"""`halo replay`: files sent to a running receiver arrive whole, once, at the asked rate and time."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli.main import halo
from cli.replaying import Replayer, batches
from cli.retiming import Changes, newest_ns
from collector.outgoing.forwarder import OversizeError, Receipt
from domain.errors import PermanentError, RetryableError
from domain.otlp import ExportLogsServiceRequest, ExportTraceServiceRequest, Span
from domain.otlp_json import to_json
from domain.signals import TRACES, Signal
from domain.wire import split
from store.loading import Loaded, LoadReport, read_requests
from tests.collector.fakes import FakeWindow
from tests.collector.serving import receiver
from tests.spans import make_span
from tests.store.log_kit import log_request, make_record
from tests.store.window_kit import START_NS, request_of, trace_id, whole_trace

LINE = {
    "name": "work",
    "start_time": "2025-03-19T16:32:08.5Z",
    "end_time": "2025-03-19T16:32:09Z",
    "resource": {"attributes": {"service.name": "agent"}},
    "scope": {"name": "lib"},
}


def write_lines(path: Path, count: int) -> Path:
    lines = [{**LINE, "trace_id": f"{n // 4 + 1:032x}", "span_id": f"{n + 1:016x}"} for n in range(count)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


async def replay(*words: object) -> Result:
    """The command, beside the receiver that runs in this loop."""
    return await asyncio.to_thread(CliRunner().invoke, halo, ["replay", *map(str, words)])


@pytest.mark.parametrize("form", ["http", "grpc", "bare grpc", "protocol grpc", "whole path"])
async def test_every_span_arrives_over_either_protocol(form: str, tmp_path: Path) -> None:
    """People write endpoints as their other tools do."""
    path = write_lines(tmp_path / "traces.jsonl", 1_000)
    window = FakeWindow()
    async with receiver(window) as running:
        http, grpc = running.http_endpoint, running.grpc_endpoint
        words = {
            "http": ["--to", f"http://{http}"],
            "grpc": ["--to", f"grpc://{grpc}"],
            "bare grpc": ["--to", grpc],
            "protocol grpc": ["--to", f"http://{grpc}", "--protocol", "grpc"],
            "whole path": ["--to", f"http://{http}/v1/traces"],
        }[form]
        result = await replay(path, *words, "--header", "x-tenant=a=b")

    assert result.exit_code == 0, result.output
    assert "sent 1,000 of 1,000 spans to" in result.stdout
    assert sorted(int.from_bytes(span.span_id, "big") for span in window.spans) == list(range(1, 1_001))
    assert len(window.requests) == 2


async def test_captures_of_real_clients_arrive_as_they_are(shared_data: Path) -> None:
    """Requests as they were on the wire are trace files too."""
    captured = shared_data / "otlp" / "captured"
    files = sorted([*captured.glob("*.traces.*.bin"), *captured.glob("js-http-json.traces.*.json")])
    files = [path for path in files if not path.name.endswith(("meta.json", "decoded.json"))]
    window = FakeWindow()
    async with receiver(window) as running:
        result = await replay(*files, "--to", f"http://{running.http_endpoint}")
    expected = [span for path in files if path.suffix == ".bin" for span in _spans([path.read_bytes()])]

    assert result.exit_code == 0, result.output
    assert expected
    arrived = [span.SerializeToString() for span in window.spans]
    assert [span for span in expected if span.SerializeToString() not in arrived] == []
    assert len(arrived) > len(expected)


def _spans(requests: Sequence[bytes]) -> list[Span]:
    return [Span.FromString(piece.span) for request in requests for piece in split(request)]


async def test_log_documents_are_sent_as_logs(tmp_path: Path) -> None:
    """A Collector's file of logs belongs to the traces beside it."""
    path = write_lines(tmp_path / "traces.jsonl", 3)
    logs = log_request([make_record("t", "root"), make_record("t", "root", at_s=2)])
    path.write_text(path.read_text() + json.dumps(to_json(logs)) + "\n")
    window = FakeWindow()
    async with receiver(window) as running:
        result = await replay(path, "--to", f"http://{running.http_endpoint}", "--shift-time", "--new-ids")
    sent = [ExportLogsServiceRequest.FromString(request) for request in window.requests[1:]]
    times = [record.time_unix_nano for record in sent[0].resource_logs[0].scope_logs[0].log_records]

    assert result.exit_code == 0, result.output
    assert "sent 5 of 3 spans and 2 log records" in result.stdout
    assert len(window.spans) == 3
    assert times[1] - times[0] == 1_500_000_000
    assert sent[0].resource_logs[0].resource == logs.resource_logs[0].resource


async def test_time_is_shifted_so_that_the_newest_span_ends_now(tmp_path: Path) -> None:
    """A month-old file would lie outside every look-back."""
    span = make_span(2, parent=1, start_s=10, end_s=20)
    span.events.add(name="e", time_unix_nano=span.start_time_unix_nano + 7)
    spans = [make_span(1, end_s=50), span]
    (tmp_path / "a.bin").write_bytes(request_of(spans).SerializeToString())
    window = FakeWindow()
    async with receiver(window) as running:
        before = time.time_ns()
        result = await replay(tmp_path / "a.bin", "--to", f"http://{running.http_endpoint}", "--shift-time")
        after = time.time_ns()
    root, child = window.spans

    assert result.exit_code == 0, result.output
    assert before <= root.end_time_unix_nano <= after
    assert root.end_time_unix_nano - root.start_time_unix_nano == 50_000_000_000
    assert child.start_time_unix_nano - root.start_time_unix_nano == 10_000_000_000
    assert child.events[0].time_unix_nano - child.start_time_unix_nano == 7
    assert root.span_id == spans[0].span_id


def test_new_ids_keep_what_belongs_together(tmp_path: Path) -> None:
    """Parents and links must find their spans again, under ids that no receiver has seen."""
    root, child = make_span(1), make_span(2, parent=1)
    child.links.add(trace_id=root.trace_id, span_id=root.span_id)
    request = request_of([root, child]).SerializeToString()
    changed, again = (_spans([Changes(salt=salt).applied(TRACES, request)]) for salt in (b"one", b"two"))

    assert changed[0].trace_id == changed[1].trace_id == changed[1].links[0].trace_id != root.trace_id
    assert changed[1].parent_span_id == changed[1].links[0].span_id == changed[0].span_id != root.span_id
    assert changed[0].parent_span_id == b""
    assert changed[0].trace_id != again[0].trace_id
    assert changed[0].start_time_unix_nano == root.start_time_unix_nano


def test_a_time_that_is_not_stated_is_not_invented() -> None:
    """A span that has not ended has not ended in the replay either."""
    span = make_span(1)
    span.end_time_unix_nano = 0
    request = request_of([span]).SerializeToString()
    (moved,) = _spans([Changes(shift_ns=5).applied(TRACES, request)])

    assert (moved.start_time_unix_nano, moved.end_time_unix_nano) == (span.start_time_unix_nano + 5, 0)
    assert newest_ns(TRACES, request) == span.start_time_unix_nano


async def test_what_is_refused_is_counted_and_the_exit_code_tells(tmp_path: Path) -> None:
    """A script must know that not everything got there."""
    bad = make_span(3, trace_id=b"short")
    (tmp_path / "a.bin").write_bytes(request_of([make_span(1), bad]).SerializeToString())
    (tmp_path / "b.jsonl").write_text("{broken\n")
    async with receiver(FakeWindow()) as running:
        result = await replay(tmp_path / "a.bin", "--to", f"http://{running.http_endpoint}")
        counted = json.loads(
            (await replay(tmp_path / "a.bin", "--to", f"http://{running.http_endpoint}", "--json")).stdout
        )
        unread = await replay(tmp_path / "a.bin", tmp_path / "b.jsonl", "--to", f"http://{running.http_endpoint}")

    assert result.exit_code == unread.exit_code == 1
    assert "sent 1 of 2 spans" in result.stdout
    assert "1 failed: 1 spans have no valid ids" in result.stdout
    assert "1 lines could not be read" in unread.stdout
    assert "b.jsonl:1: not JSON" in unread.stderr
    assert (counted["sent"], counted["failed"], counted["bad_lines"]) == (1, 1, 0)


async def test_nobody_there_is_one_line_and_exit_1(tmp_path: Path) -> None:
    """After the agreed time, not for ever."""
    path = write_lines(tmp_path / "traces.jsonl", 10)
    async with receiver(FakeWindow()) as running:
        endpoint = f"http://{running.http_endpoint}"
    result = await replay(path, "--to", endpoint, "--retry-for", "0.1s")

    assert result.exit_code == 1
    assert "sent 0 of 10 spans or log records" in result.stdout
    assert "the rest was not tried" in result.stdout
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "ftp://host:1"], "ftp:// is no way to send"),
        (["--to", "http://host:port"], "is no endpoint"),
        (["--to", "grpc://host:1", "--protocol", "http"], "speaks gRPC"),
        (["--header", "novalue"], "write KEY=VALUE"),
        (["--retry-for", "long"], "--retry-for"),
        (["--rate", "0"], "--rate"),
    ],
)
def test_a_mistake_on_the_command_line_is_exit_2(words: list[str], said: str, tmp_path: Path) -> None:
    """Before anything is read or sent."""
    result = CliRunner().invoke(halo, ["replay", str(write_lines(tmp_path / "a", 1)), *words])

    assert result.exit_code == 2
    assert said in result.stderr


def test_a_missing_file_is_said() -> None:
    """One line, as everywhere."""
    result = CliRunner().invoke(halo, ["replay", "nowhere.jsonl"])

    assert (result.exit_code, result.stderr.strip()) == (1, "Error: nowhere.jsonl: no such file")


class Script:
    """A receiver that answers as it is told, then takes everything; keeps what it took."""

    def __init__(self, *answers: Exception | Receipt, most_items: int = 10**9) -> None:
        self._answers = list(answers)
        self._most_items = most_items
        self.taken: list[bytes] = []

    async def __aenter__(self) -> "Script":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def forward(self, signal: Signal, request: bytes) -> Receipt:
        answer = self._answers.pop(0) if self._answers else Receipt()
        if isinstance(answer, Exception):
            raise answer
        if len(_spans([request])) > self._most_items:
            raise OversizeError("too large")
        self.taken.append(request)
        return answer


class Time:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def replayer(script: Script, clock: Time, **options: Any) -> Replayer:
    settings = {"rate": None, "patience_s": 30.0, **options}
    return Replayer(script, clock=clock, sleep=clock.sleep, tell=lambda _: None, **settings)


def a_request(spans: int) -> bytes:
    return request_of([make_span(n) for n in range(1, spans + 1)]).SerializeToString()


async def test_a_receiver_that_asks_to_wait_is_given_its_time() -> None:
    """Push-back is not a failure."""
    script, clock = Script(RetryableError("busy", retry_after_s=7.0), RetryableError("busy")), Time()
    sending = replayer(script, clock)
    await sending.send(TRACES, a_request(3))

    assert (sending.sent, sending.failed, clock.slept) == (3, 0, [7.0, 1.0])


async def test_patience_ends() -> None:
    """What is never taken is counted, and the rest is not tried for as long again."""
    script, clock = Script(*[RetryableError("away")] * 100), Time()
    sending = replayer(script, clock, patience_s=20.0)
    with pytest.raises(RetryableError):
        await sending.send(TRACES, a_request(3))

    assert (sending.sent, sending.failed, sending.reason) == (0, 3, "away")
    assert clock.now_s <= 20.0


async def test_a_rate_is_kept_on_average() -> None:
    """Load tests and demos want a steady stream."""
    clock = Time()
    sending = replayer(Script(), clock, rate=100.0)
    for _ in range(11):
        await sending.send(TRACES, a_request(50))

    assert clock.now_s == pytest.approx(5.0)


async def test_what_is_too_large_is_sent_in_parts_and_what_is_refused_does_not_stop_the_rest() -> None:
    """One poisonous request must not cost the file."""
    clock = Time()
    script = Script(PermanentError("no"), most_items=2)
    sending = replayer(script, clock)
    await sending.send(TRACES, a_request(3))
    await sending.send(TRACES, a_request(5))

    assert (sending.sent, sending.failed, sending.reason) == (5, 3, "no")
    assert len(_spans(script.taken)) == 5


@pytest.mark.parametrize("most", [1, 7, 512])
def test_requests_are_cut_and_joined_to_the_asked_size(most: int) -> None:
    """`--batch` is what decides, not how the file was written."""
    requests = [Loaded(TRACES, a_request(5)) for _ in range(4)]
    made = [request for _, request in batches(iter(requests), most)]

    assert [len(_spans([request])) for request in made] == [min(most, 20 - start) for start in range(0, 20, most)]
    assert _spans(made) == _spans([request for _, request in requests])
    assert ExportTraceServiceRequest.FromString(made[0]).resource_spans[0].resource.attributes[0].key == "service.name"


def test_an_export_can_be_replayed(tmp_path: Path) -> None:
    """What one sidecar wrote another receives."""
    (tmp_path / "a.jsonl").write_text(json.dumps(to_json(request_of(whole_trace("t")))) + "\n")
    loaded = list(read_requests([tmp_path / "a.jsonl"], LoadReport()))

    assert [span.trace_id for span in _spans([loaded[0].request])] == [trace_id("t")] * 3
    assert newest_ns(*loaded[0]) > START_NS
