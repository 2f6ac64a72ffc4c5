"""A program that makes its own client, from the environment."""

import asyncio

import pytest
from retention import main

from tim_async.emulator import Emulator


@pytest.mark.usefixtures("tim_environment")
def test_it_says_what_is_left_to_do(tim_emulator: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    tim_emulator.accounts.add("Mary")
    asyncio.run(main(["Mary", "Bob"]))
    assert capsys.readouterr().out == "1 gone, 0 absent, 0 to be tried again\n"
