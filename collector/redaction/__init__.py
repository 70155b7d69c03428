"""Taking out of telemetry what must not be kept: patterns, texts, whole messages."""
