"""What can be known without a model: facts of spans, detectors over facts, statistics, findings, claims.

Everything here is a plain function over plain values; it reads no database and calls no service.
"""
