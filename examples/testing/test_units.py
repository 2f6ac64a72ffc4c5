"""Without a server: what the code makes of what a client tells it."""

import asyncio

import pytest
from retention import is_kept, report_of, retire

from tim_async import AccountError, BatchResult, CredentialsError
from tim_async.testing import FakeClient


def test_a_report_tells_apart_what_may_be_tried_again() -> None:
    result: BatchResult[None] = BatchResult.of(
        {"Mary": None, "Bob": AccountError.of("Bob", 70107), "Jim": AccountError.of("Jim", 70500)}
    )
    report = report_of(result)
    assert (report.gone, report.absent, report.again) == (["Mary"], ["Bob"], ["Jim"])


def test_who_has_the_tag_is_not_deleted() -> None:
    tim = FakeClient()
    tim.when(tim.push.get_tags).answer({"Mary": ("keep",)})
    report = asyncio.run(retire(tim, ["Mary", "Bob"]))
    assert report.gone == ["Bob"]
    assert [asked.account for asked in tim.asked if asked.operation == "accounts.delete"] == ["Bob"]


def test_an_account_that_does_not_exist_is_not_kept() -> None:
    tim = FakeClient()
    tim.when(tim.push.get_tags).answer({"Bob": AccountError.of("Bob", 70107)})
    assert not asyncio.run(is_kept(tim, "Bob"))


def test_a_wrong_key_is_raised() -> None:
    tim = FakeClient()
    tim.when(tim.push.get_tags).fail(CredentialsError(70009, "", "timpush/get_tag"))
    with pytest.raises(CredentialsError):
        asyncio.run(retire(tim, ["Mary"]))
