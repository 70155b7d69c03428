"""What the trace tools share: filters, summaries of traces, renderings of spans, searches."""
