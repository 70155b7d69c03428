"""The outbox: what is owed stays owed until it is delivered or given up."""

from datetime import timedelta

from tests.store.control_kit import START, Clock, claimed, opened, saved


def test_what_is_owed_survives_a_restart_and_is_due_at_once(tmp_path):
    """At least once, whatever dies."""
    with opened(tmp_path) as before:
        run = claimed(before)
        saved(before, run)

    with opened(tmp_path) as after:
        (owed,) = after.due_deliveries("webhook/slack", START)
        assert (owed.run_id, owed.report_id, owed.status, owed.attempts) == (
            run.id,
            f"report-of-{run.id}",
            "pending",
            0,
        )
        assert after.due_deliveries("otlp", START) == []
        assert after.due_deliveries("file", START - timedelta(seconds=1)) == []


def test_a_failed_attempt_is_due_again_at_its_time(tmp_path):
    """One exporter's trouble is its own."""
    with opened(tmp_path) as control:
        run = claimed(control)
        saved(control, run)
        (owed,) = control.due_deliveries("file", START)
        later = START + timedelta(seconds=30)
        control.settle_delivery(owed.id, error="503", retry_at=later)

        assert control.due_deliveries("file", later - timedelta(microseconds=1)) == []
        (again,) = control.due_deliveries("file", later)
        assert (again.id, again.attempts, again.last_error) == (owed.id, 1, "503")
        assert [each.exporter for each in control.due_deliveries("webhook/slack", START)] == ["webhook/slack"]


def test_delivered_and_dead_are_never_due_again(tmp_path):
    """Delivered is enough, and dead is for a person to look at."""
    clock = Clock()
    with opened(tmp_path, clock) as control:
        run = claimed(control)
        saved(control, run)
        done, dead = control.deliveries(run.id)
        clock.move(seconds=5)
        control.settle_delivery(done.id)
        control.settle_delivery(dead.id, error="404")
        control.settle_delivery(done.id, error="late answer of a cut-off attempt")
        control.settle_delivery("no-such-delivery")

        found = {each.exporter: each for each in control.deliveries(run.id)}
        assert (found["file"].status, found["file"].delivered_at) == ("delivered", START + timedelta(seconds=5))
        assert (found["webhook/slack"].status, found["webhook/slack"].last_error) == ("dead", "404")
        far = START + timedelta(days=365)
        assert control.due_deliveries("file", far) + control.due_deliveries("webhook/slack", far) == []


def test_the_oldest_is_due_first(tmp_path):
    """Reports arrive in the order they were made, as far as the destination lets them."""
    with opened(tmp_path) as control:
        runs = [claimed(control, agent) for agent in "abc"]
        for run in runs:
            saved(control, run)

        assert [each.run_id for each in control.due_deliveries("file", START, limit=2)] == [run.id for run in runs[:2]]
