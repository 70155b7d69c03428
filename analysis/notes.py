"""What a report notes beside its findings: what was left out, and why, one sentence each."""

from collections.abc import Sequence

from analysis.phrases import plural


def notes_of(
    detectors: Sequence[str], left_out: int, *, excluded: int, unreadable: int, dropped: int
) -> tuple[str, ...]:
    """The notes of a report, given what is noted of detectors.

    `left_out` counts findings, `excluded` traces (the `unreadable` ones included), `dropped` spans.
    """
    notes = list(detectors)
    if left_out:
        notes.append(f"{plural(left_out, 'finding')} of least impact were left out.")
    if excluded > unreadable:
        notes.append(f"{plural(excluded - unreadable, 'trace')} had not completed when the window was read.")
    if unreadable:
        notes.append(
            f"{plural(unreadable, 'trace')} could not be read and {'was' if unreadable == 1 else 'were'} left out."
        )
    if dropped:
        notes.append(f"{plural(dropped, 'span')} of this window had been dropped by retention before it was read.")
    return tuple(notes)
