"""A secret key is looked at before anything is sent, and what is wrong with it is told without a character of it."""

import hashlib
import hmac
import string
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tim_async import Client
from tim_async.service.keys import keyed, opened, sealed

HEX = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e"

WRONG = {
    "nothing": ("", "is empty, or has white space around it"),
    "blanks": (" \t", "is empty, or has white space around it"),
    "a line feed behind": (f"{HEX}\n", "has white space around it"),
    "a carriage return behind": (f"{HEX}\r\n", "has white space around it"),
    "a blank before": (f" {HEX}", "has white space around it"),
    "a no-break space behind": (f"{HEX}\u00a0", "has white space around it"),
    "a whole file": (f"{HEX}key" * 70, "more than 4096 characters"),
    "a blank inside": (f"{HEX[:32]} {HEX[32:]}", "has white space inside"),
    "a line feed inside": (f"{HEX[:32]}\n{HEX[32:]}", "has white space inside"),
    "a byte-order mark": (f"\ufeff{HEX}", "byte-order mark"),
    "a byte-order mark read as Latin-1": (f"\u00ef\u00bb\u00bf{HEX}", "byte-order mark"),
    "UTF-16 read as UTF-8": (f"\ufffd\ufffd{HEX}", "byte-order mark"),
    "UTF-16 in a variable": (f"\udcff\udcfe{HEX}", "byte-order mark"),
    "double quotes": (f'"{HEX}"', "quotes"),
    "single quotes": (f"'{HEX}'", "quotes"),
    "backticks": (f"`{HEX}`", "quotes"),
    "curly quotes": (f"\u201c{HEX}\u201d", "quotes"),
    "one quote": (f"{HEX}'", "quotes"),
    "a quote and a line feed": (f'"{HEX}"\n', "quotes"),
    "NUL": (f"{HEX[:9]}\x00{HEX[9:]}", "control character"),
    "an escape sequence": (f"\x1b[0m{HEX}", "control character"),
    "DEL": (f"{HEX}\x7f", "control character"),
    "a zero-width space": (f"{HEX}\u200b", "not ASCII"),
    "a zero-width joiner inside": (f"{HEX[:9]}\u200d{HEX[9:]}", "not ASCII"),
    "a soft hyphen": (f"{HEX[:9]}\u00ad{HEX[9:]}", "not ASCII"),
    "a right-to-left mark": (f"\u200f{HEX}", "not ASCII"),
    "a mark at its end": (f"{HEX}\ufeff", "not ASCII"),
    "a second set control": (f"{HEX}\x9b", "not ASCII"),
    "a Cyrillic letter": (f"\u0430{HEX[1:]}", "not ASCII"),
    "full-width letters": ("\uff15\uff42" + HEX[2:], "not ASCII"),
    "a lone surrogate": (f"{HEX}\udc80", "not ASCII"),
    "its variable": (f"TIM_SECRET_KEY={HEX}", "name of a variable"),
    "its variable, exported": (f"export TIM_SECRET_KEY={HEX}", "name of a variable"),
    "its variable, in the command shell": (f"set TIM_SECRET_KEY={HEX}", "name of a variable"),
    "its variable, in PowerShell": (f"$env:TIM_SECRET_KEY = {HEX}", "name of a variable"),
    "another name": (f"SECRETKEY={HEX}", "name of a variable"),
    "YAML": (f"secret_key: {HEX}", "name of a variable"),
    "YAML without a blank": (f"secretKey:{HEX}", "name of a variable"),
    "an option": (f"--secret-key={HEX}", "name of a variable"),
    "JSON": (f'{{"secret_key": "{HEX}"}}', "is JSON"),
    "a JSON list": (f'["{HEX}"]', "is JSON"),
    "a PEM key": (f"-----BEGIN PRIVATE KEY-----\n{HEX}\n-----END PRIVATE KEY-----\n", "old signature scheme"),
    "the head of a PEM key": ("-----BEGIN EC PRIVATE KEY-----", "old signature scheme"),
    "a variable that was not expanded": ("$TIM_SECRET_KEY", "placeholder"),
    "a variable in braces": ("${TIM_SECRET_KEY}", "placeholder"),
    "a variable of Windows": ("%TIM_SECRET_KEY%", "placeholder"),
    "a template": ("{{ secret_key }}", "placeholder"),
    "a command": ("$(cat key)", "placeholder"),
    "angle brackets": ("<your secret key>", "placeholder"),
    "stars": ("****", "placeholder"),
    "a usersig": ("eJ" + "yrVgrxCdYrSy1Ss" * 9, "is a usersig"),
    "a URL": (f"https://example.com/{HEX}", "is a URL"),
    "a comma behind": (f"{HEX},", "a sign before or behind it"),
    "a semicolon behind": (f"{HEX};", "a sign before or behind it"),
    "an equals sign before": (f"={HEX}", "a sign before or behind it"),
    "0x before": (f"0x{HEX}", "a sign before or behind it"),
}


def shows_of(text: str, key: str) -> bool:
    """Whether a text shows four characters in a row of what a key holds."""
    return any(HEX[at : at + 4] in text and HEX[at : at + 4] in key for at in range(len(HEX) - 3))


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_a_key_is_refused_in_one_line_that_shows_none_of_it(name: str) -> None:
    key, words = WRONG[name]
    with pytest.raises(ValueError, match=words) as caught:
        keyed(key)
    text = str(caught.value)
    assert text.startswith("the secret key ")
    assert text.isprintable()
    assert not shows_of("".join(traceback.format_exception(caught.value)), key)
    assert caught.value.__context__ is None


@pytest.mark.parametrize("name", WRONG)
def test_a_client_with_such_a_key_is_not_made(name: str) -> None:
    key, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        Client(sdk_app_id=1, secret_key=key)


@pytest.mark.parametrize(
    "key",
    [
        HEX,
        HEX.upper(),
        "hDbADasOx44SnduHI_TOsv4wGEmejZYbeSz0s5nFcls",
        "RNco8NsuEbxUxk4pjrw4gWQVoI+HvAvm1D8/UMjYzZM=",
        "the-key",
        "key",
        "secret=",
        "a key".replace(" ", "_"),
        "p@ss:w0rd/1",
        "1",
        HEX + HEX,
    ],
)
def test_what_may_be_a_key_is_taken_as_it_is(key: str) -> None:
    assert keyed(key).digest() == hmac.new(key.encode(), digestmod="sha256").digest()


@given(st.text(string.ascii_letters + string.digits, min_size=1, max_size=60))
def test_letters_and_digits_may_always_be_a_key(key: str) -> None:
    assert keyed(key).digest() == hmac.digest(key.encode(), b"", hashlib.sha256)


@given(st.text())
def test_no_text_makes_it_raise_anything_else(key: str) -> None:
    seal = sealed(key)
    assert isinstance(seal, ValueError) or opened(seal).digest() == hmac.new(key.encode(), digestmod="sha256").digest()


@pytest.mark.parametrize(
    "key", [None, b"0123456789abcdef", bytearray(b"0123456789abcdef"), 1234567890123, ["0123456789"]]
)
def test_a_key_that_is_no_text_is_a_type_error_that_does_not_show_it(key: Any) -> None:
    with pytest.raises(TypeError, match=rf"^the secret key must be a str, not {type(key).__name__}$") as caught:
        keyed(key)
    assert "0123" not in repr(caught.value)


def test_what_is_sealed_already_stays_as_it_is() -> None:
    key = keyed(HEX)
    assert sealed(key) is key
    assert opened(key) is key
    wrong = sealed("")
    assert sealed(wrong) is wrong
    assert repr(Client(sdk_app_id=1, secret_key=key)) == "<Client of app 1: not opened>"


def test_a_key_sealed_for_another_hash_would_sign_what_nobody_takes() -> None:
    with pytest.raises(TypeError, match=r"^the secret key must be keyed for hmac-sha256, not hmac-md5$"):
        opened(sealed(hmac.new(HEX.encode(), digestmod="md5")))
