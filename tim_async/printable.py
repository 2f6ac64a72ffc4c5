"""Words of others (the service, a file, a webhook) on their way to a terminal or a log.

The data keeps what was said. What people read is one line, without anything that moves a cursor, changes a colour,
turns the direction of writing round or cannot be seen: https://cwe.mitre.org/data/definitions/117.html (forged log
lines) and https://cwe.mitre.org/data/definitions/150.html (escape sequences).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

__all__ = ["escaped", "one_line", "shown", "sturdy"]

T = TypeVar("T")

# Whatever begins a new line somewhere (see `str.splitlines`), and the tab.
_BREAKS = re.compile("[\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029]+")

# What JSON may hold as it is, and what is not to be printed so: DEL, the second set of control characters, and what
# nobody sees or what turns the direction of writing round.
_UNSEEN = re.compile("[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
_IDEOGRAPHIC_SPACE = "\u3000"  # the one that Chinese text has; Python takes it for not printable


def shown(text: str) -> str:
    r"""The text without what would move the cursor or change the colours of a terminal.

    Args:
        text: whatever somebody said.

    Returns:
        The text, in which each character that cannot be printed has become its number: ``\x1b``, ``\u202e``.
    """
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char.isprintable() or char == _IDEOGRAPHIC_SPACE:
        return char
    number = ord(char)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def one_line(text: str) -> str:
    """As `shown`, for sentences: a line break becomes a space."""
    return text if text.isprintable() else shown(_BREAKS.sub(" ", text))


def escaped(json: bytes) -> bytes:
    """The same JSON, in which what cannot be seen is written as its number.

    Args:
        json: UTF-8.
    """
    if json.isascii() and b"\x7f" not in json:
        return json
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", json.decode()).encode()


def sturdy(words: Callable[[T], str]) -> Callable[[T], str]:
    """Make a ``__repr__`` or ``__str__`` that also answers for an object whose constructor did not come to its end.

    Error trackers ask for the repr of ``self`` in the frames of a constructor that raises.
    """

    @wraps(words)
    def told(self: T) -> str:
        try:
            return words(self)
        except AttributeError:
            return f"<{type(self).__name__}, not complete>"

    return told
