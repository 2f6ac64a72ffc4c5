"""What a client is made from, checked. What may be a key that stands in the wrong place is not shown."""

from __future__ import annotations

__all__ = ["VARIABLES", "brief", "check_counts", "number"]

_LONGEST = 22  # characters that are shown of what should be a number or a name; a secret key has 64

VARIABLES = {
    "sdk_app_id": "TIM_SDK_APP_ID",
    "secret_key": "TIM_SECRET_KEY",
    "identifier": "TIM_IDENTIFIER",
    "region": "TIM_REGION",
    "base_url": "TIM_BASE_URL",
}
"""What the environment says of a client: argument -> variable."""


def check_counts(**values: object) -> None:
    """Refuse what is not a positive whole number.

    Raises:
        ValueError: one is none.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive whole number, not {brief(value)}")


def number(name: str, value: object) -> int:
    """A number, also as text.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int | str) or not str(value).strip().isdecimal():
        # Two variables that stand side by side are easily swapped, and then this one holds the key.
        value = brief(value)
        raise ValueError(f"{name} must be a number, not {value}")
    return int(value)


def brief(value: object) -> str:
    """The repr of what should be a number or a name, but not of what is long enough to be a key."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"a {type(value).__name__} of {len(text)} characters"
