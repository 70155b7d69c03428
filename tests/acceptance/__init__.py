"""The product as its users meet it: a real process, real exporters, real files."""
