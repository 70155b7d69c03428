"""HALO's version: the one place that says it; packaging reads it from here."""

VERSION = "0.1.0"
