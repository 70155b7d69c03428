"""Runs whose actions are in trouble, one kind after the other, made by hand."""

from tests.analysis.building import Run, digest

FIRST = 500


def troubled_actions() -> list[Run]:
    """Runs of a service of its own, so that what is usual elsewhere stays so."""
    runs: list[Run] = []

    def begin(version: str = "1") -> Run:
        runs.append(Run(FIRST + len(runs), service="office", agent="worker", version=version))
        return runs[-1]

    for number in range(24):
        busy = begin()
        for step in range(4):
            told = "index is being rebuilt" if number % 4 == 0 and not step else ""
            busy.call("file", '["region"]', value=f"{number} {step}", soft_error=told, idle_arguments='["region"]')
        busy.ask()
    for _ in range(10):
        begin("2").ask(phrases=("intent",))
    for _ in range(3):
        failing = begin()
        failing.call("send", error="Timeout: no answer")
        failing.ask()
    leaking = begin()
    leaking.call()
    leaking.ask(leaked_call="look")
    circling = begin()
    for tool in 3 * ("read", "edit"):
        circling.call(tool, value="x", result_hash=digest(tool))
    circling.ask()
    return runs
