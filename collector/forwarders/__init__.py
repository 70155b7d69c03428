"""Forwarders: where telemetry is sent on to. A forwarder is a file here; its name is its type in halo.yaml."""
