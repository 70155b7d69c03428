"""Processors: what every request passes before it is kept. A processor is a file here, its name its type."""
