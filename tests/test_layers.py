"""Which room may import which: imports point down only, and the pure rooms neither wait nor look at a clock."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import tim_async

HOME = Path(tim_async.__file__).parent
ROOT = tim_async.__name__

# From the ground up: each room may import those above it in this list. A folder is one room.
PURE = ["printable", "service", "outcomes", "errors", "results", "lane"]
WAITING = [
    "limits",
    "redis",  # where people import the shared limiter from
    "transport",
    "dispatch",
    "otel",  # where people import what they watch with
    "prometheus",  # the same
    "operations",
    "client",
    "__init__",  # the public list
]
TOP = ["bulk", "testing", "cli", "__main__"]
ORDER = [*PURE, *WAITING, *TOP]
FLOORS_MOST = 10
# At the top because people import or run them by these names, so they stay there.
PROMISED = {
    "__init__.py",
    "__main__.py",
    "bulk",
    "emulator",
    "errors.py",
    "otel.py",
    "outcomes.py",
    "prometheus.py",
    "py.typed",
    "redis.py",
    "results.py",
    "testing",
}
OURS_MOST = 9
EMULATOR = "emulator"  # stands beside the house
VISITORS = {"testing", "cli"}  # of the emulator

# What waits, reads, writes or knows the time. A pure room is told instead.
NOT_PURE = {
    "aiohttp",
    "aiolimiter",
    "anyio",
    "asyncio",
    "concurrent",
    "contextvars",
    "datetime",
    "fileinput",
    "http",
    "io",
    "logging",
    "mmap",
    "multiprocessing",
    "os",
    "pathlib",
    "queue",
    "redis",
    "sched",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "socketserver",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "yarl",
    "zoneinfo",
}


class Import(NamedTuple):
    """One import statement's target."""

    target: str
    """A module of ours, or the name of a foreign package."""
    line: int


def module_name(path: Path) -> str:
    parts = [ROOT, *path.relative_to(HOME).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


MODULES = {module_name(path): path for path in sorted(HOME.rglob("*.py"))}


@cache
def tree_of(module: str) -> ast.Module:
    """Asked for by tests alone: every process that runs tests imports this file, and few of them the tests in it."""
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def running_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those behind ``if TYPE_CHECKING``, which never run."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from running_nodes(node)


def resolved(name: str) -> str:
    """The module of ours that a dotted name leads to, or the foreign package."""
    if name == ROOT or not name.startswith(f"{ROOT}."):
        return f"{ROOT}.__init__" if name == ROOT else name.partition(".")[0]
    while name not in MODULES:
        name = name.rpartition(".")[0]
    return name


def from_import(module: str, node: ast.ImportFrom) -> list[str]:
    """What a ``from`` import leads to: the submodules that it names, and else the module itself."""
    base = node.module or ""
    if node.level:
        is_package = MODULES[module].name == "__init__.py"
        parts = module.removesuffix(".__init__").split(".")
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, base] if base else parts)
    names = [f"{base}.{alias.name}" for alias in node.names]
    # The version says nothing about the rooms, and may be read from anywhere.
    return [resolved(name if name in MODULES else base) for name in names if name != f"{ROOT}.__version__"]


@cache
def imports_of(module: str) -> list[Import]:
    found: list[Import] = []
    for node in running_nodes(tree_of(module)):
        if isinstance(node, ast.Import):
            found += [Import(resolved(alias.name), node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [Import(target, node.lineno) for target in from_import(module, node)]
    return found


def room_of(module: str) -> str:
    return module.split(".")[1]


# Pure ones in rooms that wait.
PURE_TOO = {
    "limits.permits",
    "limits.rates",
    "limits.redis.slots",
    "dispatch.standing",
    "transport.hosts",
    "transport.retry_after",
}
PURE_MODULES = [module for module in MODULES if room_of(module) in PURE or module.removeprefix(f"{ROOT}.") in PURE_TOO]


def ours(module: str) -> list[Import]:
    return [each for each in imports_of(module) if each.target in MODULES]


def foreign(module: str) -> list[Import]:
    return [each for each in imports_of(module) if each.target not in MODULES]


def test_every_room_has_its_place() -> None:
    """A new room goes into the list above, beneath all that import it."""
    assert {room_of(module) for module in MODULES} - {*ORDER, EMULATOR} == set()
    assert len(ORDER) == len(set(ORDER))


def test_the_reader_of_imports_reads_all_ways_of_importing() -> None:
    """Else the other tests here would hold whatever stands in the modules."""
    assert {each.target for each in ours("tim_async.lane.judging")} >= {
        "tim_async.lane.waiting",
        "tim_async.lane.items",
    }
    assert "tim_async.service.checks" in {each.target for each in ours("tim_async.service.endpoints.push")}
    assert "tim_async.service.wire" in {each.target for each in ours("tim_async.service.endpoints.push")}
    assert "tim_async.service.endpoints.base" in {each.target for each in ours("tim_async.service.endpoints.push")}
    assert "tim_async.service.endpoints.push" in {each.target for each in ours("tim_async.service.endpoints.table")}
    assert "tim_async.service.endpoints" in {each.target for each in ours("tim_async.client")} | {
        each.target for each in ours("tim_async.operations.groups")
    }
    assert {each.target for each in foreign("tim_async.transport.post")} >= {"aiohttp", "asyncio", "yarl"}
    assert "tim_async.results" not in {each.target for each in ours("tim_async.errors")}
    assert resolved("tim_async") == "tim_async.__init__"


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) != EMULATOR])
def test_imports_point_down(module: str) -> None:
    place = ORDER.index(room_of(module))
    for target, line in ours(module):
        room = room_of(target)
        if room == EMULATOR:
            assert room_of(module) in VISITORS, f"line {line}: only {VISITORS} may know the emulator"
        else:
            assert ORDER.index(room) <= place, f"line {line} imports {target}, which stands above"


def test_there_are_few_rooms_and_the_way_through_them_is_short() -> None:
    """A newcomer finds the way from the folder tree alone."""
    rooms: dict[str, set[str]] = {}
    for module in MODULES:
        rooms.setdefault(room_of(module), set()).update(room_of(each.target) for each in ours(module))
    floors: dict[str, int] = {}
    for room in TopologicalSorter({room: below - {room} for room, below in rooms.items()}).static_order():
        floors[room] = 1 + max((floors[below] for below in rooms[room] - {room}), default=0)
    assert max(floors.values()) <= FLOORS_MOST, floors
    entries = {path.name for path in HOME.iterdir()} - {"__pycache__"}
    assert entries >= PROMISED
    assert len(entries - PROMISED) <= OURS_MOST, sorted(entries - PROMISED)


def test_no_module_imports_itself_by_a_detour() -> None:
    """Inside a folder too."""
    graph = {module: {each.target for each in ours(module)} - {module} for module in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


@pytest.mark.parametrize("module", PURE_MODULES)
def test_pure_rooms_import_nothing_that_waits_or_tells_the_time(module: str) -> None:
    for target, line in foreign(module):
        assert target not in NOT_PURE, f"line {line}"
        assert target == "msgspec" or target in sys.stdlib_module_names, f"line {line}: {target}"


@pytest.mark.parametrize("module", PURE_MODULES)
def test_pure_rooms_neither_await_nor_open_files_nor_print(module: str) -> None:
    waits = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    speaks = {"open", "print", "input", "breakpoint", "__import__"}
    for node in running_nodes(tree_of(module)):
        assert not isinstance(node, waits)
        assert not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in speaks)


@pytest.mark.parametrize("module", [module for module in MODULES if room_of(module) == EMULATOR])
def test_the_emulator_imports_nothing_of_the_client(module: str) -> None:
    """It judges the client, so it may not share its mistakes; not for its types either."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            assert all(room_of(target) == EMULATOR for target in from_import(module, node) if target in MODULES)
        elif isinstance(node, ast.Import):
            assert all(not alias.name.startswith(ROOT) for alias in node.names)
