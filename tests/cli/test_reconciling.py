"""The accounts at the end."""

from hypothesis import given
from hypothesis import strategies as st

from cli.reconciling import SpanAccounts, reconciled
from store.forwarding import Tally

counts = st.integers(0, 10**9)


@given(counts, counts, counts, counts, counts, counts)
def test_what_is_accounted_for_is_balanced(
    stored: int, filtered: int, refused: int, forwarded: int, dropped: int, waiting: int
) -> None:
    """Every item left the queue once, or waits in it."""
    spans = SpanAccounts(accepted=stored + filtered, refused=refused, filtered=filtered, stored=stored)
    queued = forwarded + dropped + waiting
    told = reconciled(spans, {"backend": Tally(0, queued, forwarded, {"rejected": dropped}, waiting)})

    assert told["balanced"]
    assert told["unanswered"] == 0
    assert told["targets"]["backend"] == {
        "found": 0,
        "stored": queued,
        "forwarded": forwarded,
        "queued": waiting,
        "dropped": dropped,
    }


@given(counts, st.integers(1, 10**9))
def test_an_acknowledged_span_that_is_not_stored_is_told(stored: int, lost: int) -> None:
    """The one thing that must never be."""
    assert not reconciled(SpanAccounts(stored + lost, 0, 0, stored), {})["balanced"]


@given(counts, st.integers(1, 10**9))
def test_an_item_that_left_a_queue_untold_is_told(forwarded: int, lost: int) -> None:
    """Forwarded, dropped or waiting; there is no fourth."""
    tally = Tally(0, forwarded + lost, forwarded, {}, 0)

    assert not reconciled(SpanAccounts(0, 0, 0, 0), {"backend": tally})["balanced"]


@given(counts, st.integers(1, 10**9))
def test_a_span_stored_for_a_sender_that_was_gone_is_no_loss(accepted: int, unanswered: int) -> None:
    """It will be sent again, and known again."""
    told = reconciled(SpanAccounts(accepted, 0, 0, accepted + unanswered), {})

    assert told["balanced"]
    assert told["unanswered"] == unanswered
