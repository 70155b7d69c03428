"""What the trace tools share, and a small window to ask."""
