"""Single values and verdicts are read by one table, whatever dialect says them."""

import pytest

from domain.content import SpanContent
from domain.content_measures import Measures
from domain.dialects_evaluations import Evaluation
from domain.otlp import PlainValue
from tests.spans import make_span


def content(attributes: dict[str, PlainValue]) -> SpanContent:
    """The content of a span."""
    return SpanContent(make_span(1, attributes))


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"llm.token_count.prompt_details.cache_read": 5, "llm.cost.total": 0.25}, Measures(5, 0.25)),
        ({"gen_ai.usage.cache_read.input_tokens": 0}, Measures(0)),
        ({"ai.usage.cachedInputTokens": "7"}, Measures(7)),
        ({"langfuse.observation.usage_details": '{"input_cached_tokens": 3}'}, Measures(3)),
        ({"langfuse.observation.cost_details": '{"input": 1, "output": 2.5}'}, Measures(None, 3.5)),
        ({"smolagents.max_steps": 12, "task.id": "maze-7"}, Measures(None, None, 12, "maze-7")),
        ({"metadata": '{"task_id": 4, "intent": "refund"}'}, Measures(task="refund")),
        ({"llm.cost.total": -1, "smolagents.max_steps": "many"}, Measures()),
        ({"input.value": "task.id"}, Measures()),
    ],
)
def test_measures_are_read_in_every_dialect(attributes: dict[str, PlainValue], expected: Measures) -> None:
    """A detector that asks for cached tokens must not care who counted them."""
    assert content(attributes).measures() == expected


@pytest.mark.parametrize("form", ["evaluation", "annotation"])
@pytest.mark.parametrize("of", ["span", "trace", "session"])
def test_annotations_of_people_are_verdicts_like_evaluations(form: str, of: str) -> None:
    """OpenInference has two words for one thing, and three things that may be judged."""
    prefix = ("" if of == "span" else f"{of}.") + f"{form}s.0.{form}"
    found = content({f"{prefix}.name": "helpful", f"{prefix}.score": 1, f"{prefix}.label": "up"}).evaluations()

    assert found == (Evaluation("helpful", 1.0, "up", None, of),)


def test_a_stated_reward_judges_the_trace() -> None:
    """Benchmarks write the outcome of a run as one attribute."""
    assert content({"reward": 0.0}).evaluations() == (Evaluation("reward", 0.0, None, None, "trace"),)
    assert content({"eval.passed": True}).evaluations() == (Evaluation("eval.passed", 1.0, None, None, "trace"),)
    assert content({"user_feedback": "thumbs_down"}).evaluations() == (
        Evaluation("user_feedback", None, "thumbs_down", None, "trace"),
    )
    assert content({"reward": ""}).evaluations() == ()
