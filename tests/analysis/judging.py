"""Runs that somebody judged, for tests of what rests on outcomes."""

from analysis.facts import FactWindow, Verdict
from tests.analysis.building import Run, window


def judged(run: Run, passed: bool | None, *, name: str = "resolved") -> Run:
    """The run with an evaluation on its root; None leaves it without one."""
    if passed is not None:
        run.change(run.root, verdicts=(Verdict(name, None, "pass" if passed else "fail", "span"),))
    return run


def runs(*groups: tuple[int, int, tuple[str, ...], str], every_calls: int = 4, first: int = 0) -> FactWindow:
    """A window of groups of runs: how many fail, how many pass, what they call beside "look", and their version.

    Every run also makes so many calls of "look", so that none is short; an empty name stands for no call at all.
    """
    found = []
    for failing, passing, tools, version in groups:
        for at in range(failing + passing):
            run = Run(first + len(found), version=version)
            for number in range(every_calls if "" not in tools else 0):
                run.call("look", value=f"{len(found)} {number}")
            for tool in filter(None, tools):
                run.call(tool, value=str(len(found)))
            run.ask()
            run.change(run.root, output_chars=20)
            found.append(judged(run, at >= failing))
    return window(*found)
