"""The `halo` command: in process through click's runner, and against a running sidecar."""
