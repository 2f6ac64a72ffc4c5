"""The emulator can disagree with the client, because it shares nothing with it."""

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import tim_async.emulator

HOUSE = Path(tim_async.emulator.__file__).parent
IMPURE = {"server", "sockets", "wire", "__init__"}


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Each import of a file: how many packages up, and what."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or ""
        elif isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)


def test_it_imports_nothing_of_the_client() -> None:
    for file in HOUSE.glob("*.py"):
        assert all(level < 2 and not name.startswith("tim_async") for level, name in imports(file)), file


def test_what_decides_does_no_input_or_output() -> None:
    for file in HOUSE.glob("*.py"):
        if file.stem not in IMPURE:
            names = {name.partition(".")[0] for level, name in imports(file) if not level}
            assert not names & {"aiohttp", "asyncio", "socket", "time"}, file


def test_everything_on_the_public_list_is_there_once_and_documented() -> None:
    names = tim_async.emulator.__all__
    assert len(set(names)) == len(names)
    things = [getattr(tim_async.emulator, name) for name in names]
    assert all(thing.__doc__ for thing in things if inspect.isclass(thing) or inspect.isfunction(thing))
