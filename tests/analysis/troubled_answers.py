"""Runs whose answers and contexts are in trouble, one kind after the other, made by hand."""

from domain.spans import SpanStatus
from tests.analysis.building import SECOND, Run, digest, request

NO = {"phrases": ("refusal",), "output_chars": 40}


def refusing(number: int, times: int = 2) -> Run:
    """A run in which the model says no again and again."""
    run = Run(number)
    for _ in range(times):
        run.ask(**NO)
    return run


def limited(number: int, steps: int = 3, most: int | None = 3, **root: object) -> Run:
    """A run that asks for tools until it may not any more."""
    run = Run(number)
    run.change(run.root, max_steps=most, **root)
    for step in range(steps):
        run.call("look", value=f"{number} {step}")
    return run


def cached(number: int, share: float, version: str, calls: int = 4) -> Run:
    """A run whose calls read a share of their input from the cache, all but the first."""
    run = Run(number, version=version)
    for at in range(calls):
        run.ask(input_tokens=1_000, cached_tokens=round(1_000 * share) if at else 0)
    return run


def remembering(number: int, *told: tuple[int, int]) -> Run:
    """A run of calls that ask for tools; of each the messages that it was given, and those of the call before."""
    run = Run(number)
    for messages, kept in told:
        run.ask(request(), messages=messages, kept_messages=kept, changed_role="system" if not kept else "")
    run.ask(output_chars=10)
    return run


def spending(number: int, tokens: int, *, version: str = "", task: str = "") -> Run:
    """A run of one call that costs so many tokens."""
    run = Run(number, version=version)
    run.change(run.root, task=task)
    run.ask(input_tokens=tokens, output_tokens=0)
    return run


def waiting(number: int, seconds: float, version: str = "w") -> Run:
    """A run that waits so long between its two calls."""
    run = Run(number, version=version)
    run.change(run.root, start_ns=run.now)
    run.ask()
    run.now += round(seconds * SECOND)
    run.ask()
    return run


def reading(
    run: Run, *tools: str, seconds: float = 2.0, builds: bool | None = False, keys: str = '["topic"]', **said: object
) -> None:
    """Tool calls one after the other, each of so many seconds."""
    for at, tool in enumerate(tools):
        end = run.now + round(seconds * SECOND)
        own = {"builds_on_previous": builds if at else None, "end_ns": end, "issuer_id": ""}
        run.bare_call(tool, keys, value=digest(f"{run.now}"), **(own | said))
        run.now = end


def troubled_answers(first: int = 100) -> list[Run]:
    """Runs in which every detector of answers and contexts has something to see."""
    runs = [refusing(first + at) for at in range(3)]
    runs += [limited(first + 10 + at) for at in range(3)]
    runs += [cached(first + 20 + at, 0.9 if at < 8 else 0.1, "1.0" if at < 8 else "1.1") for at in range(16)]
    runs += [remembering(first + 40 + at, (2, 0), (4, 2), (4, 4)) for at in range(3)]
    runs += [spending(first + 50 + at, 1_000 if at < 20 else 90_000, version="spends") for at in range(24)]
    runs += [waiting(first + 120 + at, 5.0) for at in range(20)]
    loose = Run(first + 100)
    reading(loose, *["read_page", "read_rule"] * 3)
    for _ in range(3):
        loose.ask(prints_prose=True, phrases=("fabrication",), checked_words=4, unfounded_words=3)
    return [*runs, loose]


def failed_at_limit(number: int, text: str, *, passed_on: bool = False) -> Run:
    """A run that ends with an error text, which may be that of its tool."""
    run = Run(number)
    if passed_on:
        run.call("look", error=text)
    else:
        run.call("look")
    run.change(run.root, status=SpanStatus.ERROR, error_template=text)
    return run
