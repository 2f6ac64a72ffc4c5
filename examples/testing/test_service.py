"""Against the service in a box: what really happens, whatever the code was told."""

import pytest
from retention import retire

from tim_async import Client
from tim_async.emulator import Emulator

pytestmark = pytest.mark.asyncio


async def test_the_accounts_are_gone(tim_emulator: Emulator, tim_client: Client) -> None:
    tim_emulator.accounts.add("Mary", "Bob")
    tim_emulator.accounts["Mary"].tags.append("keep")
    report = await retire(tim_client, ["Mary", "Bob"])
    assert report.gone == ["Bob"]
    assert list(tim_emulator.accounts) == ["Mary"]


async def test_a_call_that_hangs_is_made_again(tim_emulator: Emulator, tim_client: Client) -> None:
    tim_emulator.accounts.add("Mary")
    tim_emulator.script(tim_client.accounts.delete, "hang")
    assert (await retire(tim_client, ["Mary"])).gone == ["Mary"]
    first, second = tim_emulator.books.of("Mary", "im_open_login_svc/account_delete")
    assert (first.fault, first.code, second.code) == ("hang", None, 0)


async def test_an_answer_that_is_lost_deletes_nobody_twice(tim_emulator: Emulator, tim_client: Client) -> None:
    tim_emulator.accounts.add("Mary")
    tim_emulator.script(tim_client.accounts.delete, "reset_after")
    assert (await retire(tim_client, ["Mary"])).gone == ["Mary"]
    assert len(tim_emulator.books.done("Mary", "im_open_login_svc/account_delete")) == 1
