"""Lists of accounts of any length, from files or from the program, and what becomes of them."""

from __future__ import annotations

from .files import AccountFile
from .items import ItemSource
from .looking import Look
from .opening import open_source
from .rows import InputError, Row, RowError
from .source import Fingerprint, Source

__all__ = [
    "AccountFile",
    "Fingerprint",
    "InputError",
    "ItemSource",
    "Look",
    "Row",
    "RowError",
    "Source",
    "open_source",
]
