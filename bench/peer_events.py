"""The events of one scripted conversation, of this engine and of the HALO engine package, compared field by field.

    python -m bench peer_events --peer-venv DIR

Each scene is played to both by the scripted model: to this engine through chat completions, to the other through the
Responses API. Ids that a run draws are replaced by the order in which they appear. Agents that work side by side have
no order among each other, so their events are compared agent by agent.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.processes import Row
from engine.llm.scripted import Reply, ScriptedServer, ToolCall, as_chat

REPOSITORY = Path(__file__).resolve().parent.parent
SCRIPT = REPOSITORY / "bench" / "peer_script.py"
ENTRY_POINTS = (
    "stream_engine_async",
    "stream_engine_output_async",
    "run_engine_async",
    "stream_engine",
    "stream_engine_output",
    "run_engine",
)
TRACES = 11
_TIMEOUT_S = 120
Json = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """A script, and how it is compared.

    `ordered` tells whether its events have one order; `one_more` why a last event more is to be expected of ours, if it
    is; `own_words` names fields in which each package says what it means in its own words.
    """

    name: str
    script: Callable[[Json], Reply]
    ordered: bool = True
    one_more: str = ""
    own_words: tuple[str, ...] = ()


def _call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments))


def _results(request: Json) -> int:
    return sum(message["role"] == "tool" for message in request["messages"])


def _is_child(request: Json) -> bool:
    names = {tool.get("name") or tool["function"]["name"] for tool in request.get("tools", [])}
    return "final_answer" not in names


def _answering(request: Json) -> Reply:
    """Text, two calls side by side, then an answer with words beside it."""
    if not _results(request):
        return Reply("Let me look at it.", (_call("count_traces"), _call("count_traces", filters={"has_errors": True})))
    return Reply("Closing words.", (_call("final_answer", answer="# Done\n\nAll is **well**."),))


def _delegating(request: Json) -> Reply:
    """Two subagents one after the other, the first of which uses a tool."""
    results = _results(request)
    if _is_child(request):
        works = any(message["content"] == "first" for message in request["messages"]) and not results
        return Reply("I look around.", (_call("count_traces"),)) if works else Reply("There are eleven.")
    if results < 2:
        return Reply(tool_calls=(_call("call_subagent", input=("first", "second")[results]),))
    return Reply(tool_calls=(_call("final_answer", answer="Eleven."),))


def _side_by_side(request: Json) -> Reply:
    """Two subagents at once."""
    if _is_child(request):
        return Reply("It is the cache.")
    if not _results(request):
        return Reply(tool_calls=(_call("call_subagent", input="first"), _call("call_subagent", input="second")))
    return Reply(tool_calls=(_call("final_answer", answer="The cache."),))


def _beside_the_answer(request: Json) -> Reply:
    """A final answer among other calls."""
    return Reply(tool_calls=(_call("count_traces"), _call("final_answer", answer="Eleven."), _call("count_traces")))


def _mistaking(request: Json) -> Reply:
    """Arguments that are none of the tool's, a trace that does not exist, and then an answer."""
    if not _results(request):
        return Reply(tool_calls=(_call("view_trace", nonsense=1), _call("view_trace", trace_id="nowhere")))
    return Reply(tool_calls=(_call("final_answer", answer="Eleven."),))


def _talking(request: Json) -> Reply:
    """Never a final answer."""
    return Reply("It is the cache.")


SCENES = (
    Scene("answer", _answering),
    Scene("subagents in turn", _delegating),
    Scene("subagents side by side", _side_by_side, ordered=False),
    Scene("answer among calls", _beside_the_answer),
    Scene("mistaken calls", _mistaking, own_words=("item.content",)),
    Scene("no final answer", _talking, one_more="a final message that says it is incomplete"),
)


def played(python: str, environment: Mapping[str, str], scene: Scene, entry_point: str, traces: Path) -> list[Json]:
    """The events of a scene as an interpreter's engine gives them."""
    with ScriptedServer(lambda request: scene.script(as_chat(request))) as server:
        done = subprocess.run(
            [python, "-P", str(SCRIPT), entry_point, server.base_url, str(traces)],
            env=dict(environment),
            cwd=traces.parent,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def normalised(events: Sequence[Json], scene: Scene) -> list[Json]:
    """Events with drawn ids replaced by their order of appearance; without one order, agent by agent and unnumbered."""
    names: dict[str, str] = {}
    for event in events:
        if agent := event.get("agent_id"):
            key = f"{event['depth']}/{event['parent_tool_call_id']}" if not scene.ordered else str(len(names))
            names.setdefault(agent, f"{agent.rpartition('-')[0]}-#{key}")
    texts: dict[str, str] = {}
    found = []
    for event in events:
        text = json.dumps(event)
        for drawn, name in names.items():
            text = text.replace(drawn, name)
        event = json.loads(text)
        if "item_id" in event:
            event["item_id"] = texts.setdefault(event["item_id"], f"text-#{len(texts)}")
        found.append(event)
    return found if scene.ordered else _by_agent(found)


def _by_agent(events: list[Json]) -> list[Json]:
    unnumbered = []
    for event in sorted(events, key=lambda event: str(event["agent_id"])):
        plain = {name: value for name, value in event.items() if name not in ("sequence", "item_id")}
        if plain.get("item", {}).get("name") == "call_subagent":
            brought = json.loads(plain["item"]["content"])
            plain["item"]["content"] = {name: brought[name] for name in brought if "sequence" not in name}
        unnumbered.append(plain)
    return unnumbered


def fields(event: Json) -> Iterator[tuple[str, Any]]:
    """Every field of an event with its value; those of its message as `item.role` and so on."""
    for name, value in event.items():
        if name == "item":
            yield from ((f"item.{inner}", within) for inner, within in value.items())
        else:
            yield name, value


def compared(scene: Scene, ours: Sequence[Json], theirs: Sequence[Json]) -> Row:
    """One scene's row: how many events and fields are equal, and the first that is not."""
    mine, other = normalised(ours, scene), normalised(theirs, scene)
    extra = len(mine) - len(other)
    expected = 1 if scene.one_more else 0
    equal, worded, different = 0, 0, []
    for number, (left, right) in enumerate(zip(mine, other, strict=False)):
        known, wanted = dict(fields(left)), dict(fields(right))
        for name in known.keys() | wanted.keys():
            if known.get(name) == wanted.get(name):
                equal += 1
            elif name in scene.own_words and known.get(name) and wanted.get(name):
                worded += 1
            else:
                different.append(f"event {number} {name}: {known.get(name)!r:.60} for {wanted.get(name)!r:.60}")
    numbered = [event.get("sequence") for event in ours] == list(range(len(ours)))
    said = f"{len(mine)} events, {equal} fields equal, {len(different)} different"
    if worded:
        said += f", {worded} in own words"
    if extra:
        said += f"; {extra:+} events" + (f" ({scene.one_more})" if extra == expected else "")
    if different:
        said += f"; first: {different[0]}"
    return Row(
        f"events: {scene.name}", said, f"{len(other)} of halo-engine", not different and extra == expected and numbered
    )


def rows(peer_python: Path) -> Iterator[Row]:
    """All scenes compared, and that the six entry points of ours tell the same; a reason when there is no peer."""
    if not peer_python.is_file():
        yield Row("events of halo-engine", f"skipped: no interpreter at {peer_python}; pip install halo-engine", "")
        return
    ours = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    theirs = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with tempfile.TemporaryDirectory(prefix="halo-bench-") as directory:
        traces = _trace_file(Path(directory))
        for scene in SCENES:
            mine = played(sys.executable, ours, scene, "stream_engine_async", traces)
            yield compared(scene, mine, played(str(peer_python), theirs, scene, "stream_engine_async", traces))
        yield from _entry_points(peer_python, ours, theirs, traces)


def _entry_points(peer_python: Path, ours: Json, theirs: Json, traces: Path) -> Iterator[Row]:
    scene = SCENES[0]
    for name in ENTRY_POINTS:
        mine = played(sys.executable, ours, scene, name, traces)
        row = compared(scene, mine, played(str(peer_python), theirs, scene, name, traces))
        numbers = [event["sequence"] for event in mine]
        rising = numbers == sorted(set(numbers))
        same = row.met or (" 0 different" in row.measured and rising)
        yield Row(f"{name}", row.measured, row.bar, same)


def _trace_file(directory: Path) -> Path:
    """Traces as that package reads them."""
    path = directory / "traces.jsonl"
    path.write_text("".join(json.dumps(_span(number)) + "\n" for number in range(1, TRACES + 1)))
    return path


def _span(number: int) -> Json:
    return {
        "trace_id": f"{number:032x}",
        "span_id": f"{number:016x}",
        "parent_span_id": "",
        "trace_state": "",
        "name": "agent",
        "kind": "SPAN_KIND_INTERNAL",
        "start_time": "2026-01-01T00:00:00.000000000Z",
        "end_time": "2026-01-01T00:00:01.000000000Z",
        "status": {"code": "STATUS_CODE_OK", "message": ""},
        "resource": {"attributes": {"service.name": "svc"}},
        "scope": {"name": "s", "version": ""},
        "attributes": {"openinference.span.kind": "AGENT"},
    }
