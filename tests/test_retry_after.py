"""How long a gateway asks to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tim_async.transport.retry_after import RETRY_AFTER_MOST, seconds_of

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def http(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 0),
        ("0", 0),
        ("2", 2),
        (" 7 ", 7),
        ("3600", RETRY_AFTER_MOST),
        ("9" * 5000, RETRY_AFTER_MOST),
        ("-5", 0),
        ("1.5", 0),
        ("٣", 0),
        ("soon", 0),
        ("Mon, 99 Foo", 0),
        (http(NOW + timedelta(seconds=4)), 4),
        (http(NOW - timedelta(days=1)), 0),
        (http(NOW + timedelta(days=1)), RETRY_AFTER_MOST),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_has_a_ceiling(header: str, seconds: float) -> None:
    assert seconds_of(header, "", NOW.timestamp()) == seconds


def test_a_date_counts_by_the_clock_of_whoever_wrote_it() -> None:
    ahead = NOW + timedelta(hours=1)
    assert seconds_of(http(ahead + timedelta(seconds=3)), http(ahead), NOW.timestamp()) == 3
    assert seconds_of(http(NOW + timedelta(seconds=3)), "nonsense", NOW.timestamp()) == 3
