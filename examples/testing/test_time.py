"""On a clock that jumps over all waiting."""

import pytest
from retention import retire

from tim_async.testing import virtual_time

pytestmark = pytest.mark.asyncio


async def test_the_limit_is_kept() -> None:
    ids = [f"user-{number}" for number in range(2_000)]
    async with virtual_time(limits={"im_open_login_svc/account_delete": 0.01}) as virtual:
        virtual.emulator.accounts.add(*ids)
        assert (await retire(virtual.client, ids)).gone == ids
        assert virtual.clock.elapsed > 1_800  # 20 calls, one in 100 seconds


async def test_a_service_that_hangs_for_good_is_given_up() -> None:
    async with virtual_time() as virtual:
        virtual.emulator.accounts.add("Mary")
        virtual.emulator.script(virtual.client.accounts.delete, "hang", call=None)
        assert (await retire(virtual.client, ["Mary"])).again == ["Mary"]
        assert virtual.clock.elapsed > 60  # six attempts of ten seconds
