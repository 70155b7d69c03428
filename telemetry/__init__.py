"""Logs and metrics of HALO itself; never span content."""
