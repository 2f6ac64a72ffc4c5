"""The public list: complete, sorted, documented, and quick to import."""

import ast
import inspect
import json
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

import tim_async
import tim_async.errors
import tim_async.outcomes
import tim_async.results

HEAVY = ["aiohttp", "aiolimiter", "anyio", "asyncio", "msgspec", "rich", "click", "redis"]


def names_for_type_checkers() -> set[str]:
    """What stands behind ``if TYPE_CHECKING``: all that editors and type checkers see of a late import."""
    tree = ast.parse(Path(tim_async.__file__).read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name
        for block in tree.body
        if isinstance(block, ast.If)
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }


def aliases_with_docstring(module: ModuleType) -> set[str]:
    """Type aliases keep no docstring at run time, so the text of the module is asked."""
    body = ast.parse(inspect.getsource(module)).body
    return {
        line.target.id
        for line, following in pairwise(body)
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
    }


def modules_after(code: str) -> set[str]:
    """Which of the heavy modules a fresh interpreter has loaded after running *code*."""
    script = f"{code}\nimport json, sys\nprint(json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    return set(json.loads(done.stdout))


def test_the_list_is_sorted_and_names_nothing_twice() -> None:
    assert tim_async.__all__ == sorted(set(tim_async.__all__))


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    assert names_for_type_checkers() == set(tim_async.__all__)


@pytest.mark.parametrize("home", [tim_async.errors, tim_async.results], ids=lambda home: home.__name__)
def test_every_error_and_every_kind_of_result_is_public(home: object) -> None:
    for name in vars(home)["__all__"]:
        assert name in tim_async.__all__
        assert getattr(tim_async, name) is getattr(home, name)


@pytest.mark.parametrize("name", tim_async.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name: str) -> None:
    thing = getattr(tim_async, name)
    assert getattr(tim_async, name) is thing
    if isinstance(thing, type):
        assert thing.__name__ == name
        assert vars(thing)["__doc__"]
    else:
        assert name in aliases_with_docstring(tim_async.outcomes)


@pytest.mark.parametrize("name", tim_async.__all__)
def test_every_public_class_documents_its_public_methods_and_properties(name: str) -> None:
    for attribute, value in vars(getattr(tim_async, name)).items():
        if not attribute.startswith("_") and (callable(value) or isinstance(value, property)):
            assert value.__doc__, attribute


def test_dir_shows_the_public_names_before_they_are_used() -> None:
    listed = dir(tim_async)
    assert set(tim_async.__all__) < set(listed)
    assert listed == sorted(listed)


@pytest.mark.parametrize("name", ["Klient", "_HOME", "lanes", "__wrapped__"])
def test_other_names_are_attribute_errors(name: str) -> None:
    with pytest.raises(AttributeError, match=rf"^module 'tim_async' has no attribute '{name}'$"):
        getattr(tim_async, name)
    assert not hasattr(tim_async, name)


@pytest.mark.usefixtures("counted")
def test_what_the_readme_calls_by_its_whole_name_needs_no_import_of_its_own() -> None:
    names = [
        "bulk.run",
        "redis.RedisLimiter",
        "otel.Tracing",
        "prometheus.Metrics",
        "emulator.Emulator",
        "errors.TIMError",
    ]
    code = f"import tim_async\nprint({', '.join(f'tim_async.{name}.__name__' for name in names)})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == [name.partition(".")[2] for name in names]


def test_a_star_import_brings_exactly_the_list() -> None:
    code = "before = set(dir())\nfrom tim_async import *\nprint(*sorted(set(dir()) - before - {'before'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.split() == tim_async.__all__


def test_the_version_is_one_that_packagers_can_read() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", tim_async.__version__)


def test_importing_the_package_alone_loads_nothing_heavy() -> None:
    assert modules_after("import tim_async") == set()


def test_results_and_errors_come_without_an_event_loop_or_an_http_client() -> None:
    assert modules_after("from tim_async import BatchError, BatchResult, NotSent, TIMError") == {"msgspec"}


def test_the_client_comes_with_its_http_client() -> None:
    assert {"aiohttp", "asyncio"} <= modules_after("from tim_async import Client")
