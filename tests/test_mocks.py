"""Mocks of aiohttp that fail: told at the first call, with what to use instead."""

import re
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import aiohttp
import pytest
from aioresponses import aioresponses
from servers import client_of

from tim_async import AccountError, Client, ConnectError, Unknown
from tim_async.emulator import Emulator
from tim_async.transport.mocks import failure_of_mock

DELETE = "im_open_login_svc/account_delete"
INSTEAD = "use the fixture tim_emulator, or tim_async.testing.FakeClient, in its place"


def nobody() -> Client:
    return Client(sdk_app_id=1, secret_key="k" * 64)


def broken() -> AbstractContextManager[Any]:
    """As aioresponses is with a version of aiohttp that it does not know."""
    return mock.patch("aiohttp.client.ClientSession._request", autospec=True, side_effect=TypeError("stream_writer"))


def patched(post: mock.Mock) -> AbstractContextManager[Any]:
    return mock.patch("aiohttp.ClientSession.post", post)


@pytest.mark.parametrize(
    "fake", [broken, lambda: patched(mock.Mock()), lambda: patched(mock.Mock(side_effect=LookupError))]
)
async def test_a_mock_that_fails_is_told_at_the_first_call(fake: Any) -> None:
    with fake():
        async with nobody() as tim:
            with pytest.raises(ConnectError, match=f"a mock of aiohttp, such as aioresponses.*; {INSTEAD}") as caught:
                await tim.accounts.delete(["Mary", "Bob"])
            with pytest.raises(ConnectError, match=INSTEAD):
                await tim.accounts.delete.one("Mary")
            assert tim.statistics()[DELETE].calls <= 2
    assert caught.value.result is not None
    assert len(caught.value.result.errors) == 2


async def test_a_reply_that_nobody_registered_is_told_with_how_to(emulator: Emulator) -> None:
    with aioresponses() as fake:
        fake.post("https://console.tim.qq.com/v4/im_open_login_svc/account_delete", payload={"ErrorCode": 0})
        async with nobody() as tim:
            with pytest.raises(ConnectError, match=re.escape(f"post(re.compile('.*/{DELETE}'), payload=...)")):
                await tim.accounts.delete(["Mary"])
    with aioresponses(passthrough=[emulator.url]):
        async with client_of(emulator) as tim:
            assert not (await tim.accounts.check(["Mary"]))["Mary"]


async def test_a_session_that_is_a_mock_is_told_too() -> None:
    with mock.patch("aiohttp.ClientSession", mock.Mock()), pytest.raises(TypeError, match=INSTEAD):
        await nobody().accounts.delete(["Mary"])
    with pytest.raises(TypeError, match=INSTEAD):
        await Client(sdk_app_id=1, secret_key="k" * 64, session=mock.Mock(closed=False)).accounts.delete(["Mary"])
    session = mock.Mock(closed=False, _loop=None)
    session.post.side_effect = TypeError
    async with Client(sdk_app_id=1, secret_key="k" * 64, session=session) as tim:
        with pytest.raises(ConnectError, match=INSTEAD):
            await tim.accounts.delete(["Mary"])


async def test_an_error_that_a_test_wants_to_be_raised_is_taken_for_what_it_says() -> None:
    with aioresponses() as fake:
        fake.post(re.compile(".*"), exception=aiohttp.ServerDisconnectedError(), repeat=True)
        async with Client(sdk_app_id=1, secret_key="k" * 64, attempts=1) as tim:
            assert type((await tim.accounts.delete(["Mary"])).outcomes[0]) is Unknown
            with pytest.raises(AccountError):
                await tim.accounts.delete.one("Mary")


async def test_a_session_that_is_none_has_nothing_to_do_with_it() -> None:
    async with aiohttp.ClientSession() as session:
        assert not failure_of_mock(session, DELETE, TypeError())
