"""Detectors: one file each, reached by name; see `analysis.detecting` for what a detector promises."""
