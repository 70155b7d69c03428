"""Spans of the engine's own work: its agents, its model calls and its tools."""
