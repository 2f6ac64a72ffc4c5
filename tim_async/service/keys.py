"""The secret key: looked at once, and turned into something that can sign but not be read.

Error trackers send the locals of every frame of a traceback, so a key that stands in one is told to whoever reads the
tracker. Here nothing is raised while the key is at hand: what is wrong with it is handed back, and raised by a frame
that has let go of it.
"""

import hmac
import re
from collections.abc import Callable
from typing import TypeAlias

__all__ = ["Key", "Sealed", "keyed", "opened", "sealed"]

Key = hmac.HMAC
"""A secret key that can sign but not be read: see `keyed`."""

Sealed: TypeAlias = Key | TypeError | ValueError
"""The key, or what is wrong with it, without any of its characters."""

_LONGEST = 4096
_EMPTY = "the secret key is empty, or has white space around it"

_QUOTES = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\uff02\uff07"
# A byte-order mark, as itself and as what is left of one that was read in another encoding than its own.
_MARKS = ("\ufeff", "\ufffe", "\u00ef\u00bb\u00bf", "\udcff\udcfe", "\udcfe\udcff", "\ufffd\ufffd")
# What stands before a key in files of variables, YAML and shells; a base64 text too may end in an equals sign.
_NAMED = re.compile(
    r"(export\s|set\s|setenv\s|env\s|\$env:|-+)?\s*[\w.-]*(key|secret|tim_)[\w.-]*[\"']?\s*(:=|=>|[=:])\s*[^\s=]|"
    r"(export|set|setenv)\s+[A-Za-z_]\w*",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(r"\$\{?\w+\}?|\$\(.*\)|%\w+%|\{\{.*\}\}|<.*>|\[.*\]|\*+|\.+", re.DOTALL)
_USERSIG = re.compile(r"(eJ[w-z]|eN[o-r])[\w*-]{60,}")
_HEX_AND_MORE = re.compile(
    r"[^0-9A-Za-z]*[0-9A-Fa-f]{64}[^0-9A-Za-z]+|(0x|[^0-9A-Za-z]+)[0-9A-Fa-f]{64}", re.IGNORECASE
)

_RULES: tuple[tuple[Callable[[str], object], str], ...] = (
    (lambda key: not key or key.isspace(), _EMPTY),
    (lambda key: len(key) > _LONGEST, f"the secret key has more than {_LONGEST} characters; real ones have 64"),
    (
        lambda key: key.lstrip().startswith("-----BEGIN"),
        "the secret key is a PEM key, of the old signature scheme; take the one word that the console shows now",
    ),
    (
        lambda key: key.startswith(_MARKS),
        "the secret key begins with a byte-order mark; save its file without one (UTF-8, not UTF-8 with BOM)",
    ),
    (
        lambda key: key.strip()[0] in _QUOTES or key.strip()[-1] in _QUOTES,
        "the secret key stands in quotes; take them away",
    ),
    (
        lambda key: _NAMED.match(key.lstrip()),
        "the secret key has the name of a variable before it; give what stands behind it alone",
    ),
    (
        lambda key: key.lstrip().startswith(("{", "[")) and '"' in key,
        "the secret key is JSON; give the key in it alone",
    ),
    (
        lambda key: _PLACEHOLDER.fullmatch(key.strip()),
        "the secret key is a placeholder; put the key that the console shows in its place",
    ),
    (
        lambda key: _USERSIG.fullmatch(key.strip()),
        "the secret key is a usersig; the key is what usersigs are made with, and the console shows it",
    ),
    (lambda key: "://" in key, "the secret key is a URL; take the key that the console shows"),
    (lambda key: key != key.strip(), _EMPTY),
    (lambda key: any(map(str.isspace, key)), "the secret key has white space inside; it is one word"),
    (
        lambda key: key.isascii() and not key.isprintable(),
        "the secret key has a control character inside, which cannot be seen; copy it anew",
    ),
    (
        lambda key: not key.isascii(),
        "the secret key has a character that is not ASCII, perhaps one that cannot be seen; copy it anew",
    ),
    (_HEX_AND_MORE.fullmatch, "the secret key has a sign before or behind it that does not belong to it"),
)
"""What a text must not be, looked for in this order -> what is told. Anything else of printable ASCII may be a key."""


def sealed(secret_key: object) -> Sealed:
    """The key in a form that can sign and be copied, but gives itself away neither by attribute nor pickle.

    It never raises, so that a caller can delete its own name for the key before anything else happens.

    Args:
        secret_key: the app's key, as the console shows it; or something sealed, which is handed back.

    Returns:
        The key; or an error that says in one line what is wrong with it, and shows none of it.
    """
    if isinstance(secret_key, TypeError | ValueError):
        return secret_key
    if isinstance(secret_key, Key):
        of_another = secret_key.name != "hmac-sha256"
        return (
            TypeError(f"the secret key must be keyed for hmac-sha256, not {secret_key.name}")
            if of_another
            else secret_key
        )
    if not isinstance(secret_key, str):
        return TypeError(f"the secret key must be a str, not {type(secret_key).__name__}")
    for is_so, wrong in _RULES:
        if is_so(secret_key):
            return ValueError(wrong)
    return hmac.new(secret_key.encode(), digestmod="sha256")


def opened(seal: Sealed) -> Key:
    """The key that was sealed.

    Raises:
        TypeError: it was not a str.
        ValueError: it was not a key: empty, quoted, a file's name for it before it, a character that cannot be seen.
    """
    if isinstance(seal, Key):
        return seal
    raise seal


def keyed(secret_key: str) -> Key:
    """The key in a form that can sign and be copied, but gives itself away neither by attribute nor pickle.

    Args:
        secret_key: the app's key, as the console shows it.

    Raises:
        TypeError: it is not a str.
        ValueError: it cannot be one, and the service would answer with a puzzling 70009, and lock the account.
    """
    seal = sealed(secret_key)
    del secret_key
    return opened(seal)
