"""Tool calls that the model writes as text, so that nobody carries them out."""

import json
import random

from bench.planting.story import Call, Story, Turn


def plant(stories: list[Story], chance: random.Random) -> set[int]:
    """A quarter of the runs end with a call of a tool as prose."""
    changed = set(chance.sample(range(len(stories)), len(stories) // 4))
    for number in changed:
        arguments = json.dumps({"to": "customer", "body": f"order {number} is on its way"})
        form = chance.choice(
            (
                f'<tool_call>\n{{"name": "send_mail", "arguments": {arguments}}}\n</tool_call>',
                f"<function=send_mail>{arguments}</function>",
                f'I will tell the customer.\n{{"name": "send_mail", "arguments": {arguments}}}',
            )
        )
        stories[number].turns[-1].text = form
    return changed


def near_miss(stories: list[Story], chance: random.Random) -> None:
    """Answers that explain how calls are written, that hold JSON of other things, and text beside a real call."""
    for story in chance.sample(stories, len(stories) // 2):
        kind = chance.randrange(3)
        answer = story.turns[-1]
        if kind == 0:
            answer.text = 'Write it as <tool_call>{"name": "your_tool", "arguments": {"key": 1}}</tool_call>.'
        elif kind == 1:
            answer.text = json.dumps({"name": "kettle", "arguments": "none", "send_mail": "not needed"})
        else:
            calls = [Call("send_mail", {"to": "me", "body": "done"}, "sent")]
            text = '<tool_call>{"name": "send_mail", "arguments": {"to": "me"}}</tool_call>'
            story.turns.insert(len(story.turns) - 1, Turn(text, calls))
