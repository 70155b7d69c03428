"""Both edges of the sidecar, over real sockets."""
