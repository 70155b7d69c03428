"""Every metric HALO exposes, declared in one file; names of the OpenTelemetry Collector where it has one."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()

ACCEPTED_SPANS = Counter(
    "otelcol_receiver_accepted_spans", "Spans committed to the window.", ("receiver", "transport"), registry=REGISTRY
)
REFUSED_SPANS = Counter(
    "otelcol_receiver_refused_spans",
    "Spans not kept: the sender was told so.",
    ("receiver", "transport"),
    registry=REGISTRY,
)
REQUESTS = Counter("halo_receiver_requests", "Export requests by outcome.", ("transport", "outcome"), registry=REGISTRY)
INFLIGHT_BYTES = Gauge(
    "halo_receiver_inflight_bytes", "Bytes of requests received and not yet answered.", registry=REGISTRY
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
MOVED_ASIDE = Counter(
    "halo_store_moved_aside", "Window files moved aside because they could not be used.", ("reason",), registry=REGISTRY
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


def exposition() -> bytes:
    """All metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
