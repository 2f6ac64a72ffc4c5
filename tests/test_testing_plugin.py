"""The fixtures that pytest finds by itself, and what is behind them."""

import asyncio
import socket
import threading
from typing import Any
from urllib.request import urlopen

import pytest

import tim_async.testing
from tim_async import Client
from tim_async.emulator import Emulator
from tim_async.testing import running_emulator
from tim_async.testing.clients import client_of


class TestOptions:
    @pytest.fixture
    def tim_emulator_options(self) -> dict[str, Any]:
        return {"sdk_app_id": 7, "secret_key": "k" * 64}

    @pytest.fixture
    def tim_client_options(self) -> dict[str, Any]:
        return {"attempts": 2}

    async def test_emulator_and_client_are_made_with_those_of_the_test(
        self, tim_emulator: Emulator, tim_client: Client
    ) -> None:
        assert tim_emulator.sdk_app_id == tim_client.sdk_app_id == 7
        tim_emulator.script(tim_client.accounts.check, "busy", call=None)
        result = await tim_client.accounts.check(["Mary"])
        assert "gave up after 2 attempts" in result.errors[0].reason


def test_the_emulator_serves_tests_without_a_loop(tim_emulator: Emulator) -> None:
    with urlopen(f"{tim_emulator.url}/emulator/accounts") as answer:  # noqa: S310 - our own server
        assert answer.read() == b'{"count":0,"accounts":{}}'


def test_a_client_whose_loop_is_over_is_closed_with_it(tim_emulator: Emulator, tim_client: Client) -> None:
    async def check() -> bool:
        return (await tim_client.accounts.check(["Mary"])).ok

    assert asyncio.run(check())


def test_a_client_whose_loop_stands_still_is_closed_there(tim_emulator: Emulator) -> None:
    with asyncio.Runner() as runner:
        with client_of(tim_emulator, {}, {}) as client:
            runner.run(client.accounts.check(["Mary"]))
        assert "closed" in repr(client)


def test_a_client_whose_loop_runs_in_another_thread_is_closed_there(tim_emulator: Emulator) -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with client_of(tim_emulator, {}, {}) as client:
        asyncio.run_coroutine_threadsafe(client.accounts.check(["Mary"]), loop).result()
    assert "closed" in repr(client)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_client_that_was_never_used_needs_no_closing(tim_emulator: Emulator) -> None:
    with client_of(tim_emulator, {}, {}) as client:
        assert "not opened" in repr(client)


class TestPrograms:
    @pytest.fixture(autouse=True)
    def _of_the_developer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TIM_IDENTIFIER", "somebody")
        monkeypatch.setenv("TIM_SECRET_KEY", "s" * 64)

    def test_make_their_clients_from_the_environment(
        self, tim_emulator: Emulator, request: pytest.FixtureRequest
    ) -> None:
        async def check() -> bool:
            async with Client.from_env() as tim:
                return await tim.accounts.check.one("Mary")

        request.getfixturevalue("tim_environment")
        tim_emulator.accounts.add("Mary")
        assert asyncio.run(check())


def test_an_emulator_that_cannot_listen_is_told_where_it_was_wanted() -> None:
    threads = threading.active_count()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="in use"), running_emulator(port=taken.getsockname()[1]):
            pass
    with pytest.raises(TypeError), running_emulator(host=7):
        pass
    with pytest.raises(ValueError, match="latency"), running_emulator(latency=-1):
        pass
    assert threading.active_count() == threads


class TestOnAnotherBackend:
    @pytest.fixture
    def anyio_backend(self) -> str:
        return "trio"

    @pytest.fixture
    def anyio_backend_name(self) -> str:
        return "trio"

    @pytest.mark.usefixtures("anyio_backend")
    def test_a_client_says_that_it_cannot(self, request: pytest.FixtureRequest) -> None:
        with pytest.raises(
            pytest.fail.Exception, match="tim-async runs on asyncio only: let the fixture anyio_backend"
        ):
            request.getfixturevalue("tim_client")


@pytest.mark.parametrize("name", tim_async.testing.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name: str) -> None:
    thing = getattr(tim_async.testing, name)
    assert thing.__doc__
    assert getattr(tim_async.testing, name) is thing


def test_other_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match=r"module 'tim_async.testing' has no attribute 'FakeKlient'"):
        _ = tim_async.testing.FakeKlient
