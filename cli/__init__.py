"""The `halo` command, and the one place where all rooms are put together.

Command modules import click and little else at their top; what a command needs it imports when it runs, so
that `halo --help` and every client command start quickly and `halo serve` never loads the analysis.
"""
