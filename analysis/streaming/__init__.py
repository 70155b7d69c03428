"""What can be counted while spans land: a small state of every open trace, additive counts of every minute.

It runs in the process that receives, so nothing here imports a library, reads a frame or keeps a span. The counts are
those of the batch detectors on the same traces; `docs/streaming.md` says which, and where streaming knows less.
"""
