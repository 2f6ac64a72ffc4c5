"""The options of all commands: times are readable, and the key never stands on a command line."""

from pathlib import Path
from typing import Any

import click
import pytest

from tim_async.bulk.reading import InputError
from tim_async.cli.options import CONNECTION, OUTCOMES, SOURCE, TIMEOUT, Connection, Options, options_from, seconds
from tim_async.service.keys import keyed

ALL = [*SOURCE, *OUTCOMES, TIMEOUT, *CONNECTION]


def parsed(*arguments: str) -> dict[str, Any]:
    command = click.Command("test", params=list(ALL))
    return command.make_context("test", ["--from", "x", "--sdk-app-id", "14", *arguments]).params


def opens_with(connection: Connection, key: str) -> bool:
    """Whether it signs as this key does; the key itself is not there to be compared."""
    return connection.secret_key.digest() == keyed(key).digest()


@pytest.mark.parametrize(
    ("text", "expected"), [("20ms", 0.02), ("1.5s", 1.5), ("2m", 120), ("1h", 3600), ("3", 3), (".5", 0.5), ("2 s", 2)]
)
def test_a_length_of_time_has_its_unit(text: str, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "fast", "-1s", "1d", "1e3", "nan", "inf"])
def test_what_is_no_length_of_time_is_told(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a length of time"):
        seconds(text)


def test_what_was_not_said_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIM_IDENTIFIER", "TIM_REGION", "TIM_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TIM_SECRET_KEY", "a-key\n")
    options = options_from(parsed())
    assert options.connection == Connection(14, options.connection.secret_key, "administrator", "china", None)
    assert opens_with(options.connection, "a-key")
    assert options == Options("x", None, None, "jsonl", "bulk", None, options.connection, "utf-8", force=False)


def test_the_environment_may_say_who_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIM_SECRET_KEY", "a-key")
    monkeypatch.setenv("TIM_IDENTIFIER", "boss")
    monkeypatch.setenv("TIM_REGION", "tokyo")
    monkeypatch.setenv("TIM_BASE_URL", "http://127.0.0.1:1")
    connection = options_from(parsed()).connection
    assert connection == Connection(14, connection.secret_key, "boss", "tokyo", "http://127.0.0.1:1")
    assert opens_with(connection, "a-key")


def test_a_file_with_the_key_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIM_SECRET_KEY", "another")
    file = tmp_path / "key"
    file.write_text("\n  the-key \n")
    assert opens_with(options_from(parsed("--secret-key-file", str(file))).connection, "the-key")


def test_without_a_key_it_is_told_where_one_could_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIM_SECRET_KEY", " ")
    with pytest.raises(click.UsageError, match="no secret key; set TIM_SECRET_KEY or give --secret-key-file"):
        options_from(parsed())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"two words",
        b"\xff\xfe\x00",
        b"two\n\nlines",
        "two".encode("utf-16"),
        b"\xef\xbb\xbftwo",
        b'"two"\n',
        b"export TIM_SECRET_KEY=two\n",
        b'{"secret_key": "two"}',
        b"-----BEGIN PRIVATE KEY-----\ntwo\n-----END PRIVATE KEY-----\n",
        b"t\x00two",
        "two\u200b".encode(),
        b"two\n" * 5000,
    ],
)
def test_a_file_that_holds_no_key_is_told_without_what_it_holds(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"does not hold a secret key, which is one word: the secret key ") as caught:
        options_from(parsed("--secret-key-file", str(file)))
    assert "two" not in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["\ufeffhidden", "'hidden'", "TIM_SECRET_KEY=hidden", "hid den", "$hidden"])
def test_a_variable_that_holds_no_key_is_told_without_what_it_holds(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIM_SECRET_KEY", value)
    with pytest.raises(InputError, match=r"^TIM_SECRET_KEY does not hold a secret key, which is one word: ") as caught:
        options_from(parsed())
    assert "hid" not in str(caught.value)


def test_a_file_with_the_key_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        options_from(parsed("--secret-key-file", str(tmp_path)))


def test_the_key_is_not_shown_and_is_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIM_SECRET_KEY", "a-secret")
    assert "a-secret" not in repr(options_from(parsed()))
    assert "--secret-key" not in {name for option in ALL for name in option.opts}
