"""The control API over real sockets, and its client."""
