"""Every metric HALO exposes, declared in one file; names of the OpenTelemetry Collector where it has one."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
_ITEMS = ("spans", "log_records", "metric_points", "profiles")


def _by_items(name: str, said: Mapping[str, str], *labels: str) -> dict[str, Counter]:
    """A counter for the items of each signal, by what they are called; the Collector has one of each."""
    return {items: Counter(f"{name}_{items}", text, labels, registry=REGISTRY) for items, text in said.items()}


def _of_each(text: str) -> dict[str, str]:
    return {items: f"{items.replace('_', ' ').capitalize()} {text}" for items in _ITEMS}


ACCEPTED_ITEMS = _by_items(
    "otelcol_receiver_accepted",
    {
        "spans": "Spans committed to the window.",
        "log_records": "Log records acknowledged.",
        "metric_points": "Metric points acknowledged: sent on or dropped.",
        "profiles": "Profiles acknowledged: sent on or dropped.",
    },
    "receiver",
    "transport",
)
REFUSED_ITEMS = _by_items(
    "otelcol_receiver_refused",
    {
        "spans": "Spans not kept: the sender was told so.",
        "log_records": "Log records not kept: the sender was told so.",
        "metric_points": "Metric points not taken: the sender was told so.",
        "profiles": "Profiles not taken: the sender was told so.",
    },
    "receiver",
    "transport",
)
ACCEPTED_SPANS, REFUSED_SPANS = ACCEPTED_ITEMS["spans"], REFUSED_ITEMS["spans"]
INCOMING_ITEMS = Counter(
    "otelcol_processor_incoming_items", "Items a processor was given.", ("processor", "signal"), registry=REGISTRY
)
OUTGOING_ITEMS = Counter(
    "otelcol_processor_outgoing_items", "Items a processor passed on.", ("processor", "signal"), registry=REGISTRY
)
DROPPED_ITEMS = Counter(
    "halo_dropped_items", "Items acknowledged and then not kept, by reason.", ("signal", "reason"), registry=REGISTRY
)
FORWARD_DROPPED_ITEMS = Counter(
    "halo_forward_dropped_items",
    "Items that a forwarder's queue dropped instead of sending, by reason.",
    ("forwarder", "reason"),
    registry=REGISTRY,
)
FORWARD_QUEUES_MOVED_ASIDE = Counter(
    "halo_forward_queue_moved_aside",
    "Files of the forward queue moved aside because they could not be used.",
    ("reason",),
    registry=REGISTRY,
)
FORWARD_QUEUED_ITEMS = Gauge(
    "halo_forward_queued_items", "Items owed to a forwarder's target.", ("forwarder",), registry=REGISTRY
)
FORWARD_OLDEST_SECONDS = Gauge(
    "halo_forward_oldest_seconds",
    "Age of the request that is next in a forwarder's queue; 0 when it is empty.",
    ("forwarder",),
    registry=REGISTRY,
)
FORWARD_FAILING_SECONDS = Gauge(
    "halo_forward_failing_seconds",
    "How long a forwarder's target has not taken anything although it was tried; 0 when it works.",
    ("forwarder",),
    registry=REGISTRY,
)
FORWARD_RETRIES = Counter(
    "halo_forward_retries", "Attempts to send that failed and are made again.", ("forwarder",), registry=REGISTRY
)
FORWARD_SPLITS = Counter(
    "halo_forward_splits",
    "Requests cut into smaller ones because they were too large for the target.",
    ("forwarder",),
    registry=REGISTRY,
)
SENT_ITEMS = _by_items("otelcol_exporter_sent", _of_each("that a forwarder's target took."), "exporter")
SEND_FAILED_ITEMS = _by_items(
    "otelcol_exporter_send_failed",
    _of_each("given up because a forwarder's target would not take them."),
    "exporter",
)
ENQUEUE_FAILED_ITEMS = _by_items(
    "otelcol_exporter_enqueue_failed",
    _of_each("that could not be queued for a forwarder: the sender was told so."),
    "exporter",
)
QUEUE_SIZE = Gauge(
    "otelcol_exporter_queue_size", "Bytes on disk owed to a forwarder's target.", ("exporter",), registry=REGISTRY
)
QUEUE_CAPACITY = Gauge(
    "otelcol_exporter_queue_capacity",
    "Bytes on disk that may be owed to a forwarder's target.",
    ("exporter",),
    registry=REGISTRY,
)
IN_FLIGHT_REQUESTS = Gauge(
    "otelcol_exporter_in_flight_requests", "Requests being sent by a forwarder.", ("exporter",), registry=REGISTRY
)
REQUESTS = Counter("halo_receiver_requests", "Export requests by outcome.", ("transport", "outcome"), registry=REGISTRY)
INVALID_REQUESTS = Counter(
    "halo_receiver_invalid_requests",
    "Export requests whose sender made a mistake, by mistake.",
    ("transport", "reason"),
    registry=REGISTRY,
)
REPAIRED_STRINGS = Counter(
    "halo_receiver_repaired_strings", "Received strings that were no UTF-8.", ("signal",), registry=REGISTRY
)
INFLIGHT_BYTES = Gauge(
    "halo_receiver_inflight_bytes", "Bytes of requests received and not yet answered.", registry=REGISTRY
)
CUT_ITEMS = Counter(
    "halo_attribute_limits_cut_items", "Items cut down to the limits.", ("processor", "signal"), registry=REGISTRY
)
MEMORY_LIMIT_BYTES = Gauge(
    "halo_memory_limiter_limit_bytes",
    "Resident memory that a memory limiter allows.",
    ("processor",),
    registry=REGISTRY,
)
MEMORY_REFUSED = Counter(
    "halo_memory_limiter_refused_requests",
    "Requests refused before they were received, by the limit that was passed.",
    ("processor", "limit"),
    registry=REGISTRY,
)
REDACTED_VALUES = Counter(
    "halo_redacted_values", "Values that a processor took out, by rule.", ("processor", "rule"), registry=REGISTRY
)
COMMITS = Counter("halo_store_commits", "Commits of the window writer.", registry=REGISTRY)
COMMIT_SECONDS = Histogram(
    "halo_store_commit_seconds",
    "Time from the first queued request of a commit to its end.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    registry=REGISTRY,
)
STORED_SPANS = Counter("halo_store_spans", "Spans by what the window did with them.", ("outcome",), registry=REGISTRY)
WINDOW_SPANS = Gauge("halo_store_window_spans", "Spans in the window.", registry=REGISTRY)
WINDOW_BYTES = Gauge("halo_store_window_bytes", "Bytes of window.db and its log.", registry=REGISTRY)
HOT_BYTES = Gauge("halo_store_hot_bytes", "Bytes in hot batches, not yet merged.", registry=REGISTRY)
MERGED_SPANS = Counter("halo_store_merged_spans", "Spans folded into frames.", registry=REGISTRY)
EVICTED_SPANS = Counter("halo_store_evicted_spans", "Spans that retention took.", ("reason",), registry=REGISTRY)
STORED_LOG_RECORDS = Counter(
    "halo_store_log_records", "Log records by what the window did with them.", ("outcome",), registry=REGISTRY
)
EVICTED_LOG_RECORDS = Counter(
    "halo_store_evicted_log_records",
    "Log records that retention took because their span never came.",
    ("reason",),
    registry=REGISTRY,
)
MOVED_ASIDE = Counter(
    "halo_store_moved_aside", "Window files moved aside because they could not be used.", ("reason",), registry=REGISTRY
)
LIVE_FAILURES = Counter(
    "halo_live_failures",
    "Times that following the live traffic failed, by step; no span is lost.",
    ("step",),
    registry=REGISTRY,
)
LIVE_SKIPPED_TRACES = Counter(
    "halo_live_skipped_traces",
    "Traces open at a start that were too many to be read again: live health misses what they began.",
    registry=REGISTRY,
)
LIVE_OPEN_TRACES = Gauge("halo_live_open_traces", "Traces followed live that have not ended.", registry=REGISTRY)
LIVE_STATE_BYTES = Gauge(
    "halo_live_state_bytes", "Memory of the traces followed live and of their counts, near enough.", registry=REGISTRY
)
LIVE_OVERFLOWED_TRACES = Counter(
    "halo_live_overflowed_traces",
    "Traces too long to be followed live: they are counted by their length only.",
    registry=REGISTRY,
)
LIVE_EVICTED_TRACES = Counter(
    "halo_live_evicted_traces",
    "Open traces counted as they were before they had ended, because all together took too much memory.",
    registry=REGISTRY,
)
LIVE_LATE_SPANS = Counter(
    "halo_live_late_spans",
    "Spans that came after live counting had forgotten their trace; they are in the window and in reports.",
    registry=REGISTRY,
)
LIVE_OTHER_LABELS = Counter(
    "halo_live_other_labels",
    "Tools, models and causes of one agent counted live as (others), because it had too many.",
    registry=REGISTRY,
)
LIVE_DROPPED_BUCKETS = Counter(
    "halo_live_dropped_buckets", "Minutes of live counts given up early to save memory.", registry=REGISTRY
)
LIVE_ALARMS = Counter("halo_live_alarms", "Alarms that live traffic raised, by kind.", ("kind",), registry=REGISTRY)
TRIGGERED_RUNS = Counter(
    "halo_scheduler_triggered_runs", "Runs that an alarm asked for, by its kind.", ("kind",), registry=REGISTRY
)
RUNS = Counter("halo_scheduler_runs", "Runs by terminal state.", ("status",), registry=REGISTRY)
RUN_SECONDS = Histogram(
    "halo_scheduler_run_seconds",
    "Wall-clock time of runs.",
    buckets=(0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1800),
    registry=REGISTRY,
)
FIRED_SLOTS = Counter(
    "halo_scheduler_fired_slots", "Schedule slots by what became of them.", ("outcome",), registry=REGISTRY
)
DELIVERIES = Counter(
    "halo_delivery_attempts", "Delivery attempts by exporter and outcome.", ("exporter", "outcome"), registry=REGISTRY
)
CONFIG_RELOADS = Counter(
    "halo_config_reloads", "Configurations read on SIGHUP, by what became of them.", ("outcome",), registry=REGISTRY
)
