"""What stands in the columns of Parquet, as what rows hold: accounts and other columns as text, arguments as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.types as kinds

__all__ = ["argument_reader", "arguments", "is_bytes", "is_readable", "no_accounts", "texts"]

_FLOATS = (
    "numbers with a decimal point, as a program makes of whole ones where some are missing; "
    "write them anew as text or as whole numbers"
)


def no_accounts(kind: Any) -> str:
    """Why the values of a column cannot be accounts; empty if they can: text, UTF-8 in bytes, whole numbers, UUIDs.

    Args:
        kind: the Arrow type of the column.
    """
    kind = _value_kind(kind)
    if kinds.is_floating(kind):
        return _FLOATS
    whole = kinds.is_integer(kind) or (kinds.is_decimal(kind) and kind.scale <= 0)
    return "" if whole or is_bytes(kind) or _is_text(kind) or _is_uuid(kind) else f"{kind}; say another --column"


def is_readable(kind: Any) -> bool:
    """Whether a column is surely text, or can be written as such: bytes may be a picture.

    Args:
        kind: the Arrow type of the column.
    """
    if not kinds.is_nested(kind):
        return not is_bytes(kind)
    try:
        argument_reader(kind)
    except TypeError:
        return False
    return True


def texts(array: Any) -> list[str | None]:
    """The values of a column as text, JSON where they have parts; empty for no value, None for what is not UTF-8.

    Args:
        array: an Arrow array.
    """
    kind = _value_kind(array.type)
    found: list[Any]
    if _is_uuid(kind):
        found = [None if value is None else str(value) for value in array.to_pylist()]
    elif kinds.is_nested(kind):
        found = [None if value is None else json.dumps(value, ensure_ascii=False) for value in arguments(array)]
    else:
        if kinds.is_timestamp(kind) and kind.tz is not None:
            array = array.cast(pa.timestamp(kind.unit))  # to UTC: this machine may not know the zone
        try:
            found = array.cast(pa.string()).to_pylist()
            if not array.null_count:
                return found
        except (pa.ArrowInvalid, UnicodeDecodeError):  # some bytes are no UTF-8, perhaps though text was promised
            return [_decoded(value) for value in array.cast(pa.binary()).to_pylist()]
    return [value or "" for value in found]


def arguments(array: Any) -> list[Any]:
    """The values of a column as JSON; None for no value.

    Args:
        array: an Arrow array, of whose type `argument_reader` knows.
    """
    read = argument_reader(array.type)
    return [_read(read, value) for value in array.to_pylist()]


def argument_reader(kind: Any) -> Callable[[Any], Any]:
    """What makes JSON of a value: of a list or a map, or of a struct, whose fields without a value are left out.

    Args:
        kind: the Arrow type of the value.

    Raises:
        TypeError: JSON has no such values; it says which.
    """
    kind = _value_kind(kind)
    if kinds.is_map(kind) and _is_text(kind.key_type):
        read_item = argument_reader(kind.item_type)
        return lambda value: {key: _read(read_item, item) for key, item in value}
    if kinds.is_struct(kind):
        fields = {kind.field(place).name: argument_reader(kind.field(place).type) for place in range(kind.num_fields)}
        return lambda value: {name: read(value[name]) for name, read in fields.items() if value[name] is not None}
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        read_element = argument_reader(kind.value_type)
        return lambda value: [_read(read_element, element) for element in value]
    if (
        _is_text(kind)
        or kinds.is_integer(kind)
        or kinds.is_floating(kind)
        or kinds.is_boolean(kind)
        or kinds.is_null(kind)
    ):
        return lambda value: value
    raise TypeError(str(kind))


def _read(read: Callable[[Any], Any], value: Any) -> Any:
    return None if value is None else read(value)


def _value_kind(kind: Any) -> Any:
    """What the values are, where each of them is written down once only."""
    return kind.value_type if kinds.is_dictionary(kind) else kind


def _is_text(kind: Any) -> bool:
    return bool(kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind))


def is_bytes(kind: Any) -> bool:
    """Whether a column holds bytes, which may be text: old writers of Parquet do not say so.

    Args:
        kind: the Arrow type of the column.
    """
    kind = _value_kind(kind)
    return bool(
        kinds.is_binary(kind)
        or kinds.is_large_binary(kind)
        or kinds.is_fixed_size_binary(kind)
        or kinds.is_binary_view(kind)
    )


def _is_uuid(kind: Any) -> bool:
    return getattr(kind, "extension_name", "") == "arrow.uuid"


def _decoded(value: bytes | None) -> str | None:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return None
