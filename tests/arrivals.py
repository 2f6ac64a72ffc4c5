"""Judging arrivals at a service."""

__all__ = ["most_in_a_second", "over", "sustained"]


def most_in_a_second(arrivals: list[float]) -> int:
    """The most arrivals in any second, the end excluded."""
    times = sorted(arrivals)
    most = first = 0
    for place, when in enumerate(times):
        while when - times[first] >= 1:
            first += 1
        most = max(most, place - first + 1)
    return most


def over(arrivals: list[float], rate: int = 100) -> int:
    """Calls that a judge of sliding seconds refuses; a refused call uses nothing."""
    accepted: list[float] = []
    for when in sorted(arrivals):
        if len(accepted) < rate or when - accepted[-rate] >= 1:
            accepted.append(when)
    return len(arrivals) - len(accepted)


def sustained(arrivals: list[float]) -> float:
    """Calls per second over the last four fifths: the start is a burst."""
    times = sorted(arrivals)
    first = len(times) // 5
    return (len(times) - 1 - first) / (times[-1] - times[first])
