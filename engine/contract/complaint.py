"""What a model is told of a final answer that does not stand: each claim with what the evidence says, once."""

from collections.abc import Sequence

MOST_CHARS = 1_900
"""A tool's error is cut where it grows longer."""
_ITEM_CHARS = 260
_END = (
    " Correct or leave out each of these and call final_answer again with the whole answer; what is still wrong then "
    "is dropped."
)


def complaint(problems: Sequence[str]) -> str:
    """One bounded line that says what is wrong and what to do."""
    said = f"The answer was not taken, because the evidence does not bear out {len(problems)} of its parts:"
    room = MOST_CHARS - len(said) - len(_END) - len(" And 9,999 more.")
    told = 0
    for number, problem in enumerate(problems, 1):
        line = " ".join(problem.split())
        item = f" ({number}) {line[:_ITEM_CHARS]}{'…' if len(line) > _ITEM_CHARS else ''};"
        if len(item) > room:
            break
        said, room, told = said + item, room - len(item), number
    more = len(problems) - told
    return said.rstrip(";") + "." + (f" And {more:,} more." if more else "") + _END
