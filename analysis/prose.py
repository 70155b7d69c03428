"""Code that only talks: a model writes a program that prints long literals and does nothing else.

Such a program looks like work and is an answer in disguise. Only code in fences is read: parsed where it is Python,
and never run.
"""

import ast
import re
import warnings

_FENCE = re.compile(r"```(?:py|python|python3)?[ \t]*\n(.*?)(?:```|<end_code>|\Z)", re.DOTALL)
_MAX_CHARS = 20_000
_MAX_BLOCKS = 10
_MIN_LITERAL = 40  # characters in all that are printed
_TALKING = frozenset(
    ("print", "str", "format", "join", "final_answer", "repr", "len", "upper", "lower", "strip", "dedent")
)
_IMPORT = re.compile(r"^[ \t]{0,20}(?:import|from)[ \t]+\w", re.MULTILINE)
_CALL = re.compile(r"\b([A-Za-z_]\w{0,60})[ \t]{0,3}\(")
_LITERAL = re.compile(r"\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'")


def prints_prose(text: str) -> bool:
    """Whether the code of an answer calls nothing but print and the like, on literals that are long together."""
    if "```" not in text or "print" not in text:
        return False
    blocks = [match[1] for match in _FENCE.finditer(text[:_MAX_CHARS])][:_MAX_BLOCKS]
    return bool(blocks) and _only_talks("\n".join(blocks))


def _only_talks(code: str) -> bool:
    if _IMPORT.search(code):
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
            return _tree_talks(tree)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return _text_talks(code)


def _tree_talks(tree: ast.Module) -> bool:
    printed, prints = 0, False
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            return False
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if name not in _TALKING:
                return False
            prints = prints or name == "print"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            printed += len(node.value)
    return prints and printed >= _MIN_LITERAL


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Name):
        return called.id
    return called.attr if isinstance(called, ast.Attribute) else ""


def _text_talks(code: str) -> bool:
    """The same of code that is no Python, or not all of it."""
    literals = _LITERAL.findall(code)
    calls = set(_CALL.findall(_LITERAL.sub('""', code)))
    return "print" in calls and calls <= _TALKING and sum(map(len, literals)) >= _MIN_LITERAL
