"""The main paths over TLS, which is all that the real service speaks, on both event loops."""

import asyncio
from collections.abc import Awaitable, Callable
from ssl import SSLContext

import aiohttp
import pytest
import uvloop
from arrivals import most_in_a_second
from servers import client_of, contexts

from tim_async import Client, NotSent, Ok
from tim_async.emulator import Emulator, Faults, Kind, on

GET_TAGS = "timpush/get_tag"
NAMES = [f"user{number}" for number in range(15_000)]

Main = Callable[[Emulator, Client], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Main], None]:
    """Runs a test over TLS, in a loop of the kind."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    async def with_both(main: Main) -> None:
        server, trusting = contexts()
        async with Emulator(ssl=server, seed=1) as emulator, client_of(emulator, ssl=trusting) as tim:
            assert emulator.url.startswith("https://")
            for name in NAMES:
                emulator.accounts.add(name)
            await main(emulator, tim)

    def begin(main: Main) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(with_both(main))

    return begin


def test_a_batch_one_account_and_a_stream(run: Callable[[Main], None]) -> None:
    async def main(_: Emulator, tim: Client) -> None:
        assert (await tim.push.get_tags(NAMES[:1000])).ok
        assert await tim.push.get_tags.one("user7") == ()
        async with tim.push.get_tags.stream(NAMES[:1000]) as outcomes:
            assert len([outcome async for outcome in outcomes if isinstance(outcome, Ok)]) == 1000

    run(main)


def test_a_cold_start_at_the_limit_is_never_over_it(run: Callable[[Main], None]) -> None:
    async def main(emulator: Emulator, tim: Client) -> None:
        result = await tim.push.get_tags(NAMES)
        assert result.ok
        assert result.stats.calls == 150
        arrivals = emulator.arrivals(GET_TAGS)
        assert not any(refused for _, refused in arrivals)
        assert most_in_a_second([at for at, _ in arrivals]) <= 100

    run(main)


@pytest.mark.parametrize("how", ["reset_before", "reset_after"])
def test_a_reset_in_the_middle_costs_nothing(how: Kind, run: Callable[[Main], None]) -> None:
    async def main(emulator: Emulator, tim: Client) -> None:
        emulator.faults = Faults(rules=[on(GET_TAGS, call=call, do=how) for call in (1, 4, 7)])
        result = await tim.push.get_tags(NAMES[:1000])
        assert result.ok
        assert result.stats.retries == 3
        assert emulator.faults.struck == {how: 3}

    run(main)


def test_without_a_limiter(run: Callable[[Main], None]) -> None:
    async def main(emulator: Emulator, tim: Client) -> None:
        trusting = tim._transport._call_options.get("ssl")
        async with client_of(emulator, ssl=trusting, limiter=None) as free:
            assert (await free.push.get_tags(NAMES[:1000])).ok

    run(main)


async def trusted_session(trusting: SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting))


async def test_who_signed_the_certificate_is_trusted_by_the_session_or_by_the_client() -> None:
    server, trusting = contexts()
    async with Emulator(ssl=server) as emulator:
        emulator.accounts.add("Mary")
        async with await trusted_session(trusting) as session, client_of(emulator, session=session) as tim:
            assert await tim.push.get_tags.one("Mary") == ()
        async with aiohttp.ClientSession() as session, client_of(emulator, session=session, ssl=trusting) as tim:
            assert await tim.push.get_tags.one("Mary") == ()
        async with client_of(emulator, attempts=1) as tim:
            result = await tim.push.get_tags(["Mary"])
        assert isinstance(result.outcomes[0], NotSent)
        assert "the certificate of 127.0.0.1 is not trusted" in result.outcomes[0].reason
        assert len(emulator.arrivals(GET_TAGS)) == 2


async def test_the_emulator_listens_with_tls_again_after_it_refused_connections() -> None:
    server, trusting = contexts()
    faults = Faults(rules=[on(GET_TAGS, call=1, do="refuse_connection", seconds=0.01)])
    async with Emulator(ssl=server, faults=faults) as emulator, client_of(emulator, ssl=trusting) as tim:
        emulator.accounts.add("Mary")
        assert (await tim.push.get_tags(["Mary"])).ok
