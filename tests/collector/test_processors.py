"""What every shipped processor keeps to."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.pipeline import PROCESSORS, configure, processing
from collector.processing import Batch
from domain.component import component_types
from domain.signals import SIGNALS, Signal
from tests.collector.any_message import any_message

STRICT: dict[str, dict[str, Any]] = {
    "attribute_limits": {"max_attributes": 1, "max_value_bytes": 64, "max_events": 0, "max_links": 1, "max_depth": 1},
    "filter": {"drop": [{"signal": name, "name": "*a*"} for name in ("traces", "logs", "metrics")]},
    "memory_limiter": {},
    "redact": {"pii": ["email", "credit_card", "iban", "us_ssn", "phone", "ip"], "deny": ["*a*"], "replacement": "-"},
}
seeds = st.integers(0, 2**32)
signals = st.sampled_from(SIGNALS)


async def processed(name: str, settings: dict[str, Any], signal: Signal, seed: int, times: int = 1) -> list[Batch]:
    """A random request, before and after each time it went through."""
    message = any_message(signal.request, random.Random(seed))
    request = message.SerializeToString()
    batches = [Batch(signal, request, signal.request.FromString(request))]
    async with processing(configure({PROCESSORS: {name: settings}})[PROCESSORS]) as running:
        for _ in range(times):
            last = batches[-1]
            batches.append(await running[name].process(last._replace(message=signal.request.FromString(last.request))))
    return batches


def test_every_shipped_processor_is_here() -> None:
    """A new one must keep to the same."""
    assert STRICT.keys() == set(component_types(PROCESSORS))


@pytest.mark.parametrize("name", STRICT)
@given(seed=seeds, signal=signals)
async def test_the_bytes_are_those_of_the_message(name: str, signal: Signal, seed: int) -> None:
    """The window reads the one and the forwarders send the other."""
    _, after = await processed(name, STRICT[name], signal, seed)

    assert signal.request.FromString(after.request) == after.message
    assert signal.count(after.message) <= signal.count(signal.request.FromString(_.request))


@pytest.mark.parametrize("name", STRICT)
@given(seed=seeds, signal=signals)
async def test_a_second_pass_changes_nothing(name: str, signal: Signal, seed: int) -> None:
    """A gateway behind a sidecar has the same rules."""
    _, once, twice = await processed(name, STRICT[name], signal, seed, times=2)

    assert twice.request == once.request


@pytest.mark.parametrize("name", ["attribute_limits", "filter", "memory_limiter"])
@given(seed=seeds, signal=signals)
async def test_without_rules_every_byte_stays(name: str, signal: Signal, seed: int) -> None:
    """Passing on byte for byte is what lets a sidecar stand in the direct path."""
    before, after = await processed(name, {}, signal, seed)

    assert after.request == before.request
