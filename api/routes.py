"""Every way into the API, in one table."""

from api import agents, conversations, findings, reports, runs, schedules, traces
from api.asking import Handler

_V1 = "/api/v1"

ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", f"{_V1}/agents", agents.list_agents),
    ("GET", f"{_V1}/agents/{{id}}", agents.get_agent),
    ("GET", f"{_V1}/runs", runs.list_runs),
    ("POST", f"{_V1}/runs", runs.create_run),
    ("GET", f"{_V1}/runs/{{id}}", runs.get_run),
    ("POST", f"{_V1}/runs/{{id}}/cancel", runs.cancel_run),
    ("POST", f"{_V1}/runs/{{id}}/retry", runs.retry_run),
    ("GET", f"{_V1}/runs/{{id}}/events", runs.list_events),
    ("GET", f"{_V1}/runs/{{id}}/evidence", runs.get_evidence),
    ("GET", f"{_V1}/conversations", conversations.list_conversations),
    ("GET", f"{_V1}/conversations/{{id}}", conversations.get_conversation),
    ("POST", f"{_V1}/conversations/{{id}}/runs", conversations.ask_in_conversation),
    ("GET", f"{_V1}/traces", traces.list_traces),
    ("GET", f"{_V1}/traces/{{id}}", traces.get_trace),
    ("GET", f"{_V1}/traces/{{id}}/spans/{{span_id}}", traces.get_span),
    ("GET", f"{_V1}/reports", reports.list_reports),
    ("GET", f"{_V1}/reports/{{id}}", reports.get_report),
    ("GET", f"{_V1}/findings", findings.list_findings),
    ("GET", f"{_V1}/findings/{{id}}", findings.get_finding),
    ("POST", f"{_V1}/findings/{{id}}/mute", findings.mute_finding),
    ("POST", f"{_V1}/findings/{{id}}/ack", findings.acknowledge_finding),
    ("POST", f"{_V1}/findings/{{id}}/unmute", findings.unmute_finding),
    ("GET", f"{_V1}/schedules", schedules.list_schedules),
    ("POST", f"{_V1}/schedules", schedules.create_schedule),
    ("GET", f"{_V1}/schedules/{{id}}", schedules.get_schedule),
    ("PATCH", f"{_V1}/schedules/{{id}}", schedules.update_schedule),
    ("GET", f"{_V1}/schedules/{{id}}/runs", schedules.list_runs),
    ("POST", f"{_V1}/schedules/{{id}}/archive", schedules.archive_schedule),
    ("POST", f"{_V1}/schedules/{{id}}/unarchive", schedules.unarchive_schedule),
)
