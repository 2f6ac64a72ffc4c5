"""Rooms stay small enough to be read at one go."""

import ast
from collections.abc import Iterator
from pathlib import Path

import tim_async

HOME = Path(tim_async.__file__).parent
FILES = {path.relative_to(HOME).as_posix(): path.read_text(encoding="utf-8") for path in sorted(HOME.rglob("*.py"))}
FILE_MOST = 350  # lines
FUNCTION_MOST = 40  # lines, without the docstring
# Their signatures alone, with one line for each promised option, have more than twenty.
LONGER = {("client.py", "Client.__init__"): 60, ("emulator/server.py", "Emulator.__init__"): 55}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(node: ast.AST, above: str = "") -> Iterator[tuple[str, Function]]:
    """All functions, by their qualified names."""
    for child in ast.iter_child_nodes(node):
        name = f"{above}{child.name}" if isinstance(child, Function | ast.ClassDef) else above.removesuffix(".")
        if isinstance(child, Function):
            yield name, child
        yield from functions(child, f"{name}." if name else "")


def size(function: Function) -> int:
    """Lines, without those of the docstring."""
    first = function.body[0]
    has_words = ast.get_docstring(function) is not None
    lines = (function.end_lineno or 0) - function.lineno + 1
    return lines - ((first.end_lineno or 0) - first.lineno + 1 if has_words else 0)


def test_the_docstring_does_not_count_and_the_signature_does() -> None:
    text = (
        'class A:\n    def f(\n        self,\n    ):\n        """One.\n\n        Two.\n        """\n        return 1\n'
    )
    ((name, function),) = functions(ast.parse(text))
    assert (name, size(function)) == ("A.f", 4)


def test_files_are_small() -> None:
    lines = {file: len(text.splitlines()) for file, text in FILES.items()}
    assert {file: count for file, count in lines.items() if count > FILE_MOST} == {}


def test_functions_are_small() -> None:
    found = [(file, *named) for file, text in FILES.items() for named in functions(ast.parse(text))]
    assert len(found) > 1_000
    sizes = [((file, name), size(function)) for file, name, function in found]
    assert [(place, lines) for place, lines in sizes if lines > LONGER.get(place, FUNCTION_MOST)] == []
