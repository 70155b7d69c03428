"""How a refusal is told from an answer.

What the endpoint marks as a refusal is one. Beyond that only a short text which opens with one of a few fixed
phrases counts, and never one that comes with tool calls: a model that acts has not refused, and a long text that
begins with regret usually goes on to answer. The list is kept short on purpose; a refusal that is missed is read by a
person, an answer taken for a refusal is lost.
"""

from engine.llm.model import Finish

MAX_REFUSAL_CHARS = 400
FILTERED = "the endpoint's content filter stopped the answer"

_REGRETS = ("", "i'm sorry, but ", "i'm sorry. ", "i am sorry, but ", "sorry, but ", "sorry, ", "i apologize, but ")
_DENIALS = (
    "i can't help with",
    "i cannot help with",
    "i can't assist with",
    "i cannot assist with",
    "i can't comply with",
    "i cannot comply with",
    "i can't do that",
    "i'm unable to help with",
    "i'm unable to assist with",
    "i'm not able to help with",
    "i won't be able to help with",
    "i must decline",
)
OPENINGS = tuple(regret + denial for regret in _REGRETS for denial in _DENIALS)
"""The openings that make a short text a refusal, in lower case and with straight apostrophes."""


def refusal_of(structured: str, text: str, has_tool_calls: bool, finish: Finish) -> str:
    """What was refused in the model's words: the structured refusal, or the text that is one; else empty."""
    if structured:
        return structured
    if has_tool_calls:
        return ""
    if finish == "content_filter":
        return text.strip() or FILTERED
    opening = text.strip()
    plain = opening.replace("’", "'").lower()
    return opening if len(opening) <= MAX_REFUSAL_CHARS and plain.startswith(OPENINGS) else ""
