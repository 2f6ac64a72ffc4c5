"""The tour of the house is true: what it and its picture name is there."""

import ast
import re
from pathlib import Path

import pytest

import tim_async

HOME = Path(tim_async.__file__).parent
DOCS = HOME.parent / "docs"
TOUR = (DOCS / "architecture.md").read_text(encoding="utf-8")
PICTURE = "\n".join(re.findall(r">([^<]*)</text>", (DOCS / "way-of-an-item.svg").read_text(encoding="utf-8")))
WORDS_MOST = 15

FILES = sorted(
    {*re.findall(r"`([a-z_/]+\.py|[a-z_/]+/)`", TOUR), *re.findall(r"\b[a-z_/]+\.py\b|\b[a-z_/]+/", PICTURE)}
)
# `room.name`, as in "judging.settle: what the answer means"; in the tour between backquotes.
ROOM_AND_NAME = r"(?!py\.)((?:[a-z_]+/)?[a-z_]+)\.((?!py\b)[A-Za-z_]+)"
NAMES = sorted({*re.findall(rf"\b{ROOM_AND_NAME}\b(?=:| )", PICTURE), *re.findall(rf"`{ROOM_AND_NAME}`", TOUR)})


def found(name: str) -> list[Path]:
    """What is called so, in whichever room."""
    return [path for path in HOME.rglob(name.rstrip("/")) if path.is_dir() == name.endswith("/")]


@pytest.mark.parametrize("name", FILES)
def test_files_and_folders_are_where_the_tour_says(name: str) -> None:
    assert found(name) or (HOME.parent / name).exists()


@pytest.mark.parametrize(("room", "name"), NAMES)
def test_what_the_tour_says_is_done_somewhere_is_done_there(room: str, name: str) -> None:
    (path,) = found(f"{room}.py")
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_the_tour_and_its_picture_name_enough_to_be_checked() -> None:
    assert len(FILES) > 30
    assert {("judging", "settle"), ("leaving", "end"), ("waiting", "seal")} <= set(NAMES)
    assert {("judging", "_throttled"), ("limiter", "report"), ("leaving", "withdraw_one")} <= set(NAMES)


def test_there_are_few_words_of_our_own() -> None:
    words = re.findall(r"^\| (?!Word|---)([a-z]+) \|", TOUR.partition("## Words")[2], re.MULTILINE)
    assert 0 < len(words) <= WORDS_MOST
