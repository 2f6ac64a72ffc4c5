"""A gateway before the service: it counts, and refuses by HTTP status what is too much."""

import aiohttp
import pytest

from tim_async.emulator import Emulator, Faults, Gateway, on

from .caller import Caller

DELETE = "im_open_login_svc/account_delete"
MARY = {"DeleteItem": [{"UserID": "Mary"}]}


async def raw(call: Caller) -> tuple[int, str | None, str]:
    """One call, and what a gateway says of it."""
    async with call.session.post(f"{call.emulator.url}/v4/{DELETE}", params=call.query(), json=MARY) as response:
        return response.status, response.headers.get("Retry-After"), await response.text()


def test_it_lets_so_many_calls_through_in_any_second() -> None:
    gateway = Gateway(3)
    assert [gateway.lets_through(now) for now in (0.0, 0.5, 0.9, 0.95, 1.0, 1.1, 1.5)] == [
        True,
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert gateway.refused == 2


def test_below_one_a_second_it_lets_one_through_in_a_longer_time() -> None:
    gateway = Gateway(0.1)
    assert [gateway.lets_through(now) for now in (0.0, 9.9, 10.0)] == [True, False, True]


@pytest.mark.parametrize("rate", [0, -1, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate is calls per second"):
        Gateway(rate)


async def test_what_it_refuses_never_reaches_the_service() -> None:
    gateway = Gateway(1, status=503, retry_after="2")
    async with Emulator(gateway=gateway, clock=lambda: 5.0) as emulator, aiohttp.ClientSession() as session:
        call = Caller(emulator, session)
        emulator.accounts.add("Mary")
        assert (await raw(call))[:2] == (200, None)
        status, retry_after, text = await raw(call)
        assert (status, retry_after) == (503, "2")
        assert "<title>503 Service Unavailable</title>" in text
        assert len(emulator.arrivals(DELETE)) == 1


@pytest.mark.parametrize(
    ("code", "status", "title"), [(None, 503, "503 Service"), (404, 404, "404 Not"), (599, 599, "599 Un")]
)
async def test_a_fault_answers_with_any_status(code: int | None, status: int, title: str, call: Caller) -> None:
    call.emulator.faults = Faults(rules=[on(DELETE, call=1, do="status", code=code, seconds=1.5)])
    got = await raw(call)
    assert got[:2] == (status, "1.5")
    assert title in got[2]
    assert not call.emulator.accounts
