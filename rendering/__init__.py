"""A Report as Markdown, Slack blocks, spans and terminal text: pure functions over plain values.

Every text in a report may repeat what an attacker wrote into a span. A rendering shows it as text: it
never becomes markup, a mention, a link, an image or a terminal escape sequence.
"""
