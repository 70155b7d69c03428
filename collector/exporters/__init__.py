"""Exporters: where reports go. An exporter is a file here; its name is its type in halo.yaml."""
