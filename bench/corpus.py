"""Synthetic agent traffic: conversations whose histories repeat turn after turn, as real ones do."""

import random
from collections.abc import Iterator
from itertools import accumulate

from domain.otlp import ExportTraceServiceRequest, KeyValue, ScopeSpans, any_value

_SYLLABLES = [
    "an",
    "ber",
    "co",
    "dal",
    "er",
    "fin",
    "gor",
    "hal",
    "in",
    "jo",
    "ka",
    "lem",
    "mor",
    "nis",
    "or",
    "pel",
    "qua",
    "ros",
    "sen",
    "tur",
    "ul",
    "ven",
    "wix",
    "yor",
    "zan",
]
SERVICE = "bench-agent"
SYSTEM = "You are a support agent. Look orders up before you answer. Never promise a refund you cannot make."


def vocabulary(chance: random.Random, size: int = 4_000) -> tuple[list[str], list[float]]:
    """Words and their cumulative weights, Zipf-distributed as words of a language are."""
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(1, 4))) for _ in range(size)]
    return words, list(accumulate(1 / rank for rank in range(1, size + 1)))


class Corpus:
    """Requests of about `spans_per_request` spans of about `span_bytes` each; the same seed, the same bytes."""

    def __init__(
        self,
        seed: int,
        span_bytes: int,
        spans_per_request: int,
        *,
        clock_ns: int = 1_760_000_000_000_000_000,
        gap_ns: int = 50_000_000,
    ) -> None:
        self._chance = random.Random(seed)
        self._words, self._weights = vocabulary(self._chance)
        self._spans_per_request = spans_per_request
        self._gap_ns = gap_ns
        self._clock_ns = clock_ns
        self._span_bytes = span_bytes
        for _ in range(4):  # the mean follows the parts' sizes, but not in proportion
            probe = list(self.requests(256))
            mean = sum(request.ByteSize() for request in probe) / (len(probe) * spans_per_request)
            self._span_bytes = max(60, round(self._span_bytes * span_bytes / mean))
        self._clock_ns = clock_ns

    def text(self, characters: int) -> str:
        """Prose of about that length."""
        return " ".join(self._chance.choices(self._words, cum_weights=self._weights, k=max(1, characters // 7)))

    def requests(self, spans: int) -> Iterator[ExportTraceServiceRequest]:
        """Requests until about that many spans were made."""
        made = 0
        while made < spans:
            request = ExportTraceServiceRequest()
            resource = request.resource_spans.add()
            for key, value in (("service.name", SERVICE), ("service.version", "1.4.2")):
                resource.resource.attributes.append(KeyValue(key=key, value=any_value(value)))
            scope = resource.scope_spans.add()
            scope.scope.name = "openinference.instrumentation.openai"
            while len(scope.spans) < self._spans_per_request:
                self._trace(scope)
            del scope.spans[self._spans_per_request :]
            made += len(scope.spans)
            yield request

    def _trace(self, scope: ScopeSpans) -> None:
        trace_id, root = self._chance.randbytes(16), self._chance.randbytes(8)
        turns = self._chance.randint(3, 8)
        self._span(scope, trace_id, root, b"", "run", {"openinference.span.kind": "AGENT", "agent.name": "support"})
        history = [("system", SYSTEM), ("user", self.text(self._span_bytes // 6))]
        for _ in range(turns):
            answer, result = self.text(self._span_bytes // 8), self.text(self._span_bytes // 5)
            self._span(scope, trace_id, self._chance.randbytes(8), root, "ChatCompletion", self._llm(history, answer))
            call = {"order_id": f"A-{self._chance.randrange(10**6)}", "reason": self.text(40)}
            tool = {
                "openinference.span.kind": "TOOL",
                "tool.name": self._chance.choice(("find_order", "refund_order", "search_docs")),
                "input.value": str(call).replace("'", '"'),
                "output.value": result,
            }
            failed = "ValueError: order is closed" if self._chance.random() < 0.05 else ""
            self._span(scope, trace_id, self._chance.randbytes(8), root, "tool", tool, failed)
            history += [("assistant", answer), ("tool", result)]

    def _llm(self, history: list[tuple[str, str]], answer: str) -> dict[str, object]:
        said: dict[str, object] = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-5.4-mini",
            "llm.token_count.prompt": sum(len(text) for _, text in history) // 4,
            "llm.token_count.completion": len(answer) // 4,
            "llm.finish_reason": "stop",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": answer,
        }
        budget = int(self._span_bytes * 1.6)
        for position, (role, text) in enumerate(history):
            budget -= len(text) + 90
            if budget < 0 and position > 1:
                break
            said[f"llm.input_messages.{position}.message.role"] = role
            said[f"llm.input_messages.{position}.message.content"] = text
        return said

    def _span(
        self,
        scope: ScopeSpans,
        trace_id: bytes,
        span_id: bytes,
        parent: bytes,
        name: str,
        said: dict[str, object],
        failed: str = "",
    ) -> None:
        span = scope.spans.add(trace_id=trace_id, span_id=span_id, parent_span_id=parent, name=name, kind=1)
        self._clock_ns += self._chance.randrange(self._gap_ns)
        span.start_time_unix_nano = self._clock_ns
        span.end_time_unix_nano = self._clock_ns + self._chance.randrange(1_000_000, 900_000_000)
        span.status.code, span.status.message = (2, failed) if failed else (1, "")
        span.attributes.extend(KeyValue(key=key, value=any_value(value)) for key, value in said.items())


def encoded(corpus: Corpus, spans: int) -> list[tuple[bytes, int]]:
    """(encoded request, its number of spans), ready to send."""
    return [
        (request.SerializeToString(), len(request.resource_spans[0].scope_spans[0].spans))
        for request in corpus.requests(spans)
    ]
