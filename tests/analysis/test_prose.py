"""Code that only prints prose is told from code that does something."""

import pytest

from analysis.prose import prints_prose

_LONG = "The answer cannot be found online, so I explain what I would do."


@pytest.mark.parametrize(
    "code",
    [
        f'print("{_LONG}")',
        f'text = "{_LONG}"\nprint(text)',
        f'text = ("{_LONG}"\n    "and more")\nprint(text)\nfinal_answer(text)',
        f'print("{_LONG}".upper())',
        f'print("{_LONG}"\nthis is no Python',
    ],
)
def test_a_program_that_only_talks_is_prose(code: str) -> None:
    """It looks like work, runs without error, and finds nothing out."""
    assert prints_prose(f"Thought: hm\nCode:\n```py\n{code}\n```<end_code>")


@pytest.mark.parametrize(
    "text",
    [
        f'print("{_LONG}")',
        "```py\nprint(3 * 4)\n```",
        f'```py\nfound = search("{_LONG}")\nprint(found)\n```',
        f'```py\nimport math\nprint("{_LONG}")\n```',
        f'```py\ndef say():\n    print("{_LONG}")\n```',
        f'```py\ntext = "{_LONG}"\n```',
        f'```py\nprint("{_LONG}")\n```\nand then\n```py\nrun()\n```',
        "",
    ],
)
def test_code_that_computes_or_calls_is_work(text: str) -> None:
    """One call of anything else, or no code at all, and it is no prose."""
    assert not prints_prose(text)


@pytest.mark.parametrize(
    "code",
    [
        "print(" * 5_000,
        "print(" + "(" * 10_000,
        "print('" + "x" * 1_000_000,
        "print(" + "-" * 15_000 + "1)",
        "\0print()",
    ],
)
def test_hostile_code_is_read_and_never_run(code: str) -> None:
    """What no parser survives is looked at as text."""
    assert prints_prose(f"```py\n{code}\n```") in (True, False)
