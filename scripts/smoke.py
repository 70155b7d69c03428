"""Use an installed `halo` as its first user would: help, files, then a sidecar that is sent traces and reports on them.

`python scripts/smoke.py --halo PATH`. Standard library only and no import of the product: the wheel is what is used.
"""

import argparse
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sidecar import ScriptError, Sidecar, run, wait_until

TRACES = 6
TOOL = "fetch_invoice"
ERROR = "TypeError: fetch_invoice() got an unexpected keyword argument 'page'"
SETTLE_TIMEOUT_S = 30.0


def main() -> int:
    """0 when all that was asked was answered; 1 with what was not."""
    parser = argparse.ArgumentParser(description="Check an installed halo command.")
    parser.add_argument("--halo", required=True, help="path of the command")
    halo = parser.parse_args().halo
    with tempfile.TemporaryDirectory() as directory:
        try:
            check_commands(halo)
            check_files(halo, Path(directory))
            check_sidecar(halo, Path(directory))
        except ScriptError as failure:
            print(f"smoke: {failure}", file=sys.stderr)
            return 1
    return 0


def expect(holds: bool, what: str) -> None:
    """Say what was seen; ScriptError when it was not."""
    if not holds:
        raise ScriptError(f"not so: {what}")
    print(f"smoke: {what}", flush=True)


def check_commands(halo: str) -> None:
    """Commands that need neither files nor a server."""
    expect("serve" in run([halo, "--help"]), "halo --help lists serve")
    schema = json.loads(run([halo, "report", "schema"]))
    expect("findings" in schema["properties"], "halo report schema prints the schema of a report")
    components = run([halo, "components"])
    expect("otlp" in components and "webhook" in components, "halo components lists what ships")


def check_files(halo: str, directory: Path) -> None:
    """Offline: a file of spans becomes a report that names the tool that fails."""
    path = directory / "sample.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in sample_lines()))
    expect(TOOL in run([halo, str(path)]), f"halo sample.jsonl reports on {TOOL}")
    report = json.loads(run([halo, str(path), "--json"]))
    expect(report["coverage"]["traces"] == TRACES, f"halo sample.jsonl --json covers {TRACES} traces")
    expect(report["coverage"]["leaf_errors"] == TRACES, f"and counts {TRACES} leaf errors")


def check_sidecar(halo: str, directory: Path) -> None:
    """A sidecar takes OTLP/JSON, runs an analysis and gives the report."""
    with Sidecar([halo], directory, {"store.traces.quiet": "500ms"}) as sidecar:
        send(sidecar.http_endpoint)
        wait_until(lambda: len(complete_traces(sidecar)) == TRACES, SETTLE_TIMEOUT_S, f"{TRACES} traces are complete")
        agent = sidecar.halo_json("agent", "ls")["items"][0]
        created = sidecar.halo_json("run", "create", "--agent-uuid", agent["uuid"])
        sidecar.halo("run", "poll", created["id"], "--interval", "1")
        report = sidecar.halo_json("report", "get", created["id"])
        expect(report["coverage"]["traces"] == TRACES, f"a sidecar reports on the {TRACES} traces it was sent")
        expect(any(TOOL in finding["title"] for finding in report["findings"]), f"and finds {TOOL}")


def complete_traces(sidecar: Sidecar) -> list[dict[str, Any]]:
    """The traces that have settled."""
    return [trace for trace in sidecar.halo_json("trace", "ls")["items"] if trace["complete"]]


def steps() -> Iterator[tuple[str, str, str, str, bool]]:
    """(trace id, span id, parent id, name, whether it fails) of every span of the sample."""
    for number in range(1, TRACES + 1):
        trace, root = f"{number:032x}", f"{number:015x}0"
        yield trace, root, "", "billing_agent", False
        yield trace, f"{number:015x}1", root, TOOL, True


def attributes(name: str, fails: bool) -> dict[str, str]:
    """OpenInference attributes of a step."""
    if not fails:
        return {"openinference.span.kind": "AGENT", "agent.name": name}
    return {"openinference.span.kind": "TOOL", "tool.name": name, "input.value": '{"page": 2}'}


def sample_lines() -> Iterator[dict[str, Any]]:
    """The sample as lines of a trace file, a minute ago."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    for trace, span, parent, name, fails in steps():
        yield {
            "trace_id": trace,
            "span_id": span,
            "parent_span_id": parent,
            "name": name,
            "kind": "SPAN_KIND_INTERNAL",
            "start_time": start.isoformat(),
            "end_time": (start + timedelta(seconds=1)).isoformat(),
            "status": {"code": "STATUS_CODE_ERROR" if fails else "STATUS_CODE_OK", "message": ERROR if fails else ""},
            "resource": {"attributes": {"service.name": "billing"}},
            "scope": {"name": "smoke"},
            "attributes": attributes(name, fails),
        }


def send(endpoint: str) -> None:
    """The sample as one OTLP/JSON request."""
    end = time.time_ns()
    spans = [
        {
            "traceId": trace,
            "spanId": span,
            "parentSpanId": parent,
            "name": name,
            "kind": 1,
            "startTimeUnixNano": str(end - 1_000_000_000),
            "endTimeUnixNano": str(end),
            "status": {"code": 2 if fails else 1, "message": ERROR if fails else ""},
            "attributes": [
                {"key": key, "value": {"stringValue": value}} for key, value in attributes(name, fails).items()
            ],
        }
        for trace, span, parent, name, fails in steps()
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "billing"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "smoke"}, "spans": spans}]}]}
    request = urllib.request.Request(
        f"{endpoint}/v1/traces", json.dumps(body).encode(), {"content-type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        expect(answer.status == 200, "the sidecar acknowledges a trace request over HTTP")


if __name__ == "__main__":
    sys.exit(main())
