"""`python -m examples.demo_agent --seed 7`: run the agent on a day's tickets and say what went wrong."""

import argparse
import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random
from typing import Any

from openai import DefaultHttpxClient, OpenAI

from engine.llm.scripted import ScriptedServer
from examples.demo_agent.agent import MODEL_NAME, SupportAgent
from examples.demo_agent.model import SupportModel
from examples.demo_agent.shop import open_shop
from examples.demo_agent.tally import Fault, Tally
from examples.demo_agent.telemetry import Telemetry, stock_exporter
from examples.demo_agent.tickets import FEWEST_TICKETS, draw_tickets, mended


def main(argv: Sequence[str] | None = None) -> int:
    """Run the agent; 0 when every span was delivered, 1 when not (and one line says so)."""
    options = _parser().parse_args(argv)
    if (mistake := _mistake(options)) is not None:
        print(f"demo agent: {mistake}", file=sys.stderr)
        return 2
    endpoint = options.otlp_endpoint or f"http://127.0.0.1:{4317 if options.protocol == 'grpc' else 4318}"
    telemetry = Telemetry(stock_exporter(endpoint, options.protocol))
    tally = Tally()
    with telemetry:
        work(Random(options.seed), options.tasks, telemetry, tally, fixed=frozenset(options.fixed))
    counts = {"seed": options.seed, "spans": telemetry.ended} | tally.as_json()
    print(_table(counts))
    if options.counts is not None:
        options.counts.write_text(json.dumps(counts, indent=2) + "\n")
    if telemetry.delivered < telemetry.ended:
        lost = telemetry.ended - telemetry.delivered
        print(
            f"demo agent: {lost} of {telemetry.ended} spans were not accepted by {endpoint} "
            f"({options.protocol}); start the sidecar with `halo serve`, or pass its address as --otlp-endpoint",
            file=sys.stderr,
        )
        return 1
    print(f"sent {telemetry.delivered} spans to {endpoint} ({options.protocol})")
    return 0


def work(rng: Random, count: int, telemetry: Telemetry, tally: Tally, fixed: Collection[Fault] = frozenset()) -> None:
    """Let an agent and its scripted model work on `count` tickets; all chance comes from `rng`.

    The `fixed` faults are not committed: the same tickets, worked on after the agent was mended.
    """
    shop = open_shop(rng)
    tickets = [mended(ticket, fixed) for ticket in draw_tickets(rng, shop, count)]
    # The model is in this process: no proxy of the environment has a part in it.
    http_client = DefaultHttpxClient(trust_env=False)
    with (
        ScriptedServer(SupportModel(tickets).respond, models=[MODEL_NAME]) as server,
        OpenAI(base_url=server.base_url, api_key="scripted", http_client=http_client, max_retries=0) as client,
    ):
        agent = SupportAgent(client, telemetry.tracer, shop, tally, rng)
        for ticket in tickets:
            agent.handle(ticket)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.demo_agent", description=__doc__)
    parser.add_argument("--seed", type=int, required=True, help="decides the tickets and where things go wrong")
    parser.add_argument("--tasks", type=int, default=40, help="tickets to work on (default: %(default)s)")
    parser.add_argument("--otlp-endpoint", metavar="URL", help="default: port 4317 (grpc) or 4318 (http) here")
    parser.add_argument("--protocol", choices=("grpc", "http"), default="grpc", help="default: %(default)s")
    parser.add_argument(
        "--fixed",
        type=Fault,
        choices=list(Fault),
        action="append",
        default=[],
        metavar="FAULT",
        help=f"a fault that the agent no longer has; may be given often: {', '.join(Fault)}",
    )
    parser.add_argument("--counts", type=Path, metavar="FILE", help="write the counts as JSON as well")
    return parser


def _mistake(options: argparse.Namespace) -> str | None:
    if options.tasks < FEWEST_TICKETS:
        return f"--tasks {options.tasks}: at least {FEWEST_TICKETS}, so that every kind of fault has room"
    if options.counts is not None and not options.counts.parent.is_dir():
        return f"--counts {options.counts}: there is no directory {options.counts.parent}; create it first"
    return None


def _table(counts: dict[str, Any]) -> str:
    tokens = counts["input_tokens"] + counts["output_tokens"]
    lines = [
        f"demo agent, seed {counts['seed']}: {counts['traces']} tickets ({counts['failed_traces']} unresolved), "
        f"{counts['spans']} spans, {tokens} tokens",
        f"{'fault':<18}{'tool':<15}{'calls':>6}{'failures':>10}{'tickets':>9}",
    ]
    for name, fault in counts["faults"].items():
        tool = fault["tool"] or "-"
        lines.append(f"{name:<18}{tool:<15}{fault['calls']:>6}{fault['failures']:>10}{fault['traces']:>9}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
