"""Input that was cut is told before anything is sent: by its compression, or by its last line, which has no end."""

import gzip
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tim_async.bulk.files import AccountFile
from tim_async.bulk.rows import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINES = b"".join(b"user%d\n" % number for number in range(5000))

PACKS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "gzip in two": lambda data: gzip.compress(data[:20_000]) + gzip.compress(data[20_000:]),
    "zstd": zstd.compress,
    "zstd in two": lambda data: zstd.compress(data[:20_000]) + zstd.compress(data[20_000:]),
}


def told(data: bytes) -> str:
    with pytest.raises(InputError) as caught, AccountFile("-", stdin=io.BytesIO(data)):
        pass
    return str(caught.value)


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS.keys())
def test_compressed_data_that_are_cut_at_any_of_twenty_places_give_no_row(pack: Callable[[bytes], bytes]) -> None:
    whole = pack(LINES)
    boundary = len(
        pack(LINES[:20_000])
    )  # behind the first of two there is a whole file, which nobody can tell from all
    places = {round(len(whole) * part / 21) for part in range(1, 21)} | {len(whole) - 1, len(whole) - 8} - {boundary}
    for place in places:
        assert "is cut: its " in told(whole[:place])


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_what_stands_behind_compressed_data_is_told(pack: Callable[[bytes], bytes]) -> None:
    assert "is damaged: its " in told(pack(LINES) + b"and more")


def test_compressed_nothing_is_nothing() -> None:
    for data in (gzip.compress(b""), zstd.compress(b""), b""):
        with AccountFile("-", stdin=io.BytesIO(data)) as file:
            assert (file.count, file.look.question()) == (0, "")


CSV = "account,city\nMary,Lyon\n"


@pytest.mark.parametrize(
    ("text", "column", "last"),
    [
        ("user10\nuser100\nuser1", None, (3, "user1")),
        ("user1", None, (1, "user1")),
        ("user10\r\nuser1", None, (2, "user1")),
        ("user10\ruser1", None, (2, "user1")),
        (CSV + "John,Par", "account", (3, "John")),
        (CSV + "Jo", "account", (3, "Jo")),
        (CSV + '"Jo\nhn",x', "account", (3, "Jo\nhn")),
        (CSV + 'John,"Par', "account", (3, "")),
        ('{"account": "Mary"}\n{"account": "John"}', None, (2, "John")),
        ('{"account": "Mary"}\n{"acc', None, (2, "")),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_last_line_without_its_end_is_known(
    text: str, column: str | None, last: tuple[int, str], encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    data = pack(text.encode(encoding))
    with AccountFile("-", column=column, encoding=encoding, stdin=io.BytesIO(data)) as file:
        assert file.look.unterminated is not None
        assert (file.look.unterminated.number, file.look.unterminated.account) == last
        assert file.look.question() == (
            f"row {last[0]}, the last one, has no line end, as if the input were cut there: "
            + (f"{last[1]} may be only the beginning of an account" if last[1] else "more may follow")
        ).replace("\n", "\\x0a")


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("Mary\n", None),
        ("Mary\r\n", None),
        ("Mary\r", None),
        ("Mary\n  ", None),
        ("Mary\nJohn\r", None),  # half of its end is there
        (CSV, "account"),
        ("account", "account"),
        ('{"account": "Mary"}\n', None),
        ('["Mary",\n"John"]', None),
        ('["Mary",\n"Jo', None),  # a broken row
    ],
)
def test_there_is_nothing_to_ask_where_the_end_is_there_or_is_no_line(text: str, column: str | None) -> None:
    with AccountFile("-", column=column, stdin=io.BytesIO(text.encode())) as file:
        assert file.look.unterminated is None
        assert file.look.question() == ""


def test_a_character_that_is_cut_is_no_text(tmp_path: Path) -> None:
    for data, encoding in (("Mary\nJosé".encode()[:-1], "utf-8"), ("Mary".encode("utf-16")[:-1], "utf-16")):
        path = tmp_path / "ids"
        path.write_bytes(data)
        with pytest.raises(InputError, match="is not UTF"), AccountFile(path, encoding=encoding):
            pass
