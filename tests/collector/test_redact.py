"""The redact processor: secrets go, everything else stays as it came."""

import asyncio
import json

import pytest
from hypothesis import given

from collector.processing import Batch
from collector.processors.redact import Config, create
from collector.redaction.texts import Texts
from domain.errors import ConfigError, PermanentError
from domain.otlp import ExportTraceServiceRequest
from domain.settings import read_settings
from domain.signals import LOGS, METRICS, PROFILES, SIGNALS, TRACES, Signal
from tests.collector.strategies import requests

OPENAI = "sk-proj-" + "a1B2" * 8
AWS = "AKIA" + "ABCDEFGH23456723"
CARD = "4111 1111 1111 1111"


def redacted(request: object, signal: Signal = TRACES, **settings: object) -> Batch:
    batch = Batch(signal, request.SerializeToString(), request)  # type: ignore[attr-defined]
    done = asyncio.run(create(Config(**settings), name="redact").process(batch))  # type: ignore[arg-type]
    assert signal.request.FromString(done.request) == done.message
    return done


def with_attribute(key: str, value: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add(name="chat", trace_id=b"t" * 16, span_id=b"s" * 8)
    attribute = span.attributes.add(key=key)
    attribute.value.string_value = value
    return request


def value_of(batch: Batch) -> str:
    return str(batch.message.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.string_value)


def test_a_secret_goes_from_every_place_of_a_span() -> None:
    """A place that is forgotten is a leak."""
    request = with_attribute(f"key {OPENAI}", f"value {OPENAI}")
    resource = request.resource_spans[0]
    scope = resource.scope_spans[0]
    span = scope.spans[0]
    resource.resource.attributes.add(key="r").value.array_value.values.add(string_value=OPENAI)
    scope.scope.attributes.add(key="s").value.bytes_value = OPENAI.encode()
    scope.scope.name = resource.schema_url = span.name = span.status.message = span.trace_state = OPENAI
    event = span.events.add(name=OPENAI)
    event.attributes.add(key="e").value.kvlist_value.values.add(key="k").value.string_value = OPENAI
    span.links.add(trace_state=OPENAI).attributes.add(key="l").value.string_value = OPENAI

    assert OPENAI.encode() not in redacted(request).request


def test_a_secret_goes_from_logs_metrics_and_profiles() -> None:
    """Backends get these signals too."""
    logs, metrics, profiles = LOGS.request(), METRICS.request(), PROFILES.request()
    logs.resource_logs.add().scope_logs.add().log_records.add(event_name=OPENAI).body.string_value = OPENAI
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add(name="m", description=OPENAI)
    exemplar = metric.gauge.data_points.add().exemplars.add()
    exemplar.filtered_attributes.add(key="x").value.string_value = OPENAI
    profiles.dictionary.string_table.extend(["", OPENAI])

    for signal, request in ((LOGS, logs), (METRICS, metrics), (PROFILES, profiles)):
        assert OPENAI.encode() not in redacted(request, signal).request


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"a": [OPENAI]}),
        json.dumps({"a": json.dumps({"b": json.dumps([OPENAI])})}),
        '{"a": "' + "".join(f"\\u{ord(each):04x}" for each in OPENAI) + '"}',
        json.dumps({"a": OPENAI})[:-2],
        '{"x": "\\u0041", "x": "\\u0073' + OPENAI[1:] + '", "x": ""}',
    ],
)
def test_a_secret_goes_from_json_inside_a_text(text: str) -> None:
    """Arguments and messages are JSON in strings: nested, escaped, cut off, with a key twice."""
    value = value_of(redacted(with_attribute("llm.input_messages.0.message.content", text)))

    assert "[REDACTED:openai_key]" in value
    assert OPENAI[-8:] not in value


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (AWS, AWS),
        ("ghp_" + "a1B2" * 9, "ghp_"),
        ("postgres://user:hunter22@db/x", "hunter22"),
        ("Authorization: Bearer abcdef1234567890abcd", "abcdef1234567890abcd"),
        ("password=correcthorse next", "correcthorse"),
        ("DB_PASSWORD=hunter22", "hunter22"),
        ("password='battery staple, horse'", "staple"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG", "wJalrX"),
        ("postgres://user:hun@ter22@db/x", "ter22"),
        ('{"a": "' + "".join(f"\\u{ord(each):04x}" for each in AWS) + "\\u00", "0041\\u004b"),
        ('{"a": "\\ud800 ' + AWS + '"}', AWS),
        ('{"db_password": "\\u0068unter2", "n": 1}', "unter2"),
        ("eyJ" + "a" * 12 + ".eyJ" + "b" * 12 + "." + "c" * 12, "cccc"),
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIabc\n-----END RSA PRIVATE KEY-----", "MIIabc"),
    ],
)
def test_well_known_secrets_are_known(text: str, secret: str) -> None:
    """One of each family."""
    assert secret not in value_of(redacted(with_attribute("k", text)))


def test_what_holds_no_secret_passes_byte_for_byte() -> None:
    """Token counts, task ids and words about passwords are no secrets."""
    text = json.dumps({"max_tokens": 5, "note": "the password is long; ask-me-anything", "url": "https://a/b"})
    request = with_attribute("gen_ai.usage.input_tokens", text)
    before = request.SerializeToString()

    assert redacted(request).request == before


def test_rules_by_name_remove_replace_and_hash() -> None:
    """`allow` removes the rest, `deny` and `hash` also reach keys of JSON inside a text."""
    removed = redacted(with_attribute("other", "v"), allow=("gen_ai.*",))
    denied = value_of(redacted(with_attribute("gen_ai.x", '{"user": {"mail": "m"}, "n": 1}'), deny=("user",)))
    hashed = [value_of(redacted(with_attribute("user.id", u), hash=("user.*",), hash_key="k")) for u in ("a", "a", "b")]

    assert not removed.message.resource_spans[0].scope_spans[0].spans[0].attributes
    assert json.loads(denied) == {"user": "[REDACTED:deny]", "n": 1}
    assert hashed[0] == hashed[1] != hashed[2]


@pytest.mark.parametrize("replacement", ["", "s", "{rule}", "sk-{rule}"])
def test_no_replacement_lets_a_secret_pass(replacement: str) -> None:
    """What stands for a value must not be mistaken for the beginning of one."""
    assert OPENAI not in value_of(redacted(with_attribute("k", f"it is {OPENAI}"), replacement=replacement))


def test_personal_data_goes_when_asked_and_a_number_that_is_no_card_stays() -> None:
    """Checksums keep order numbers in the text."""
    text = f"mail a.b@example.org card {CARD} order 4111111111111112"

    assert value_of(redacted(with_attribute("k", text))) == text
    assert value_of(redacted(with_attribute("k", text), pii=("email", "credit_card"))) == (
        "mail [REDACTED:email] card [REDACTED:credit_card] order 4111111111111112"
    )


def test_bytes_that_parsing_does_not_show_do_not_pass() -> None:
    """A name given twice, or an unknown field, would carry a secret past every rule."""
    for hidden in (
        b"\x2a" + bytes([len(OPENAI)]) + OPENAI.encode(),
        b"\xfa\x3f" + bytes([len(OPENAI)]) + OPENAI.encode(),
    ):
        span = hidden + b"\x2a\x01n"
        request = (
            b"\x0a" + bytes([len(span) + 4]) + b"\x12" + bytes([len(span) + 2]) + b"\x12" + bytes([len(span)]) + span
        )
        batch = Batch(TRACES, request, TRACES.request.FromString(request))

        assert OPENAI.encode() not in asyncio.run(create(Config(), name="redact").process(batch)).request


@given(requests)
def test_any_request_is_redacted_once_and_for_all(request: ExportTraceServiceRequest) -> None:
    """Message and bytes agree, and a second pass changes nothing."""
    once = redacted(request, pii=("email", "phone", "credit_card", "iban", "us_ssn", "ip"))
    again = redacted(
        TRACES.request.FromString(once.request), pii=("email", "phone", "credit_card", "iban", "us_ssn", "ip")
    )

    assert again.request == once.request


def test_an_empty_request_of_every_signal_passes() -> None:
    """Nothing in, nothing out."""
    assert [redacted(signal.request(), signal).request for signal in SIGNALS] == [b""] * 4


def test_what_cannot_be_redacted_is_refused_without_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake in a rule must not let a request pass, nor put it into a log."""

    def broken(*_: object) -> str:
        raise RuntimeError(OPENAI)

    monkeypatch.setattr(Texts, "text", broken)
    with pytest.raises(PermanentError, match="could not be redacted") as refused:
        redacted(with_attribute("k", OPENAI))

    assert OPENAI not in str(refused.value)
    assert refused.value.__cause__ is None


def test_settings_that_cannot_work_are_refused() -> None:
    """Pseudonyms without a key can be guessed; an expression that is none finds nothing."""
    for wrong in ({"hash": ["user.*"]}, {"patterns": {"x": "("}}, {"patterns": {"x": "a*"}}):
        with pytest.raises(ConfigError):
            read_settings(Config, "processors.redact", wrong)
