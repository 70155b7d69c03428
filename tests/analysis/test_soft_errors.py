"""An error inside a result is found where it speaks for the tool, and nowhere else."""

import json

import pytest

from analysis.soft_errors import soft_error


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ('{"error": "order 7 is closed"}', "order <num> is closed"),
        ('{"error": {"code": 404, "message": "no such order"}}', "no such order"),
        ('{"errors": [{"message": "bad field"}]}', "bad field"),
        ('{"content": [{"type": "text", "text": "no rights"}], "isError": true}', "no rights"),
        ('{"success": false, "reason": "locked"}', "locked"),
        ('{"success": false}', "error"),
        ('{"status": "error", "message": "late"}', "late"),
        ('{"exit_code": 2, "stderr": "no such file"}', "exit code <num>: no such file"),
        ("Error 503: try later", "Error <num>: try later"),
        ("## Error 403\nForbidden", "Error <num>"),
        ("ok so far\nValueError: bad value 7", "ValueError: bad value <num>"),
        ('Traceback (most recent call last):\n  File "a.py"\nKeyError: 7\n', "KeyError: <num>"),
        ("Command failed with exit code 1", "Command failed with exit code <num>"),
        ("Error: it broke", "Error: it broke"),
    ],
)
def test_a_result_that_reports_an_error_is_one(result: str, expected: str) -> None:
    """The span says OK, the model reads an error: nobody else would count it."""
    assert soft_error("refund", result) == expected


@pytest.mark.parametrize(
    "result",
    [
        "",
        "21C",
        "Errors are rare here, and error handling works.",
        "Exit code 0",
        "The process exited with status 0.",
        '{"error": null, "value": 1}',
        '{"error": "", "value": 1}',
        '{"error": 0.03, "r2": 0.9}',
        '{"errors": []}',
        '{"success": true, "error": "none"}',
        '{"job": "job-1", "status": "failed"}',
        '{"exit_code": 0}',
        '{"is_ok": false}',
        "x" * 400 + "\nError: far down",
        '  12→ raise ValueError("no")',
    ],
)
def test_what_only_speaks_of_errors_is_none(result: str) -> None:
    """Error bars, exit code 0, a job's state, quoted code: all of it is healthy."""
    assert soft_error("refund", result) == ""


@pytest.mark.parametrize("tool", ["read_file", "readFile", "Grep", "open-page", "web_search", "view", "fetch_logs"])
def test_tools_that_hand_on_text_are_believed_only_in_json(tool: str) -> None:
    """A log that is read tells of errors; that is what it is for."""
    assert soft_error(tool, "Error 500: disk full") == ""
    assert soft_error(tool, '{"isError": true, "content": []}') == "error"


@pytest.mark.parametrize("tool", ["thread_pool", "catalogue", "reviewer", "opener", "find_order"])
def test_a_name_that_only_contains_such_a_word_is_no_reader(tool: str) -> None:
    """Whole words count."""
    assert soft_error(tool, "Error 500: disk full") == "Error <num>: disk full"


@pytest.mark.parametrize(
    "result",
    [
        '{"error": ' * 30_000,
        '{"isError": true, "content": "' + "x" * 5_000_000 + '"}',
        json.dumps({"error": "x" * 60_000}),
        "A." * 200 + "Error",
        ("A" * 60 + ".") * 200 + "Error: x",
        "Traceback (most recent call last):\n" + "a.b.C" * 1_000_000,
        "Error: " + "\\" * 1_000_000,
        "\ud800 Error",
    ],
)
def test_hostile_results_are_looked_at_no_longer_than_others(result: str) -> None:
    """Only a bounded beginning is scanned, so these return at once, with a short text."""
    assert len(soft_error("refund", result)) <= 200
