"""Traffic that wants to break out of a report: markup, scripts, styles and escapes wherever a span has text.

The faults are real (a tool that always fails, under many names), so that every text has its place in a finding.
"""

from bench.planting.story import Call, Story
from bench.planting.traffic import traffic

_STEALS = "document.title='stolen';alert(1)"
TEXTS = (
    f"<script>{_STEALS}</script>",
    f'"><img src=x onerror="{_STEALS}">',
    f"<svg/onload={_STEALS}><set attributeName=href to=javascript:alert(1)>",
    f"</title></style></pre></svg><script>{_STEALS}</script><style>*{{display:none}}",
    f"<iframe srcdoc='<script>{_STEALS}</script>'></iframe><base href=//evil.invalid/>",
    '<link rel=stylesheet href="http://evil.invalid/a.css"><meta http-equiv=refresh content="0;url=//evil.invalid">',
    "[click](javascript:alert(1)) ![pixel](http://evil.invalid/p.png) <http://evil.invalid> {{ 7 * 7 }} {% raw %}",
    "\x1b[2J\x1b[31mred\x1b]0;stolen\x07 \u202egnp.exe\u202c \u2066iso\u2069 zero\u200bwidth\ufeff\u2060 \x00 ]]> -->",
)


def hostile(runs_of_each: int = 6) -> list[Story]:
    """Runs in each of which one call fails, with a hostile text in every place that a story has."""
    stories = traffic(5, runs_of_each * len(TEXTS))
    for at, story in enumerate(stories):
        _poison(story, TEXTS[at % len(TEXTS)])
    return stories


def _poison(story: Story, text: str) -> None:
    story.agent, story.service, story.version, story.task = "shop_agent", "shop", text, text
    story.user = f"{story.user} {text}"
    story.root_error = text
    for turn in story.turns:
        turn.text = f"{turn.text} {text}"
        turn.model = text
        for call in turn.calls[:1]:
            _poison_call(call, text)


def _poison_call(call: Call, text: str) -> None:
    call.tool = text
    call.arguments = {text: text, "large": text * 2_000}
    call.result = text
    call.error, call.error_type = text, text
