"""The emulator before a client that is not ours: ``tencentcloud-sdk-python-im``, over a socket.

What both understand is the service's own language, and not one that this house made up for itself.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import pytest
from box import running

from tim_async.emulator import DEMO_KEY, Emulator


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running(Emulator(seed=1)) as emulator:
        yield emulator


@pytest.fixture
def foreign(emulator: Emulator) -> Any:
    module = importlib.import_module("tencentcloud_im.tcim_client")  # ships no types
    return module.TCIMClient(emulator.sdk_app_id, DEMO_KEY, "administrator", f"{emulator.url}/v4")


def answer(response: Any) -> dict[str, Any]:
    """The reply; that client hands out the bare response, and None where it raised."""
    assert response is not None
    assert response.status_code == 200
    reply: dict[str, Any] = response.json()
    response.close()
    return reply


def by_account(rows: list[dict[str, Any]], *fields: str) -> dict[str, tuple[Any, ...]]:
    return {row["UserID"]: tuple(row[field] for field in fields) for row in rows}


def test_it_imports_checks_and_deletes_accounts(emulator: Emulator, foreign: Any) -> None:
    reply = answer(foreign.batch_add_users(["Mary", "Bob"]))
    assert (reply["ActionStatus"], reply["ErrorCode"], reply["FailAccounts"]) == ("OK", 0, [])
    assert set(emulator.accounts) == {"Mary", "Bob"}

    checked = answer(foreign.search_user(["Mary", "nobody"]))
    assert by_account(checked["ResultItem"], "ResultCode", "AccountStatus") == {
        "Mary": (0, "Imported"),
        "nobody": (0, "NotImported"),
    }

    deleted = answer(foreign.del_user(["Mary", "nobody"]))
    assert deleted["ErrorCode"] == 0
    assert by_account(deleted["ResultItem"], "ResultCode") == {"Mary": (0,), "nobody": (70107,)}
    assert set(emulator.accounts) == {"Bob"}


def test_it_reads_who_is_online(emulator: Emulator, foreign: Any) -> None:
    emulator.accounts.add("Mary")
    emulator.accounts["Mary"].platforms = {"Web": "Online"}
    reply = answer(foreign.check_user_online(["Mary", "nobody"]))
    told = {row["To_Account"]: row["Status"] for row in reply["QueryResult"]}
    assert told == {"Mary": "Online"}
    assert reply["ErrorList"] == [{"To_Account": "nobody", "ErrorCode": 70107}]


def test_a_wrong_key_is_refused_as_the_service_does(emulator: Emulator) -> None:
    module = importlib.import_module("tencentcloud_im.tcim_client")
    stranger = module.TCIMClient(emulator.sdk_app_id, "not the key", "administrator", f"{emulator.url}/v4")
    reply = answer(stranger.search_user(["Mary"]))
    assert reply["ActionStatus"] == "FAIL"
    assert 70000 <= reply["ErrorCode"] < 70100
