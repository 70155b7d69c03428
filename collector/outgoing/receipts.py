"""An export answer read as a receipt.

Partial success: https://opentelemetry.io/docs/specs/otlp/#partial-success; it is never sent again.
"""

from google.protobuf.message import DecodeError

from collector.outgoing.forwarder import Receipt
from domain.signals import Signal

_SAID_MAX_CHARS = 200


def receipt(signal: Signal, answer: bytes) -> Receipt:
    """What an encoded export response says; one that cannot be read is a success: its status said so."""
    try:
        partial = signal.response.FromString(answer).partial_success
    except DecodeError:
        return Receipt()
    said = "".join(each if each.isprintable() else " " for each in partial.error_message)
    return Receipt(max(0, getattr(partial, signal.rejected)), " ".join(said.split())[:_SAID_MAX_CHARS])
