"""SDK → HALO → Arize Phoenix, with Phoenix stopped for a while and HALO killed with -9 in between: sent and found.

`BENCH_PHOENIX_PYTHON=/path/to/python python -m bench chain`; the interpreter has `arize-phoenix`. What Phoenix found
is read from its own database, by span id.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from bench.forwarding import queued_items
from bench.phoenix import is_installed, serving, stored_spans
from bench.processes import Row
from tests.acceptance.sidecar import Sidecar, free_ports, wait_until
from tests.acceptance.stock_sdk import Sent, send

SPANS = 600


def found(directory: Path) -> set[str]:
    """The span ids in Phoenix's database."""
    with closing(sqlite3.connect(f"file:{directory}/phoenix.db?mode=ro", uri=True)) as database:
        return {row[0] for row in database.execute("SELECT span_id FROM spans")}


def rows(python: str) -> list[Row]:
    """One row; Phoenix takes only traces, so only those are sent on."""
    if not is_installed(python):
        return [Row("chain to Arize Phoenix", "not installed", "", None)]
    sent = Sent(set(), set(), set())
    http, rpc = free_ports(2)
    with tempfile.TemporaryDirectory() as name:
        theirs, ours = Path(name) / "phoenix", Path(name) / "halo"
        theirs.mkdir()
        forwarder = {"endpoint": f"http://127.0.0.1:{rpc}", "signals": ["traces"]}
        with Sidecar(ours, {"forwarders": {"otlp_grpc": forwarder}}) as sidecar:
            with serving(python, theirs, http, rpc):
                send(sent, "together", grpc_url=sidecar.grpc_endpoint, count=SPANS)
                wait_until(lambda: stored_spans(http) >= len(sent.spans), 120, 0.5)
            send(sent, "Phoenix stopped", grpc_url=sidecar.grpc_endpoint, count=SPANS)
            sidecar.kill()
            sidecar.start()
            send(sent, "HALO killed", grpc_url=sidecar.grpc_endpoint, count=SPANS)
            owed = queued_items(sidecar)
            with serving(python, theirs, http, rpc):
                sidecar.kill()
                sidecar.start()
                send(sent, "both back", grpc_url=sidecar.grpc_endpoint, count=SPANS)
                wait_until(lambda: not queued_items(sidecar), 120, 0.5)
                wait_until(lambda: stored_spans(http) >= len(sent.spans), 120, 0.5)
        ids = found(theirs)
    said = f"{len(sent.spans):,} sent, {len(ids):,} found, {len(sent.spans - ids)} missing, {owed:,.0f} owed meanwhile"
    return [Row("chain to Arize Phoenix, stopped and killed in between", said, "all found", ids == sent.spans)]
