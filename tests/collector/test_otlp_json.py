"""OTLP/JSON and the protobuf message it stands for."""

import json
import math
import random
import re
from functools import partial
from pathlib import Path

import pytest
from google.protobuf import json_format
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.otlp.intake import from_protobuf
from domain import otlp_json
from domain.errors import PermanentError
from domain.otlp import AnyValue, ExportTraceServiceRequest, Span
from domain.signals import LOGS, METRICS, PROFILES, SIGNALS, TRACES, Signal
from tests.collector import strategies
from tests.collector.any_message import any_message

slow_to_draw = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

decode_traces = partial(otlp_json.decode, signal=TRACES)
every_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)


def decode_span(**fields: object) -> Span:
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [fields]}]}]})
    return decode_traces(body.encode()).resource_spans[0].scope_spans[0].spans[0]


def decode_value(value: object) -> AnyValue:
    return decode_span(attributes=[{"key": "k", "value": value}]).attributes[0].value


@every_signal
@slow_to_draw
@given(seed=st.integers(0, 2**32))
def test_every_request_survives_the_way_through_json(signal: Signal, seed: int) -> None:
    """Lossless: whichever encoding a sender chose, the same is kept (NaN compares by its bytes)."""
    sent = any_message(signal.request, random.Random(seed))
    back = otlp_json.decode(json.dumps(otlp_json.to_json(sent)).encode(), signal)

    assert back.SerializeToString(deterministic=True) == sent.SerializeToString(deterministic=True)


@every_signal
@slow_to_draw
@given(st.integers(0, 2**32), st.data())
def test_one_wrong_value_anywhere_is_a_permanent_error_or_nothing(
    signal: Signal, seed: int, data: st.DataObject
) -> None:
    """Whatever a sender gets wrong, the answer is 400 and never a crash; and what is accepted can be kept."""
    document = otlp_json.to_json(any_message(signal.request, random.Random(seed)))
    places = list(_places(document))
    if places:
        owner, key = data.draw(st.sampled_from(places))
        owner[key] = data.draw(strategies.json_values)
    try:
        message = otlp_json.decode(json.dumps(document).encode(), signal)
    except PermanentError as error:
        assert "\n" not in str(error)
    else:
        assert signal.request.FromString(message.SerializeToString()) is not None


def _places(value: object) -> object:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield value, key
        yield from _places(inner)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_random_bytes_are_a_permanent_error_or_a_request(body: bytes) -> None:
    """The port is open to anything that can connect."""
    for decode in (decode_traces, lambda given: from_protobuf(TRACES, given).message):
        try:
            message = decode(body)
        except PermanentError:
            continue
        assert isinstance(message, ExportTraceServiceRequest)


@slow_to_draw
@given(strategies.requests, st.integers(0, 2**32))
def test_damaged_bodies_are_a_permanent_error_or_a_request(request: ExportTraceServiceRequest, seed: int) -> None:
    """Half-valid bytes reach deeper into a decoder than random ones."""
    chance = random.Random(seed)
    as_json = json.dumps(otlp_json.to_json(request)).encode()
    for body, decode in ((request.SerializeToString(), partial(from_protobuf, TRACES)), (as_json, decode_traces)):
        damaged = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            if damaged:
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            decode(bytes(damaged[: chance.randint(0, len(damaged) * 2)]))
        except PermanentError:
            continue


@pytest.mark.parametrize("trace_id", ["5b8efff798038103d269b633813fc60c", "5B8EFFF798038103D269B633813FC60C"])
def test_ids_are_hexadecimal_in_either_case(trace_id: str) -> None:
    """Protobuf's own JSON would read base64 here and make other ids of them."""
    assert decode_span(traceId=trace_id).trace_id.hex() == trace_id.lower()


@pytest.mark.parametrize("broken", ["W47/95gDgQPSabYzgT/GDA==", "abc", "zz" * 16, "5b 8e" * 8, "é", "ab" * 15])
@pytest.mark.parametrize("field", ["traceId", "spanId", "parentSpanId", "trace_id"])
def test_an_id_that_is_none_is_refused_by_its_path(field: str, broken: str) -> None:
    """Base64 for hexadecimal is the sender's bug in every span; read otherwise it would make up other ids."""
    with pytest.raises(PermanentError, match=rf"spans\[0\]\.{field}: expected (16|32) hexadecimal digits"):
        decode_span(**{field: broken})


def test_ids_are_hexadecimal_wherever_they_stand() -> None:
    """Links, log records and exemplars point at spans; base64 there would point at others."""
    ids = {"traceId": "AB" * 16, "spanId": "cd" * 8}
    link = decode_span(links=[ids]).links[0]
    logs = otlp_json.decode(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [ids]}]}]}).encode(), LOGS)
    metric = {"gauge": {"dataPoints": [{"exemplars": [ids]}]}}
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [metric]}]}]}
    point = otlp_json.decode(json.dumps(metrics).encode(), METRICS)
    exemplar = point.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].exemplars[0]
    for found in (link, logs.resource_logs[0].scope_logs[0].log_records[0], exemplar):
        assert (found.trace_id, found.span_id) == (b"\xab" * 16, b"\xcd" * 8)


def test_an_empty_id_is_an_empty_id() -> None:
    """A root's parent is written so; an empty trace id rejects its span alone."""
    assert decode_span(traceId="", parentSpanId="", name="root") == Span(name="root")


@pytest.mark.parametrize("written", ["ab" * 16, "q6urq6urq6urq6urq6urqw=="])
def test_a_profiles_id_is_read_in_both_forms(written: str) -> None:
    """The specification has base64, the Collector writes hexadecimal."""
    document = {"resourceProfiles": [{"scopeProfiles": [{"profiles": [{"profileId": written}]}]}]}
    request = otlp_json.decode(json.dumps(document).encode(), PROFILES)
    assert request.resource_profiles[0].scope_profiles[0].profiles[0].profile_id == b"\xab" * 16


@pytest.mark.parametrize("name, signal", [("trace", TRACES), ("logs", LOGS), ("metrics", METRICS), ("events", LOGS)])
def test_the_official_examples_read_as_protobuf_reads_them(shared_data: Path, name: str, signal: Signal) -> None:
    """Apart from ids, which its JSON takes for base64."""
    body = (shared_data / "otlp" / "opentelemetry-proto-examples" / f"{name}.json").read_bytes()
    without_ids = re.sub(rb'"(traceId|spanId|parentSpanId)": *"[^"]*"', rb'"\1": ""', body)

    assert otlp_json.decode(without_ids, signal) == json_format.Parse(without_ids, signal.request())
    assert signal.count(otlp_json.decode(body, signal)) > 0


def test_both_spellings_of_names_are_read_and_unknown_fields_ignored() -> None:
    """The specification wants camelCase, and unknown fields ignored; hand-written senders mix in snake_case."""
    span = decode_span(start_time_unix_nano="7", endTimeUnixNano=8, traceState="a=b", unknown={"deep": [1]})

    assert (span.start_time_unix_nano, span.end_time_unix_nano, span.trace_state) == (7, 8, "a=b")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(7, 7), ("7", 7), (7.0, 7), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63))],
)
def test_integers_come_as_numbers_or_text(value: object, expected: int) -> None:
    """JavaScript cannot write 64 bits as a number."""
    assert decode_value({"intValue": value}).int_value == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1, 1.0),
        (1.5, 1.5),
        ("1.5", 1.5),
        ("-1e3", -1000.0),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        ("NaN", math.nan),
    ],
)
def test_doubles_come_as_numbers_or_text(value: object, expected: float) -> None:
    """NaN and the infinities have no number in JSON."""
    assert decode_value({"doubleValue": value}).double_value == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("value", ["aGVsbG8=", "aGVsbG8"])
def test_bytes_are_base64(value: str) -> None:
    """Padded as the standard wants it, or not, as JavaScript often leaves it."""
    assert decode_value({"bytesValue": value}).bytes_value == b"hello"


@pytest.mark.parametrize(("kind", "number"), [(2, 2), ("SPAN_KIND_SERVER", 2), (99, 99), (-1, -1)])
def test_enums_come_as_numbers_or_names(kind: object, number: int) -> None:
    """A number that a later version defines is kept."""
    assert decode_span(kind=kind).kind == number


def test_null_is_absent() -> None:
    """Serializers write null for what they do not have."""
    assert decode_span(name=None, attributes=None, status=None, traceId=None) == Span()
    assert decode_value(None) == AnyValue()


def test_an_empty_value_and_an_unset_one_stay_apart() -> None:
    """An attribute whose value is 0 or empty is not one without a value."""
    assert decode_value({"intValue": "0"}).WhichOneof("value") == "int_value"
    assert decode_value({"stringValue": ""}).WhichOneof("value") == "string_value"
    assert decode_value({}).WhichOneof("value") is None


def test_half_a_surrogate_pair_costs_one_character() -> None:
    """JavaScript cuts strings between the halves of an emoji; the batch must not be lost for it."""
    assert decode_value({"stringValue": "cut \ud83d"}).string_value == "cut \ufffd"
    assert decode_value({"stringValue": "whole \U0001f600"}).string_value == "whole \U0001f600"


@pytest.mark.parametrize(
    ("span", "path"),
    [
        ({"kind": True}, "kind"),
        ({"kind": "SPAN_KIND_NOSUCH"}, "kind"),
        ({"name": 5}, "name"),
        ({"traceId": 5}, "traceId"),
        ({"startTimeUnixNano": "abc"}, "startTimeUnixNano"),
        ({"startTimeUnixNano": -1}, "startTimeUnixNano"),
        ({"startTimeUnixNano": 1.5}, "startTimeUnixNano"),
        ({"startTimeUnixNano": "1_000"}, "startTimeUnixNano"),
        ({"flags": 2**32}, "flags"),
        ({"attributes": {}}, "attributes"),
        ({"attributes": [{}, {"value": {"intValue": 2**63}}]}, "attributes[1].value.intValue"),
        ({"attributes": [{"value": {"boolValue": "yes"}}]}, "attributes[0].value.boolValue"),
        ({"attributes": [{"value": {"bytesValue": "!!!"}}]}, "attributes[0].value.bytesValue"),
        ({"attributes": [{"value": {"doubleValue": "1,5"}}]}, "attributes[0].value.doubleValue"),
        ({"attributes": [{"value": {"doubleValue": 10**400}}]}, "attributes[0].value.doubleValue"),
        ({"attributes": [{"value": {"arrayValue": {"values": [{}, 3]}}}]}, "attributes[0].value.arrayValue.values[1]"),
        ({"events": [{"timeUnixNano": {}}]}, "events[0].timeUnixNano"),
        ({"status": "OK"}, "status"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(span: dict[str, object], path: str) -> None:
    """A sender's author finds the field; the value, which may be private, is not repeated."""
    with pytest.raises(PermanentError) as mistake:
        decode_span(**span)

    assert str(mistake.value).startswith(f"resourceSpans[0].scopeSpans[0].spans[0].{path}: ")


@pytest.mark.parametrize("body", [b"", b"[]", b"1234", b'"x"', b"{} {}", b"\xff\xfe\xfd", b'{"a": 1', b"9" * 5_000])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Including what follows a valid document: half of two requests must not be taken for one."""
    with pytest.raises(PermanentError):
        decode_traces(body)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [('{"arrayValue": {"values": [', "]}}"), ('{"kvlistValue": {"values": [{"key": "k", "value": ', "}]}}")],
)
def test_nesting_has_the_same_limit_in_both_encodings(opening: str, closing: str) -> None:
    """What is accepted as JSON is stored as protobuf, and must be readable there."""
    accepted, refused = 0, 0
    for levels in (1, 10, 20, 30, 31, 32, 40, 46, 47, 48, 49, 60, 300, 100_000):
        value = opening * levels + "{}" + closing * levels
        body = f'{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{"attributes": [{{"value": {value}}}]}}]}}]}}]}}'
        try:
            message = decode_traces(body.encode())
        except PermanentError as error:
            assert "nested" in str(error)
            refused += 1
        else:
            assert refused == 0
            assert ExportTraceServiceRequest.FromString(message.SerializeToString()) == message
            accepted += 1

    assert accepted > 4
    assert refused > 3


def test_unknown_fields_may_nest_as_deep_as_json_can_be_read() -> None:
    """They are ignored, however they look; only what cannot be parsed at all is refused."""
    with pytest.raises(PermanentError, match="nested too deeply"):
        decode_traces(b'{"unknown": ' + b"[" * 200_000 + b"]" * 200_000 + b"}")


def test_to_json_writes_what_the_specification_says() -> None:
    """Hexadecimal ids, 64-bit integers as text, enums as numbers, lowerCamelCase."""
    span = Span(trace_id=b"\xab" * 16, kind=Span.SPAN_KIND_CLIENT, start_time_unix_nano=2**60)
    span.attributes.add(key="k").value.int_value = 5

    assert otlp_json.to_json(span) == {
        "traceId": "ab" * 16,
        "kind": 3,
        "startTimeUnixNano": str(2**60),
        "attributes": [{"key": "k", "value": {"intValue": "5"}}],
    }
