"""How an agent's work ends."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Ended:
    """What an agent leaves: its text, and why that is not what it should be; an empty reason when it is.

    `accepted` says that the text is a final answer which its tool took; `may_conclude` that the agent was stopped by a
    limit and may be asked once for what it has.
    """

    text: str
    reason: str = ""
    accepted: bool = False
    may_conclude: bool = False


def incomplete_text(ended: Ended) -> str:
    """The answer of a run that did not get one, in Markdown; it says so before anything else."""
    said = ended.text.strip() or "Nothing was concluded."
    return f"> **Incomplete:** {ended.reason}.\n\n{said}"
