"""A single request: its timers, and what it says of the one account that it was for."""

import asyncio
import math
from typing import Any

import pytest
from desk import LOST, fine, refusal, sealed, settle

import tim_async
from tim_async.dispatch.dispatcher import Dispatcher
from tim_async.errors import AccountError, CredentialsError
from tim_async.lane.health import Health
from tim_async.lane.judging import Lane
from tim_async.limits.rates import Rates
from tim_async.operations.single import Single
from tim_async.outcomes import NotSent, Unknown
from tim_async.service.endpoints import PUSH_GET_TAGS
from tim_async.service.usersig import Signer
from tim_async.transport.hosts import Hosts
from tim_async.transport.post import Transport

pytestmark = pytest.mark.clock("patient")  # short times count what is waited, not how slow the machine is


def dispatcher() -> Dispatcher:
    """One whose lane is driven by hand: no slot is ever free for its own calls."""
    transport = Transport(Signer(1, "key", "administrator"), Hosts("http://127.0.0.1:1"), call_timeout=1.0)
    return Dispatcher(
        Lane(PUSH_GET_TAGS, Health()),
        transport,
        None,
        Rates({}),
        sdk_app_id=1,
        max_in_flight=0,
        hooks=(),
        stop_all=lambda _: None,
        wake_all=lambda: None,
    )


def asked_of(asker: Dispatcher, account: str = "Mary") -> "Single[Any]":
    waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    singles = asker.lane.singles(0, None, patient=False)
    asker.ask(singles, waiter, account, None)
    return Single(asker, singles, waiter, account, pairs=False)


async def test_a_request_without_an_end_has_no_timer() -> None:
    asked = asked_of(dispatcher())
    asked.end_after(math.inf, None)
    assert asked.timers == []
    asked.leave()


@pytest.mark.parametrize(("timeout", "max_wait", "name"), [(0.0, None, "timeout"), (None, 0.0, "max_wait")])
async def test_a_request_whose_time_is_over_was_not_sent(
    timeout: float | None, max_wait: float | None, name: str
) -> None:
    asked = asked_of(dispatcher())
    asked.end_after(timeout, max_wait)
    with pytest.raises(AccountError) as caught:
        asked.value(await asked.waiter)
    assert isinstance(caught.value.outcome, NotSent)
    assert caught.value.outcome.reason == f"its {name} of 0 s was over"
    asked.leave()


async def test_max_wait_means_nothing_to_a_request_that_is_in_flight_and_timeout_does() -> None:
    asker = dispatcher()
    asked = asked_of(asker)
    chunk = sealed(asker.lane, asyncio.get_running_loop().time())
    asked.end_after(None, 0.0)
    asked.end_after(0.0, None)
    with pytest.raises(AccountError) as caught:
        asked.value(await asked.waiter)
    assert isinstance(caught.value.outcome, Unknown)
    assert caught.value.outcome.reason == "its timeout of 0 s was over"
    settle(asker.lane, chunk, fine(chunk))


async def test_max_wait_means_nothing_to_a_request_that_went_out_before_and_waits_again() -> None:
    asker = dispatcher()
    asked = asked_of(asker)
    settle(asker.lane, sealed(asker.lane, asyncio.get_running_loop().time()), LOST)
    asked.end_after(0.0, 0.0)
    with pytest.raises(AccountError, match="its timeout of 0 s was over"):
        asked.value(await asked.waiter)


async def test_who_leaves_a_request_withdraws_it_and_who_has_his_answer_leaves_nothing_to_withdraw() -> None:
    asker = dispatcher()
    asked = asked_of(asker)
    asked.end_after(60.0, 60.0)
    asked.leave()
    assert asker.lane.idle
    assert all(timer.cancelled() for timer in asked.timers or ())
    asked.leave()
    with pytest.raises(AccountError, match="the caller was cancelled"):
        asked.value(asked.waiter.result())


async def test_a_full_stop_is_raised_with_what_became_of_the_account() -> None:
    asker = dispatcher()
    sent, waiting = asked_of(asker), asked_of(asker, "Bob")
    chunk = sealed(asker.lane, asyncio.get_running_loop().time())
    later = asked_of(asker, "Eve")
    settle(asker.lane, chunk, refusal(70003))
    found: list[tuple[str, int]] = []
    for asked in (sent, waiting, later):
        with pytest.raises(CredentialsError) as caught:
            asked.value(asked.waiter.result())
        result = caught.value.result
        assert isinstance(result, tim_async.BatchResult)
        found.append((type(result.outcomes[0]).__name__, result.stats.calls))
    assert found == [("Rejected", 1), ("Rejected", 1), ("NotSent", 0)]
