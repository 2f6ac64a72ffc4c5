"""JSON with paths in it: on Linux a path is any bytes, and those that are not UTF-8 are not text that JSON can hold.

Python holds such a byte as half of a surrogate pair, https://peps.python.org/pep-0383/, which JSON can only escape.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

__all__ = ["from_json", "to_json"]


def to_json(value: Any) -> bytes:
    """A value as JSON, whatever the paths in it are.

    Args:
        value: what msgspec takes.
    """
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def from_json(data: str | bytes) -> Any:
    """What `to_json` wrote.

    Args:
        data: JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError:
        return json.loads(data)
