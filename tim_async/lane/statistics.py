"""What a client can tell of itself at any moment, and what the service's own alarm tells the client."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from tim_async.printable import shown

__all__ = ["ALARM", "Alarm", "LaneStatistics", "read_alarm"]

ALARM = "Alert.RequestOverLimit"


class LaneStatistics(msgspec.Struct, frozen=True):
    """One command at one moment."""

    waiting: dict[str, int]
    """Items that could be sent now, by priority."""
    in_backoff: int
    """Items that wait for another try."""
    in_flight: int
    """Calls that are not answered."""
    calls: int
    """Calls made since the client was opened."""
    calls_per_second: float
    """Calls sealed in the last second."""
    seconds_waited: float
    """What calls waited for tokens, summed."""
    retries: int
    """How many calls carried an item that had gone out before."""
    refused: int
    """How many calls the service refused for their frequency."""
    failures: int
    """Calls in a row, the last ones, without a useful answer."""
    limit: float
    """Calls a second that are allowed."""
    share: float
    """The part of the limit that is used now: less than 1 for some seconds after a refusal or an alarm."""
    cap: float | None
    """Seconds that a late answer may delay its permit; None without a limiter that knows."""


class Alarm(msgspec.Struct, frozen=True, rename="pascal"):
    """The service's alarm: a command comes near its limit, whoever calls it. https://trtc.io/document/60256 ."""

    callback_command: str
    service_name: str
    command: str
    request: float
    """Calls a second that the service counts."""
    limit: float
    """Calls a second that it allows."""

    @property
    def path(self) -> str:
        """The command, as everywhere in this library."""
        return f"{self.service_name}/{self.command}"


def read_alarm(body: bytes | str | Mapping[str, object]) -> Alarm:
    """Read the body of the alarm's webhook.

    Args:
        body: JSON, or what was decoded from it.

    Raises:
        ValueError: it is no such alarm; one line says why.
    """
    try:
        if isinstance(body, Mapping):
            alarm = msgspec.convert(dict(body), Alarm)
        else:
            alarm = msgspec.json.decode(body, type=Alarm)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError) as exc:
        raise ValueError(f"this is no {ALARM} webhook: {exc}") from None
    if alarm.callback_command != ALARM:
        raise ValueError(f"this is a {shown(alarm.callback_command)} webhook, not {ALARM}")
    if not 0 < alarm.limit < math.inf:
        raise ValueError(f"the alarm names an impossible limit: {alarm.limit:g}")
    return alarm
